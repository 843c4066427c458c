/** Hooks are registered once, replaced, renewed and taken back, whatever happens to them or to the process. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Running } from '../../src/main/serve.js';
import { freePort } from '../support/ports.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { waitFor } from '../support/wait.js';
import {
  addressOf,
  connectionsOf,
  type Sandboxes,
  startSandboxes,
  startUpwrite,
  type UpwriteOptions,
} from './world.js';

let server: TestPostgres;
let sandboxes: Sandboxes;
let own: pg.Client;
let port = 0;
const running: Running[] = [];

beforeAll(async () => {
  [server, sandboxes, port] = await Promise.all([startTestPostgres(), startSandboxes(), freePort()]);
  own = new pg.Client(server.upwriteUrl);
  await own.connect();
});
afterEach(async () => {
  // In the order of their starts: one that outlived a later one would take the hooks to be its own concern again.
  for (const upwrite of running.splice(0)) await upwrite.stop();
});
afterAll(async () => {
  await own?.end();
  await Promise.all(Object.values(sandboxes ?? {}).map((sandbox) => sandbox.close()));
});

type Overrides = Readonly<Record<string, unknown>>;

/** Stripe, GitHub and Airtable with one table each. */
function connections(over: Overrides = {}): Readonly<Record<string, unknown>> {
  const { stripe, github, airtable } = connectionsOf(sandboxes);
  return {
    stripe: { ...stripe, tables: ['customers'], ...over },
    github: { ...github, owners: [], repositories: ['caladan/stillsuit'], tables: ['issues'], ...over },
    airtable: { ...airtable, tables: ['contacts'], ...over },
  };
}

async function start(options: Partial<UpwriteOptions> = {}): Promise<Running> {
  const upwrite = await startUpwrite({ database: server.upwriteUrl, port, connections: connections(), ...options });
  running.push(upwrite);
  return upwrite;
}

interface Hook {
  readonly connection: string;
  readonly state: string;
  readonly reason: string | null;
  readonly hook: string | null;
  readonly url: string;
}

async function stored(): Promise<readonly Hook[]> {
  const found = await own.query<Hook>(
    'select connection, state, reason, hook, url from upwrite.webhooks order by 1, scope',
  );
  return found.rows;
}

/** The hooks that the APIs have, as `connection id url`. */
async function upstream(): Promise<readonly string[]> {
  const { stripe, github, airtable } = sandboxes;
  const { base } = airtable.ids('Caladan CRM', 'Contacts');
  const answer = await fetch(`${airtable.url}/v0/bases/${base}/webhooks`, {
    headers: { authorization: `Bearer ${airtable.settings.personalAccessToken}` },
  });
  const listed: { webhooks: { id: string; notificationUrl: string }[] } = JSON.parse(await answer.text());
  return [
    ...listed.webhooks.map(({ id, notificationUrl }) => `airtable ${id} ${notificationUrl}`),
    ...github.hooks.map(({ id, url }) => `github ${id} ${url}`),
    ...stripe.webhookEndpoints.map(({ id, url }) => `stripe ${id} ${url}`),
  ];
}

/** One live hook for each connection, and the APIs have these and no others. */
async function settled(at = port): Promise<readonly Hook[]> {
  let hooks: readonly Hook[] = [];
  await waitFor('the hooks to be live, and no others there', async () => {
    hooks = await stored();
    const wanted = hooks.map(({ connection, hook, url }) => `${connection} ${hook} ${url}`);
    return (
      hooks.length === 3 &&
      hooks.every(
        ({ state, url, connection }) => state === 'live' && url === `${addressOf(at)}/webhooks/${connection}`,
      ) &&
      JSON.stringify(await upstream()) === JSON.stringify(wanted)
    );
  }).catch(async (error: unknown) => {
    throw new Error(JSON.stringify({ hooks, upstream: await upstream() }), { cause: error });
  });
  return hooks;
}

async function none(): Promise<boolean> {
  return (await upstream()).length === 0 && (await stored()).length === 0;
}

test('a restart and a second process register none twice', async () => {
  const first = await start();
  const hooks = await settled();
  await start({ port: await freePort(), publicPort: port, keepInterval: 100 });
  await first.stop();
  running.splice(0, 1);
  await start({ keepInterval: 100 });
  const checked = 'select min(checked_at)::text as at from upwrite.webhooks';
  const before = (await own.query<{ at: string }>(checked)).rows[0]?.at ?? '';
  await waitFor('another look', async () => ((await own.query<{ at: string }>(checked)).rows[0]?.at ?? '') > before);
  expect(await settled()).toEqual(hooks);
});

test('another public address replaces them', async () => {
  const before = await settled();
  port = await freePort();
  await start();
  const after = await settled();
  for (const [index, { hook }] of after.entries()) expect(hook).not.toBe(before[index]?.hook);
});

test('one that is gone, switched off or left half-way is replaced', async () => {
  const [airtable, , stripe] = await settled();
  await own.query(`update upwrite.webhooks set hook = null, state = 'registering' where connection = 'github'`);
  const key = { authorization: `Bearer ${sandboxes.stripe.settings.secretKey}` };
  const endpoint = `${sandboxes.stripe.url}/v1/webhook_endpoints/${stripe?.hook}`;
  await fetch(endpoint, { method: 'POST', headers: key, body: new URLSearchParams({ disabled: 'true' }) });
  const { base } = sandboxes.airtable.ids('Caladan CRM', 'Contacts');
  await fetch(`${sandboxes.airtable.url}/v0/bases/${base}/webhooks/${airtable?.hook}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${sandboxes.airtable.settings.personalAccessToken}` },
  });
  await start();
  await waitFor('other hooks', async () => {
    const now = await stored();
    return now[0]?.hook !== airtable?.hook && now[2]?.hook !== stripe?.hook && now[1]?.hook !== null;
  });
  await settled();
});

test('what happened while there was none is synced once there is one', async () => {
  const [, , stripe] = await settled();
  const key = { authorization: `Bearer ${sandboxes.stripe.settings.secretKey}` };
  await fetch(`${sandboxes.stripe.url}/v1/webhook_endpoints/${stripe?.hook}`, { method: 'DELETE', headers: key });
  const id = sandboxes.stripe.records('customers')[0]?.id ?? '';
  sandboxes.stripe.update('customers', id, { name: 'Leto' });
  const name = async () => (await own.query('select name from stripe.customers where id = $1', [id])).rows[0]?.name;
  expect(await name()).not.toBe('Leto');
  await start();
  await waitFor('the change', async () => (await name()) === 'Leto');
  await settled();
});

test('other tables want other events', async () => {
  await settled();
  const { stripe } = connectionsOf(sandboxes);
  await start({ connections: { ...connections(), stripe: { ...stripe, tables: ['customers', 'coupons'] } } });
  await waitFor('the events of coupons', () =>
    sandboxes.stripe.webhookEndpoints.some(({ types }) => types.includes('coupon.created')),
  );
  await settled();
});

test('one that ends is renewed before', async () => {
  // By the API's clock it is four days ago: a hook that is made now has three left.
  sandboxes.airtable.clock.advance(-4 * 86_400_000);
  await own.query(`update upwrite.webhook_details set wants = 'something else' where connection = 'airtable'`);
  await start({ keepInterval: 100 });
  await waitFor('the renewal', () =>
    sandboxes.airtable.requests.list().some(({ method, path }) => method === 'POST' && path.endsWith('/refresh')),
  );
  sandboxes.airtable.clock.reset();
  await waitFor('its new end', async () => {
    const found = await own.query(
      `select from upwrite.webhooks where connection = 'airtable' and expires_at > now() + interval '6 days'`,
    );
    return found.rowCount === 1;
  });
  await settled();
});

test('secrets under another key are of no use, and the hooks are made anew', async () => {
  const before = await settled();
  const { KeyRing } = await import('../../src/provider/index.js');
  await start({ keys: KeyRing.parse(Buffer.alloc(32, 9).toString('base64')) });
  await waitFor('other hooks', async () =>
    (await stored()).every(({ hook }, i) => hook !== null && hook !== before[i]?.hook),
  );
  await settled();
});

test('switched off, they are taken back', async () => {
  await settled();
  await start({ connections: connections({ webhooks: false }) });
  await waitFor('no hooks', none);
});

test('without a public address as well', async () => {
  const upwrite = await start({ keys: undefined });
  await waitFor('the reason', async () => (await stored()).length === 3);
  for (const { state, reason } of await stored()) {
    expect([state, reason]).toEqual(['failing', expect.stringContaining('UPWRITE_ENCRYPTION_KEY is not set')]);
  }
  expect(await upstream()).toEqual([]);
  await upwrite.stop();
  running.splice(0, 1);
  await start();
  await settled();
  await start({ port: null });
  await waitFor('no hooks', none);
});

test('a process that was started before the last one leaves hooks to that, and has them when that is gone', async () => {
  await start({ keepInterval: 100 });
  const hooks = await settled();
  const later = await start({ port: null, keepInterval: 100 });
  await waitFor('no hooks', none);
  // Of the earlier one there are looks yet to come, until one has seen the later one.
  await waitFor('the last look of the earlier one', async () => {
    const found = await own.query('select from upwrite_jobs.jobs where key like $1', [`webhooks:%${addressOf(port)}`]);
    return found.rowCount === 0;
  });
  expect(await stored()).toEqual([]);
  expect(await upstream()).toEqual([]);
  await later.stop();
  running.splice(running.indexOf(later), 1);
  const after = await settled();
  for (const [index, { hook }] of after.entries()) expect(hook).not.toBe(hooks[index]?.hook);
  await start({ port: null });
  await waitFor('no hooks', none);
});

test('a hook of one’s own keeps others from being registered', async () => {
  const { stripe } = connectionsOf(sandboxes);
  await start({ connections: { stripe: { ...stripe, tables: ['customers'], webhook_secret: 'whsec_ofmyown00' } } });
  await waitFor('the note', async () => (await stored()).length === 1);
  expect(await stored()).toMatchObject([{ connection: 'stripe', state: 'by hand', hook: null }]);
  expect(await upstream()).toEqual([]);
});

test('what the API refuses is said', async () => {
  sandboxes.github.deny('Repository.hooks');
  const { github } = connectionsOf(sandboxes);
  const repositories = { owners: [], repositories: ['caladan/stillsuit'], tables: ['issues'] };
  await start({ connections: { github: { ...github, ...repositories } } });
  // And the end of what the process before had of another connection.
  await waitFor('the reason, and no other', async () => {
    const hooks = await stored();
    return hooks.length === 1 && hooks[0]?.state === 'failing';
  });
  expect(await stored()).toMatchObject([
    { connection: 'github', state: 'failing', reason: expect.stringContaining('github answered HTTP 404: Not Found') },
  ]);
});

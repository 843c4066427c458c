/** Processes apart: one serves clients and takes deliveries, others only sync; whichever dies, the next one goes on. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type StripeSandbox, startStripeSandbox } from '../../fixtures/stripe/index.js';
import { type Child, startChild } from '../support/child.js';
import { freePort } from '../support/ports.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { built } from '../support/under-test.js';
import { waitFor } from '../support/wait.js';
import { isIdle } from './idle.js';

const env = { UPWRITE_ENCRYPTION_KEY: Buffer.alloc(32, 5).toString('base64') };

let server: TestPostgres;
let stripe: StripeSandbox;
let folder = '';
let client: pg.Client;
let own: pg.Client;
const ports = { clients: 0, hooks: 0, serving: 0, syncing: 0 };
const children: Child[] = [];

beforeAll(async () => {
  [server, stripe, folder] = await Promise.all([
    startTestPostgres(),
    startStripeSandbox({ customers: 20 }),
    mkdtemp(join(tmpdir(), 'upwrite-apart-')),
  ]);
  for (const name of ['clients', 'hooks', 'serving', 'syncing'] as const) ports[name] = await freePort();
});
afterAll(async () => {
  await client?.end().catch(() => undefined);
  await own?.end().catch(() => undefined);
  for (const child of children) await child.stop('SIGKILL').catch(() => undefined);
  await stripe?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Starts a process with health and metrics on that port. */
async function start(command: readonly string[], admin: number): Promise<Child> {
  const file = join(folder, `${admin}.yaml`);
  await writeFile(
    file,
    JSON.stringify({
      listen: `127.0.0.1:${ports.clients}`,
      database: server.upwriteUrl,
      admin: { listen: `127.0.0.1:${admin}` },
      sync: { interval: '1h' },
      webhooks: { url: `http://127.0.0.1:${ports.hooks}`, listen: `127.0.0.1:${ports.hooks}` },
      connections: {
        stripe: {
          provider: 'stripe',
          auth: { api_key: stripe.settings.secretKey },
          base_url: stripe.url,
          requests_per_second: 500,
          tables: ['customers'],
        },
      },
    }),
  );
  const child = await startChild(process.execPath, [built('src/main.js'), ...command, '--config', file], {
    port: admin,
    env,
  });
  children.push(child);
  return child;
}

async function metric(port: number, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.split(' ')[1] ?? 0);
}

async function nameOf(id: string): Promise<unknown> {
  return (await client.query('select name from stripe.customers where id = $1', [id])).rows[0]?.name;
}

test('a process that only serves takes deliveries and reads, and one that only syncs brings the rows', async () => {
  await start(['start', '--no-sync'], ports.serving);
  client = new pg.Client(`postgres://app:app@127.0.0.1:${ports.clients}/upwrite`);
  own = new pg.Client(server.upwriteUrl);
  await own.connect();
  await own.query('GRANT USAGE ON SCHEMA stripe TO app; GRANT SELECT ON stripe.customers TO app');
  await client.connect();
  // Nobody syncs yet.
  expect((await client.query('select from stripe.customers')).rowCount).toBe(0);
  expect((await own.query('select state from upwrite.tables')).rows).toEqual([{ state: 'backfilling' }]);
  expect(stripe.webhookEndpoints).toHaveLength(0);

  const worker = await start(['sync'], ports.syncing);
  const [customer] = stripe.records('customers');
  const id = customer?.id ?? '';
  await waitFor('the hook', () => stripe.webhookEndpoints.length === 1);
  await waitFor('the table', async () => (await client.query('select from stripe.customers')).rowCount === 20);
  // A new hook has the table synced once more, which would see the change as well.
  await waitFor('nothing to do', () => isIdle(own));
  stripe.update('customers', id, { name: 'by webhook' });
  await waitFor('the change', async () => (await nameOf(id)) === 'by webhook');
  // Taken is what has been answered, and done is a job that has ended: a little after the row is there.
  await stripe.delivered();
  expect(await metric(ports.serving, 'upwrite_webhook_deliveries_total{connection="stripe",outcome="new"}')).toBe(1);
  await waitFor(
    'the end of the job',
    async () => (await metric(ports.syncing, 'upwrite_jobs_total{task="reread",result="done"}')) > 0,
  );
  expect(await metric(ports.serving, 'upwrite_jobs_total{task="reread",result="done"}')).toBe(0);
  expect(await metric(ports.serving, 'upwrite_jobs_total{task="sync",result="done"}')).toBe(0);

  // A reader of the one has the other look.
  await client.query('set upwrite.max_staleness = 0');
  stripe.update('customers', id, { name: 'by a reader' });
  expect(await nameOf(id)).toBe('by a reader');

  // A delivery that comes while nobody syncs is kept for whoever does next.
  await client.query('set upwrite.max_staleness = off');
  await stripe.delivered();
  const taken = await metric(ports.serving, 'upwrite_webhook_deliveries_total{connection="stripe",outcome="new"}');
  await worker.stop('SIGKILL');
  stripe.update('customers', id, { name: 'kept' });
  await stripe.delivered();
  expect(await metric(ports.serving, 'upwrite_webhook_deliveries_total{connection="stripe",outcome="new"}')).toBe(
    taken + 1,
  );
  expect(await nameOf(id)).toBe('by a reader');
  await start(['sync'], ports.syncing);
  await waitFor('the change', async () => (await nameOf(id)) === 'kept', 60_000);
});

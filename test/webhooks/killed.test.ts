/** A delivery that was answered is kept, whatever happens to the process that has answered it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type StripeSandbox, startStripeSandbox } from '../../fixtures/stripe/index.js';
import { type Child, startChild } from '../support/child.js';
import { freePort } from '../support/ports.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { built } from '../support/under-test.js';
import { waitFor } from '../support/wait.js';
import { isIdle } from './idle.js';

const key = Buffer.alloc(32, 3).toString('base64');

let server: TestPostgres;
let stripe: StripeSandbox;
let own: pg.Client;
let folder = '';
let port = 0;
let child: Child | undefined;

beforeAll(async () => {
  [server, stripe, port] = await Promise.all([startTestPostgres(), startStripeSandbox({ customers: 5 }), freePort()]);
  folder = await mkdtemp(join(tmpdir(), 'upwrite-hooks-'));
  const hooks = await freePort();
  await writeFile(
    join(folder, 'upwrite.yaml'),
    JSON.stringify({
      listen: `127.0.0.1:${port}`,
      database: server.upwriteUrl,
      sync: { interval: '1h' },
      webhooks: { url: `http://127.0.0.1:${hooks}`, listen: `127.0.0.1:${hooks}` },
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
  // Under a name that upwrite check does not take for another program's.
  own = new pg.Client({ connectionString: server.upwriteUrl, application_name: 'upwrite test' });
  await own.connect();
});
afterAll(async () => {
  await child?.stop('SIGKILL');
  await own?.end();
  await stripe?.close();
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<void> {
  child = await startChild(
    process.execPath,
    [built('src/main.js'), 'start', '--config', join(folder, 'upwrite.yaml')],
    {
      port,
      env: { UPWRITE_ENCRYPTION_KEY: key },
    },
  );
}

async function count(from: string): Promise<number> {
  const found = await own.query<{ n: number }>(`select count(*)::int as n from ${from}`);
  return found.rows[0]?.n ?? 0;
}

test('answered, killed before the record was read again, and brought after the restart', async () => {
  await start();
  await waitFor('the table', async () => (await count(`upwrite.tables where state = 'live'`)) === 1);
  await waitFor('the hook', async () => (await count(`upwrite.webhooks where state = 'live'`)) === 1);
  // A new hook has the table synced once more, which would bring the change as well.
  await waitFor('nothing to do', () => isIdle(own));
  const [customer] = stripe.records('customers');
  const id = customer?.id ?? '';
  const held = stripe.faults.add({ method: 'GET', path: '/v1/customers/*', action: { kind: 'hold' }, times: 'always' });
  stripe.update('customers', id, { name: 'Feyd' });
  await stripe.delivered();
  await held.reached;
  expect(await count('upwrite.webhook_deliveries')).toBe(1);
  await child?.stop('SIGKILL');
  held.remove();
  expect(await count(`upwrite.stale_keys where key = '${id}'`)).toBe(1);
  expect(await count(`stripe.customers where name = 'Feyd'`)).toBe(0);

  await start();
  const arrived = async () => (await count(`stripe.customers where name = 'Feyd'`)) === 1;
  await waitFor('the change', arrived, 90_000);
  await waitFor('the queue to be empty', async () => (await count('upwrite.stale_keys')) === 0);
  // The hook of before is still the one.
  expect(stripe.webhookEndpoints).toHaveLength(1);
  stripe.update('customers', id, { name: 'Feyd-Rautha' });
  await waitFor('the count', async () => (await count('upwrite.webhooks where deliveries > 0')) === 1);
  const check = await promisify(execFile)(
    process.execPath,
    [built('src/main.js'), 'check', '--config', join(folder, 'upwrite.yaml')],
    { env: { ...process.env, UPWRITE_ENCRYPTION_KEY: key } },
  );
  expect(check.stdout).toMatch(/^ok {6}webhooks of stripe: 1 live, last delivery 20\d\d-/m);
});

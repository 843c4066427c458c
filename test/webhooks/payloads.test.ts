/** What a hook holds that only pings is fetched, whichever process has taken the ping, and whichever dies at it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AirtableSandbox, startAirtableSandbox } from '../../fixtures/airtable/index.js';
import { type Child, startChild } from '../support/child.js';
import { freePort } from '../support/ports.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { built } from '../support/under-test.js';
import { waitFor } from '../support/wait.js';
import { isIdle } from './idle.js';

const env = { UPWRITE_ENCRYPTION_KEY: Buffer.alloc(32, 6).toString('base64') };

let server: TestPostgres;
let airtable: AirtableSandbox;
let folder = '';
let own: pg.Client;
let clients = 0;
let hooks = 0;
const children: Child[] = [];

beforeAll(async () => {
  [server, airtable, folder, clients, hooks] = await Promise.all([
    startTestPostgres(),
    startAirtableSandbox({ contacts: 5, companies: 2, others: 0, rateLimits: false }),
    mkdtemp(join(tmpdir(), 'upwrite-payloads-')),
    freePort(),
    freePort(),
  ]);
  own = new pg.Client(server.upwriteUrl);
  await own.connect();
});
afterAll(async () => {
  for (const child of children) await child.stop('SIGKILL').catch(() => undefined);
  await own?.end();
  await airtable?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Starts a process with health and metrics on a port of its own. */
async function start(...command: readonly string[]): Promise<Child> {
  const admin = await freePort();
  const file = join(folder, `${admin}.yaml`);
  const address = `127.0.0.1:${hooks}`;
  await writeFile(
    file,
    JSON.stringify({
      listen: `127.0.0.1:${clients}`,
      database: server.upwriteUrl,
      admin: { listen: `127.0.0.1:${admin}` },
      sync: { interval: '1h' },
      webhooks: { url: `http://${address}`, listen: address },
      connections: {
        airtable: {
          provider: 'airtable',
          auth: { kind: 'personal_access_token', token: airtable.settings.personalAccessToken },
          endpoint_url: airtable.url,
          bases: [{ base: 'Caladan CRM', prefix: '' }],
          tables: ['contacts'],
        },
      },
    }),
  );
  const options = { port: admin, env };
  const child = await startChild(process.execPath, [built('src/main.js'), ...command, '--config', file], options);
  children.push(child);
  return child;
}

async function count(from: string): Promise<number> {
  return (await own.query<{ n: number }>(`select count(*)::int as n from ${from}`)).rows[0]?.n ?? 0;
}

/** Changes a record as somebody else does. */
async function rename(name: string): Promise<void> {
  const { base, table } = airtable.ids('Caladan CRM', 'Contacts');
  const record = (await own.query<{ id: string }>('select id from airtable.contacts order by id limit 1')).rows[0]?.id;
  const answer = await fetch(`${airtable.url}/v0/${base}/${table}/${record}`, {
    method: 'PATCH',
    headers: {
      authorization: `Bearer ${airtable.settings.personalAccessToken}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ fields: { Name: name } }),
  });
  expect(answer.status).toBe(200);
}

test('a ping whose payloads were being fetched when the process was killed is another process’s', async () => {
  const first = await start('start');
  await waitFor('the table', async () => (await count(`upwrite.tables where state = 'live'`)) === 1);
  await waitFor('the hook', async () => (await count(`upwrite.webhooks where state = 'live'`)) === 1);
  await waitFor('nothing to do', () => isIdle(own));
  const ofPings = `upwrite_jobs.jobs where task_identifier = 'payloads'`;
  const path = '/v0/bases/*/webhooks/*/payloads';
  const held = airtable.faults.add({ method: 'GET', path, action: { kind: 'hold' }, times: 'always' });
  await rename('Feyd');
  await held.reached;
  await first.stop('SIGKILL');
  held.remove();
  expect(await count(ofPings)).toBe(1);
  expect(await count(`airtable.contacts where name = 'Feyd'`)).toBe(0);

  await start('sync');
  await waitFor('the change', async () => (await count(`airtable.contacts where name = 'Feyd'`)) === 1, 90_000);
  await waitFor('no payloads to fetch', async () => (await count(ofPings)) === 0);
});

test('one that takes a ping need not be the one that fetches', async () => {
  await start('start', '--no-sync');
  await rename('Rabban');
  await waitFor('the change', async () => (await count(`airtable.contacts where name = 'Rabban'`)) === 1);
});

/** A table with a condition: what the sync brings, what a change of the condition does, what writes do to it. */
import type pg from 'pg';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  createCatalog,
  filteredSession,
  installCatalog,
  type LiveCatalog,
  readTables,
} from '../../src/catalog/index.js';
import type { Values } from '../../src/provider/index.js';
import { tables, takeLease } from '../../src/store/index.js';
import { type Jobs, openJobs, type Sync, startSync } from '../../src/sync/index.js';
import { connect, eventually, ownPool } from '../support/database.js';
import { contacts } from '../support/fake-api.js';
import { type Stack, startStack } from '../support/stack.js';

const quiet = { debug: () => {}, info: () => {}, warn: () => {} };
const where = "vip AND (email LIKE '%@dune.io' OR age > 30)";

let stack: Stack;
let pool: pg.Pool;
let client: pg.Client;
let sync: Sync | null = null;
let jobs: Jobs | null = null;

beforeAll(async () => {
  stack = await startStack({ resources: [contacts()], tables: [{ resource: 'contacts', where }] });
  pool = ownPool(stack.server.upwriteUrl, 10);
  client = await connect(stack.url());
});
beforeEach(async () => {
  await pool.query('TRUNCATE salesforce.contacts');
  for (const key of stack.api.live('Contact').keys()) stack.api.remove('Contact', key, 1);
});
afterEach(async () => {
  await sync?.stop();
  await jobs?.stop();
  [sync, jobs] = [null, null];
});

async function start(catalog: LiveCatalog = stack.catalog): Promise<void> {
  const lease = await takeLease(pool, { kind: 'test', onError: () => {} });
  jobs = await openJobs({
    pool: ownPool(stack.server.upwriteUrl, 4),
    lease,
    leaseMs: 30_000,
    concurrency: 4,
    log: quiet,
  });
  sync = startSync({
    pool,
    catalog,
    sessions: new Map([['salesforce', filteredSession(stack.api.session, pool)]]),
    jobs,
    worker: lease.id,
    log: quiet,
    every: () => 20,
    retryMs: [10, 50],
  });
  await jobs.start();
  await sync.firstSync;
}

async function keys(): Promise<readonly string[]> {
  const found = await pool.query<{ id: string }>('SELECT id FROM salesforce.contacts ORDER BY id');
  return found.rows.map((row) => row.id);
}

async function untilKeys(wanted: readonly string[]): Promise<void> {
  await eventually(async () => (JSON.stringify(await keys()) === JSON.stringify(wanted) ? true : undefined)).catch(
    () => {},
  );
  expect(await keys()).toEqual(wanted);
}

let clock = 1000;
function put(key: string, values: Values): void {
  clock += 1000;
  stack.api.put('Contact', key, { email: null, vip: null, age: null, ...values }, clock);
}

test('the sync brings what belongs, and what ceases to belong leaves', async () => {
  put('a', { vip: true, age: 40 });
  put('b', { vip: false, age: 40 });
  put('c', { vip: true, age: 20, email: 'c@dune.io' });
  put('d', { age: 40 });
  await start();
  expect(await keys()).toEqual(['a', 'c']);
  put('a', { vip: true, age: 30 });
  put('b', { vip: true, age: 31 });
  await untilKeys(['b', 'c']);
  // A single record that is read again, as for a webhook.
  const table = stack.catalog.find('salesforce', 'contacts');
  stack.api.put('Contact', 'c', { vip: true, age: 20, email: 'c@giedi.io' }, clock);
  await sync?.refresh(table?.oid ?? 0, ['c', 'd'], AbortSignal.timeout(20_000));
  expect(await keys()).toEqual(['b']);
});

test('another condition reads all records again: rows come and go', async () => {
  put('e', { vip: true, age: 50 });
  put('f', { vip: true, age: 10 });
  await pool.query("INSERT INTO salesforce.contacts (id, vip, age) VALUES ('e', true, 50)");
  await pool.query(
    `UPDATE upwrite.table_details SET cursor = '{"full": false, "at": 999999999, "key": "", "started": 1}', full_listing = false`,
  );
  const changed = await installCatalog({
    pool,
    registry: tables,
    connections: [
      {
        name: 'salesforce',
        provider: 'salesforce',
        session: stack.api.session,
        tables: [{ resource: 'contacts', where: 'age < 30' }],
      },
    ],
    signal: AbortSignal.timeout(30_000),
  });
  await start(createCatalog(changed.all()));
  await untilKeys(['f']);
});

test('a write whose row falls outside is applied by the API, and the row leaves the table', async () => {
  await installCatalog({
    pool,
    registry: tables,
    connections: [
      {
        name: 'salesforce',
        provider: 'salesforce',
        session: stack.api.session,
        tables: [{ resource: 'contacts', where }],
      },
    ],
    signal: AbortSignal.timeout(30_000),
  });
  stack.catalog.replace(await readTables(pool, tables));
  const made = await client.query(
    "INSERT INTO salesforce.contacts (email, vip, age) VALUES ('in@dune.io', true, 1), ('out@giedi.io', true, 1) RETURNING email",
  );
  expect([made.rowCount, made.rows]).toEqual([2, [{ email: 'in@dune.io' }, { email: 'out@giedi.io' }]]);
  const shown = (): Promise<unknown> =>
    pool.query('SELECT email FROM salesforce.contacts ORDER BY email').then((result) => result.rows);
  expect(await shown()).toEqual([{ email: 'in@dune.io' }]);
  // What is not known of a new record may still make it belong: the sync will tell.
  await client.query("INSERT INTO salesforce.contacts (email) VALUES ('unknown@dune.io')");
  expect(await shown()).toEqual([{ email: 'in@dune.io' }, { email: 'unknown@dune.io' }]);
  const left = await client.query(
    "UPDATE salesforce.contacts SET vip = NULL WHERE email LIKE 'in%' RETURNING email, vip",
  );
  expect(left.rows).toEqual([{ email: 'in@dune.io', vip: null }]);
  expect(await shown()).toEqual([{ email: 'unknown@dune.io' }]);
  expect([...stack.api.live('Contact').values()].map((values) => values['email']).sort()).toEqual([
    'in@dune.io',
    'out@giedi.io',
    'unknown@dune.io',
  ]);
  const again = await client.query("UPDATE salesforce.contacts SET age = 2 WHERE email = 'in@dune.io'");
  expect(again.rowCount).toBe(0);
});

test('a table that leaves the configuration can be read, and not be written', async () => {
  await pool.query("INSERT INTO salesforce.contacts (id, vip, age) VALUES ('g', true, 50)");
  await installCatalog({ pool, registry: tables, connections: [], signal: AbortSignal.timeout(30_000) });
  stack.catalog.replace(await readTables(pool, tables));
  expect((await client.query('SELECT id FROM salesforce.contacts')).rows).toEqual([{ id: 'g' }]);
  const sent = stack.api.batches.length;
  await expect(client.query("DELETE FROM salesforce.contacts WHERE id = 'g'")).rejects.toMatchObject({
    code: '55000',
    message: 'table "contacts" of connection "salesforce" is not in the configuration',
  });
  expect(stack.api.batches).toHaveLength(sent);
  const direct = await connect(stack.server.superuserUrl);
  await expect(direct.query('DELETE FROM salesforce.contacts')).rejects.toMatchObject({ code: '25006' });
});

/** A condition whose field the API no longer has: its table waits, with the reason, and nothing else does. */
import type pg from 'pg';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { filteredSession, installCatalog, type TableChoice } from '../../src/catalog/index.js';
import { migrate, pauseTable, resumeTable, tables, takeLease } from '../../src/store/index.js';
import { connect, eventually, ownPool } from '../support/database.js';
import { contacts, type FakeApi, fakeApi } from '../support/fake-api.js';
import { startTestPostgres } from '../support/postgres.js';
import { startTestSync, type TestSync } from '../support/test-sync.js';

const name = { schema: 'salesforce', table: 'contacts' };
const chosen: readonly TableChoice[] = [
  { resource: 'contacts', where: "email <> '' AND vip", columns: { rename: { Age: 'years' } } },
  { resource: 'companies' },
];
const companies = contacts({ name: 'companies', object: 'Company' });
const held = {
  state: 'paused',
  reason: 'its condition cannot be used any more, at character 17: the table has no column "vip"',
};

let pool: pg.Pool;
let jobPool: pg.Pool;
let api: FakeApi;
let sync: TestSync | undefined;

beforeAll(async () => {
  const server = await startTestPostgres();
  pool = ownPool(server.upwriteUrl, 10);
  jobPool = ownPool(server.upwriteUrl, 4);
  await migrate(pool);
  const admin = await connect(server.superuserUrl);
  await admin.query('DROP SCHEMA IF EXISTS salesforce CASCADE');
  api = fakeApi([contacts(), companies]);
});
afterEach(() => sync?.stop());

/** As a process does that starts now. */
async function start(choices: readonly TableChoice[] = chosen): Promise<void> {
  await sync?.stop();
  sync = undefined;
  const catalog = await installCatalog({
    pool,
    registry: tables,
    connections: [{ name: 'salesforce', provider: 'salesforce', session: api.session, tables: choices }],
    signal: AbortSignal.timeout(30_000),
  });
  const lease = await takeLease(pool, { kind: 'test', onError: () => {} });
  const sessions = new Map([['salesforce', filteredSession(api.session, pool)]]);
  sync = await startTestSync(pool, jobPool, catalog, sessions, lease.id);
}

async function stateOf(table: string): Promise<unknown> {
  const found = await pool.query('SELECT state, reason FROM upwrite.tables WHERE table_name = $1', [table]);
  return found.rows[0];
}

async function until(table: string, wanted: object): Promise<void> {
  const isIt = async () => (JSON.stringify(await stateOf(table)) === JSON.stringify(wanted) ? true : undefined);
  await eventually(isIt).catch(() => {});
  expect(await stateOf(table)).toEqual(wanted);
}

async function keys(table: string): Promise<string> {
  const found = await pool.query<{ id: string }>(`SELECT id FROM salesforce.${table} ORDER BY id`);
  return found.rows.map((row) => row.id).join(' ');
}

async function untilKeys(table: string, wanted: string): Promise<void> {
  await eventually(async () => ((await keys(table)) === wanted ? true : undefined)).catch(() => {});
  expect(await keys(table)).toBe(wanted);
}

const without = (...fields: string[]) => contacts().columns.filter(({ field }) => !fields.includes(field));

test('the table is paused with the reason from the next start on, and goes on when the field is back', async () => {
  const put = (key: string, vip: boolean, at: number): void => api.put('Contact', key, { email: key, vip }, at);
  put('a', true, 1000);
  put('b', false, 1000);
  api.put('Company', 'x', {}, 1000);
  await start();
  await untilKeys('contacts', 'a');
  await untilKeys('companies', 'x');

  api.resources = [contacts({ columns: without('Vip', 'Age') }), companies];
  for (let i = 1; i <= 2; i += 1) {
    await start();
    await until('contacts', held);
    put(`c${i}`, true, 2000 + i);
    api.put('Company', `y${i}`, {}, 2000 + i);
    await eventually(async () => ((await keys('companies')).includes(`y${i}`) ? true : undefined));
    expect(await stateOf('companies')).toEqual({ state: 'live', reason: null });
    expect(await keys('contacts')).toBe('a');
  }
  const notes = await pool.query<{ notes: readonly string[] }>(
    "SELECT notes FROM upwrite.tables WHERE table_name = 'contacts'",
  );
  expect(notes.rows[0]?.notes).toContain(`it is not synced: ${held.reason}`);
  // An operator can pause it besides, and cannot have it go on.
  await pauseTable(pool, name, 'maintenance');
  expect(await resumeTable(pool, name)).toMatchObject({ to: 'paused', reason: held.reason });
  expect(await stateOf('contacts')).toEqual(held);

  put('a', false, 3000);
  api.resources = [contacts(), companies];
  await start();
  await untilKeys('contacts', 'c1 c2');
  await until('contacts', { state: 'live', reason: null });
});

test('a condition or a column that never made sense is refused as before', async () => {
  await expect(start([{ resource: 'contacts', where: 'nothing = 1' }])).rejects.toThrow('has no column "nothing"');
  // The API has the field: it is the configuration that leaves it out.
  const left = { exclude: ['vip'] };
  await expect(start([{ resource: 'contacts', where: 'vip', columns: left }])).rejects.toThrow('has no column "vip"');
  const columns = { rename: { Nothing: 'something' } };
  await expect(start([{ resource: 'contacts', columns }])).rejects.toThrow('has no column "Nothing"');
});

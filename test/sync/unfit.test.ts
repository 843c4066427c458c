/** Values of an API that are not of the type that it describes: the rows come all the same, and it can be seen. */

import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { healthRoutes } from '../../src/admin/health.js';
import { installCatalog } from '../../src/catalog/index.js';
import { textForm } from '../../src/catalog/values.js';
import { readStatus, statusJson, statusLines } from '../../src/cli/status.js';
import { fits } from '../../src/provider/fit.js';
import { guardSession } from '../../src/provider/guard.js';
import { type ColumnType, createKit, type JsonValue, silentLog } from '../../src/provider/index.js';
import { migrate, tables, takeLease } from '../../src/store/index.js';
import { Metrics } from '../../src/telemetry/index.js';
import { connect, eventually, ownPool } from '../support/database.js';
import { contacts, type FakeApi, fakeApi } from '../support/fake-api.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { startTestSync, type TestSync } from '../support/test-sync.js';

let server: TestPostgres;
let pool: pg.Pool;
let api: FakeApi;
let sync: TestSync | undefined;

beforeAll(async () => {
  server = await startTestPostgres();
  pool = ownPool(server.upwriteUrl);
});
afterAll(() => server.stop());

beforeEach(async () => {
  const admin = await connect(server.superuserUrl);
  for (const schema of ['salesforce', 'upwrite', 'upwrite_jobs']) {
    await admin.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  }
  await admin.end();
  api = fakeApi([contacts()]);
});
afterEach(async () => {
  await sync?.stop();
  sync = undefined;
});

async function start(): Promise<void> {
  await migrate(pool);
  const kit = createKit({ connection: 'salesforce', provider: 'salesforce', log: silentLog });
  const session = guardSession(api.session, kit);
  const connection = { name: 'salesforce', provider: 'salesforce', session, grant: { write: ['public'] } };
  const signal = AbortSignal.timeout(30_000);
  const catalog = await installCatalog({ pool, registry: tables, connections: [connection], signal });
  const lease = await takeLease(pool, { kind: 'test', onError: () => {} });
  const jobs = ownPool(server.upwriteUrl, 4);
  sync = await startTestSync(pool, jobs, catalog, new Map([['salesforce', session]]), lease.id);
}

async function warning(): Promise<string | null> {
  const result = await pool.query<{ warning: string | null }>('SELECT warning FROM upwrite.tables');
  return result.rows[0]?.warning ?? null;
}

async function row(id: string): Promise<Record<string, unknown> | undefined> {
  const result = await pool.query<Record<string, unknown>>(
    'SELECT id, email, balance::text AS balance, born::text AS born, age FROM salesforce.contacts WHERE id = $1',
    [id],
  );
  return result.rows[0];
}

const words = 'with a value that is not of the type of its column, and NULL here:';

// A few rows go as a parameter, many through COPY.
test.each([3, 700])('one value among %i records is NULL, and the table is live', async (count) => {
  api.pageSize = 1000;
  for (let i = 0; i < count; i += 1) api.put('Contact', `c${i}`, { email: `e${i}`, balance: '1.5' }, 1000 + i);
  api.put('Contact', 'odd', { email: 'odd', balance: 'unknown', born: '2023-02-29', age: 7 }, 5000);
  await start();
  expect(await row('odd')).toEqual({ id: 'odd', email: 'odd', balance: null, born: null, age: 7 });
  expect(await row('c1')).toMatchObject({ balance: '1.5' });
  const found = await pool.query('SELECT count(*)::int AS n FROM salesforce.contacts');
  expect(found.rows).toEqual([{ n: count + 1 }]);
  expect((await pool.query('SELECT state, reason FROM upwrite.tables')).rows).toEqual([
    { state: 'live', reason: null },
  ]);
  expect(await warning()).toBe(`1 record ${words} balance of odd`);
  const status = await readStatus(pool);
  expect(statusLines(status).find((line) => line.startsWith('salesforce.contacts'))).toContain(`1 record ${words}`);
  expect(JSON.parse(statusJson(status))).toMatchObject({ tables: [{ warning: await warning() }] });
  const metrics = healthRoutes({ pool, metrics: new Metrics() }).find(({ path }) => path === '/metrics');
  const asked = { method: 'GET', path: '/metrics', target: '/metrics', query: new URLSearchParams(), headers: {} };
  const page = await metrics?.handle({ ...asked, body: Buffer.alloc(0) });
  expect(page?.body).toContain('upwrite_table_warning{schema="salesforce",table="contacts"} 1');
  const noted = await pool.query('SELECT key, columns FROM upwrite.unfit_values');
  expect(noted.rows).toEqual([{ key: 'odd', columns: ['balance', 'born'] }]);
});

test('the warning follows what changes upstream, to its end', async () => {
  for (const key of ['a', 'b', 'c']) api.put('Contact', key, { email: key, age: 'old' }, 1000);
  await start();
  expect(await warning()).toMatch(/^3 records with /);
  api.put('Contact', 'a', { email: 'a', age: 40 }, 2000);
  api.remove('Contact', 'b', 2001);
  await eventually(async () => ((await warning()) === `1 record ${words} age of c` ? true : undefined));
  expect(await row('a')).toMatchObject({ age: 40 });
  api.put('Contact', 'c', { email: 'c', age: null }, 3000);
  await eventually(async () => ((await warning()) === null ? true : undefined));
  expect((await pool.query('SELECT FROM upwrite.unfit_values')).rowCount).toBe(0);
});

test('what a full listing does not name any more is forgotten, and no more than a thousand are remembered', async () => {
  api.resources = [contacts({ pull: { incremental: true, deletions: 'sweep' } })];
  api.pageSize = 5000;
  for (let i = 0; i < 1200; i += 1) api.put('Contact', `c${i}`, { email: `e${i}`, age: 'old' }, 1000);
  await start();
  expect(await warning()).toMatch(/^1000 or more records with /);
  for (let i = 1; i < 1200; i += 1) api.remove('Contact', `c${i}`, 2000);
  await pool.query("UPDATE upwrite.tables SET swept_at = clock_timestamp() - interval '1 day'");
  await eventually(async () => ((await warning()) === `1 record ${words} age of c0` ? true : undefined));
});

const digits = fc.stringMatching(/^[+-]?\d{1,22}(\.\d{0,4})?(e[+-]?\d{1,6})?$/);
const momentText = fc.stringMatching(
  /^\d{4,6}-[01]\d-[0-3]\d([T ][0-2]\d:[0-6]\d(:[0-6]\d(\.\d{1,6})?)?(Z|[+-][01]\d:?[0-6]\d)?)?$/,
);
const anything: fc.Arbitrary<JsonValue> = fc.oneof(
  digits,
  momentText,
  fc.stringMatching(/^[0-2]\d:[0-6]\d(:[0-6]\d(\.\d{1,6})?)?Z?$/),
  fc.constantFrom<JsonValue>('NaN', 'inf', '-Infinity', 'infinity', 'true', 'off', '', ' 7 ', 'x', true, 0, 1, 2),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.array(fc.oneof(fc.string(), fc.constant(null)), { maxLength: 3 }),
);
const types: readonly ColumnType[] = [
  'boolean',
  'integer',
  'bigint',
  'numeric',
  'double precision',
  'date',
  'time',
  'timestamptz',
  'text[]',
];

test('whatever is let through, PostgreSQL reads', async () => {
  const values = fc.sample(anything, { numRuns: 3000, seed: 20_240_229 });
  const client = await pool.connect();
  try {
    for (const type of types) {
      const texts = values.filter((value) => fits(type, value)).map((value) => textForm(type, value));
      expect(texts.length).toBeGreaterThan(20);
      // All at once; where one is not read, the error names it.
      await client.query(`SELECT x::${type} FROM unnest($1::text[]) AS x`, [texts]);
    }
  } finally {
    client.release();
  }
});

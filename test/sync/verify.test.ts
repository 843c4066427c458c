/** The truth check: rows that are wrong are found and put right, and nothing else is taken for wrong. */
import type pg from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { installCatalog, type LiveCatalog, type SyncedTable } from '../../src/catalog/index.js';
import { parseConfig } from '../../src/config/index.js';
import { openVerifier, registerVerifier } from '../../src/main/verify.js';
import type { Resource } from '../../src/provider/index.js';
import { migrate, pauseTable, resumeTable, tables, takeLease } from '../../src/store/index.js';
import { createVerifier, openJobs, type Verifier, type VerifierOptions } from '../../src/sync/index.js';
import { TalkingChild } from '../faults/child.js';
import { applyAnswerOf } from '../support/applied.js';
import { connect, eventually, ownPool } from '../support/database.js';
import { contacts, type FakeApi, fakeApi } from '../support/fake-api.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { startTestSync, type TestSync } from '../support/test-sync.js';

// A pass waits for two runs of the sync at whatever seems wrong: a slow machine takes its time.
vi.setConfig({ testTimeout: 240_000 });
const patience = 60_000;
const hour = 3_600_000;
const quiet = { debug: () => {}, info: () => {}, warn: () => {} };

let server: TestPostgres;
let pool: pg.Pool;
let api: FakeApi;
let catalog: LiveCatalog;
let table: SyncedTable;
let worker: string;
let sync: TestSync;
let jobPool: pg.Pool;
/** Ends the process, as it were, that checks. */
const checking: (() => Promise<void>)[] = [];

beforeEach(async () => {
  server ??= await startTestPostgres();
  pool ??= ownPool(server.upwriteUrl, 15);
});

afterEach(async () => {
  await stopChecking();
  await sync.stop();
  await jobPool.end();
});

async function setUp(resource: Resource, count: number, others: readonly Resource[] = []): Promise<void> {
  const admin = await connect(server.superuserUrl);
  // Not in one transaction: what is still at work may have locks in one schema and wait for those of another.
  for (const schema of ['salesforce', 'upwrite', 'upwrite_jobs']) {
    await admin.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  }
  await admin.end();
  await migrate(pool);
  api = fakeApi([resource, ...others]);
  api.pageSize = 40;
  for (let i = 0; i < count; i += 1) put(i, `e${i}`, 1000 + i);
  catalog = await installCatalog({
    pool,
    registry: tables,
    connections: [{ name: 'salesforce', provider: 'salesforce', session: api.session, grant: { read: ['public'] } }],
    signal: AbortSignal.timeout(30_000),
  });
  const found = catalog.find('salesforce', 'contacts');
  if (found === undefined) throw new Error('the table is missing');
  table = found;
  const lease = await takeLease(pool, { kind: 'test', onError: () => {} });
  worker = lease.id;
  jobPool = ownPool(server.upwriteUrl, 4);
  sync = await startTestSync(pool, jobPool, catalog, new Map([['salesforce', api.session]]), worker);
}

function put(i: number, email: string, modified: number): void {
  api.put(
    'Contact',
    `c${String(i).padStart(4, '0')}`,
    { email, extra: { n: i }, big: '1234567890123456789' },
    modified,
  );
}

function newVerifier(process: string, overrides: Partial<VerifierOptions> = {}): Verifier {
  return createVerifier({
    ...{ pool, catalog, sessions: new Map([['salesforce', api.session]]), worker: process, log: quiet },
    ...{ intervalMs: 0, share: 1, retryMs: 5, pollMs: 5 },
    ...overrides,
  });
}

/** Begins a process that takes jobs of the check and no others. */
async function verify(overrides: Partial<VerifierOptions> = {}): Promise<void> {
  const lease = await takeLease(pool, { kind: 'test', onError: () => {} });
  const checkPool = ownPool(server.upwriteUrl, 4);
  const jobs = await openJobs({ pool: checkPool, lease, leaseMs: 3000, concurrency: 4, log: quiet });
  const verifier = newVerifier(lease.id, overrides);
  const standing = registerVerifier({ jobs, verifier, connections: new Set(['salesforce']), log: quiet, lookMs: 5 });
  await jobs.start();
  checking.push(async () => {
    await standing.stop();
    await jobs.stop();
    await lease.release();
    await checkPool.end();
  });
}

async function stopChecking(): Promise<void> {
  await Promise.all(checking.splice(0).map((stop) => stop()));
}

/** Changes the table past every guard, as nothing of Upwrite's does. */
async function corrupt(sql: string): Promise<void> {
  const admin = await connect(server.superuserUrl);
  await admin.query(`BEGIN; ALTER TABLE salesforce.contacts DISABLE TRIGGER ALL; ${sql};
    ALTER TABLE salesforce.contacts ENABLE ALWAYS TRIGGER upwrite_guard;
    ALTER TABLE salesforce.contacts ENABLE ALWAYS TRIGGER upwrite_guard_truncate; COMMIT`);
  await admin.end();
}

/** As a role without any rights sees it. */
async function report(): Promise<Record<string, unknown>> {
  const client = await connect(server.url());
  const found = await client.query<Record<string, unknown>>('SELECT * FROM upwrite.verification');
  await client.end();
  return found.rows[0] ?? {};
}

async function passesDone(count: number): Promise<void> {
  const seen = new Set<string>();
  await eventually(async () => {
    seen.add(String((await report())['last_pass_at'] ?? null));
    seen.delete('null');
    return seen.size >= count ? true : undefined;
  }, 100_000);
}

async function emails(): Promise<Record<string, unknown>> {
  const found = await pool.query<{ id: string; email: string }>(
    'SELECT id, email FROM salesforce.contacts ORDER BY id',
  );
  return Object.fromEntries(found.rows.map((row) => [row.id, row.email]));
}

function upstream(): Record<string, unknown> {
  return Object.fromEntries([...api.live('Contact')].sort().map(([key, values]) => [key, values['email']]));
}

test('a row with another value, a row that is missing and a foreign row are found and put right', async () => {
  await setUp(contacts(), 100);
  await verify({ intervalMs: hour });
  await passesDone(1);
  expect(await report()).toMatchObject({ mismatches: '0', share: 1, last_pass_rows: '100', last_mismatch_at: null });
  await stopChecking();
  await verify();
  await corrupt("UPDATE salesforce.contacts SET email = 'forged', age = 7 WHERE id = 'c0007'");
  await eventually(async () => ((await report())['mismatches'] === '1' ? true : undefined), patience);
  const columns = (await report())['last_mismatch_columns'];
  expect(columns).toEqual(expect.arrayContaining(['email']));
  expect(await report()).toMatchObject({
    schema_name: 'salesforce',
    table_name: 'contacts',
    last_mismatch_kind: 'differs',
    last_mismatch_key: 'c0007',
  });
  expect(JSON.stringify(await report())).not.toContain('forged');
  await corrupt("DELETE FROM salesforce.contacts WHERE id = 'c0050'");
  await eventually(async () => ((await report())['last_mismatch_kind'] === 'missing' ? true : undefined), patience);
  expect(await report()).toMatchObject({ mismatches: '2', last_mismatch_key: 'c0050', last_mismatch_columns: [] });
  await corrupt("INSERT INTO salesforce.contacts (id, email) VALUES ('foreign', 'f')");
  await eventually(async () => ((await report())['last_mismatch_kind'] === 'foreign' ? true : undefined), patience);
  expect(await report()).toMatchObject({ mismatches: '3', last_mismatch_key: 'foreign' });
  expect(await emails()).toEqual(upstream());
});

test('a row whose version pretends to be newer than the API is put right too', async () => {
  await setUp(contacts(), 30);
  await corrupt(
    "UPDATE salesforce.contacts SET email = 'forged', modified_at = now() + interval '1 year' WHERE id = 'c0003'",
  );
  await verify();
  await eventually(async () => ((await report())['mismatches'] === '1' ? true : undefined), patience);
  expect(await report()).toMatchObject({
    last_mismatch_key: 'c0003',
    last_mismatch_columns: expect.arrayContaining(['email', 'modified_at']),
  });
  expect(await emails()).toEqual(upstream());
});

test('what changes all the time is not taken for wrong, in the API or by writes', async () => {
  await setUp(contacts(), 120);
  let round = 0;
  let writing: Promise<void> = Promise.resolve();
  // At every answer of the API something changes: there, and by a write that is applied here before the answer is used.
  api.afterRead = async () => {
    round += 1;
    const at = round;
    if (at > 400) return;
    put(at % 120, `upstream ${at}`, 10_000 + at);
    api.remove('Contact', `c${String((at * 7) % 120).padStart(4, '0')}`, 10_000 + at);
    put((at * 13) % 150, `written ${at}`, 10_000 + at);
    writing = writing.then(() =>
      applyAnswerOf(pool, table, worker, api, `c${String((at * 13) % 150).padStart(4, '0')}`),
    );
    await writing;
  };
  await verify();
  await passesDone(3);
  expect(await report()).toMatchObject({ mismatches: '0' });
  api.afterRead = () => {};
  await eventually(async () => (JSON.stringify(await emails()) === JSON.stringify(upstream()) ? true : undefined));
});

test('an API without versions and deletions is compared as well', async () => {
  const { version: _none, ...plain } = contacts({ pull: { incremental: false, deletions: 'sweep' } });
  await setUp(plain, 60);
  await verify();
  await passesDone(1);
  // Such a table is listed in full all the time: either of the two may be the first to put it right.
  await corrupt(
    "UPDATE salesforce.contacts SET email = 'forged' WHERE id = 'c0007'; DELETE FROM salesforce.contacts WHERE id = 'c0008'",
  );
  await eventually(async () => (JSON.stringify(await emails()) === JSON.stringify(upstream()) ? true : undefined));
  await passesDone(1);
  expect(await report()).toMatchObject({ mismatches: '0' });
});

test('goes on where it was after an interruption, and begins anew when its notes are gone', async () => {
  await setUp(contacts(), 200);
  let fails = true;
  let calls = 0;
  api.hook = (what, _count, signal) => {
    // Only the check lists from the beginning: the sync's listings are of one page.
    if (what !== 'page') return;
    calls += 1;
    if (fails && calls % 3 === 0 && !signal.aborted) throw new Error('the API is away');
  };
  await verify();
  await eventually(async () => (Number((await report())['rows_checked'] ?? 0) >= 80 ? true : undefined), patience);
  const checked = Number((await report())['rows_checked']);
  await stopChecking();
  expect(checked).toBeLessThanOrEqual(200);
  const admin = await connect(server.superuserUrl);
  await admin.query('TRUNCATE upwrite.verified_keys');
  fails = false;
  await verify();
  await passesDone(1);
  expect(await report()).toMatchObject({ last_pass_rows: '200', mismatches: '0' });
});

test('a killed process’s pass is gone on with, and what it had found is mended', async () => {
  await setUp(contacts(), 200);
  await corrupt("UPDATE salesforce.contacts SET email = 'forged' WHERE id = 'c0003'");
  const records = [...api.live('Contact')].map(([key, { email }], i) => ({
    key,
    email: String(email),
    modified: 1000 + i,
  }));
  const config = { url: server.upwriteUrl, records, pageSize: 40, pages: 2 };
  const other = await TalkingChild.start('test/sync/checker.js', config, () => {});
  const started = (await report())['pass_started_at'];
  expect(await report()).toMatchObject({ rows_checked: '80', mismatches: '0' });
  await verify({ intervalMs: hour });
  // It has the connection as long as it lives.
  await pool.query('SELECT pg_sleep(0.2)');
  expect(await report()).toMatchObject({ rows_checked: '80', mismatches: '0' });
  await other.kill();
  await passesDone(1);
  expect(await report()).toMatchObject({
    ...{ pass_started_at: started, last_pass_rows: '200' },
    ...{ mismatches: '1', last_mismatch_key: 'c0003', last_mismatch_kind: 'differs' },
  });
  expect(await emails()).toEqual(upstream());
});

/** A turn without a job; answers what it answered, and how many rows have been compared. */
async function turn(verifier: Verifier): Promise<readonly [number | null, number]> {
  const wait = await verifier.turn('salesforce', AbortSignal.timeout(30_000));
  return [wait, Number((await report())['rows_checked'])];
}

test('a share of the time is not exceeded, and the wait is left to the job', async () => {
  await setUp(contacts(), 100);
  await sync.stop();
  // One that takes 300 ms has to be followed by as much of rest, which is longer than a turn waits.
  api.hook = async () => {
    await pool.query('SELECT pg_sleep(0.3)');
  };
  const verifier = newVerifier(worker, { intervalMs: hour, share: 0.5, turnMs: hour });
  expect(await turn(verifier)).toEqual([expect.toSatisfy((owed) => owed >= 299), 40]);
  api.hook = () => {};
  expect(await turn(verifier)).toEqual([null, 100]);
});

test('a turn ends in time, but never before it got on', async () => {
  await setUp(contacts(), 100);
  await sync.stop();
  const verifier = newVerifier(worker, { intervalMs: hour, turnMs: 0 });
  expect(await turn(verifier)).toEqual([0, 40]);
  expect(await turn(verifier)).toEqual([0, 80]);
  expect(await turn(verifier)).toEqual([null, 100]);
  expect(await verifier.due()).toEqual([]);
});

test('a table whose API fails is left alone for a while, and keeps no other one waiting', async () => {
  await setUp(contacts(), 20, [contacts({ name: 'zebras', object: 'Zebra' })]);
  await sync.stop();
  let asked = 0;
  api.hook = (_what, _count) => {
    asked += 1;
    if (asked === 1) throw new Error('the API is away');
  };
  const verifier = newVerifier(worker, { intervalMs: hour, retryMs: hour, turnMs: hour });
  await verifier.turn('salesforce', AbortSignal.timeout(30_000));
  expect(asked).toBe(2);
  await verifier.turn('salesforce', AbortSignal.timeout(30_000));
  expect(asked).toBe(2);
  expect(await verifier.due()).toEqual(['salesforce']);
});

test('is switched off by a share of 0', async () => {
  await setUp(contacts(), 5);
  const { config } = parseConfig('{"sync":{"verify":{"share":0}}}', { file: 'test', environment: {} });
  const registered: string[] = [];
  const nothing = async (): Promise<void> => {};
  const jobs = {
    register: (task: string) => registered.push(task),
    ...{ onDatabase: () => {}, add: nothing, ensure: nothing, start: nothing, stop: nothing },
  };
  const parts = { pool, catalog, sessions: new Map([['salesforce', api.session]]), worker, log: quiet };
  expect(openVerifier({ ...parts, config, wake: nothing, jobs })).toBe(null);
  expect(registered).toEqual([]);
});

test('one process checks the tables of a connection at a time', async () => {
  await setUp(contacts(), 20);
  const other = await takeLease(pool, { kind: 'test', onError: () => {} });
  await pool.query("INSERT INTO upwrite.verification_turns VALUES ('salesforce', $1)", [other.id]);
  await verify();
  await pool.query('SELECT pg_sleep(0.2)');
  expect(await report()).toEqual({});
  await other.release();
  await passesDone(1);
});

test('a table that is paused is not compared, and keeps no other one waiting', async () => {
  await setUp(contacts(), 60, [contacts({ name: 'zebras', object: 'Zebra' })]);
  const name = { schema: 'salesforce', table: 'contacts' };
  const verified = async (): Promise<readonly unknown[]> => {
    const found = await pool.query(
      'SELECT table_name AS name FROM upwrite.verification WHERE last_pass_at IS NOT NULL',
    );
    return found.rows.map((row) => row.name);
  };
  await pauseTable(pool, name, 'maintenance');
  await corrupt("UPDATE salesforce.contacts SET email = 'wrong' WHERE id = 'c0003'");
  await verify();
  await eventually(async () => ((await verified()).includes('zebras') ? true : undefined));
  expect(await verified()).toEqual(['zebras']);
  expect(await emails()).toMatchObject({ c0003: 'wrong' });
  await resumeTable(pool, name);
  await sync.sync.wake(table.oid);
  await eventually(async () => ((await verified()).includes('contacts') ? true : undefined));
  expect(await emails()).toEqual(upstream());
});

test('what is not due costs nothing, and its connection is anybody’s', async () => {
  await setUp(contacts(), 20);
  await verify({ intervalMs: hour });
  await passesDone(1);
  const state = async (): Promise<unknown> =>
    (
      await pool.query(
        `SELECT xmin::text, (SELECT count(*)::int FROM upwrite.verification_turns) AS turns FROM upwrite.verification`,
      )
    ).rows[0];
  const after = await eventually(async () => {
    const now = await state();
    return Reflect.get(Object(now), 'turns') === 0 ? now : undefined;
  });
  // The sync goes on meanwhile, and so do the looks for what is due.
  const pages = api.pages;
  await eventually(async () => (api.pages > pages + 2 ? true : undefined));
  expect(await state()).toEqual(after);
});

/** What an operator wants of a table, and sweeps beside the changes. */
import type pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { installCatalog, type LiveCatalog } from '../../src/catalog/index.js';
import { FaultError, fault } from '../../src/errors/index.js';
import type { Resource } from '../../src/provider/index.js';
import { migrate, pauseTable, resumeTable, resyncTable, tables, takeLease } from '../../src/store/index.js';
import { type Jobs, openJobs, type StateChange, type Sync, type SyncOptions, startSync } from '../../src/sync/index.js';
import { connect, eventually, ownPool } from '../support/database.js';
import { contacts, type FakeApi, fakeApi } from '../support/fake-api.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';

const quiet = { debug: () => {}, info: () => {}, warn: () => {} };
const hour = 3_600_000;
const name = { schema: 'salesforce', table: 'contacts' };

let server: TestPostgres;
let pool: pg.Pool;
let api: FakeApi;
let catalog: LiveCatalog;
const running: { readonly sync: Sync; readonly jobs: Jobs }[] = [];

beforeEach(async () => {
  server ??= await startTestPostgres();
  pool ??= ownPool(server.upwriteUrl);
});

afterEach(async () => {
  for (const { sync, jobs } of running.splice(0)) {
    await sync.stop();
    await jobs.stop();
  }
});

async function setUp(resource: Resource): Promise<number> {
  const admin = await connect(server.superuserUrl);
  // Not in one transaction: what is still at work may have locks in one schema and wait for those of another.
  for (const schema of ['salesforce', 'upwrite', 'upwrite_jobs']) {
    await admin.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  }
  await admin.end();
  await migrate(pool);
  api = fakeApi([resource]);
  catalog = await installCatalog({
    pool,
    registry: tables,
    connections: [{ name: 'salesforce', provider: 'salesforce', session: api.session }],
    signal: AbortSignal.timeout(30_000),
  });
  return catalog.find('salesforce', 'contacts')?.oid ?? 0;
}

async function start(options: Partial<SyncOptions> = {}): Promise<Sync> {
  const lease = await takeLease(pool, { kind: 'test', onError: () => {} });
  const jobs = await openJobs({
    pool: ownPool(server.upwriteUrl, 4),
    lease,
    leaseMs: 30_000,
    concurrency: 4,
    log: quiet,
  });
  const sync = startSync({
    pool,
    catalog,
    sessions: new Map([['salesforce', api.session]]),
    jobs,
    worker: lease.id,
    log: quiet,
    every: () => 20,
    retryMs: [20, 50],
    ...options,
  });
  running.push({ sync, jobs });
  await jobs.start();
  return sync;
}

function fill(count: number): void {
  for (let i = 0; i < count; i += 1) api.put('Contact', key(i), { email: `e${i}` }, 1000 + i);
}

const key = (i: number): string => `c${String(i).padStart(6, '0')}`;

async function keys(): Promise<readonly string[]> {
  const result = await pool.query<{ id: string }>('SELECT id FROM salesforce.contacts ORDER BY id');
  return result.rows.map((row) => row.id);
}

async function until(state: string): Promise<Record<string, unknown>> {
  return eventually(async () => {
    const found = await pool.query<Record<string, unknown>>('SELECT * FROM upwrite.tables');
    return found.rows[0]?.['state'] === state ? found.rows[0] : undefined;
  }, 40_000);
}

test('a paused table is left alone, by every process and across restarts, until it is resumed', async () => {
  const oid = await setUp(contacts());
  fill(300);
  const sync = await start();
  await sync.firstSync;
  expect(await pauseTable(pool, name, 'maintenance')).toMatchObject({ tableOid: oid, from: 'live', to: 'paused' });
  await sync.wake(oid);
  await eventually(async () => {
    const left = await pool.query('SELECT FROM upwrite_jobs.jobs');
    return left.rowCount === 0 ? true : undefined;
  });
  const calls = api.pages;
  api.put('Contact', 'new', { email: 'later' }, 9000);
  const other = await start();
  await other.firstSync;
  await sync.wake(oid);
  expect(await until('paused')).toMatchObject({ reason: 'maintenance' });
  expect(api.pages).toBe(calls);
  expect(await resumeTable(pool, name)).toMatchObject({ tableOid: oid, from: 'paused', to: 'live', reason: null });
  await sync.wake(oid);
  await eventually(async () => ((await keys()).includes('new') ? true : undefined));
  expect(await until('live')).toMatchObject({ reason: null });
  expect(await pauseTable(pool, { schema: 'salesforce', table: 'nothing' }, 'x')).toBeNull();
});

test('a run that has seen a pause does not bring it back when it has ended meanwhile, nor end one that has begun', async () => {
  const oid = await setUp(contacts());
  const state = async () => (await pool.query('SELECT state, reason FROM upwrite.tables')).rows[0];
  await tables.setState(pool, oid, { state: 'live', reason: null });
  await pauseTable(pool, name, 'maintenance');
  await resumeTable(pool, name);
  expect(await tables.setState(pool, oid, { state: 'paused', reason: 'maintenance', wished: true })).toBeNull();
  expect(await state()).toEqual({ state: 'backfilling', reason: null });
  expect(await tables.setState(pool, oid, { state: 'paused', reason: 'a quota' })).toBe('backfilling');
  // A pause is being committed when a run says that the table is live.
  const operator = await pool.connect();
  await operator.query('BEGIN');
  await pauseTable(operator, name, 'maintenance');
  const saying = tables.setState(pool, oid, { state: 'live', reason: null });
  await eventually(async () => {
    const waiting = await pool.query("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'");
    return waiting.rowCount === 1 ? true : undefined;
  });
  await operator.query('COMMIT');
  operator.release();
  expect(await saying).toBeNull();
  expect(await state()).toEqual({ state: 'paused', reason: 'maintenance' });
});

test('a pause in the middle of a listing takes effect behind the page, and the listing goes on from there', async () => {
  const oid = await setUp(contacts());
  fill(1000);
  let reached: () => void = () => {};
  const second = new Promise<void>((resolve) => {
    reached = resolve;
  });
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  api.hook = async (_what, count) => {
    if (count !== 3) return;
    reached();
    await gate;
  };
  const sync = await start();
  await second;
  await pauseTable(pool, name, 'maintenance');
  open();
  await eventually(async () => {
    const busy = await pool.query('SELECT FROM upwrite.table_details WHERE worker IS NOT NULL');
    return busy.rowCount === 0 && api.pages === 3 ? true : undefined;
  });
  expect(await keys()).toHaveLength(300);
  await resumeTable(pool, name);
  await sync.wake(oid);
  await sync.firstSync;
  await until('live');
  expect(await keys()).toHaveLength(1000);
  expect(api.pages).toBeGreaterThanOrEqual(10);
});

test('a resync lists everything anew and removes what has gone without a trace', async () => {
  const oid = await setUp(contacts());
  fill(250);
  const sync = await start();
  await sync.firstSync;
  await pool.query("INSERT INTO salesforce.contacts (id, email) VALUES ('zombie', 'x')");
  expect(await resyncTable(pool, name)).toBe(oid);
  await sync.wake(oid);
  await eventually(async () => ((await keys()).includes('zombie') ? undefined : true));
  expect(await until('live')).toMatchObject({ pages: '3', rows: '250' });
  expect(await keys()).toHaveLength(250);
});

test('after a fortnight without a look everything is listed anew: the API has forgotten what was deleted', async () => {
  const oid = await setUp(contacts());
  fill(250);
  // A run that is under way would say that it has just looked.
  const sync = await start({ every: () => hour });
  await sync.firstSync;
  await until('live');
  await pool.query("INSERT INTO salesforce.contacts (id, email) VALUES ('zombie', 'x')");
  await pool.query("UPDATE upwrite.tables SET last_synced_at = last_synced_at - interval '20 days'");
  await sync.wake(oid);
  await eventually(async () => ((await keys()).includes('zombie') ? undefined : true));
  await until('live');
  expect(await keys()).toHaveLength(250);
});

test('where the API lists no deletions a sweep beside the changes finds them, slice by slice', async () => {
  await setUp(contacts({ pull: { incremental: true, deletions: 'sweep' } }));
  fill(1000);
  const sync = await start({ sweepMs: 1, sliceMs: 0 });
  await sync.firstSync;
  for (let i = 0; i < 500; i += 1) api.remove('Contact', key(i * 2), 5000);
  // Made while a sweep is under way, behind its back: its key comes first.
  let made = 0;
  api.hook = (what, count) => {
    if (what === 'page' && count % 3 === 0 && made < 20) {
      made += 1;
      api.put('Contact', `a${made}`, { email: 'made' }, 6000 + made);
    }
  };
  await eventually(async () => ((await keys()).length === 520 && made === 20 ? true : undefined), 90_000);
  const swept = async () => (await pool.query('SELECT swept_at FROM upwrite.tables')).rows[0]?.swept_at;
  const before = await swept();
  await eventually(async () => (String(await swept()) === String(before) ? undefined : true));
  expect(await keys()).toHaveLength(520);
});

test('a change of state is told once, with what was before; a quota is waited for and is no illness', async () => {
  await setUp(contacts());
  fill(3);
  const changes: StateChange[] = [];
  const sync = await start({ onStateChange: async (change) => void changes.push(change) });
  await sync.firstSync;
  const fails = (code: 'rate_limited' | 'upstream_unavailable') => {
    api.hook = () => {
      throw new FaultError(fault(code, { params: { provider: 'salesforce', seconds: 1 } }));
    };
  };
  fails('rate_limited');
  expect(await until('paused')).toMatchObject({ reason: 'the quota of salesforce is used up' });
  fails('upstream_unavailable');
  expect(await until('unhealthy')).toMatchObject({ reason: 'salesforce is unavailable' });
  api.hook = () => {};
  await until('live');
  // The table says so before it is told.
  await eventually(async () => (changes.length >= 4 ? true : undefined));
  expect(changes.map(({ from, to }) => `${from} ${to}`)).toEqual([
    'backfilling live',
    'live paused',
    'paused unhealthy',
    'unhealthy live',
  ]);
});

test('a first listing has come to its end when its table says so, however long that takes', async () => {
  await setUp(contacts());
  fill(3);
  let say = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    say = resolve;
  });
  const query = pool.query.bind(pool);
  Reflect.set(pool, 'query', async (...given: Parameters<typeof query>) => {
    if (String(given[0]).includes('SET state = $2')) await gate;
    return query(...given);
  });
  try {
    const sync = await start({ every: () => hour });
    let isOver = false;
    sync.firstSync.then(
      () => {
        isOver = true;
      },
      () => undefined,
    );
    await eventually(async () => {
      const found = await query('SELECT FROM upwrite.tables WHERE last_synced_at IS NOT NULL');
      return found.rowCount === 1 ? true : undefined;
    });
    // Another process's end is looked for every second.
    await query('SELECT pg_sleep(2.5)');
    expect(isOver).toBe(false);
    say();
    await sync.firstSync;
    await until('live');
  } finally {
    say();
    Reflect.deleteProperty(pool, 'query');
  }
});

test('a change that is told while a run goes on is looked for once more', async () => {
  const oid = await setUp(contacts());
  fill(3);
  const sync = await start({ every: () => hour });
  await sync.firstSync;
  let entered: () => void = () => {};
  const inside = new Promise<void>((resolve) => {
    entered = resolve;
  });
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let first = true;
  api.afterRead = async () => {
    if (!first) return;
    first = false;
    entered();
    await gate;
  };
  await sync.wake(oid);
  await inside;
  api.put('Contact', 'late', { email: 'late' }, 9000);
  await sync.wake(oid);
  await eventually(async () => {
    const again = await pool.query('SELECT FROM upwrite.table_details WHERE again');
    return again.rowCount === 1 ? true : undefined;
  });
  open();
  await eventually(async () => ((await keys()).includes('late') ? true : undefined));
});

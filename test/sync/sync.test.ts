import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { installCatalog, type LiveCatalog, type SyncedTable } from '../../src/catalog/index.js';
import { FaultError, fault } from '../../src/errors/index.js';
import type { Resource } from '../../src/provider/index.js';
import { beginApply, migrate, openJournal, tables, takeLease } from '../../src/store/index.js';
import { type Jobs, openJobs, type Progress, type Sync, type SyncOptions, startSync } from '../../src/sync/index.js';
import { connect, eventually, ownPool } from '../support/database.js';
import { contacts, type FakeApi, fakeApi } from '../support/fake-api.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';

const quiet = { debug: () => {}, info: () => {}, warn: () => {} };
const hour = 3_600_000;

let server: TestPostgres;
let pool: pg.Pool;
let api: FakeApi;
let catalog: LiveCatalog;
let table: SyncedTable;
let worker: string;
const syncs = new Map<Sync, Jobs>();

beforeEach(async () => {
  server ??= await startTestPostgres();
  pool ??= ownPool(server.upwriteUrl);
  await setUp(contacts());
});

afterEach(async () => {
  api.hook = () => {};
  api.afterRead = () => {};
  await Promise.all([...syncs.keys()].map((sync) => stop(sync)));
});

async function setUp(resource: Resource): Promise<void> {
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
    connections: [{ name: 'salesforce', provider: 'salesforce', session: api.session, grant: { write: ['public'] } }],
    signal: AbortSignal.timeout(30_000),
  });
  const found = catalog.find('salesforce', 'contacts');
  if (found === undefined) throw new Error('the table is missing');
  table = found;
  const lease = await takeLease(pool, { kind: 'test', onError: () => {} });
  worker = lease.id;
}

interface StartOptions extends Partial<SyncOptions> {
  readonly intervalMs?: number;
}

async function start({ intervalMs = 10, ...overrides }: StartOptions = {}): Promise<Sync> {
  const jobs = await openJobs({
    pool: ownPool(server.upwriteUrl, 4),
    lease: { id: overrides.worker ?? worker },
    leaseMs: 3000,
    concurrency: 4,
    log: quiet,
  });
  const sync = startSync({
    pool,
    catalog,
    sessions: new Map([['salesforce', api.session]]),
    jobs,
    worker,
    log: quiet,
    every: () => intervalMs,
    retryMs: [10, 50],
    ...overrides,
  });
  syncs.set(sync, jobs);
  await jobs.start();
  return sync;
}

async function stop(sync: Sync): Promise<void> {
  const jobs = syncs.get(sync);
  syncs.delete(sync);
  await sync.stop();
  await jobs?.stop();
}

/** Emails by key, as the table has them. */
async function rows(): Promise<Record<string, unknown>> {
  const result = await pool.query<{ id: string; email: string }>(
    'SELECT id, email FROM salesforce.contacts ORDER BY id',
  );
  return Object.fromEntries(result.rows.map((row) => [row.id, row.email]));
}

function upstream(): Record<string, unknown> {
  return Object.fromEntries(
    [...api.live('Contact')]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, values]) => [key, values['email'] ?? null]),
  );
}

async function converged(deadlineMs?: number): Promise<void> {
  await eventually(async () => {
    const [here, there] = [await rows(), upstream()];
    return JSON.stringify(here) === JSON.stringify(there) ? true : undefined;
  }, deadlineMs);
  expect(await rows()).toEqual(upstream());
}

function fill(count: number, modified = 1000): void {
  for (let i = 0; i < count; i += 1) {
    const key = `c${String(i).padStart(6, '0')}`;
    api.put('Contact', key, { email: `e${i}` }, modified + Math.floor(i / 3));
  }
}

async function state(): Promise<Record<string, unknown>> {
  const result = await pool.query<Record<string, unknown>>('SELECT * FROM upwrite.tables');
  return result.rows[0] ?? {};
}

/** What the write path does once the API has confirmed: apply and finish in one transaction. */
async function write(key: string, email: string | null, version?: number): Promise<void> {
  const journal = openJournal(pool, worker);
  const ticket = await journal.open({
    role: 'app',
    connection: 'salesforce',
    provider: 'salesforce',
    tableOid: table.oid,
    schema: 'salesforce',
    table: 'contacts',
    verb: email === null ? 'delete' : 'update',
    rows: [{ key, values: email === null ? {} : { email }, idempotencyKey: 'k' }],
    settleAfterMs: 60_000,
  });
  const client = await pool.connect();
  await beginApply(client, table.oid, 10_000);
  if (email === null) await client.query('DELETE FROM salesforce.contacts WHERE id = $1', [key]);
  else {
    await client.query(
      'INSERT INTO salesforce.contacts (id, email) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email',
      [key, email],
    );
  }
  const known = version === undefined ? {} : { version: new Date(version).toISOString() };
  await journal.finish(client, ticket, { state: 'applied', rows: [{ outcome: 'applied', key, ...known }] });
  await client.query('COMMIT');
  client.release();
}

describe('a first sync', () => {
  test('brings every value of every type, and says how it goes', async () => {
    const values = {
      email: 'tab\tnew\nline\\N "quoted" \u{1F41B}',
      account_id: null,
      vip: true,
      age: -7,
      big: '9223372036854775807',
      score: 0.1,
      balance: '12345678901234567890.123456789',
      born: '1965-08-01',
      wakes: '06:30:00.5',
      photo: 'AAEC/w==',
      extra: { a: [1, null, 'x\\y\t'], b: null },
      tags: ['a,b', '"', null, '\\'],
    };
    api.put('Contact', 'c1', values, Date.parse('2024-02-29T12:00:00.123Z'));
    api.put('Contact', 'c2', { extra: 'text', tags: [] }, 2000);
    const seen: Progress[] = [];
    await (await start({ onProgress: (progress) => seen.push(progress) })).firstSync;
    for (const large of [false, true]) {
      if (large) {
        fill(600);
        api.pageSize = 1000;
        await pool.query('TRUNCATE salesforce.contacts');
        // Not the cursor: a run that is under way would put its own there again.
        await pool.query('UPDATE upwrite.table_details SET restart = true');
        await eventually(async () => (Object.keys(await rows()).length === 602 ? true : undefined));
      }
      const row = await pool.query(
        `SELECT email, account_id, vip, age, big::text, score, balance::text, born::text, wakes::text,
           encode(photo, 'base64') AS photo, extra, tags, modified_at FROM salesforce.contacts WHERE id = 'c1'`,
      );
      expect(row.rows).toEqual([{ ...values, wakes: '06:30:00.5', modified_at: new Date('2024-02-29T12:00:00.123Z') }]);
      const second = await pool.query("SELECT email, extra, tags FROM salesforce.contacts WHERE id = 'c2'");
      expect(second.rows).toEqual([{ email: null, extra: 'text', tags: [] }]);
    }
    expect(seen.map((each) => each.state)).toContain('backfilling');
    expect(seen.at(-1)).toMatchObject({ state: 'live', reason: null });
    expect(await state()).toMatchObject({ state: 'live', reason: null, last_synced_at: expect.any(Date) });
  });

  test('pages through everything and counts it', async () => {
    fill(1050);
    api.pageSize = 100;
    const seen: Progress[] = [];
    await (await start({ onProgress: (progress) => seen.push(progress), intervalMs: hour })).firstSync;
    expect(await rows()).toEqual(upstream());
    expect(await state()).toMatchObject({ state: 'live', pages: '11', rows: '1050', expected_rows: '1050' });
    expect(seen.map((each) => each.rows)).toEqual(expect.arrayContaining([100, 500, 1050]));
  });

  test.each([1, 2, 5, 10])('that is stopped after page %i goes on behind it', async (pages) => {
    fill(1000);
    const first = await start();
    let reached: () => void = () => {};
    const stored = new Promise<void>((resolve) => {
      reached = resolve;
    });
    api.hook = async (_what, count, signal) => {
      if (count <= pages) return;
      reached();
      await new Promise<void>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      });
    };
    const stopped = first.firstSync.then(
      () => 'done',
      () => 'stopped',
    );
    if (pages < 10) {
      await stored;
      expect(Object.keys(await rows())).toHaveLength(pages * 100);
      await stop(first);
      expect(await stopped).toBe('stopped');
    } else {
      expect(await stopped).toBe('done');
      await stop(first);
    }
    api.hook = () => {};
    api.pages = 0;
    await (await start({ intervalMs: hour })).firstSync;
    // Of a table that was complete before, it may be known before it is looked at.
    await eventually(async () => (api.pages > 0 ? true : undefined));
    expect(await rows()).toEqual(upstream());
    expect(api.pages).toBe(pages === 10 ? 1 : 10 - pages);
  });

  test('is not done while pages fail, and does not fetch again what is stored', async () => {
    fill(500);
    let failures = 0;
    api.hook = (_what, count) => {
      if (count % 2 === 0) {
        failures += 1;
        throw new FaultError(fault('upstream_unavailable', { params: { provider: 'salesforce' } }));
      }
    };
    await (await start()).firstSync;
    expect(failures).toBeGreaterThanOrEqual(4);
    expect(api.pages - failures).toBeLessThanOrEqual(6);
    expect(await rows()).toEqual(upstream());
  });
});

describe('a catalog that changes', () => {
  test('while the first sync runs gets a new loop for what was altered, and the first sync still ends', async () => {
    fill(300);
    let altered = false;
    api.hook = async (_what, count) => {
      if (count !== 2 || altered) return;
      altered = true;
      catalog.replace(catalog.all().map((each) => ({ ...each, limits: {} })));
      (await starting).update();
    };
    const starting = start();
    const sync = await starting;
    await sync.firstSync;
    expect(altered).toBe(true);
    expect(await rows()).toEqual(upstream());
    catalog.replace([]);
    sync.update();
    await eventually(async () => {
      const { rowCount } = await pool.query('SELECT FROM upwrite_jobs.jobs WHERE locked_by IS NOT NULL');
      return rowCount === 0 ? true : undefined;
    });
    const calls = api.pages;
    api.put('Contact', 'late', { email: 'late' }, 9000);
    await stop(sync);
    expect(api.pages).toBe(calls);
    expect(Object.keys(await rows())).not.toContain('late');
  });

  test('by losing a table waits for it no longer', async () => {
    fill(300);
    api.hook = async (_what, _count, signal) => {
      const sync = await starting;
      await new Promise<void>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
        catalog.replace([]);
        sync.update();
      });
    };
    const starting = start();
    await (await starting).firstSync;
    expect(await rows()).toEqual({});
  });

  test.each(['by this process', 'by the next one'])('by giving a table back has it listed at once, %s', async (by) => {
    fill(5);
    const connections = [{ name: 'salesforce', provider: 'salesforce', session: api.session }];
    const install = (chosen: typeof connections) =>
      installCatalog({ pool, registry: tables, connections: chosen, signal: AbortSignal.timeout(30_000) });
    const sync = await start({ intervalMs: hour });
    await sync.firstSync;
    // Its next job, due in an hour, is there.
    await eventually(async () => {
      const { rowCount } = await pool.query('SELECT FROM upwrite_jobs.jobs WHERE locked_by IS NULL');
      return rowCount === 1 ? true : undefined;
    });
    if (by === 'by the next one') await stop(sync);
    catalog.replace((await install([])).all());
    if (by === 'by this process') sync.update();
    expect((await state())['state']).toBe('detached');
    api.put('Contact', 'c000001', { email: 'while it was away' }, 5000);
    catalog.replace((await install(connections)).all());
    if (by === 'by this process') sync.update();
    else await start({ intervalMs: hour });
    await converged();
    await eventually(async () => ((await state())['state'] === 'live' ? true : undefined));
  });
});

describe('changes', () => {
  test('with equal time stamps across pages neither loop nor get lost', async () => {
    fill(10);
    api.pageSize = 3;
    await (await start()).firstSync;
    for (let i = 0; i < 20; i += 1) api.put('Contact', `same${i}`, { email: `s${i}` }, 9000);
    await converged();
    const before = api.pages;
    api.put('Contact', 'same99', { email: 's99' }, 9000);
    await converged();
    expect(api.pages - before).toBeLessThan(200);
  });

  test('include deletions, and a record that was made again', async () => {
    fill(50);
    await (await start()).firstSync;
    for (let i = 0; i < 20; i += 1) api.remove('Contact', `c${String(i).padStart(6, '0')}`, 5000 + i);
    await converged();
    api.put('Contact', 'c000003', { email: 'back' }, 6000);
    await converged();
  });

  test('keep a column that a record does not tell', async () => {
    api.put('Contact', 'c1', { email: 'kept', age: 1 }, 1000);
    await (await start()).firstSync;
    api.put('Contact', 'c1', { age: 2 }, 2000);
    await eventually(async () =>
      (await pool.query('SELECT FROM salesforce.contacts WHERE age = 2')).rowCount ? true : undefined,
    );
    expect(await rows()).toEqual({ c1: 'kept' });
  });

  test('that say nothing new write nothing', async () => {
    fill(20);
    const sync = await start({ intervalMs: hour });
    await sync.firstSync;
    const before = await pool.query('SELECT id, xmin FROM salesforce.contacts ORDER BY id');
    await sync.refresh(table.oid, ['c000001', 'c000002'], AbortSignal.timeout(20_000));
    expect((await pool.query('SELECT id, xmin FROM salesforce.contacts ORDER BY id')).rows).toEqual(before.rows);
  });
});

describe('an API that does not list deletions', () => {
  test('is swept: what a full listing lacks is deleted, what was written meanwhile is not', async () => {
    await setUp(contacts({ pull: { incremental: false, deletions: 'sweep' } }));
    fill(300);
    await (await start()).firstSync;
    for (let i = 100; i < 300; i += 1) api.remove('Contact', `c${String(i).padStart(6, '0')}`, 5000);
    api.put('Contact', 'c000001', { email: 'changed' }, 5000);
    await converged();
  });

  test('and a crash of the server in the middle of a listing deletes nothing that is there', async () => {
    await setUp(contacts({ pull: { incremental: false, deletions: 'sweep' } }));
    fill(500);
    const first = await start({ intervalMs: hour });
    await first.firstSync;
    await stop(first);
    let crash: Promise<void> | null = null;
    const from = api.pages;
    api.hook = async (_what, count) => {
      if (count === from + 4 && crash === null) {
        crash = server.stop('immediate').then(() => server.start());
        await crash;
      }
    };
    api.remove('Contact', 'c000000', 5000);
    await start();
    await eventually(async () => (crash === null ? undefined : true), 60_000);
    await crash;
    await converged(90_000);
  });
});

describe('a write', () => {
  test.each([
    ['its version known', 2000],
    ['its version not known', undefined],
  ])('is not undone by a page that was read before it, %s', async (_name, version) => {
    fill(5);
    const sync = await start({ intervalMs: hour });
    await sync.firstSync;
    let done = false;
    // The page of c000001's change at 1900 is in hand when a client's write at 2000 goes all the way through.
    api.put('Contact', 'c000001', { email: 'page' }, 1900);
    api.afterRead = async () => {
      if (done) return;
      done = true;
      api.put('Contact', 'c000001', { email: 'write' }, 2000);
      await write('c000001', 'write', version);
    };
    const emails: unknown[] = [];
    let over = false;
    // One look after the other: of two at once the later may be answered first.
    const watch = async (): Promise<void> => {
      while (!over) emails.push((await rows())['c000001']);
    };
    await stop(sync);
    const watching = watch();
    try {
      await start();
      await eventually(async () => (done ? true : undefined));
      await converged();
    } finally {
      over = true;
      await watching;
    }
    expect((await rows())['c000001']).toBe('write');
    const first = emails.indexOf('write');
    expect(emails.slice(Math.max(first, 0)).filter((email) => first >= 0 && email !== 'write')).toEqual([]);
    await eventually(async () =>
      (await pool.query('SELECT FROM upwrite.stale_keys')).rowCount === 0 ? true : undefined,
    );
  });

  test('that deletes is not undone by an older page, and one that follows upstream is not lost', async () => {
    fill(5);
    const first = await start({ intervalMs: hour });
    await first.firstSync;
    await stop(first);
    let step = 0;
    api.put('Contact', 'c000001', { email: 'page' }, 1900);
    api.put('Contact', 'c000002', { email: 'page' }, 1900);
    api.afterRead = async () => {
      if (step > 0) return;
      step = 1;
      api.remove('Contact', 'c000001', 2000);
      await write('c000001', null);
      api.put('Contact', 'c000002', { email: 'write' }, 2000);
      await write('c000002', 'write');
      api.put('Contact', 'c000002', { email: 'somebody else' }, 2001);
      step = 2;
    };
    await start();
    await eventually(async () => (step === 2 ? true : undefined));
    await converged();
    expect(await rows()).toMatchObject({ c000002: 'somebody else' });
    expect(await rows()).not.toHaveProperty('c000001');
  });

  test('that has the table keeps a page waiting, so that the page sees it', async () => {
    await setUp(contacts({ pull: { incremental: true, deletions: 'listed' } }));
    fill(3);
    const first = await start({ intervalMs: hour });
    await first.firstSync;
    await stop(first);
    const client = await pool.connect();
    await beginApply(client, table.oid, 1000);
    await client.query("UPDATE salesforce.contacts SET email = 'applied' WHERE id = 'c000000'");
    api.put('Contact', 'c000001', { email: 'page' }, 5000);
    await start();
    await eventually(async () => {
      const waiting = await pool.query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
      return waiting.rowCount === 1 ? true : undefined;
    });
    expect((await rows())['c000001']).toBe('e1');
    await client.query('ROLLBACK');
    client.release();
    await converged();
  });

  test("a client's own row lock holds nothing up but its row", async () => {
    fill(3);
    await (await start()).firstSync;
    const app = await connect(server.url());
    await app.query("BEGIN; SELECT FROM salesforce.contacts WHERE id = 'c000001' FOR UPDATE");
    api.put('Contact', 'c000001', { email: 'locked' }, 5000);
    api.put('Contact', 'c000002', { email: 'free' }, 5001);
    api.remove('Contact', 'c000000', 5002);
    await eventually(async () =>
      (await rows())['c000002'] === 'free' && !('c000000' in (await rows())) ? true : undefined,
    );
    expect((await rows())['c000001']).toBe('e1');
    await app.query('COMMIT');
    await converged();
  });
});

describe('health', () => {
  test('says why the API fails, and is live again by itself', async () => {
    fill(3);
    await (await start()).firstSync;
    api.hook = () => {
      throw new FaultError(
        fault('credentials_refused', { params: { provider: 'salesforce', connection: 'salesforce' } }),
      );
    };
    await eventually(async () => ((await state())['state'] === 'unhealthy' ? true : undefined));
    const since = (await state())['since'];
    expect((await state())['reason']).toBe('salesforce refused the credentials of connection "salesforce"');
    const tries = api.pages;
    await eventually(async () => (api.pages > tries + 2 ? true : undefined));
    expect((await state())['since']).toEqual(since);
    api.hook = () => {};
    api.put('Contact', 'c9', { email: 'later' }, 9000);
    await converged();
    await eventually(async () => ((await state())['state'] === 'live' ? true : undefined));
  });

  test('never shows what an unforeseen error says', async () => {
    api.hook = () => {
      throw new Error('token s3cr3t');
    };
    await start();
    await eventually(async () => ((await state())['state'] === 'unhealthy' ? true : undefined));
    expect((await state())['reason']).toBe('reading from salesforce failed; the log has more');
    api.hook = () => {};
    api.put('Contact', 'c1', { age: 'no number' }, 1000);
    await eventually(async () => (String((await state())['reason']).includes('22P02') ? true : undefined));
    expect((await state())['reason']).toBe('the database refused a page (SQLSTATE 22P02); the log has more');
  });

  test('a database that goes away pauses the sync, and it goes on when the database is back', async () => {
    fill(300);
    const seen: Progress[] = [];
    await (await start({ onProgress: (progress) => seen.push(progress) })).firstSync;
    await server.stop('immediate');
    api.put('Contact', 'c1', { email: 'while away' }, 5000);
    await eventually(async () => (seen.at(-1)?.state === 'paused' ? true : undefined));
    await server.start();
    await converged(60_000);
    await eventually(async () => ((await state())['state'] === 'live' ? true : undefined));
  });
});

describe('several processes', () => {
  test('never work on one table at once, and the next one takes over from a dead one', async () => {
    fill(500);
    const other = await takeLease(pool, { kind: 'test', onError: () => {} });
    let running = 0;
    let most = 0;
    api.hook = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
    };
    const one = await start();
    await eventually(async () => (api.pages > 0 ? true : undefined));
    const two = await start({ worker: other.id });
    await Promise.all([one.firstSync, two.firstSync]);
    expect(await rows()).toEqual(upstream());
    expect(most).toBe(1);
    await stop(one);
    api.put('Contact', 'c1', { email: 'after' }, 5000);
    await converged();
    await other.release();
  });

  test('refresh reads single records now, and deletes one that is gone', async () => {
    fill(10);
    const sync = await start({ intervalMs: hour });
    await sync.firstSync;
    api.put('Contact', 'c000001', { email: 'fresh' }, 5000);
    api.remove('Contact', 'c000002', 5000);
    await sync.refresh(table.oid, ['c000001', 'c000002', 'never'], AbortSignal.timeout(20_000));
    expect(await rows()).toEqual(upstream());
  });
});

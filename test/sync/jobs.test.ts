/** Jobs, with real processes' leases and a real server that goes away. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { inTransaction, migrate, positions, takeLease } from '../../src/store/index.js';
import { freeTheDead } from '../../src/sync/alive.js';
import { type JobReport, type Jobs, type JobsOptions, openJobs } from '../../src/sync/index.js';
import { TalkingChild } from '../faults/child.js';
import { eventually, ownPool } from '../support/database.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { registerContacts } from '../support/registered.js';

const quiet = { debug: () => {}, info: () => {}, warn: () => {} };

let server: TestPostgres;
let pool: pg.Pool;
const opened = new Set<Jobs>();

beforeEach(async () => {
  server ??= await startTestPostgres();
  pool ??= ownPool(server.upwriteUrl);
  await migrate(pool);
});

afterEach(async () => {
  await Promise.all([...opened].map((jobs) => jobs.stop()));
  opened.clear();
  await clear();
});

/** One after the other: a process that was killed may have left a look, which has the jobs' tables and waits for a lease. */
async function clear(): Promise<void> {
  await pool.query('DELETE FROM upwrite.processes');
  await pool.query('DROP SCHEMA IF EXISTS upwrite_jobs CASCADE');
}

/**
 * A process that no stall of this one takes for dead, so that its jobs run once. `ghost`: its lease is short and not
 * renewed, as of a process that has been killed. `leaseMs` is after how long this one takes others for dead.
 */
async function open(options: Partial<JobsOptions> & { ghost?: boolean } = {}): Promise<Jobs> {
  const { ghost = false, ...given } = options;
  const leaseMs = 60_000;
  const lease = await takeLease(pool, {
    kind: 'test',
    onError: () => {},
    ...(ghost ? { leaseMs: 900, renewMs: 3_600_000 } : { leaseMs }),
  });
  const own = ownPool(server.upwriteUrl, 4);
  const jobs = await openJobs({ pool: own, lease, leaseMs, concurrency: 4, log: quiet, ...given });
  opened.add(jobs);
  return jobs;
}

async function waiting(): Promise<number> {
  const result = await pool.query<{ n: number }>('SELECT count(*)::int AS n FROM upwrite_jobs.jobs');
  return result.rows[0]?.n ?? 0;
}

test('a job runs in whichever process knows its task, and is gone afterwards', async () => {
  const done: unknown[] = [];
  const one = await open();
  const two = await open();
  two.register('count', async (payload, { attempt }) => {
    done.push([payload, attempt]);
  });
  one.register('other', async () => undefined);
  await Promise.all([one.start(), two.start()]);
  for (let n = 0; n < 20; n += 1) await one.add('count', { n });
  await eventually(async () => (done.length === 20 && (await waiting()) === 0 ? true : undefined));
  expect(done).toEqual(expect.arrayContaining([[{ n: 0 }, 1]]));
});

test('of jobs with one key that wait there is one: the last, or with keepEarlier the earliest', async () => {
  const jobs = await open();
  const done: unknown[] = [];
  jobs.register('late', async (payload) => {
    done.push(payload);
  });
  for (const n of [1, 2, 3]) await jobs.add('late', { n }, { key: 'one', delayMs: 3_600_000 });
  expect(await waiting()).toBe(1);
  await jobs.add('late', { n: 4 }, { key: 'one' });
  await jobs.add('late', { n: 5 }, { key: 'one', delayMs: 3_600_000, keepEarlier: true });
  await jobs.ensure('late', [{ key: 'one', payload: { n: 6 }, withinMs: 1000 }]);
  await jobs.start();
  await eventually(async () => (done.length > 0 && (await waiting()) === 0 ? true : undefined));
  expect(done).toEqual([{ n: 5 }]);
});

test('ensure adds what is missing, and makes due what is too late', async () => {
  const jobs = await open();
  const list = [
    { key: 'a', payload: { n: 1 }, withinMs: 60_000 },
    { key: 'b', payload: { n: 2 }, withinMs: 60_000 },
  ];
  await jobs.add('late', { n: 0 }, { key: 'a', delayMs: 30_000 });
  await jobs.ensure('late', list);
  await jobs.ensure('late', list);
  const due = () => pool.query('SELECT key, run_at <= clock_timestamp() AS due FROM upwrite_jobs.jobs ORDER BY key');
  expect((await due()).rows).toEqual([
    { key: 'a', due: false },
    { key: 'b', due: true },
  ]);
  await jobs.ensure('late', [{ key: 'a', payload: { n: 3 }, withinMs: 1000 }]);
  expect((await due()).rows[0]).toEqual({ key: 'a', due: true });
});

test('a job is added with the transaction that adds it, or not at all', async () => {
  const jobs = await open();
  const failed = inTransaction(pool, async (client) => {
    await jobs.add('late', {}, { db: client });
    throw new Error('on purpose');
  });
  await expect(failed).rejects.toThrow('on purpose');
  expect(await waiting()).toBe(0);
  await inTransaction(pool, (client) => jobs.add('late', {}, { db: client }));
  expect(await waiting()).toBe(1);
});

test('work that throws is tried again as often as it may be, and no further', async () => {
  const reports: JobReport[] = [];
  const jobs = await open({ onJob: (report) => reports.push(report) });
  jobs.register('fails', async () => {
    throw new Error('on purpose');
  });
  await jobs.add('fails', {}, { attempts: 1 });
  await jobs.start();
  await eventually(async () => (reports.length === 2 ? true : undefined));
  expect(reports.map(({ event }) => event)).toEqual(['started', 'failed']);
  await eventually(async () => {
    const left = await pool.query('SELECT attempts, max_attempts, locked_at FROM upwrite_jobs.jobs');
    return left.rows[0]?.locked_at === null ? true : undefined;
  });
});

test('what a dead process was at goes to another one when its lease has run out', async () => {
  // Its one worker is busy for ever, so that it takes nothing more, as the dead do not.
  const dead = await open({ ghost: true, concurrency: 1 });
  let begun = 0;
  let finish = (): void => undefined;
  dead.register('long', () => {
    begun += 1;
    return new Promise((resolve) => {
      finish = resolve;
    });
  });
  await dead.start();
  await dead.add('long', { n: 1 });
  await eventually(async () => (begun === 1 ? true : undefined));
  const other = await open({ leaseMs: 900 });
  const done: unknown[] = [];
  other.register('long', async (payload) => {
    done.push(payload);
  });
  await other.start();
  await eventually(async () => (done.length === 1 ? true : undefined));
  expect(done).toEqual([{ n: 1 }]);
  finish();
});

test('what a process was at that was killed is free at once, whatever its lease says', async () => {
  const oid = 4711;
  await registerContacts(pool, oid);
  const [{ definition } = { definition: 0 }] = (
    await pool.query<{ definition: number }>('SELECT definition FROM upwrite.table_details WHERE table_oid = $1', [oid])
  ).rows;
  const table = { oid, definition };
  const holder = await TalkingChild.start('test/sync/holder.js', { url: server.upwriteUrl, table }, () => {});
  const locks = (count: number): Promise<true> =>
    eventually(async () => {
      const found = await pool.query('SELECT FROM upwrite.processes WHERE job_lock IS NOT NULL');
      return found.rowCount === count ? true : undefined;
    });
  // Until it has said which jobs are its own, they are nobody's that lives.
  await locks(1);
  const other = await open({ leaseMs: 6000 });
  const done: unknown[] = [];
  other.register('hold', async () => {
    done.push(await positions.claim(pool, table, randomUUID(), false));
  });
  await other.start();
  await locks(2);
  // As long as it lives, looks find nothing to free.
  await freeTheDead(pool, { id: randomUUID(), worker: 'somebody', listens: false }, 900);
  expect(await positions.claim(pool, table, randomUUID(), false)).toBe('busy');
  expect(done).toEqual([]);
  // As if it ran on another machine, where nobody here can see that it is gone.
  await pool.query("UPDATE upwrite.processes SET place = 'another' WHERE lease_until > now() + interval '30 minutes'");
  await holder.kill();
  await eventually(async () => (done.length === 1 ? true : undefined));
  expect(done).toEqual([expect.objectContaining({ run: expect.any(String) })]);
  const left = await pool.query(
    "SELECT FROM upwrite.processes WHERE lease_until > clock_timestamp() + interval '30 minutes'",
  );
  expect(left.rowCount).toBe(1);
});

test('a process whose engine begins anew says that it holds its lock when it does, and not before', async () => {
  const own = ownPool(server.upwriteUrl, 4);
  let isTrapSet = false;
  let isCaught = false;
  let letThrough = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    letThrough = resolve;
  });
  own.on('connect', (client) => {
    const query: unknown = Reflect.get(client, 'query');
    if (typeof query !== 'function') throw new Error('the client cannot ask');
    Reflect.set(client, 'query', (...given: unknown[]) => {
      if (!String(given[0]).startsWith('SELECT pg_advisory_lock_shared')) return Reflect.apply(query, client, given);
      if (!isTrapSet) return Reflect.apply(query, client, given);
      isCaught = true;
      return gate.then(() => Reflect.apply(query, client, given));
    });
  });
  const jobs = await open({ pool: own, leaseMs: 600 });
  await jobs.start();
  const said = async (): Promise<{ worker: string; holds: boolean } | undefined> => {
    const found = await pool.query<{ worker: string; holds: boolean }>(
      'SELECT job_worker AS worker, job_lock IS NOT NULL AS holds FROM upwrite.processes WHERE job_worker IS NOT NULL',
    );
    return found.rows[0];
  };
  const first = await eventually(async () => {
    const now = await said();
    return now?.holds === true ? now.worker : undefined;
  });
  isTrapSet = true;
  // It has a job that it does not know of, and begins anew for that.
  await jobs.add('late', {}, { delayMs: 3_600_000 });
  await pool.query(`UPDATE upwrite_jobs._private_jobs SET locked_by = $1, locked_at = now() - interval '1 hour'`, [
    first,
  ]);
  try {
    const second = await eventually(async () => {
      const now = await said();
      return isCaught && now?.worker !== first ? now : undefined;
    });
    expect(second).toMatchObject({ holds: false });
  } finally {
    letThrough();
  }
  await eventually(async () => ((await said())?.holds === true ? true : undefined));
});

test('a server that is killed in the middle of jobs loses none of them', async () => {
  const jobs = await open();
  const done = new Set<unknown>();
  let killed: Promise<void> | null = null;
  jobs.register('ask', async (payload) => {
    if (done.size >= 5) killed ??= server.stop('immediate').then(() => server.start());
    await pool.query('SELECT pg_sleep(0.01)');
    done.add(JSON.stringify(payload));
  });
  for (let n = 0; n < 30; n += 1) await jobs.add('ask', { n });
  await jobs.start();
  await eventually(async () => (killed === null ? undefined : true));
  await killed;
  await eventually(async () => (done.size === 30 ? true : undefined), 50_000);
  await eventually(async () => ((await waiting()) === 0 ? true : undefined), 50_000);
});

test('jobs that were fetched ahead are free again when their process stops, its database gone or not', async () => {
  for (const gone of [false, true]) {
    const held = await open();
    let begun = 0;
    const going: (() => void)[] = [];
    held.register('hold', async (_payload, { signal }) => {
      begun += 1;
      await new Promise<void>((resolve) => {
        going.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      if (gone && signal.aborted) await server.stop('immediate');
    });
    await held.start();
    for (let n = 0; n < 3; n += 1) await held.add('hold', { n });
    await eventually(async () => (begun === 3 ? true : undefined));
    // One worker waits, so that of these, which come at once, three are fetched with none to do them.
    await inTransaction(pool, async (db) => {
      for (let n = 3; n < 7; n += 1) await held.add('hold', { n }, { db });
    });
    await eventually(async () => {
      const all = await locked();
      if (going.length === 4 && all > 4) return true;
      // They are given back after a second: where that has gone by, the end of another job has some fetched again.
      if (going.length === 4 && all === 4) {
        await held.add('hold', {});
        going.shift()?.();
      }
      return undefined;
    });
    const before = begun;
    await held.stop();
    expect(begun).toBe(before);
    if (gone) await server.start();
    else expect(await locked()).toBe(0);
    opened.delete(held);
    await clear();
  }
});

test('a LISTEN that fails while the engine stops is no failure that nobody hears', async () => {
  const own = ownPool(server.upwriteUrl, 4);
  let fail = (): void => undefined;
  const listening = new Promise<void>((resolve) => {
    own.on('connect', (client) => {
      const query: unknown = Reflect.get(client, 'query');
      if (typeof query !== 'function') throw new Error('the client cannot ask');
      Reflect.set(client, 'query', (...given: unknown[]) => {
        if (!String(given[0]).startsWith('LISTEN')) return Reflect.apply(query, client, given);
        resolve();
        return new Promise((_resolve, reject) => {
          fail = () => reject(new Error('the database went away'));
        });
      });
    });
  });
  const jobs = await open({ pool: own });
  await jobs.start();
  await listening;
  await jobs.stop();
  const unheard: unknown[] = [];
  const hear = (reason: unknown): void => void unheard.push(reason);
  process.on('unhandledRejection', hear);
  fail();
  // Long enough for what follows from it: statements of the same connection are answered in order.
  await eventually(async () => (own.idleCount === own.totalCount ? true : undefined));
  await own.query('SELECT');
  process.off('unhandledRejection', hear);
  expect(unheard).toEqual([]);
});

async function locked(): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM upwrite_jobs.jobs WHERE locked_by IS NOT NULL',
  );
  return rows[0]?.n ?? 0;
}

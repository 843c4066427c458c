import type pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import {
  beginApply,
  beginWithLocks,
  conflictLocks,
  isDatabaseAway,
  isLockTimeout,
  lockKeys,
  lockSession,
  lockTableExclusive,
  lockTableShared,
  unlockSession,
} from '../../src/store/index.js';
import { ownPool } from '../support/database.js';
import { startTestPostgres } from '../support/postgres.js';
import { waitFor } from '../support/wait.js';

let pool: pg.Pool;

beforeAll(async () => {
  const server = await startTestPostgres();
  pool = ownPool(server.upwriteUrl);
});

async function withClients(run: (a: pg.PoolClient, b: pg.PoolClient) => Promise<void>): Promise<void> {
  const a = await pool.connect();
  const b = await pool.connect();
  try {
    await run(a, b);
  } finally {
    // What they have locked is free when the next test begins, and not when their sessions have ended.
    await Promise.all([a, b].map((client) => unlockSession(client).catch(() => undefined)));
    a.release(true);
    b.release(true);
  }
}

async function heldLocks(): Promise<number> {
  const result = await pool.query("SELECT FROM pg_locks WHERE locktype = 'advisory'");
  return result.rowCount ?? 0;
}

async function outcome(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (isLockTimeout(error) ? 'lock timeout' : String(error)),
  );
}

test('locks of a transaction keep others out of the same keys, in the same table only, until it ends', async () => {
  await withClients(async (a, b) => {
    await beginWithLocks(a, lockKeys(1, ['x', 'y']), 1000);
    expect(await outcome(beginWithLocks(b, lockKeys(1, ['y', 'z']), 20))).toBe('lock timeout');
    await b.query('ROLLBACK');
    expect(await outcome(beginWithLocks(b, lockKeys(2, ['y', 'z']), 20))).toBe('done');
    await b.query('ROLLBACK');
    await a.query('COMMIT');
    expect(await outcome(beginWithLocks(b, lockKeys(1, ['y', 'z']), 20))).toBe('done');
    await b.query('COMMIT');
    expect(await heldLocks()).toBe(0);
  });
});

test('locks of a session outlive a transaction, and a failed attempt can be undone', async () => {
  await withClients(async (a, b) => {
    await lockSession(a, lockKeys(1, ['b']), 1000);
    expect(await outcome(lockSession(b, lockKeys(1, ['a', 'b', 'c', 'd']), 20))).toBe('lock timeout');
    await unlockSession(b);
    expect(await heldLocks()).toBe(1);
    await unlockSession(a);
    expect(await outcome(lockSession(b, lockKeys(1, ['a', 'b']), 20))).toBe('done');
    await unlockSession(b);
    expect(await heldLocks()).toBe(0);
  });
});

test('writes are applied side by side, and not while a page is merged', async () => {
  await withClients(async (a, b) => {
    await beginApply(a, 7, 1000);
    await beginApply(b, 7, 20);
    await b.query('COMMIT; BEGIN');
    expect(await outcome(lockTableExclusive(b, 7, 20))).toBe('lock timeout');
    await b.query('ROLLBACK; BEGIN');
    await a.query('COMMIT');
    expect(await outcome(lockTableExclusive(b, 7, 20))).toBe('done');
    expect(await outcome(beginApply(a, 7, 20))).toBe('lock timeout');
  });
});

test('a page that waits for a write that does not end keeps no other write from being applied', async () => {
  await withClients(async (stuck, sync) => {
    await beginApply(stuck, 7, 1000);
    await sync.query("BEGIN; SET LOCAL application_name = 'sync'; CREATE TEMP TABLE staged (n int) ON COMMIT DROP");
    const merging = lockTableExclusive(sync, 7, 50_000);
    await waitFor('the page to wait', async () => {
      const waiting = "SELECT FROM pg_stat_activity WHERE application_name = 'sync' AND wait_event = 'advisory'";
      return (await pool.query(waiting)).rowCount === 1;
    });
    await withClients(async (writer) => {
      expect(await outcome(beginApply(writer, 7, 20_000))).toBe('done');
      await writer.query('COMMIT');
    });
    await stuck.query('COMMIT');
    await merging;
    // This process may be silent for longer than the server bears with a merge.
    await sync.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    expect((await sync.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '50s' }]);
    expect(await outcome(beginApply(stuck, 7, 20))).toBe('lock timeout');
    // What was staged before is there.
    await sync.query('SELECT FROM staged');
    await sync.query('COMMIT');
  });
});

test('a page whose process is not heard of any more does not keep writes out for good', async () => {
  await withClients(async (frozen, writer) => {
    await frozen.query('BEGIN');
    await lockTableExclusive(frozen, 7, 1000);
    expect(await outcome(beginApply(writer, 7, 20_000))).toBe('done');
    const error = await frozen.query('COMMIT').catch((reason: unknown) => reason);
    expect(isDatabaseAway(error)).toBe(true);
  });
});

test('a write whose process is not heard of any more while it is applied does not keep pages out for good', async () => {
  const silence = 500;
  for (const begin of ['with locks', 'on its own'] as const) {
    await withClients(async (frozen, sync) => {
      if (begin === 'on its own') await beginApply(frozen, 7, 1000, silence);
      else {
        await beginWithLocks(frozen, lockKeys(7, ['x']), 1000);
        await lockTableShared(frozen, 7, silence);
      }
      await sync.query('BEGIN');
      expect(await outcome(lockTableExclusive(sync, 7, 20_000))).toBe('done');
      const error = await frozen.query('COMMIT').catch((reason: unknown) => reason);
      expect(isDatabaseAway(error)).toBe(true);
    });
  }
});

test('two hundred keys are locked in one go, in one order by everybody', async () => {
  const keys = Array.from({ length: 200 }, (_, i) => `003${i}`);
  const locks = lockKeys(9, keys);
  expect(locks).toHaveLength(200);
  expect(lockKeys(9, [...keys].reverse().concat(keys))).toEqual(locks);
  expect(locks.every((lock, i) => i === 0 || (locks[i - 1] ?? lock) < lock)).toBe(true);
  const rounds = Array.from({ length: 40 }, async (_, i) => {
    const client = await pool.connect();
    await beginWithLocks(client, lockKeys(9, i % 2 === 0 ? keys : [...keys].reverse()), 20_000);
    await client.query('COMMIT');
    client.release();
  });
  await Promise.all(rounds);
});

test('upserts of one value take turns, whatever its case, and leave other values and records alone', async () => {
  await withClients(async (a, b) => {
    await beginWithLocks(a, conflictLocks(1, ['email'], ['["X@x.io"]']), 1000);
    expect(await outcome(beginWithLocks(b, conflictLocks(1, ['email'], ['["x@X.io"]', '["y"]']), 20))).toBe(
      'lock timeout',
    );
    await b.query('ROLLBACK');
    const others = [
      ...conflictLocks(1, ['email'], ['["y"]']),
      ...conflictLocks(1, ['name'], ['["X@x.io"]']),
      ...conflictLocks(2, ['email'], ['["X@x.io"]']),
      ...lockKeys(1, ['["X@x.io"]']),
    ];
    expect(await outcome(beginWithLocks(b, others, 20))).toBe('done');
  });
});

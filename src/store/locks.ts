/**
 * Advisory locks of synced tables: one definition of their keys, shared by every writer.
 *
 * - A **key lock** (exclusive, one a record) is held by a write from before its second evaluation until its outcome is
 *   committed, the API call included. Writers of one record therefore take turns, across all Upwrite processes.
 * - The **table lock** is shared for the short local transaction that applies a confirmed write, and exclusive for the
 *   transaction in which the sync merges a page. A page holds thousands of keys, and taking a lock for each would fill
 *   the server's lock table; the table lock costs one, and it makes the sync see every write that was applied before.
 *
 * - A **value lock** (exclusive, one a row) is held by an upsert in the same way: two that would make the same record
 *   take turns, whether or not the record is here.
 *
 * Always in this order: value locks sorted, key locks sorted, then the table lock, then rows. So no two of them can wait
 * for each other.
 */
import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';
import { isLockTimeout } from './database.js';

/** A 64-bit key for pg_advisory_lock, from any text. */
export function lockKey(text: string): bigint {
  return createHash('sha256').update(`upwrite\0${text}`).digest().readBigInt64BE(0);
}

/** The advisory lock keys of records of a table: sorted, without duplicates. */
export function lockKeys(tableOid: number, keys: readonly string[]): bigint[] {
  return sortedLocks(keys.map((key) => `${tableOid}\0${key}`));
}

function sortedLocks(texts: readonly string[]): bigint[] {
  const unique = new Set(texts.map(lockKey));
  return [...unique].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/**
 * The advisory lock keys of values that upserts find records by, each given as one text: sorted, without duplicates. An
 * API may take values that differ in case only for the same, and so do the locks.
 */
export function conflictLocks(tableOid: number, columns: readonly string[], values: readonly string[]): bigint[] {
  const place = `${tableOid}\0upsert\0${columns.join('\0')}`;
  return sortedLocks(values.map((value) => `${place}\0${value.toLowerCase()}`));
}

/** The advisory lock key of a table as a whole. */
export function tableLockKey(tableOid: number): bigint {
  return lockKey(`${tableOid}`);
}

/** Milliseconds that a merge queues for the table lock, at first and at most, and that it leaves to others in between. */
const queuedMs = [250, 1000] as const;
const apartMs = 100;
/**
 * Milliseconds after which the server ends a transaction that has a table's lock and is not heard of, its process being
 * frozen, say. A merge's: less than a write waits for its commit where `writes.lockTimeout` is the default. A write's is
 * longer, since what the API has accepted is then in doubt until the journal is read.
 */
const silenceMs = { merge: 4000, write: 30_000 } as const;

function milliseconds(timeoutMs: number): number {
  return Math.max(1, Math.floor(timeoutMs));
}

/**
 * Begins a transaction on the client and takes the locks in it, in one round trip; COMMIT and ROLLBACK let go of them.
 * Fails with 55P03 (see `isLockTimeout`) when one of them is not had within `timeoutMs`, leaving a failed transaction
 * for the caller to roll back. Statements that follow wait for row locks no longer than `timeoutMs` either.
 */
export async function beginWithLocks(
  client: pg.ClientBase,
  locks: readonly bigint[],
  timeoutMs: number,
): Promise<void> {
  await client.query(
    `BEGIN; SET LOCAL lock_timeout = ${milliseconds(timeoutMs)};
     SELECT pg_advisory_xact_lock(k) FROM unnest('{${locks.join(',')}}'::bigint[]) AS k`,
  );
}

/**
 * Takes locks that outlive transactions, in one round trip, in the order given. A client that gets an error here may
 * hold some of them: `unlockSession` frees it. Outside a transaction block only.
 */
export async function lockSession(client: pg.ClientBase, locks: readonly bigint[], timeoutMs: number): Promise<void> {
  await client.query(
    `BEGIN; SET LOCAL lock_timeout = ${milliseconds(timeoutMs)};
     SELECT pg_advisory_lock(k) FROM unnest('{${locks.join(',')}}'::bigint[]) AS k; COMMIT`,
  );
}

/** Ends a failed transaction, if there is one, and lets go of every session-level lock of the client. */
export async function unlockSession(client: pg.ClientBase): Promise<void> {
  await client.query('ROLLBACK; SELECT pg_advisory_unlock_all()');
}

/**
 * Within the transaction that applies a confirmed write, before it touches a row: keeps merges of pages out. It is to be
 * committed then without waiting for anything: the server ends it (25P03) when it is silent for `silence` milliseconds.
 */
export async function lockTableShared(
  client: pg.ClientBase,
  tableOid: number,
  silence: number = silenceMs.write,
): Promise<void> {
  await client.query(lockTableSharedSql(tableOid, silence));
}

/** Begins the transaction that applies a confirmed write and keeps merges of pages out, in one round trip. */
export async function beginApply(
  client: pg.ClientBase,
  tableOid: number,
  timeoutMs: number,
  silence: number = silenceMs.write,
): Promise<void> {
  await client.query(
    `BEGIN; SET LOCAL lock_timeout = ${milliseconds(timeoutMs)}; ${lockTableSharedSql(tableOid, silence)}`,
  );
}

function lockTableSharedSql(tableOid: number, silence: number): string {
  return `SET LOCAL idle_in_transaction_session_timeout = ${milliseconds(silence)};
     SELECT pg_advisory_xact_lock_shared('${tableLockKey(tableOid)}'::bigint)`;
}

/**
 * Within a transaction that merges a page: waits for the writes being applied, and keeps new ones out until it ends. Fails
 * with 55P03 when the lock is not had within `timeoutMs`, leaving a failed transaction.
 *
 * Whoever waits for an exclusive lock keeps out those who come after it, so that one write that does not end, its process
 * being frozen, say, would keep out all others for as long as this one waits, and API calls that were accepted would end
 * in doubt. So it queues for moments only, and lets the others pass in between. A transaction that holds the lock and is
 * not heard of for `silenceMs.merge` is ended by the server (25P03).
 * Source: PostgreSQL manual, "Explicit Locking" and "Client Connection Defaults".
 */
export async function lockTableExclusive(client: pg.ClientBase, tableOid: number, timeoutMs: number): Promise<void> {
  const patience = milliseconds(timeoutMs);
  const end = performance.now() + patience;
  // Longer each time: in a slow database the writes that are being applied now may need it.
  for (let longest: number = queuedMs[0]; ; longest = Math.min(longest * 2, queuedMs[1])) {
    const queued = Math.min(longest, end - performance.now());
    try {
      await client.query(
        `SAVEPOINT before_lock; SET LOCAL lock_timeout = ${milliseconds(queued)};
         SELECT pg_advisory_xact_lock('${tableLockKey(tableOid)}'::bigint); RELEASE before_lock;
         SET LOCAL lock_timeout = ${patience}; SET LOCAL idle_in_transaction_session_timeout = ${silenceMs.merge}`,
      );
      return;
    } catch (error) {
      if (!isLockTimeout(error) || performance.now() >= end) throw error;
      await client.query('ROLLBACK TO before_lock; RELEASE before_lock');
      await setTimeout(Math.min(apartMs, Math.max(0, end - performance.now())));
    }
  }
}

/** Within a transaction, before it touches rows that belong to several tables: keeps merges of them all out. */
export async function lockTablesShared(
  client: pg.ClientBase,
  tableOids: readonly number[],
  timeoutMs: number,
): Promise<void> {
  const keys = [...new Set(tableOids)].map(tableLockKey).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  await client.query(
    `SET LOCAL lock_timeout = ${milliseconds(timeoutMs)};
     SELECT pg_advisory_xact_lock_shared(k) FROM unnest('{${keys.join(',')}}'::bigint[]) AS k`,
  );
}

/**
 * Runs `work` while no other process runs work of that name; null, and nothing is run, where one does. The lock is that of
 * a connection, so that it ends with the process.
 */
export async function runAlone<T>(pool: pg.Pool, name: string, work: () => Promise<T>): Promise<{ done: T } | null> {
  const client = await pool.connect();
  const key = lockKey(name).toString();
  let broken = true;
  try {
    const result = await client.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1) AS got', [key]);
    if (result.rows[0]?.got !== true) {
      broken = false;
      return null;
    }
    try {
      return { done: await work() };
    } finally {
      await client.query('SELECT pg_advisory_unlock($1)', [key]);
      broken = false;
    }
  } finally {
    client.release(broken);
  }
}

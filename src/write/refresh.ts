/** Brings single rows in line with the API: what it has now is what the table gets. */
import type pg from 'pg';
import { applyRecords, deleteRecords, type SyncedTable } from '../catalog/index.js';
import type { Rec, Session } from '../provider/index.js';
import {
  beginApply,
  beginWithLocks,
  type Doubt,
  drawOrder,
  lockKeys,
  lockTableShared,
  noteSeen,
  queueStale,
  type Seen,
  writtenSince,
} from '../store/index.js';
import { tookEffect } from './took-effect.js';

/** Applies what the API answered for these keys inside a transaction that holds their locks. */
export async function applyCurrent(
  client: pg.ClientBase,
  table: SyncedTable,
  keys: readonly string[],
  current: readonly (Rec | null)[],
): Promise<void> {
  const present = current.filter((record) => record !== null);
  const gone = keys.filter((_, i) => current[i] === null);
  if (present.length > 0) await applyRecords(client, table, present);
  if (gone.length > 0) await deleteRecords(client, table, gone);
}

/**
 * Brings rows whose locks the caller holds in line with the API: a write of them whose outcome is unknown may have been
 * applied, and a statement must not compute with what was before. Whether it was, as far as can be seen now, is noted.
 */
export async function refreshLocked(
  pool: pg.Pool,
  session: Session,
  table: SyncedTable,
  doubts: readonly Doubt[],
  signal: AbortSignal,
  lockTimeout: number,
): Promise<void> {
  const keys = [...new Set(doubts.map(({ key }) => key))];
  const current = await session.read(table.resource, keys, signal);
  const client = await pool.connect();
  let broken = true;
  try {
    await beginApply(client, table.oid, lockTimeout);
    await applyCurrent(client, table, keys, current);
    await queueStale(client, table.oid, keys);
    await noteSeen(client, seenOf(session, table, doubts, keys, current));
    await client.query('COMMIT');
    broken = false;
  } finally {
    client.release(broken);
  }
}

function seenOf(
  session: Session,
  table: SyncedTable,
  doubts: readonly Doubt[],
  keys: readonly string[],
  current: readonly (Rec | null)[],
): readonly Seen[] {
  const byKey = new Map(keys.map((key, i) => [key, current[i] ?? null]));
  return doubts
    .filter(({ open, verb }) => open && verb !== 'insert')
    .map(({ mutation, row, verb, key, values }) => ({
      mutation,
      row,
      seen: tookEffect(verb, values, byKey.get(key) ?? null, session, table),
    }));
}

/**
 * Reads records by key and stores them, or deletes the rows of those that are gone. No connection is held while the API
 * is asked, however long that takes: what another write has changed meanwhile is left alone.
 */
export async function refreshRows(
  pool: pg.Pool,
  session: Session,
  table: SyncedTable,
  keys: readonly string[],
  signal: AbortSignal,
  lockTimeout: number,
): Promise<void> {
  const order = await drawOrder(pool);
  const current = await session.read(table.resource, keys, signal);
  const client = await pool.connect();
  let broken = true;
  try {
    await beginWithLocks(client, lockKeys(table.oid, keys), lockTimeout);
    await lockTableShared(client, table.oid);
    const newer = new Set(await writtenSince(client, table.oid, keys, order));
    const still = [...keys.entries()].filter(([, key]) => !newer.has(key));
    await applyCurrent(
      client,
      table,
      still.map(([, key]) => key),
      still.map(([i]) => current[i] ?? null),
    );
    await client.query('COMMIT');
    broken = false;
  } finally {
    client.release(broken);
  }
}

/**
 * Looks again at rows that seemed wrong, and puts right those that are. By then the sync has listed the API's changes to
 * their end, so what is merely new there is here as well. A row counts as wrong, and is changed, only where
 * - it still differs from what the API has of it now,
 * - the API had the same before that run of the sync began: what has changed since may be on its way,
 * - no write has been applied since the API was asked (the order of writes, see `store/`), and
 * - it has not been touched since then by anything else, a page of the sync for example, and is not locked.
 * So what is in the API's answer is newer than what is here whatever the versions say, and nothing newer is undone.
 */
import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { applyRecords, deleteRecords, ident, qualified, type SyncedTable } from '../../catalog/index.js';
import type { Rec, Session } from '../../provider/index.js';
import {
  drawOrder,
  inTransaction,
  lockTableExclusive,
  type Mismatch,
  noteReads,
  queueStale,
  verification,
  writtenSince,
} from '../../store/index.js';
import { differing } from './compare.js';

export interface ConfirmContext {
  readonly pool: pg.Pool;
  readonly table: SyncedTable;
  readonly session: Session;
  /** Milliseconds to wait for writes being applied. */
  readonly lockTimeoutMs: number;
}

/** Answers the rows that were wrong; they are right now. `earlier`: what the API had before the sync went on, by key. */
export async function confirmAndMend(
  context: ConfirmContext,
  keys: readonly string[],
  earlier: readonly (Rec | null)[],
  signal: AbortSignal,
): Promise<readonly Mismatch[]> {
  const { pool, table, session, lockTimeoutMs } = context;
  const before = await rowVersions(pool, table, keys);
  const order = await drawOrder(pool);
  const answers = await session.read(table.resource, keys, signal);
  const unchanged = new Set(keys.filter((_, i) => isDeepStrictEqual(answers[i], earlier[i])));
  return inTransaction(pool, async (client) => {
    await lockTableExclusive(client, table.oid, lockTimeoutMs);
    const written = new Set(await writtenSince(client, table.oid, keys, order));
    const now = await rowVersions(client, table, keys);
    const free = await unlocked(client, table, keys);
    const settled = (key: string): boolean =>
      unchanged.has(key) && !written.has(key) && now.get(key) === before.get(key) && (!now.has(key) || free.has(key));
    const records = answers.filter((record): record is Rec => record !== null && settled(record.key));
    const wrong = await differing(client, table, records);
    const foreign = keys.filter((key, i) => answers[i] === null && now.has(key) && settled(key));
    const mismatches: readonly Mismatch[] = [
      ...wrong.map(({ key, here, columns }) => ({
        kind: here ? ('differs' as const) : ('missing' as const),
        key,
        columns,
      })),
      ...foreign.map((key) => ({ kind: 'foreign' as const, key, columns: [] })),
    ];
    if (mismatches.length === 0) return [];
    const keysOfWrong = new Set(wrong.map(({ key }) => key));
    await mend(
      client,
      table,
      records.filter((record) => keysOfWrong.has(record.key)),
      foreign,
    );
    for (const mismatch of mismatches) await verification.noteMismatch(client, table.oid, mismatch);
    return mismatches;
  });
}

/** A page that is on its way must not undo it; and the record is read once more, should it have changed meanwhile. */
async function mend(
  client: pg.ClientBase,
  table: SyncedTable,
  records: readonly Rec[],
  foreign: readonly string[],
): Promise<void> {
  if (records.length > 0) await applyRecords(client, table, records);
  if (foreign.length > 0) await deleteRecords(client, table, foreign);
  await noteReads(client, table.oid, [
    ...records.map((record) => ({ key: record.key, version: versionOf(table, record), deleted: false })),
    ...foreign.map((key) => ({ key, version: null, deleted: true })),
  ]);
  await queueStale(client, table.oid, [...records.map((record) => record.key), ...foreign]);
}

function versionOf(table: SyncedTable, record: Rec): string | null {
  const value = table.resource.version === undefined ? null : (record.values[table.resource.version] ?? null);
  return value === null ? null : String(value);
}

/** By key, what changes whenever a row is written. */
async function rowVersions(
  db: Pick<pg.ClientBase, 'query'>,
  table: SyncedTable,
  keys: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const key = ident(table.resource.key);
  const found = await db.query<{ key: string; xmin: string }>(
    `SELECT ${key} AS key, xmin::text AS xmin FROM ${qualified(table)} WHERE ${key} = ANY ($1::text[])`,
    [keys],
  );
  return new Map(found.rows.map((row) => [row.key, row.xmin]));
}

/** Locks the rows that nobody else has locked; waits for none. */
async function unlocked(
  client: pg.ClientBase,
  table: SyncedTable,
  keys: readonly string[],
): Promise<ReadonlySet<string>> {
  const key = ident(table.resource.key);
  const found = await client.query<{ key: string }>(
    `SELECT ${key} AS key FROM ${qualified(table)} WHERE ${key} = ANY ($1::text[]) FOR UPDATE SKIP LOCKED`,
    [keys],
  );
  return new Set(found.rows.map((row) => row.key));
}

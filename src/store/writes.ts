/**
 * The order of writes against reads of the API. A page that was read before a write and is stored after it must not
 * undo the write, and time stamps cannot tell: an API may answer a write without the record's new version, versions
 * have coarse clocks, and an API that has none gives nothing to compare.
 *
 * So there is one sequence. Whoever reads from the API draws a number before the request (`drawOrder`); a write draws
 * its number after the API has confirmed it, in the transaction that applies it (`Journal.finish` does). If the
 * write's number is the greater one, the read may have missed the write: its record is left alone and queued here to
 * be read again by key. A sequence never runs backwards, as clocks do.
 */
import type { Queryable } from './database.js';

/** Draws the number that a read of the API has to have before it starts. A decimal number. */
export async function drawOrder(db: Queryable): Promise<string> {
  const result = await db.query<{ n: string }>("SELECT nextval('upwrite.write_order') AS n");
  const row = result.rows[0];
  if (row === undefined) throw new Error('the write order returned no number');
  return row.n;
}

/** Which of these records were written, or read again, after the order was drawn: what was read of them may be older. */
export async function writtenSince(
  db: Queryable,
  tableOid: number,
  keys: readonly string[],
  order: string,
): Promise<readonly string[]> {
  const result = await db.query<{ key: string }>(
    'SELECT key FROM upwrite.recent_writes WHERE table_oid = $1 AND key = ANY ($2::text[]) AND write_order > $3',
    [tableOid, keys, order],
  );
  return result.rows.map((row) => row.key);
}

/** Queues records to be read again from the API, each once. */
export async function queueStale(db: Queryable, tableOid: number, keys: readonly string[]): Promise<void> {
  await db.query(
    `INSERT INTO upwrite.stale_keys (table_oid, key, queue_order)
     SELECT $1, k, nextval('upwrite.write_order') FROM unnest($2::text[]) AS k GROUP BY k ORDER BY k
     ON CONFLICT (table_oid, key) DO UPDATE SET queue_order = EXCLUDED.queue_order`,
    [tableOid, keys],
  );
}

/** The records of a table that wait to be read again, longest first; at most `limit`. */
export async function staleKeys(db: Queryable, tableOid: number, limit: number): Promise<readonly string[]> {
  const result = await db.query<{ key: string }>(
    'SELECT key FROM upwrite.stale_keys WHERE table_oid = $1 ORDER BY queue_order LIMIT $2',
    [tableOid, limit],
  );
  return result.rows.map((row) => row.key);
}

/** Which of these keys still wait to be read again. */
export async function stillStale(db: Queryable, tableOid: number, keys: readonly string[]): Promise<readonly string[]> {
  const result = await db.query<{ key: string }>(
    'SELECT key FROM upwrite.stale_keys WHERE table_oid = $1 AND key = ANY ($2::text[])',
    [tableOid, keys],
  );
  return result.rows.map((row) => row.key);
}

/**
 * Takes keys out of the queue, except those queued again since the order was drawn. Answers for how many milliseconds each
 * of them has waited there.
 */
export async function dropStale(
  db: Queryable,
  tableOid: number,
  keys: readonly string[],
  before: string,
): Promise<readonly number[]> {
  const result = await db.query<{ waited: number }>(
    `DELETE FROM upwrite.stale_keys WHERE table_oid = $1 AND key = ANY ($2::text[]) AND queue_order < $3
     RETURNING extract(epoch FROM clock_timestamp() - queued_at)::float8 * 1000 AS waited`,
    [tableOid, keys, before],
  );
  return result.rows.map(({ waited }) => waited);
}

/** Forgets writes that no read still running can have missed: older than the order given, and than ten minutes. */
export async function forgetWrites(db: Queryable, tableOid: number, before: string): Promise<void> {
  await db.query(
    `DELETE FROM upwrite.recent_writes
     WHERE table_oid = $1 AND write_order < $2 AND at < clock_timestamp() - interval '10 minutes'`,
    [tableOid, before],
  );
}

/** Notes records that were read again, as writes are noted: an older page still on its way must not undo them. */
export async function noteReads(
  db: Queryable,
  tableOid: number,
  reads: readonly { readonly key: string; readonly version: string | null; readonly deleted: boolean }[],
): Promise<void> {
  await db.query(
    `INSERT INTO upwrite.recent_writes (table_oid, key, write_order, version, deleted)
     SELECT $1, r.key, nextval('upwrite.write_order'), r.version, r.deleted
     FROM jsonb_to_recordset($2) AS r (key text, version text, deleted boolean)
     ON CONFLICT (table_oid, key) DO UPDATE SET
       write_order = EXCLUDED.write_order, version = EXCLUDED.version, deleted = EXCLUDED.deleted, at = EXCLUDED.at`,
    [tableOid, JSON.stringify(reads)],
  );
}

/** Notes keys seen in a full listing; answers how many were not noted before. */
export async function noteSwept(db: Queryable, tableOid: number, keys: readonly string[]): Promise<number> {
  const result = await db.query(
    'INSERT INTO upwrite.swept_keys (table_oid, key) SELECT $1, k FROM unnest($2::text[]) AS k ON CONFLICT DO NOTHING',
    [tableOid, keys],
  );
  return result.rowCount ?? 0;
}

/** How many keys of the running listing are noted: fewer than were counted if the server has crashed meanwhile. */
export async function countSwept(db: Queryable, tableOid: number): Promise<number> {
  const result = await db.query<{ n: string }>('SELECT count(*) AS n FROM upwrite.swept_keys WHERE table_oid = $1', [
    tableOid,
  ]);
  return Number(result.rows[0]?.n ?? 0);
}

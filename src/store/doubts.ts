/**
 * Writes of unknown outcome whose records another write is about to change. Once it has, nobody can tell any more whether
 * the earlier one took effect; so what the API has of the record just before is noted in the earlier one's intent.
 */
import type { Json, Queryable } from './database.js';
import type { JournalVerb } from './journal.js';

/** A row of a write without a final outcome. */
export interface Doubt {
  /** The journal entry. */
  readonly mutation: string;
  /** The row's place in it, from 1. */
  readonly row: number;
  readonly key: string;
  readonly verb: JournalVerb;
  readonly values: Readonly<Record<string, Json>>;
  /** Nothing has been noted of it yet. */
  readonly open: boolean;
}

/** What the API had of a doubtful row's record before another write changed it. */
export interface Seen {
  readonly mutation: string;
  readonly row: number;
  /** The record had what the doubtful write assigns. */
  readonly seen: boolean;
}

const doubtsSql = `
  SELECT i.mutation_id AS mutation, e.ordinality::int AS row, e.value ->> 'key' AS key, m.verb,
    coalesce(e.value -> 'values', '{}') AS values, NOT e.value ? 'seen' AS open
  FROM upwrite.mutation_intents i JOIN upwrite.mutations m ON m.id = i.mutation_id,
    jsonb_array_elements(i.intent) WITH ORDINALITY e
  WHERE i.settle_after IS NOT NULL AND m.table_oid = $1 AND e.value ->> 'key' = ANY ($2)`;

/** The doubtful rows of these records, whose locks the caller holds: what is here of them may be old. */
export async function doubtsOf(db: Queryable, tableOid: number, keys: readonly string[]): Promise<readonly Doubt[]> {
  const result = await db.query<Doubt>({ name: 'upwrite_doubts', text: doubtsSql, values: [tableOid, keys] });
  return result.rows;
}

/** What was noted of an entry's rows, by their place from 0. True to the moment only under the locks of their records. */
export async function seenRows(db: Queryable, mutation: string): Promise<ReadonlyMap<number, boolean>> {
  const result = await db.query<{ row: number; seen: boolean }>(
    `SELECT e.ordinality::int - 1 AS row, (e.value -> 'seen')::boolean AS seen
     FROM upwrite.mutation_intents i, jsonb_array_elements(i.intent) WITH ORDINALITY e
     WHERE i.mutation_id = $1 AND e.value ? 'seen'`,
    [mutation],
  );
  return new Map(result.rows.map(({ row, seen }) => [row, seen]));
}

/** Notes what was seen, each row once: a later look would see the writes in between. */
export async function noteSeen(db: Queryable, seen: readonly Seen[]): Promise<void> {
  if (seen.length === 0) return;
  await db.query(
    `WITH seen AS (SELECT * FROM jsonb_to_recordset($1) AS s (mutation bigint, row int, seen boolean))
     UPDATE upwrite.mutation_intents i SET intent = (
       SELECT jsonb_agg(CASE WHEN s.seen IS NULL OR e.value ? 'seen' THEN e.value
           ELSE e.value || jsonb_build_object('seen', s.seen) END ORDER BY e.ordinality)
       FROM jsonb_array_elements(i.intent) WITH ORDINALITY e
       LEFT JOIN seen s ON s.mutation = i.mutation_id AND s.row = e.ordinality)
     WHERE i.settle_after IS NOT NULL AND i.mutation_id IN (SELECT mutation FROM seen)`,
    [JSON.stringify(seen)],
  );
}

/** What an operator wants of a table's sync. It is kept in the database, and whichever process works on the table obeys. */
import type { Queryable } from './database.js';

/** A table by its name, as `schema.table`. */
export interface TableName {
  readonly schema: string;
  readonly table: string;
}

const found = 'FROM upwrite.tables t WHERE d.table_oid = t.table_oid AND t.schema_name = $1 AND t.table_name = $2';

/** One statement: the wish, and the state that every role can see. Answers the table's oid; null: there is none. */
async function wish(db: Queryable, sql: string, parameters: readonly unknown[]): Promise<number | null> {
  const result = await db.query<{ table_oid: number }>(sql, [...parameters]);
  return result.rows[0]?.table_oid ?? null;
}

/** Nobody works on the table from the next page on. `reason` is shown beside the state. */
export function pauseTable(db: Queryable, { schema, table }: TableName, reason: string): Promise<number | null> {
  return wish(
    db,
    `WITH d AS (
       UPDATE upwrite.table_details d SET pause = $3 ${found} RETURNING d.table_oid)
     UPDATE upwrite.tables t SET state = 'paused', reason = $3, since = CASE
       WHEN state = 'paused' AND reason IS NOT DISTINCT FROM $3 THEN since ELSE clock_timestamp() END
     FROM d WHERE t.table_oid = d.table_oid RETURNING t.table_oid`,
    [schema, table, reason],
  );
}

/** The end of a pause. */
export function resumeTable(db: Queryable, { schema, table }: TableName): Promise<number | null> {
  return wish(
    db,
    `WITH d AS (
       UPDATE upwrite.table_details d SET pause = NULL ${found} RETURNING d.table_oid, d.full_listing),
     resumed AS (
       UPDATE upwrite.tables t SET state = CASE WHEN last_synced_at IS NULL THEN 'backfilling' ELSE 'live' END,
         reason = NULL, since = clock_timestamp()
       FROM d WHERE t.table_oid = d.table_oid AND t.state = 'paused')
     SELECT table_oid FROM d`,
    [schema, table],
  );
}

/** Everything is listed anew, from the next page on; the rows stay, and at its end those that it did not list go. */
export function resyncTable(db: Queryable, { schema, table }: TableName): Promise<number | null> {
  return wish(db, `UPDATE upwrite.table_details d SET restart = true ${found} RETURNING d.table_oid`, [schema, table]);
}

/** Whether an operator wants nobody to work on a table, or there is none of that oid. */
export async function isPaused(db: Queryable, tableOid: number): Promise<boolean> {
  const result = await db.query('SELECT FROM upwrite.table_details WHERE table_oid = $1 AND pause IS NULL', [tableOid]);
  return result.rowCount === 0;
}

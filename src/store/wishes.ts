/** What an operator wants of a table's sync. It is kept in the database, and whichever process works on the table obeys. */
import type { Queryable } from './database.js';
import { detachedState } from './definitions.js';
import type { TableState } from './tables.js';

/** A table by its name, as `schema.table`. */
export interface TableName {
  readonly schema: string;
  readonly table: string;
}

/** What became of a table. */
export interface Wished {
  readonly tableOid: number;
  readonly connection: string;
  readonly provider: string;
  readonly from: TableState;
  readonly to: TableState;
  readonly reason: string | null;
}

/** Locks as whoever works on the table does. A table that the configuration no longer has is not found. */
const found = `
  SELECT t.table_oid, t.state, d.held FROM upwrite.table_details d JOIN upwrite.tables t USING (table_oid)
  WHERE t.schema_name = $1 AND t.table_name = $2 AND t.state <> '${detachedState}' FOR UPDATE OF d`;

/** One statement: the wish, and the state that every role can see. Null: there is no such table. */
async function wish(db: Queryable, sql: string, parameters: readonly unknown[]): Promise<Wished | null> {
  const result = await db.query<Wished>(sql, [...parameters]);
  return result.rows[0] ?? null;
}

/** Nobody works on the table from the next page on. `reason` is shown beside the state. */
export function pauseTable(db: Queryable, { schema, table }: TableName, reason: string): Promise<Wished | null> {
  return wish(
    db,
    `WITH old AS (${found}),
     d AS (
       UPDATE upwrite.table_details d SET pause = $3 FROM old WHERE d.table_oid = old.table_oid)
     UPDATE upwrite.tables t SET state = 'paused', reason = $3, since = CASE
       WHEN t.state = 'paused' AND t.reason IS NOT DISTINCT FROM $3 THEN t.since ELSE clock_timestamp() END
     FROM old WHERE t.table_oid = old.table_oid
     RETURNING t.table_oid AS "tableOid", t.connection, t.provider, old.state AS "from", t.state AS "to", t.reason`,
    [schema, table, reason],
  );
}

/** The end of a pause. A table that is held for another reason stays paused for that. */
export function resumeTable(db: Queryable, { schema, table }: TableName): Promise<Wished | null> {
  return wish(
    db,
    `WITH old AS (${found}),
     d AS (
       UPDATE upwrite.table_details d SET pause = NULL FROM old WHERE d.table_oid = old.table_oid),
     resumed AS (
       UPDATE upwrite.tables t SET reason = old.held, since = clock_timestamp(), state = CASE
         WHEN old.held IS NOT NULL THEN 'paused' WHEN t.last_synced_at IS NULL THEN 'backfilling' ELSE 'live' END
       FROM old WHERE t.table_oid = old.table_oid AND t.state = 'paused' RETURNING t.table_oid, t.state, t.reason)
     SELECT t.table_oid AS "tableOid", t.connection, t.provider, old.state AS "from",
       coalesce(r.state, t.state) AS "to", CASE WHEN r.state IS NULL THEN t.reason ELSE r.reason END AS reason
     FROM old JOIN upwrite.tables t USING (table_oid) LEFT JOIN resumed r USING (table_oid)`,
    [schema, table],
  );
}

/** Everything is listed anew, from the next page on; the rows stay, and at its end those that it did not list go. */
export async function resyncTable(db: Queryable, { schema, table }: TableName): Promise<number | null> {
  const result = await db.query<{ oid: number }>(
    `WITH old AS (${found})
     UPDATE upwrite.table_details d SET restart = true FROM old WHERE d.table_oid = old.table_oid
     RETURNING d.table_oid AS oid`,
    [schema, table],
  );
  return result.rows[0]?.oid ?? null;
}

/** Whether nobody is to work on a table, or there is none of that oid. */
export async function isPaused(db: Queryable, tableOid: number): Promise<boolean> {
  const result = await db.query(
    'SELECT FROM upwrite.table_details WHERE table_oid = $1 AND pause IS NULL AND held IS NULL',
    [tableOid],
  );
  return result.rowCount === 0;
}

/** When each connection's API was last asked for its description, by whatever process. */
import type { Queryable } from './database.js';

/** Times in milliseconds. */
export interface DueOptions {
  /** From one look to the next. */
  readonly interval: number;
  /** The least of that, for a connection with a table that has become unhealthy: its fields may have changed. */
  readonly soonest: number;
}

const dueSql = `
  SELECT extract(epoch FROM d.looked_at - clock_timestamp())::float8 * 1000 + CASE WHEN EXISTS (
    SELECT FROM upwrite.tables t WHERE t.connection = d.connection AND t.state = 'unhealthy' AND t.since > d.looked_at)
    THEN $3::float8 ELSE $2::float8 END AS ms
  FROM upwrite.descriptions d WHERE d.connection = $1`;

/** Milliseconds until a look at a connection is due; 0 or less: now. */
export async function dueIn(db: Queryable, connection: string, { interval, soonest }: DueOptions): Promise<number> {
  const result = await db.query<{ ms: number }>(dueSql, [connection, interval, soonest]);
  return result.rows[0]?.ms ?? 0;
}

/** These connections have been asked now. */
export async function noteDescribed(db: Queryable, connections: readonly string[]): Promise<void> {
  await db.query(
    `INSERT INTO upwrite.descriptions (connection) SELECT unnest($1::text[])
     ON CONFLICT (connection) DO UPDATE SET looked_at = EXCLUDED.looked_at`,
    [connections],
  );
}

/** These connections are to be asked again, whenever that was done last. */
export async function forgetDescribed(db: Queryable, connections: readonly string[]): Promise<void> {
  await db.query('DELETE FROM upwrite.descriptions WHERE connection = ANY ($1::text[])', [connections]);
}

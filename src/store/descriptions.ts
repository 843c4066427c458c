/** When each connection's API was last asked for its description: one process in all asks, as often as is due. */
import type { Queryable } from './database.js';

/** Times in milliseconds. */
export interface DueOptions {
  /** From one look to the next. */
  readonly interval: number;
  /** The least of that, for a connection with a table that has become unhealthy: its fields may have changed. */
  readonly soonest: number;
  /** Connections at once at most. */
  readonly limit: number;
}

const dueSql = `
  WITH due AS (
    SELECT c.name FROM unnest($1::text[]) AS c (name) LEFT JOIN upwrite.descriptions d ON d.connection = c.name
    WHERE d.looked_at IS NULL OR d.looked_at < clock_timestamp() - $2 * interval '1 millisecond'
      OR d.looked_at < clock_timestamp() - $3 * interval '1 millisecond' AND EXISTS (
        SELECT FROM upwrite.tables t WHERE t.connection = c.name AND t.state = 'unhealthy' AND t.since > d.looked_at)
    ORDER BY d.looked_at NULLS FIRST LIMIT $4)
  INSERT INTO upwrite.descriptions AS d (connection) SELECT name FROM due
  ON CONFLICT (connection) DO UPDATE SET looked_at = EXCLUDED.looked_at
    WHERE d.looked_at < clock_timestamp() - $3 * interval '1 millisecond'
  RETURNING connection`;

/** The connections that are due, each claimed for the caller. */
export async function claimDue(
  db: Queryable,
  connections: readonly string[],
  { interval, soonest, limit }: DueOptions,
): Promise<readonly string[]> {
  const result = await db.query<{ connection: string }>(dueSql, [connections, interval, soonest, limit]);
  return result.rows.map((row) => row.connection);
}

/** These connections have been asked now. */
export async function noteDescribed(db: Queryable, connections: readonly string[]): Promise<void> {
  await db.query(
    `INSERT INTO upwrite.descriptions (connection) SELECT unnest($1::text[])
     ON CONFLICT (connection) DO UPDATE SET looked_at = EXCLUDED.looked_at`,
    [connections],
  );
}

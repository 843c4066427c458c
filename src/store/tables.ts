/** What Upwrite keeps about each synced table: where it comes from, how its sync is doing, and how to go on. */
import type { Json, Queryable } from './database.js';
import { type Definitions, definitions, detachedState } from './definitions.js';

/**
 * The health of a synced table.
 *
 *     backfilling ──► live ◄──► paused      (the database was away, or an operator said so)
 *         ▲  │          ▲
 *         │  └────┬─────┘
 *         ▼       ▼
 *        unhealthy (the reason beside it) ──► backfilling | live, by itself, once it works again
 */
export type TableState = 'backfilling' | 'live' | 'paused' | 'unhealthy';

/** As an operator sees it: a table that the configuration no longer has is `detached`. */
export type ShownState = TableState | typeof detachedState;

/** A synced table as it was registered. */
export interface StoredTable {
  readonly tableOid: number;
  readonly connection: string;
  readonly provider: string;
  readonly object: string;
  readonly schema: string;
  readonly name: string;
  /** The resource as the table mirrors it, and rows per statement by verb: JSON of the catalog's making. */
  readonly resource: Json;
  readonly limits: Json;
  readonly names: Json;
}

/** The same with what the store adds. */
export interface RegisteredTable extends StoredTable {
  /** Whether the configuration has it. */
  readonly attached: boolean;
  /** Grows whenever the table is registered anew. */
  readonly definition: number;
  /** Why nobody may work on it, whatever an operator wants; null where it can be synced. */
  readonly held: string | null;
  readonly notes: readonly string[];
}

/** How a table's sync is doing. Times in epoch milliseconds by the database's clock. */
export interface TableHealth {
  readonly tableOid: number;
  readonly connection: string;
  readonly provider: string;
  readonly schema: string;
  readonly name: string;
  readonly state: ShownState;
  readonly reason: string | null;
  /** What of the API could not be taken over as it is; the table goes on. */
  readonly warning: string | null;
  readonly since: number;
  /** Of the full listing that is running, or of the last one. */
  readonly pages: number;
  readonly rows: number;
  readonly expectedRows: number | null;
  /** Of the listing that is running. */
  readonly rowsPerSecond: number | null;
  readonly expectedAt: number | null;
  readonly lastSyncedAt: number | null;
  /** When everything was last listed to its end. */
  readonly sweptAt: number | null;
  /** From one look for changes to the next, in milliseconds. */
  readonly maxAge: number | null;
  /** Now, by the same clock as the times. */
  readonly now: number;
}

export interface Tables extends Definitions {
  /** All of them, or those of these connections. */
  list(db: Queryable, connections?: readonly string[]): Promise<readonly RegisteredTable[]>;
  /**
   * A table that should be looked at, and is not, is unhealthy, whatever was written last: those who sync may be gone. Due
   * is it twice its `maxAge` and five minutes after the last run.
   */
  health(db: Queryable): Promise<readonly TableHealth[]>;
  /** Adds a table, or brings what is known of it up to date; its position and health stay unless the oid is new. */
  register(db: Queryable, table: StoredTable): Promise<void>;
  /**
   * Sets the state and its reason; `since` moves only where they differ, and a pause stays as long as it is wanted. `wished`:
   * it is a pause that is wanted, so that nothing is set where it has ended meanwhile. Answers the state before where it was
   * another.
   */
  setState(
    db: Queryable,
    tableOid: number,
    to: { readonly state: TableState; readonly reason: string | null; readonly wished?: boolean },
  ): Promise<TableState | null>;
  /** Those of the tables whose first listing, or the one since they were attached again, is not at its end. */
  unlisted(db: Queryable, tableOids: readonly number[]): Promise<ReadonlySet<number>>;
  /** Sets from one look for changes to the next, in milliseconds, by table; those that have it already are left alone. */
  setMaxAges(db: Queryable, ages: ReadonlyMap<number, number>): Promise<void>;
}

const registerSql = `
  WITH details_gone AS (
    DELETE FROM upwrite.table_details d USING upwrite.tables t
    WHERE t.connection = $2 AND t.object = $3 AND t.table_oid <> $1 AND d.table_oid = t.table_oid RETURNING d.table_oid),
  gone AS (
    DELETE FROM upwrite.tables t USING details_gone d WHERE t.table_oid = d.table_oid RETURNING t.table_oid),
  details AS (
    INSERT INTO upwrite.table_details AS d (table_oid, resource, limits, names) VALUES ($1, $4, $5, $6)
    ON CONFLICT (table_oid) DO UPDATE SET resource = EXCLUDED.resource, limits = EXCLUDED.limits,
      names = EXCLUDED.names, definition = d.definition + 1)
  SELECT count(*) FROM gone`;

/** A statement of its own: the unique constraint would still see the row that the first one deletes. */
const registerTableSql = `
  INSERT INTO upwrite.tables AS t (table_oid, connection, provider, object, schema_name, table_name)
  VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (table_oid) DO UPDATE SET connection = EXCLUDED.connection, provider = EXCLUDED.provider,
    object = EXCLUDED.object, schema_name = EXCLUDED.schema_name, table_name = EXCLUDED.table_name,
    state = CASE WHEN t.state = '${detachedState}' THEN 'backfilling' ELSE t.state END,
    reason = CASE WHEN t.state = '${detachedState}' THEN NULL ELSE t.reason END,
    since = CASE WHEN t.state = '${detachedState}' THEN clock_timestamp() ELSE t.since END`;

/** The wish is locked first, as whoever changes it does: a pause, or its end, that is being committed is waited for. */
const setStateSql = `
  WITH wish AS MATERIALIZED (
    SELECT table_oid, pause IS NOT NULL OR held IS NOT NULL AS rests FROM upwrite.table_details
    WHERE table_oid = $1 FOR SHARE),
  old AS MATERIALIZED (
    SELECT t.table_oid, t.state, t.reason, w.rests FROM wish w JOIN upwrite.tables t USING (table_oid) FOR UPDATE OF t),
  new AS (
    UPDATE upwrite.tables t SET state = $2, reason = $3, since = clock_timestamp() FROM old
    WHERE t.table_oid = old.table_oid AND old.state <> '${detachedState}'
      AND (old.state <> $2 OR old.reason IS DISTINCT FROM $3)
      AND CASE WHEN old.rests THEN $2 = 'paused' ELSE NOT $4 END
    RETURNING 1)
  SELECT old.state FROM old, new WHERE old.state <> $2`;

const setMaxAgesSql = `
  UPDATE upwrite.tables t SET max_age = given.ms * interval '1 millisecond'
  FROM unnest($1::oid[], $2::float8[]) AS given (oid, ms)
  WHERE t.table_oid = given.oid AND t.max_age IS DISTINCT FROM given.ms * interval '1 millisecond'`;

interface StoredRow {
  readonly table_oid: number;
  readonly connection: string;
  readonly provider: string;
  readonly object: string;
  readonly schema_name: string;
  readonly table_name: string;
  readonly resource: Json;
  readonly limits: Json;
  readonly names: Json;
  readonly attached: boolean;
  readonly definition: number;
  readonly held: string | null;
  readonly notes: readonly string[];
}

interface HealthRow {
  readonly table_oid: number;
  readonly connection: string;
  readonly provider: string;
  readonly schema_name: string;
  readonly table_name: string;
  readonly state: ShownState;
  readonly reason: string | null;
  readonly warning: string | null;
  readonly since: Date;
  readonly pages: string;
  readonly rows: string;
  readonly expected_rows: string | null;
  readonly rows_per_second: number | null;
  readonly expected_at: Date | null;
  readonly last_synced_at: Date | null;
  readonly swept_at: Date | null;
  readonly max_age_ms: number | null;
  readonly now: Date;
}

async function list(db: Queryable, connections?: readonly string[]): Promise<readonly RegisteredTable[]> {
  const result = await db.query<StoredRow>(
    `SELECT t.table_oid, t.connection, t.provider, t.object, t.schema_name, t.table_name, d.resource, d.limits, d.names,
       t.state <> '${detachedState}' AS attached, d.definition, d.held, t.notes
     FROM upwrite.tables t JOIN upwrite.table_details d USING (table_oid)
     WHERE $1::text[] IS NULL OR t.connection = ANY ($1) ORDER BY t.schema_name, t.table_name`,
    [connections ?? null],
  );
  return result.rows.map((row) => ({
    tableOid: row.table_oid,
    connection: row.connection,
    provider: row.provider,
    object: row.object,
    schema: row.schema_name,
    name: row.table_name,
    resource: row.resource,
    limits: row.limits,
    names: row.names,
    attached: row.attached,
    definition: row.definition,
    held: row.held,
    notes: row.notes,
  }));
}

/** What is said of a table that nobody looks at. */
const lookLate = 'nobody looks at it: no process syncs, or those that do fall behind';

const healthSql = `
  SELECT t.table_oid, t.connection, t.provider, t.schema_name, t.table_name, t.warning, t.pages, t.rows, t.expected_rows,
    CASE WHEN l.at IS NULL THEN t.state ELSE 'unhealthy' END AS state, CASE WHEN l.at IS NULL THEN t.reason ELSE $1 END AS reason,
    coalesce(l.at, t.since) AS since,
    t.rows_per_second, t.expected_at, t.last_synced_at, t.swept_at,
    extract(epoch FROM t.max_age)::float8 * 1000 AS max_age_ms, clock_timestamp() AS now
  FROM upwrite.tables t JOIN upwrite.table_details d USING (table_oid)
  CROSS JOIN LATERAL (
    SELECT greatest(d.worked_at, t.last_synced_at, t.since) + coalesce(2 * t.max_age, interval '0') + interval '5 minutes' AS at) due
  LEFT JOIN LATERAL (
    SELECT due.at WHERE due.at < clock_timestamp() AND t.state IN ('live', 'backfilling') AND NOT EXISTS (
      SELECT FROM upwrite.processes p WHERE p.id = d.worker AND p.lease_until > clock_timestamp())) l ON true
  ORDER BY t.schema_name, t.table_name`;

const millis = (time: Date | null): number | null => (time === null ? null : time.getTime());

async function health(db: Queryable): Promise<readonly TableHealth[]> {
  const result = await db.query<HealthRow>(healthSql, [lookLate]);
  return result.rows.map((row) => ({
    tableOid: row.table_oid,
    connection: row.connection,
    provider: row.provider,
    schema: row.schema_name,
    name: row.table_name,
    state: row.state,
    reason: row.reason,
    warning: row.warning,
    since: row.since.getTime(),
    pages: Number(row.pages),
    rows: Number(row.rows),
    expectedRows: row.expected_rows === null ? null : Number(row.expected_rows),
    rowsPerSecond: row.rows_per_second,
    expectedAt: millis(row.expected_at),
    lastSyncedAt: millis(row.last_synced_at),
    sweptAt: millis(row.swept_at),
    maxAge: row.max_age_ms,
    now: row.now.getTime(),
  }));
}

async function register(db: Queryable, table: StoredTable): Promise<void> {
  const { tableOid, connection, provider, object, schema, name } = table;
  await db.query(registerSql, [
    tableOid,
    connection,
    object,
    JSON.stringify(table.resource),
    JSON.stringify(table.limits),
    JSON.stringify(table.names),
  ]);
  await db.query(registerTableSql, [tableOid, connection, provider, object, schema, name]);
}

export const tables: Tables = {
  list,
  health,
  register,
  ...definitions,
  setState: async (db, tableOid, to) => {
    const result = await db.query<{ state: TableState }>(setStateSql, [
      tableOid,
      to.state,
      to.reason,
      to.wished ?? false,
    ]);
    return result.rows[0]?.state ?? null;
  },
  unlisted: async (db, tableOids) => {
    if (tableOids.length === 0) return new Set();
    const result = await db.query<{ oid: number }>(
      "SELECT table_oid AS oid FROM upwrite.tables WHERE state = 'backfilling' AND table_oid = ANY ($1::oid[])",
      [tableOids],
    );
    return new Set(result.rows.map(({ oid }) => oid));
  },
  setMaxAges: async (db, ages) => {
    await db.query(setMaxAgesSql, [[...ages.keys()], [...ages.values()]]);
  },
};

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
  readonly notes: readonly string[];
}

/** How a table's sync is doing. Times in epoch milliseconds by the database's clock. */
export interface TableHealth {
  readonly tableOid: number;
  readonly state: TableState;
  readonly reason: string | null;
  readonly since: number;
  readonly pages: number;
  readonly rows: number;
  readonly expectedRows: number | null;
  readonly lastSyncedAt: number | null;
}

/** Where a table's sync stands. */
export interface Position {
  readonly cursor: Json;
  /** A full listing is to begin (cursor null) or to go on. */
  readonly fullListing: boolean;
  /** The write order at which the running full listing began. */
  readonly listingOrder: string | null;
  /** How many keys that listing has noted for its sweep; null where it does not sweep. */
  readonly sweptRows: number | null;
  readonly pages: number;
  readonly rows: number;
}

/** What a stored page changes. */
export interface Advance {
  readonly cursor: Json;
  readonly fullListing: boolean;
  readonly records: number;
  readonly expectedRows: number | null;
  readonly sweptRows: number | null;
}

/** Another worker has taken the table over. The transaction at hand must be rolled back. */
export class NotWorker extends Error {
  constructor(tableOid: number) {
    super(`table ${tableOid} is synced by another worker`);
    this.name = 'NotWorker';
  }
}

export interface Tables extends Definitions {
  /** All of them, or those of these connections. */
  list(db: Queryable, connections?: readonly string[]): Promise<readonly RegisteredTable[]>;
  health(db: Queryable): Promise<readonly TableHealth[]>;
  /** Adds a table, or brings what is known of it up to date; its position and health stay unless the oid is new. */
  register(db: Queryable, table: StoredTable): Promise<void>;
  /**
   * Makes the worker (a process with a lease) the table's, unless a living one has it: then null. So too where the table
   * is detached, or has another definition than the worker knows.
   */
  claim(db: Queryable, tableOid: number, worker: string, definition: number): Promise<Position | null>;
  /** Gives a table back, or with null all that the worker has. */
  release(db: Queryable, tableOid: number | null, worker: string): Promise<void>;
  /** Starts a full listing from nothing. `sweep`: its keys are noted, to delete at its end what it did not list. */
  beginListing(db: Queryable, tableOid: number, worker: string, sweep: boolean): Promise<Position>;
  /**
   * A full listing has come to its end. `again`: the next pull lists everything anew, because the API has no changes to
   * ask for; otherwise the cursor now leads through changes. Throws `NotWorker`.
   */
  endListing(db: Queryable, tableOid: number, worker: string, again: boolean): Promise<void>;
  /** Within the transaction that stores a page. Throws `NotWorker`. */
  advance(db: Queryable, tableOid: number, worker: string, page: Advance): Promise<void>;
  /** Sets the state and its reason; `since` moves only where they differ. `synced`: the API had nothing newer. */
  setState(
    db: Queryable,
    tableOid: number,
    to: { state: TableState; reason?: string; synced?: boolean },
  ): Promise<void>;
}

const registerSql = `
  WITH gone AS (
    DELETE FROM upwrite.tables t WHERE t.connection = $2 AND t.object = $3 AND t.table_oid <> $1 RETURNING t.table_oid),
  details_gone AS (
    DELETE FROM upwrite.table_details d USING gone WHERE d.table_oid = gone.table_oid),
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

const positionColumns = 'd.cursor, d.full_listing, d.listing_order, d.swept_rows, t.pages, t.rows';

const claimSql = `
  UPDATE upwrite.table_details d SET worker = $2 FROM upwrite.tables t
  WHERE d.table_oid = $1 AND t.table_oid = $1 AND d.definition = $3 AND t.state <> '${detachedState}' AND (d.worker IS NULL OR d.worker = $2 OR NOT EXISTS (
    SELECT FROM upwrite.processes p WHERE p.id = d.worker AND p.lease_until > clock_timestamp()))
  RETURNING ${positionColumns}`;

const beginListingSql = `
  WITH emptied AS (DELETE FROM upwrite.swept_keys WHERE table_oid = $1),
  t AS (
    UPDATE upwrite.tables SET pages = 0, rows = 0, expected_rows = NULL WHERE table_oid = $1 RETURNING pages, rows)
  UPDATE upwrite.table_details d SET cursor = NULL, full_listing = true,
    listing_order = nextval('upwrite.write_order'), swept_rows = CASE WHEN $3 THEN 0 END
  FROM t WHERE d.table_oid = $1 AND d.worker = $2
  RETURNING ${positionColumns}`;

const endListingSql = `
  WITH emptied AS (DELETE FROM upwrite.swept_keys WHERE table_oid = $1)
  UPDATE upwrite.table_details SET full_listing = $3, swept_rows = NULL,
    cursor = CASE WHEN $3 THEN NULL ELSE cursor END
  WHERE table_oid = $1 AND worker = $2`;

const advanceSql = `
  WITH d AS (
    UPDATE upwrite.table_details SET cursor = $3, full_listing = $4, swept_rows = $7
    WHERE table_oid = $1 AND worker = $2 RETURNING table_oid)
  UPDATE upwrite.tables t SET pages = pages + 1, rows = rows + $5, expected_rows = coalesce($6, expected_rows)
  FROM d WHERE t.table_oid = d.table_oid`;

const setStateSql = `
  UPDATE upwrite.tables SET state = $2, reason = $3,
    since = CASE WHEN state = $2 AND reason IS NOT DISTINCT FROM $3 THEN since ELSE clock_timestamp() END,
    last_synced_at = CASE WHEN $4 THEN clock_timestamp() ELSE last_synced_at END
  WHERE table_oid = $1 AND state <> '${detachedState}' AND ($4 OR state <> $2 OR reason IS DISTINCT FROM $3)`;

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
  readonly notes: readonly string[];
}

interface HealthRow {
  readonly table_oid: number;
  readonly state: TableState;
  readonly reason: string | null;
  readonly since: Date;
  readonly pages: string;
  readonly rows: string;
  readonly expected_rows: string | null;
  readonly last_synced_at: Date | null;
}

interface PositionRow {
  readonly cursor: Json;
  readonly full_listing: boolean;
  readonly listing_order: string | null;
  readonly swept_rows: string | null;
  readonly pages: string;
  readonly rows: string;
}

function position(row: PositionRow): Position {
  return {
    cursor: row.cursor,
    fullListing: row.full_listing,
    listingOrder: row.listing_order,
    sweptRows: row.swept_rows === null ? null : Number(row.swept_rows),
    pages: Number(row.pages),
    rows: Number(row.rows),
  };
}

async function list(db: Queryable, connections?: readonly string[]): Promise<readonly RegisteredTable[]> {
  const result = await db.query<StoredRow>(
    `SELECT t.table_oid, t.connection, t.provider, t.object, t.schema_name, t.table_name, d.resource, d.limits, d.names,
       t.state <> '${detachedState}' AS attached, d.definition, t.notes
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
    notes: row.notes,
  }));
}

async function health(db: Queryable): Promise<readonly TableHealth[]> {
  const result = await db.query<HealthRow>(
    'SELECT table_oid, state, reason, since, pages, rows, expected_rows, last_synced_at FROM upwrite.tables',
  );
  return result.rows.map((row) => ({
    tableOid: row.table_oid,
    state: row.state,
    reason: row.reason,
    since: row.since.getTime(),
    pages: Number(row.pages),
    rows: Number(row.rows),
    expectedRows: row.expected_rows === null ? null : Number(row.expected_rows),
    lastSyncedAt: row.last_synced_at === null ? null : row.last_synced_at.getTime(),
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
  claim: async (db, tableOid, worker, definition) => {
    const result = await db.query<PositionRow>(claimSql, [tableOid, worker, definition]);
    const row = result.rows[0];
    return row === undefined ? null : position(row);
  },
  release: async (db, tableOid, worker) => {
    await db.query(
      'UPDATE upwrite.table_details SET worker = NULL WHERE worker = $1 AND ($2::oid IS NULL OR table_oid = $2)',
      [worker, tableOid],
    );
  },
  beginListing: async (db, tableOid, worker, sweep) => {
    const result = await db.query<PositionRow>(beginListingSql, [tableOid, worker, sweep]);
    const row = result.rows[0];
    if (row === undefined) throw new NotWorker(tableOid);
    return position(row);
  },
  endListing: async (db, tableOid, worker, again) => {
    const result = await db.query(endListingSql, [tableOid, worker, again]);
    if (result.rowCount === 0) throw new NotWorker(tableOid);
  },
  advance: async (db, tableOid, worker, page) => {
    const cursor = page.cursor === null ? null : JSON.stringify(page.cursor);
    const result = await db.query(advanceSql, [
      tableOid,
      worker,
      cursor,
      page.fullListing,
      page.records,
      page.expectedRows,
      page.sweptRows,
    ]);
    if (result.rowCount === 0) throw new NotWorker(tableOid);
  },
  setState: async (db, tableOid, to) => {
    await db.query(setStateSql, [tableOid, to.state, to.reason ?? null, to.synced ?? false]);
  },
};

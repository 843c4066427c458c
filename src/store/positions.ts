/**
 * Where the sync of a table stands, and who may move it on. One at a time: whoever wants to work on a table that a living
 * process works on leaves a note that it is to be worked on again. A run has a number; a later one makes it void, so that a
 * process that was thought dead, and is not, stores nothing any more.
 */
import type { Json, Queryable } from './database.js';
import type { TableState } from './tables.js';

/** Where a table's sync stands. */
export interface Position {
  /** Among everything while `fullListing`, else among the changes. */
  readonly cursor: Json;
  /** A full listing is to begin (cursor null) or to go on. */
  readonly fullListing: boolean;
  /** A listing of everything goes on beside the changes, to find what has gone; null where none does. */
  readonly sweep: { readonly cursor: Json } | null;
  /** The write order at which the running listing of everything began. */
  readonly listingOrder: string | null;
  /** How many keys that listing has noted for its end; null where it does not delete what it lacks. */
  readonly sweptRows: number | null;
  /** Of the full listing that is running, or of the last one. */
  readonly pages: number;
  readonly rows: number;
  readonly expectedRows: number | null;
}

/** A living process works on it; it was asked to see to it that another run follows. */
export type Busy = 'busy';

/** Its definition is another than the caller knows. */
export type Changed = 'changed';

/** What whoever begins to work on a table is told. */
export interface Claim {
  /** This run; also an order of writes, drawn before anything is read. */
  readonly run: string;
  /** When it began, in seconds by the database's clock; before anything was read. */
  readonly began: number;
  readonly position: Position;
  readonly state: TableState;
  readonly reason: string | null;
  /** Why nobody is to work on it: an operator says so, or its definition does not allow it; null where nothing does. */
  readonly pause: string | null;
  /** Whether records wait to be read again one by one. */
  readonly stale: boolean;
  /** Whether noted writes are old enough to be forgotten. */
  readonly forgettable: boolean;
  /** Milliseconds since everything was last listed to its end; null: never. */
  readonly sweptAge: number | null;
  /** Whether it was ever brought in full. */
  readonly everSynced: boolean;
}

/** What a stored page changes. */
export interface Advance {
  /** Whether the page is of the sweep beside the changes; its cursor then moves, and nothing else. */
  readonly sweep: boolean;
  readonly cursor: Json;
  readonly records: number;
  readonly expectedRows: number | null;
  readonly sweptRows: number | null;
  /** Records a second of this listing, lately; null where it is not known. */
  readonly rate: number | null;
  /**
   * The API has nothing newer than this page: when the run began, in seconds by the database's clock. What the API had
   * then is here, which is not so of what came while the pages were read. null: there is more.
   */
  readonly syncedAt: number | null;
}

/** Another run has taken the table over. The transaction at hand must be rolled back. */
export class NotWorker extends Error {
  constructor(tableOid: number) {
    super(`table ${tableOid} is synced by another worker`);
    this.name = 'NotWorker';
  }
}

/** Wishes of an operator that arrived meanwhile. */
export interface Wishes {
  /** To pause, or to begin anew: the run ends behind this page. */
  readonly stop: boolean;
}

export interface Positions {
  /**
   * Begins a run for a process with this lease; null where the table is not registered. `takeOver`: nobody in this process
   * works on it, whatever is written there. `definition`: the table as the process knows it, for it must not go on with
   * another.
   */
  claim(
    db: Queryable,
    table: { readonly oid: number; readonly definition: number },
    worker: string,
    takeOver: boolean,
  ): Promise<Claim | Busy | Changed | null>;
  /** Ends a run, if it is still the table's. True: somebody wanted another one meanwhile. */
  release(db: Queryable, tableOid: number, run: string): Promise<boolean>;
  /**
   * Starts a listing of everything from nothing: in place of the changes, or beside them as a sweep. `noting`: its keys are
   * noted, to delete at its end what it did not list. Throws `NotWorker`.
   */
  beginListing(
    db: Queryable,
    tableOid: number,
    run: string,
    how: { readonly sweep: boolean; readonly noting: boolean },
  ): Promise<Position>;
  /**
   * A listing of everything has come to its end. `again`: the next pull lists everything anew, because the API has no
   * changes to ask for; otherwise the cursor leads through changes. Throws `NotWorker`.
   */
  endListing(db: Queryable, tableOid: number, run: string, again: boolean): Promise<void>;
  /** Within the transaction that stores a page. Throws `NotWorker`. */
  advance(db: Queryable, tableOid: number, run: string, page: Advance): Promise<Wishes>;
}

const positionColumns = `d.cursor, d.full_listing, d.sweeping, d.sweep_cursor, d.listing_order, d.swept_rows, t.pages,
  t.rows, t.expected_rows`;

/**
 * Two who come at the same moment take turns on the row. A listing begins anew here where an operator wants it, and after
 * fourteen days without a look: by then APIs have forgotten what was deleted (Salesforce after 15 days, Stripe after 30).
 * The cursors are forgotten then, and the rows stay until the end of the listing.
 */
const claimSql = `
  WITH free AS (
    SELECT d.table_oid, d.restart OR t.last_synced_at < clock_timestamp() - interval '14 days' AS old,
      d.definition = $4 AND (d.worker IS NULL OR (d.worker = $2 AND $3) OR NOT EXISTS (
        SELECT FROM upwrite.processes p WHERE p.id = d.worker AND p.lease_until > clock_timestamp())) AS yes
    FROM upwrite.table_details d JOIN upwrite.tables t USING (table_oid) WHERE d.table_oid = $1 FOR UPDATE OF d),
  wanted AS (
    SELECT table_oid, yes, yes AND coalesce(old, false) AS anew FROM free)
  UPDATE upwrite.table_details d SET
    worker = CASE WHEN w.yes THEN $2 ELSE d.worker END, again = NOT w.yes,
    run = CASE WHEN w.yes THEN nextval('upwrite.write_order') ELSE d.run END, restart = d.restart AND NOT w.yes,
    cursor = CASE WHEN w.anew AND (d.restart OR NOT d.full_listing) THEN NULL ELSE d.cursor END,
    full_listing = d.full_listing OR w.anew, sweeping = d.sweeping AND NOT w.anew,
    sweep_cursor = CASE WHEN w.anew THEN NULL ELSE d.sweep_cursor END
  FROM upwrite.tables t, wanted w WHERE d.table_oid = w.table_oid AND t.table_oid = w.table_oid
  RETURNING ${positionColumns}, w.yes AS free, d.definition = $4 AS current, d.run,
    extract(epoch FROM clock_timestamp())::float8 AS began, coalesce(d.pause, d.held) AS pause, t.state, t.reason,
    t.last_synced_at IS NOT NULL AS ever_synced,
    EXISTS (SELECT FROM upwrite.stale_keys s WHERE s.table_oid = $1) AS stale,
    EXISTS (SELECT FROM upwrite.recent_writes r WHERE r.table_oid = $1
      AND r.at < clock_timestamp() - interval '10 minutes') AS forgettable,
    extract(epoch FROM clock_timestamp() - t.swept_at) * 1000 AS swept_age`;

const releaseSql = `
  WITH was AS (
    SELECT table_oid, again FROM upwrite.table_details WHERE table_oid = $1 AND run = $2 FOR UPDATE)
  UPDATE upwrite.table_details d SET worker = NULL, again = false, worked_at = clock_timestamp() FROM was
  WHERE d.table_oid = was.table_oid RETURNING was.again`;

/** The notes of a listing are emptied by the run that has the table, and by none that was thought dead. */
const mineSql = `
  mine AS (SELECT table_oid FROM upwrite.table_details WHERE table_oid = $1 AND run = $2 FOR UPDATE),
  emptied AS (DELETE FROM upwrite.swept_keys s USING mine WHERE s.table_oid = mine.table_oid)`;

const beginListingSql = `
  WITH ${mineSql},
  t AS (
    UPDATE upwrite.tables SET pages = CASE WHEN $3 THEN pages ELSE 0 END, rows = CASE WHEN $3 THEN rows ELSE 0 END,
      expected_rows = CASE WHEN $3 THEN expected_rows END, listing_began_at = clock_timestamp()
    WHERE table_oid = (SELECT table_oid FROM mine) RETURNING pages, rows, expected_rows)
  UPDATE upwrite.table_details d SET cursor = CASE WHEN $3 THEN d.cursor END, full_listing = NOT $3, sweeping = $3,
    sweep_cursor = NULL, listing_order = nextval('upwrite.write_order'), swept_rows = CASE WHEN $4 THEN 0 END
  FROM t WHERE d.table_oid = $1 AND d.run = $2
  RETURNING ${positionColumns}`;

const endListingSql = `
  WITH ${mineSql},
  d AS (
    UPDATE upwrite.table_details d SET swept_rows = NULL, sweeping = false, sweep_cursor = NULL, full_listing = $3,
      cursor = CASE WHEN $3 THEN NULL ELSE cursor END
    FROM mine WHERE d.table_oid = mine.table_oid RETURNING d.table_oid)
  UPDATE upwrite.tables t SET swept_at = clock_timestamp(), rows_per_second = NULL, expected_at = NULL,
    last_synced_at = greatest(t.last_synced_at, t.listing_began_at)
  FROM d WHERE t.table_oid = d.table_oid`;

/** $1 table, $2 run, $3 cursor, $4 sweep, $5 records, $6 expected rows, $7 swept rows, $8 rate, $9 since when it is so. */
const advanceSql = `
  WITH d AS (
    UPDATE upwrite.table_details SET swept_rows = $7, cursor = CASE WHEN $4 THEN cursor ELSE $3::jsonb END,
      sweep_cursor = CASE WHEN $4 THEN $3::jsonb END
    WHERE table_oid = $1 AND run = $2
    RETURNING full_listing AND NOT $4 AS listing, restart OR pause IS NOT NULL OR held IS NOT NULL AS stop),
  t AS (
    UPDATE upwrite.tables t SET pages = t.pages + d.listing::int, rows = t.rows + CASE WHEN d.listing THEN $5::bigint ELSE 0 END,
      expected_rows = CASE WHEN d.listing THEN coalesce($6::bigint, t.expected_rows) ELSE t.expected_rows END,
      rows_per_second = CASE WHEN d.listing THEN $8::float8 END,
      expected_at = CASE WHEN d.listing AND $8::float8 > 0 THEN clock_timestamp() + interval '1 second' *
        (CASE WHEN coalesce($6::bigint, t.expected_rows) > t.rows + $5::bigint
           THEN least((coalesce($6::bigint, t.expected_rows) - t.rows - $5::bigint) / $8::float8, 1e8) END) END,
      last_synced_at = greatest(t.last_synced_at, to_timestamp($9::float8))
    FROM d WHERE t.table_oid = $1 AND (d.listing OR $9::float8 IS NOT NULL))
  SELECT stop FROM d`;

interface PositionRow {
  readonly cursor: Json;
  readonly full_listing: boolean;
  readonly sweeping: boolean;
  readonly sweep_cursor: Json;
  readonly listing_order: string | null;
  readonly swept_rows: string | null;
  readonly pages: string;
  readonly rows: string;
  readonly expected_rows: string | null;
}

interface ClaimRow extends PositionRow {
  readonly free: boolean;
  readonly current: boolean;
  readonly run: string;
  readonly began: number;
  readonly state: TableState;
  readonly reason: string | null;
  readonly pause: string | null;
  readonly stale: boolean;
  readonly forgettable: boolean;
  readonly swept_age: string | null;
  readonly ever_synced: boolean;
}

const numberOf = (text: string | null): number | null => (text === null ? null : Number(text));

function position(row: PositionRow): Position {
  return {
    cursor: row.cursor,
    fullListing: row.full_listing,
    sweep: row.sweeping ? { cursor: row.sweep_cursor } : null,
    listingOrder: row.listing_order,
    sweptRows: numberOf(row.swept_rows),
    pages: Number(row.pages),
    rows: Number(row.rows),
    expectedRows: numberOf(row.expected_rows),
  };
}

async function claim(
  db: Queryable,
  { oid, definition }: { readonly oid: number; readonly definition: number },
  worker: string,
  takeOver: boolean,
): Promise<Claim | Busy | Changed | null> {
  const values = [oid, worker, takeOver, definition];
  const result = await db.query<ClaimRow>({ name: 'upwrite-claim', text: claimSql, values });
  const row = result.rows[0];
  if (row === undefined) return null;
  if (!row.current) return 'changed';
  if (!row.free) return 'busy';
  const { run, began, state, reason, pause, stale, forgettable } = row;
  return {
    run,
    began,
    position: position(row),
    state,
    reason,
    pause,
    stale,
    forgettable,
    sweptAge: numberOf(row.swept_age),
    everSynced: row.ever_synced,
  };
}

export const positions: Positions = {
  claim,
  release: async (db, tableOid, run) => {
    const values = [tableOid, run];
    const result = await db.query<{ again: boolean }>({ name: 'upwrite-release', text: releaseSql, values });
    return result.rows[0]?.again ?? false;
  },
  beginListing: async (db, tableOid, run, { sweep, noting }) => {
    const result = await db.query<PositionRow>(beginListingSql, [tableOid, run, sweep, noting]);
    const row = result.rows[0];
    if (row === undefined) throw new NotWorker(tableOid);
    return position(row);
  },
  endListing: async (db, tableOid, run, again) => {
    const result = await db.query(endListingSql, [tableOid, run, again]);
    if (result.rowCount === 0) throw new NotWorker(tableOid);
  },
  advance: async (db, tableOid, run, page) => {
    const cursor = page.cursor === null ? null : JSON.stringify(page.cursor);
    const { sweep, records, expectedRows, sweptRows, rate, syncedAt } = page;
    const values = [tableOid, run, cursor, sweep, records, expectedRows, sweptRows, rate, syncedAt];
    const result = await db.query<{ stop: boolean }>({ name: 'upwrite-advance', text: advanceSql, values });
    const row = result.rows[0];
    if (row === undefined) throw new NotWorker(tableOid);
    return { stop: row.stop };
  },
};

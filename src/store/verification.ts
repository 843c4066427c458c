/**
 * Where the truth check stands. A pass over a table follows the API's full listing to its end, noting the keys that it
 * has and which of them are suspect, and then walks the rows whose keys were not listed. Whoever has its next turn goes on
 * where it is.
 */
import type { Json, Queryable } from './database.js';

/** A row that was wrong. Never holds a value. */
export interface Mismatch {
  /** `differs`: columns had other values; `missing`: it was not here; `foreign`: the API has no such record. */
  readonly kind: 'differs' | 'missing' | 'foreign';
  readonly key: string;
  /** The columns that differed. */
  readonly columns: readonly string[];
}

export interface PassPosition {
  /** Where the listing goes on; once that has ended, the key that was walked to. null: at the beginning. */
  readonly cursor: Json;
  /** The listing has come to its end. */
  readonly listed: boolean;
}

/** Times in epoch milliseconds by the database's clock. */
export interface VerificationHealth {
  readonly tableOid: number;
  readonly schema: string;
  readonly table: string;
  readonly rowsChecked: number;
  readonly share: number;
  readonly lastPassAt: number | null;
  readonly mismatches: number;
  readonly lastMismatchAt: number | null;
}

export interface Verification {
  health(db: Queryable): Promise<readonly VerificationHealth[]>;
  /**
   * Tables of these connections to be compared, by connection: live ones of which a pass runs, and then those whose last
   * began at least `intervalMs` ago, the oldest first. Connections that another living process checks are left out.
   */
  due(
    db: Queryable,
    connections: readonly string[],
    intervalMs: number,
    worker: string,
  ): Promise<ReadonlyMap<string, readonly number[]>>;
  /** Makes the worker (a process with a lease) the one that checks a connection's tables, unless a living one does. */
  claim(db: Queryable, connection: string, worker: string): Promise<boolean>;
  /** Gives a connection back, or all that the worker has. */
  release(db: Queryable, worker: string, connection?: string): Promise<void>;
  /** The pass that is running, or a new one where the last began at least `intervalMs` ago; null where none is due. */
  pass(
    db: Queryable,
    table: { readonly oid: number; readonly schema: string; readonly name: string },
    intervalMs: number,
  ): Promise<PassPosition | null>;
  /** Begins the pass anew. */
  restart(db: Queryable, tableOid: number): Promise<void>;
  /** Whether the keys noted are there: they do not survive a crash of the server. */
  isIntact(db: Queryable, tableOid: number): Promise<boolean>;
  /** In one transaction with `noteKeys`: the page behind `cursor` has been compared. `rows`: of the table, about. */
  advance(
    db: Queryable,
    tableOid: number,
    page: { readonly cursor: Json; readonly listed: boolean; readonly records: number; readonly rows: number },
  ): Promise<void>;
  /** Notes keys that the API has listed; the suspects among them are to be looked at again. */
  noteKeys(db: Queryable, tableOid: number, keys: readonly string[], suspects: ReadonlySet<string>): Promise<void>;
  /** Some of the suspects, at most `limit`. */
  suspects(db: Queryable, tableOid: number, limit: number): Promise<readonly string[]>;
  /** They have been looked at. */
  clear(db: Queryable, tableOid: number, suspects: readonly string[]): Promise<void>;
  /** The rows up to this key have been walked. */
  walked(db: Queryable, tableOid: number, key: string): Promise<void>;
  /** The pass is complete. */
  finish(db: Queryable, tableOid: number): Promise<void>;
  /** In the transaction that puts it right. */
  noteMismatch(db: Queryable, tableOid: number, mismatch: Mismatch): Promise<void>;
  /** Forgets tables that are no longer synced. */
  forget(db: Queryable, known: readonly number[]): Promise<void>;
}

interface HealthRow {
  readonly table_oid: number;
  readonly schema_name: string;
  readonly table_name: string;
  readonly rows_checked: string;
  readonly share: number;
  readonly last_pass_at: Date | null;
  readonly mismatches: string;
  readonly last_mismatch_at: Date | null;
}

/**
 * A table that is listed for the first time has nothing to be compared. One that is paused, ill or not configured any more
 * is not as the API is, and the sync that decides what is wrong does not go on.
 */
const dueSql = `
  SELECT t.connection,
    array_agg(t.table_oid ORDER BY coalesce(d.running, false) DESC, v.pass_started_at NULLS FIRST, t.table_oid) AS oids
  FROM upwrite.tables t LEFT JOIN upwrite.verification v USING (table_oid)
    LEFT JOIN upwrite.verification_details d USING (table_oid)
  WHERE t.connection = ANY ($1::text[]) AND t.state = 'live' AND t.last_synced_at IS NOT NULL
    AND (d.running IS NOT FALSE OR v.pass_started_at <= clock_timestamp() - $2 * interval '1 millisecond')
    AND NOT EXISTS (
      SELECT FROM upwrite.verification_turns w JOIN upwrite.processes p ON p.id = w.worker
      WHERE w.connection = t.connection AND w.worker <> $3 AND p.lease_until > clock_timestamp())
  GROUP BY t.connection`;

const claimSql = `
  INSERT INTO upwrite.verification_turns AS v (connection, worker) VALUES ($1, $2)
  ON CONFLICT (connection) DO UPDATE SET worker = EXCLUDED.worker
  WHERE v.worker = $2 OR NOT EXISTS (
    SELECT FROM upwrite.processes p WHERE p.id = v.worker AND p.lease_until > clock_timestamp())`;

/** Both tables have a row, and the pass is running, where it is due. */
const passSql = `
  WITH known AS (
    INSERT INTO upwrite.verification AS v (table_oid, schema_name, table_name) VALUES ($1, $2, $3)
    ON CONFLICT (table_oid) DO UPDATE SET schema_name = EXCLUDED.schema_name, table_name = EXCLUDED.table_name
    RETURNING v.pass_started_at),
  details AS (
    INSERT INTO upwrite.verification_details (table_oid) VALUES ($1) ON CONFLICT DO NOTHING)
  SELECT d.running AS running, k.pass_started_at <= clock_timestamp() - $4 * interval '1 millisecond' AS due
  FROM known k LEFT JOIN upwrite.verification_details d ON d.table_oid = $1`;

/** No record has the empty key: it is there as long as the others are. */
const restartSql = `
  WITH emptied AS (DELETE FROM upwrite.verified_keys WHERE table_oid = $1 AND key <> ''),
  begun AS (INSERT INTO upwrite.verified_keys (table_oid, key) VALUES ($1, '') ON CONFLICT DO NOTHING),
  started AS (
    UPDATE upwrite.verification SET pass_started_at = clock_timestamp(), rows_checked = 0, share = 0
    WHERE table_oid = $1)
  UPDATE upwrite.verification_details SET running = true, cursor = NULL, listed = false WHERE table_oid = $1`;

const advanceSql = `
  WITH d AS (
    UPDATE upwrite.verification_details SET cursor = $2, listed = $3 WHERE table_oid = $1)
  UPDATE upwrite.verification SET rows_checked = rows_checked + $4,
    share = CASE WHEN $3 THEN 1 ELSE least(1, (rows_checked + $4) / greatest(1, $5::float8)) END
  WHERE table_oid = $1`;

const finishSql = `
  WITH emptied AS (DELETE FROM upwrite.verified_keys WHERE table_oid = $1),
  ended AS (
    UPDATE upwrite.verification_details SET running = false, cursor = NULL, listed = false WHERE table_oid = $1)
  UPDATE upwrite.verification SET last_pass_at = clock_timestamp(), last_pass_rows = rows_checked, share = 1
  WHERE table_oid = $1`;

async function position(db: Queryable, tableOid: number): Promise<PassPosition | null> {
  const result = await db.query<PassPosition>(
    'SELECT cursor, listed FROM upwrite.verification_details WHERE table_oid = $1',
    [tableOid],
  );
  return result.rows[0] ?? null;
}

async function restart(db: Queryable, tableOid: number): Promise<void> {
  await db.query(restartSql, [tableOid]);
}

export const verification: Verification = {
  health: async (db) => {
    const result = await db.query<HealthRow>(
      'SELECT table_oid, schema_name, table_name, rows_checked, share, last_pass_at, mismatches, last_mismatch_at FROM upwrite.verification',
    );
    return result.rows.map((row) => ({
      tableOid: row.table_oid,
      schema: row.schema_name,
      table: row.table_name,
      rowsChecked: Number(row.rows_checked),
      share: row.share,
      lastPassAt: row.last_pass_at?.getTime() ?? null,
      mismatches: Number(row.mismatches),
      lastMismatchAt: row.last_mismatch_at?.getTime() ?? null,
    }));
  },
  due: async (db, connections, intervalMs, worker) => {
    const result = await db.query<{ connection: string; oids: readonly number[] }>(dueSql, [
      connections,
      intervalMs,
      worker,
    ]);
    return new Map(result.rows.map(({ connection, oids }) => [connection, oids]));
  },
  claim: async (db, connection, worker) => {
    const result = await db.query(claimSql, [connection, worker]);
    return result.rowCount === 1;
  },
  release: async (db, worker, connection) => {
    await db.query(
      'DELETE FROM upwrite.verification_turns WHERE worker = $1 AND ($2::text IS NULL OR connection = $2)',
      [worker, connection ?? null],
    );
  },
  pass: async (db, table, intervalMs) => {
    const result = await db.query<{ running: boolean | null; due: boolean }>(passSql, [
      table.oid,
      table.schema,
      table.name,
      intervalMs,
    ]);
    const row = result.rows[0];
    // A row made by this very statement is not seen by it: the table is new, and its first pass begins.
    if (row?.running === false) {
      if (!row.due) return null;
      await restart(db, table.oid);
    }
    return position(db, table.oid);
  },
  restart,
  isIntact: async (db, tableOid) => {
    const result = await db.query("SELECT FROM upwrite.verified_keys WHERE table_oid = $1 AND key = ''", [tableOid]);
    return result.rowCount === 1;
  },
  advance: async (db, tableOid, { cursor, listed, records, rows }) => {
    await db.query(advanceSql, [tableOid, JSON.stringify(cursor), listed, records, rows]);
  },
  noteKeys: async (db, tableOid, keys, suspects) => {
    await db.query(
      `INSERT INTO upwrite.verified_keys AS v (table_oid, key, suspect)
       SELECT $1::oid, k, bool_or(s) FROM unnest($2::text[], $3::boolean[]) AS u (k, s) GROUP BY k
       ON CONFLICT (table_oid, key) DO UPDATE SET suspect = true WHERE EXCLUDED.suspect AND NOT v.suspect`,
      [tableOid, keys, keys.map((key) => suspects.has(key))],
    );
  },
  suspects: async (db, tableOid, limit) => {
    const result = await db.query<{ key: string }>(
      'SELECT key FROM upwrite.verified_keys WHERE table_oid = $1 AND suspect LIMIT $2',
      [tableOid, limit],
    );
    return result.rows.map(({ key }) => key);
  },
  clear: async (db, tableOid, suspects) => {
    await db.query('UPDATE upwrite.verified_keys SET suspect = false WHERE table_oid = $1 AND key = ANY ($2::text[])', [
      tableOid,
      suspects,
    ]);
  },
  walked: async (db, tableOid, key) => {
    await db.query('UPDATE upwrite.verification_details SET cursor = $2 WHERE table_oid = $1', [
      tableOid,
      JSON.stringify(key),
    ]);
  },
  finish: async (db, tableOid) => {
    await db.query(finishSql, [tableOid]);
  },
  noteMismatch: async (db, tableOid, { kind, key, columns }) => {
    await db.query(
      `UPDATE upwrite.verification SET mismatches = mismatches + 1, last_mismatch_at = clock_timestamp(),
         last_mismatch_kind = $2, last_mismatch_key = $3, last_mismatch_columns = $4 WHERE table_oid = $1`,
      [tableOid, kind, key, columns],
    );
  },
  forget: async (db, known) => {
    await db.query(
      `WITH details AS (DELETE FROM upwrite.verification_details WHERE table_oid <> ALL ($1::oid[])),
       keys AS (DELETE FROM upwrite.verified_keys WHERE table_oid <> ALL ($1::oid[]))
       DELETE FROM upwrite.verification WHERE table_oid <> ALL ($1::oid[])`,
      [known],
    );
  },
};

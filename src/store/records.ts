/**
 * The feed of the generic records tables. Triggers on the synced tables note the key of every record that changes, in
 * the transaction that changes it (`upwrite.note_changes`); whoever delivers reads what the synced table has then. A
 * record waits once however often it changes, so a target that is away for long costs no more than its records.
 *
 * A change is done when its number is still the one that was taken: a later change has given it another.
 */
import type { Json, Queryable } from './database.js';

/** Which synced table feeds a target, and what its rows are made from: when that changes, all are delivered anew. */
export interface RecordRoute {
  readonly tableOid: number;
  readonly connection: string;
  readonly object: string;
  readonly definition: Json;
}

/** How far the first load of a route is: what the table has, then what only the target has, then done. */
export interface RouteProgress extends RecordRoute {
  readonly phase: 'load' | 'sweep' | 'done';
  /** The last key of the phase that is dealt with. */
  readonly position: string;
}

export interface WaitingChange {
  readonly tableOid: number;
  readonly key: string;
  /** A decimal number. */
  readonly order: string;
}

export type RecordTargetState = 'loading' | 'live' | 'unhealthy';

/** Times in epoch milliseconds by the database's clock. */
export interface RecordTargetHealth {
  readonly name: string;
  readonly state: RecordTargetState;
  readonly reason: string | null;
  readonly since: number;
  readonly waiting: number;
  readonly waitingSince: number | null;
  readonly delivered: number;
  readonly lastDeliveredAt: number | null;
}

/** Milliseconds after which a change that waits makes its target unhealthy. */
export const recordsLateMs = 300_000;

/** What is said then. */
export const recordsLate = 'it falls behind: see waiting_since';

export interface Records {
  /** A target whose changes wait too long is unhealthy, whatever its feeder wrote last: it may be gone. */
  health(db: Queryable, lateMs?: number): Promise<readonly RecordTargetHealth[]>;
  /** Makes these the targets that there are; what is known of others is forgotten. */
  setTargets(db: Queryable, names: readonly string[]): Promise<void>;
  /** Oids of all tables that feed a target. */
  routedTables(db: Queryable): Promise<readonly number[]>;
  /** Makes these the table's routes. A new one, or one with another definition, is loaded from the beginning. */
  setRoutes(db: Queryable, route: RecordRoute, targets: readonly string[]): Promise<void>;
  /** Ends every route of a table; its waiting changes are dropped. */
  dropRoutes(db: Queryable, tableOid: number): Promise<void>;
  /** Whether it is a target, as far as the process knew that set them last. */
  isTarget(db: Queryable, name: string): Promise<boolean>;
  routes(db: Queryable, target: string): Promise<readonly RouteProgress[]>;
  /** Notes how far a load is, unless it has been begun anew since `route` was read. */
  advance(
    db: Queryable,
    target: string,
    route: RouteProgress,
    phase: RouteProgress['phase'],
    position: string,
  ): Promise<void>;
  /** The changes of these tables that have waited longest. */
  waiting(
    db: Queryable,
    target: string,
    tableOids: readonly number[],
    limit: number,
  ): Promise<readonly WaitingChange[]>;
  /** For how many milliseconds the change that has waited longest has done so; 0 where none waits. */
  lateness(db: Queryable, target: string): Promise<number>;
  /** Takes delivered changes out, except records changed again since. Waits for nobody: what is locked stays. */
  done(db: Queryable, target: string, changes: readonly WaitingChange[]): Promise<void>;
  /** Sets the state and its reason; counts what waits. Answers the state before where it was another. */
  setState(
    db: Queryable,
    target: string,
    state: RecordTargetState,
    reason: string | null,
  ): Promise<RecordTargetState | null>;
  delivered(db: Queryable, target: string, count: number): Promise<void>;
  /** Whether `updated_idx` still has to be brought behind what the target has. */
  isNumbered(db: Queryable, target: string): Promise<boolean>;
  /** From now on numbers are above this one (a decimal number). */
  numberBehind(db: Queryable, target: string, highest: string): Promise<void>;
}

interface HealthRow {
  readonly name: string;
  readonly state: RecordTargetState;
  readonly reason: string | null;
  readonly since: Date;
  readonly waiting: string;
  readonly waiting_since: Date | null;
  readonly delivered: string;
  readonly last_delivered_at: Date | null;
}

interface RouteRow {
  readonly table_oid: number;
  readonly connection: string;
  readonly object: string;
  readonly definition: Json;
  readonly phase: RouteProgress['phase'];
  readonly position: string;
}

const setTargetsSql = `
  WITH gone AS (DELETE FROM upwrite.record_targets WHERE name <> ALL ($1::text[]) RETURNING name),
  routes AS (DELETE FROM upwrite.record_routes r USING gone WHERE r.target = gone.name),
  changes AS (DELETE FROM upwrite.record_changes c USING gone WHERE c.target = gone.name)
  INSERT INTO upwrite.record_targets (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING`;

const setRoutesSql = `
  WITH gone AS (
    DELETE FROM upwrite.record_routes WHERE table_oid = $1 AND target <> ALL ($5::text[]) RETURNING target),
  changes AS (
    DELETE FROM upwrite.record_changes c USING gone WHERE c.target = gone.target AND c.table_oid = $1)
  INSERT INTO upwrite.record_routes AS r (target, table_oid, connection, object, definition)
  SELECT unnest($5::text[]), $1, $2, $3, $4
  ON CONFLICT (target, table_oid) DO UPDATE SET connection = EXCLUDED.connection, object = EXCLUDED.object,
    definition = EXCLUDED.definition, phase = 'load', position = ''
  WHERE r.definition <> EXCLUDED.definition`;

const doneSql = `
  WITH delivered AS (
    SELECT c.target, c.table_oid, c.key FROM upwrite.record_changes c
    JOIN unnest($2::oid[], $3::text[], $4::bigint[]) AS d (table_oid, key, change_order)
      ON c.table_oid = d.table_oid AND c.key = d.key AND c.change_order = d.change_order
    WHERE c.target = $1 FOR UPDATE OF c SKIP LOCKED)
  DELETE FROM upwrite.record_changes c USING delivered d
  WHERE c.target = d.target AND c.table_oid = d.table_oid AND c.key = d.key`;

const setStateSql = `
  UPDATE upwrite.record_targets t SET state = $2, reason = $3,
    since = CASE WHEN t.state = $2 AND t.reason IS NOT DISTINCT FROM $3 THEN t.since ELSE clock_timestamp() END,
    waiting = w.waiting, waiting_since = w.oldest
  FROM (SELECT count(*) AS waiting, min(at) AS oldest FROM upwrite.record_changes WHERE target = $1) w,
    upwrite.record_targets o
  WHERE t.name = $1 AND o.name = $1
    AND (t.state, t.reason, t.waiting, t.waiting_since) IS DISTINCT FROM ($2, $3, w.waiting, w.oldest)
  RETURNING o.state AS before`;

/** One late change is enough: nobody has to look through all that wait. */
const healthSql = `
  SELECT t.name, t.waiting, t.waiting_since, t.delivered, t.last_delivered_at,
    CASE WHEN l.at IS NULL THEN t.state ELSE 'unhealthy' END AS state, CASE WHEN l.at IS NULL THEN t.reason ELSE $2 END AS reason,
    CASE WHEN l.at IS NULL THEN t.since ELSE l.at + $1 * interval '1 millisecond' END AS since
  FROM upwrite.record_targets t LEFT JOIN LATERAL (
    SELECT c.at FROM upwrite.record_changes c WHERE t.state <> 'unhealthy' AND c.target = t.name
      AND c.at < clock_timestamp() - $1 * interval '1 millisecond' LIMIT 1) l ON true
  ORDER BY t.name`;

export const records: Records = {
  health: async (db, lateMs = recordsLateMs) => {
    const result = await db.query<HealthRow>(healthSql, [lateMs, recordsLate]);
    return result.rows.map((row) => ({
      name: row.name,
      state: row.state,
      reason: row.reason,
      since: row.since.getTime(),
      waiting: Number(row.waiting),
      waitingSince: row.waiting_since?.getTime() ?? null,
      delivered: Number(row.delivered),
      lastDeliveredAt: row.last_delivered_at?.getTime() ?? null,
    }));
  },
  setTargets: async (db, names) => {
    await db.query(setTargetsSql, [names]);
  },
  isTarget: async (db, name) => {
    const result = await db.query('SELECT FROM upwrite.record_targets WHERE name = $1', [name]);
    return result.rowCount === 1;
  },
  routedTables: async (db) => {
    const result = await db.query<{ table_oid: number }>('SELECT DISTINCT table_oid FROM upwrite.record_routes');
    return result.rows.map((row) => row.table_oid);
  },
  setRoutes: async (db, route, targets) => {
    const definition = JSON.stringify(route.definition);
    await db.query(setRoutesSql, [route.tableOid, route.connection, route.object, definition, targets]);
  },
  dropRoutes: async (db, tableOid) => {
    await db.query(
      `WITH changes AS (DELETE FROM upwrite.record_changes WHERE table_oid = $1)
       DELETE FROM upwrite.record_routes WHERE table_oid = $1`,
      [tableOid],
    );
  },
  routes: async (db, target) => {
    const result = await db.query<RouteRow>(
      `SELECT table_oid, connection, object, definition, phase, position FROM upwrite.record_routes
       WHERE target = $1 ORDER BY table_oid`,
      [target],
    );
    return result.rows.map(({ table_oid: tableOid, ...row }) => ({ ...row, tableOid }));
  },
  advance: async (db, target, route, phase, position) => {
    await db.query(
      `UPDATE upwrite.record_routes SET phase = $3, position = $4
       WHERE target = $1 AND table_oid = $2 AND phase = $5 AND position = $6 AND definition = $7`,
      [target, route.tableOid, phase, position, route.phase, route.position, JSON.stringify(route.definition)],
    );
  },
  waiting: async (db, target, tableOids, limit) => {
    const result = await db.query<{ table_oid: number; key: string; change_order: string }>(
      `SELECT table_oid, key, change_order FROM upwrite.record_changes
       WHERE target = $1 AND table_oid = ANY ($2::oid[]) ORDER BY change_order LIMIT $3`,
      [target, tableOids, limit],
    );
    return result.rows.map((row) => ({ tableOid: row.table_oid, key: row.key, order: row.change_order }));
  },
  lateness: async (db, target) => {
    const result = await db.query<{ ms: number }>(
      `SELECT coalesce(extract(epoch FROM clock_timestamp() - min(at)) * 1000, 0)::float8 AS ms
       FROM upwrite.record_changes WHERE target = $1`,
      [target],
    );
    return result.rows[0]?.ms ?? 0;
  },
  done: async (db, target, changes) => {
    await db.query(doneSql, [
      target,
      changes.map((change) => change.tableOid),
      changes.map((change) => change.key),
      changes.map((change) => change.order),
    ]);
  },
  setState: async (db, target, state, reason) => {
    const result = await db.query<{ before: RecordTargetState }>(setStateSql, [target, state, reason]);
    const before = result.rows[0]?.before ?? state;
    return before === state ? null : before;
  },
  delivered: async (db, target, count) => {
    await db.query(
      `UPDATE upwrite.record_targets SET delivered = delivered + $2, last_delivered_at = clock_timestamp()
       WHERE name = $1`,
      [target, count],
    );
  },
  isNumbered: async (db, target) => {
    const result = await db.query<{ numbered: boolean }>(
      'SELECT numbered FROM upwrite.record_targets WHERE name = $1',
      [target],
    );
    return result.rows[0]?.numbered === true;
  },
  numberBehind: async (db, target, highest) => {
    await db.query(
      `WITH moved AS (
         SELECT setval('upwrite.record_idx', $2::bigint) FROM upwrite.record_idx
         WHERE last_value < $2::bigint)
       UPDATE upwrite.record_targets SET numbered = true WHERE name = $1 AND (SELECT count(*) FROM moved) >= 0`,
      [target, highest],
    );
  },
};

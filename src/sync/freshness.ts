/** Fresh data for a reader: finds the synced tables behind what a statement reads, and has the old ones synced first. */
import type pg from 'pg';
import { type Fault, FaultError, fault } from '../errors/index.js';
import { pause } from './pause.js';

/** A relation as a statement names it. */
export interface ReadRelation {
  /** null: found by search_path, so that every schema counts. */
  readonly schema: string | null;
  readonly name: string;
}

export interface FreshnessOptions {
  /** Upwrite's own. */
  readonly pool: pg.Pool;
  /** The synced database's name. */
  readonly database: string;
  /** Has the sync of a table begin now, in whichever process. */
  readonly wake: (tableOid: number) => Promise<void> | void;
  /** Milliseconds that a reader waits at most. */
  readonly timeoutMs: number;
  /** What happens then: an error, or a warning and the old data. */
  readonly late: 'error' | 'warn';
  readonly onError: (error: unknown) => void;
  /** Milliseconds between looks at the settings of roles and of the database. Default 5,000. */
  readonly presetMs?: number;
}

export interface Freshness {
  preset(role: string): boolean;
  refresh(relations: readonly ReadRelation[], maxAgeMs: number, signal: AbortSignal): Promise<Fault | null>;
  stop(): Promise<void>;
}

interface Age {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly provider: string;
  readonly state: string;
  readonly reason: string | null;
  /** Milliseconds; null where the table has never been complete. */
  readonly age: number | null;
  /** The age that it had when the statement's first question reached the database. */
  readonly lag: number | null;
}

interface FirstAge extends Age {
  /** When that was, in seconds, by the database's clock. */
  readonly asked: number;
}

/** Milliseconds between looks whether a table is up to date. */
const pollMs = 50;

const columns = (asked: string): string =>
  `t.table_oid AS oid, t.schema_name AS schema, t.table_name AS name, t.provider, t.state, t.reason,
  extract(epoch FROM clock_timestamp() - t.last_synced_at)::float8 * 1000 AS age,
  (${asked} - extract(epoch FROM t.last_synced_at)::float8) * 1000 AS lag`;

const now = 'extract(epoch FROM statement_timestamp())::float8';

/**
 * Names → synced tables, through views at any depth. A materialized view shows what it was filled with, whatever its
 * tables have.
 */
const behindSql = `
  WITH RECURSIVE behind (oid) AS (
    SELECT c.oid FROM unnest($1::text[], $2::text[]) AS r (schema, name)
    JOIN pg_class c ON c.relname = r.name JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE (r.schema IS NULL OR n.nspname = r.schema) AND c.relkind IN ('r', 'v')
    UNION
    SELECT d.refobjid FROM behind b JOIN pg_class c ON c.oid = b.oid AND c.relkind = 'v'
    JOIN pg_rewrite w ON w.ev_class = b.oid
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
      AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class)
  SELECT ${columns(now)}, ${now} AS asked FROM behind b JOIN upwrite.tables t ON t.table_oid = b.oid`;

const agesSql = `SELECT ${columns('$2::float8')} FROM upwrite.tables t WHERE t.table_oid = ANY ($1::oid[])`;

/** Roles whose sessions may begin with the setting: '' stands for every role. The server's own file is seen as well. */
const presetSql = `
  SELECT coalesce(r.rolname, '') AS role FROM pg_db_role_setting s
  LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase
  WHERE (s.setdatabase = 0 OR d.datname = $1)
    AND EXISTS (SELECT FROM unnest(s.setconfig) AS c WHERE c ILIKE 'upwrite.max\\_staleness=%')
  UNION
  SELECT '' WHERE coalesce(current_setting('upwrite.max_staleness', true), '') <> ''`;

export async function openFreshness(options: FreshnessOptions): Promise<Freshness> {
  const { pool, database, onError } = options;
  let roles: ReadonlySet<string> = new Set();
  const look = async (): Promise<void> => {
    try {
      const found = await pool.query<{ role: string }>(presetSql, [database]);
      roles = new Set(found.rows.map((row) => row.role));
    } catch (error) {
      onError(error);
    }
  };
  await look();
  let looking: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, options.presetMs ?? 5000);
  timer.unref();
  return {
    preset: (role) => roles.size > 0 && (roles.has('') || roles.has(role)),
    refresh: (relations, maxAgeMs, signal) => refresh(options, relations, maxAgeMs, signal),
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
}

async function refresh(
  { pool, wake, timeoutMs, late }: FreshnessOptions,
  relations: readonly ReadRelation[],
  maxAgeMs: number,
  signal: AbortSignal,
): Promise<Fault | null> {
  const begun = performance.now();
  const found = await pool.query<FirstAge>(behindSql, [
    relations.map((relation) => relation.schema),
    relations.map((relation) => relation.name),
  ]);
  // What was up to date so long before that question, or has become so since, is fresh. By one clock, the database's: how
  // long its answers are under way must not make anything fresher.
  const isOld = ({ lag }: Age): boolean => lag === null || lag > maxAgeMs;
  const asked = found.rows[0]?.asked ?? 0;
  let old: readonly Age[] = found.rows.filter(isOld);
  for (const { oid } of old) await wake(oid);
  while (old.length > 0) {
    if (performance.now() - begun > timeoutMs) {
      const why = notFresh(old, timeoutMs);
      if (late === 'error') throw new FaultError(why);
      return why;
    }
    await pause(pollMs, signal);
    signal.throwIfAborted();
    const looked = await pool.query<Age>(agesSql, [old.map(({ oid }) => oid), asked]);
    old = looked.rows.filter(isOld);
  }
  return null;
}

function notFresh(old: readonly Age[], timeoutMs: number): Fault {
  const [first] = old;
  if (first === undefined) throw new Error('no table is old');
  const { name, schema, provider, state, reason, age } = first;
  const seconds = Math.round(timeoutMs / 100) / 10;
  const shown = age === null ? 'never up to date' : `up to date ${Math.round(age / 1000)} s ago`;
  const params = { table: name, provider, seconds, age: shown, state: reason === null ? state : `${state}: ${reason}` };
  return fault('not_fresh', { params, schema, table: name });
}

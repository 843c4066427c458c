/**
 * The guard: committing a change of a synced table is impossible for anyone but Upwrite.
 *
 * Every synced table has a deferred constraint trigger, so that a client's statement can be evaluated and rolled back
 * at no price, and a statement trigger for TRUNCATE. Both fire unless the session logged in as Upwrite's role *and*
 * was opened by Upwrite (`upwrite.internal`): a client that logs in with the very same role is guarded too. The
 * condition is in WHEN, which is evaluated as the row changes, so Upwrite's own bulk writes queue nothing.
 *
 * - ENABLE ALWAYS: they also fire under `session_replication_role = replica` and in logical replication's apply.
 * - `SET CONSTRAINTS ALL IMMEDIATE` in a client's session would make the evaluation itself fail with 25006. Evaluation
 *   therefore begins with `deferGuard`, inside its own savepoint: rolling back restores the client's setting.
 * - Only the owner of a table (Upwrite) and superusers can disable a trigger, drop it, or attach a partition.
 */
import { catalogue } from '../errors/index.js';
import { ident, literal, qualified } from './names.js';
import { upsertFunctions, upsertTrigger } from './upsert.js';

/** The names of both triggers; a trigger's name is unique in its table only. */
export const guardName = 'upwrite_guard';
export const truncateGuardName = 'upwrite_guard_truncate';

/** Raised inside the database: the catalogue's `direct_write`, with the table's own name and provider filled in. */
function guardFunction(): string {
  const entry = catalogue.direct_write;
  const filled = (template: string): string =>
    `replace(replace(${literal(template)}, '{table}', TG_TABLE_NAME), '{provider}', TG_ARGV[0])`;
  return `CREATE OR REPLACE FUNCTION upwrite.guard() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $guard$
    BEGIN
      RAISE EXCEPTION USING
        ERRCODE = ${literal(entry.sqlstate)},
        MESSAGE = ${filled(entry.message)},
        DETAIL = ${filled(entry.detail ?? '')},
        HINT = ${filled(entry.hint ?? '')},
        SCHEMA = TG_TABLE_SCHEMA,
        TABLE = TG_TABLE_NAME;
    END $guard$`;
}

/**
 * The key that a new row has while Postgres evaluates the statement that inserts it; the API then assigns the true one.
 * It is recognisable, unlike any API's key, and never committed.
 */
const provisionalKeyFunction = `CREATE OR REPLACE FUNCTION upwrite.provisional_key() RETURNS text
    LANGUAGE sql VOLATILE PARALLEL SAFE
    RETURN 'upwrite:' || pg_catalog.gen_random_uuid()::text`;

/** Whether a key is one that stands in for the key that the API will assign. */
export function isProvisionalKey(key: string): boolean {
  return /^upwrite:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(key);
}

/** What the triggers and the key's default need, in the schema `upwrite`. Harmless when repeated. */
export function guardFunctions(): readonly string[] {
  return [
    guardFunction(),
    "COMMENT ON FUNCTION upwrite.guard() IS 'Refuses changes of synced tables that did not come through Upwrite.'",
    provisionalKeyFunction,
    'GRANT EXECUTE ON FUNCTION upwrite.provisional_key() TO PUBLIC',
    ...upsertFunctions,
  ];
}

export interface GuardTarget {
  readonly schema: string;
  readonly name: string;
  readonly provider: string;
  /** Upwrite's own login role. */
  readonly role: string;
  /** The key column of a table whose API takes upserts; null where it takes none. */
  readonly upsertKey: string | null;
}

/** Tells one definition of the guard from another; kept as the trigger's comment. */
export function guardSignature(target: GuardTarget): string {
  const upserts = target.upsertKey === null ? '' : `, with upserts of key ${target.upsertKey}`;
  return `Upwrite's guard, form 1, for role ${target.role} and provider ${target.provider}${upserts}`;
}

/** Puts the guard on a table, in place of an earlier one. */
export function guardStatements(target: GuardTarget): readonly string[] {
  const table = qualified(target);
  const when = `WHEN (session_user <> ${literal(target.role)} OR current_setting('upwrite.internal', true) IS DISTINCT FROM 'on')`;
  const run = `EXECUTE FUNCTION upwrite.guard(${literal(target.provider)})`;
  return [
    `DROP TRIGGER IF EXISTS ${guardName} ON ${table}`,
    `CREATE CONSTRAINT TRIGGER ${guardName} AFTER INSERT OR UPDATE OR DELETE ON ${table}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW ${when} ${run}`,
    `DROP TRIGGER IF EXISTS ${truncateGuardName} ON ${table}`,
    `CREATE TRIGGER ${truncateGuardName} BEFORE TRUNCATE ON ${table}
    FOR EACH STATEMENT ${when} ${run}`,
    `ALTER TABLE ${table} ENABLE ALWAYS TRIGGER ${guardName}`,
    `ALTER TABLE ${table} ENABLE ALWAYS TRIGGER ${truncateGuardName}`,
    ...upsertTrigger(target),
    `COMMENT ON TRIGGER ${guardName} ON ${table} IS ${literal(guardSignature(target))}`,
  ];
}

/**
 * Makes the guards of a schema wait for COMMIT whatever the session has set. To be run inside the savepoint (or
 * transaction) in which a client's statement is evaluated and that is rolled back afterwards. Needs no privilege but
 * USAGE on the schema.
 */
export function deferGuard(table: { readonly schema: string }): string {
  return `SET CONSTRAINTS ${ident(table.schema)}.${guardName} DEFERRED`;
}

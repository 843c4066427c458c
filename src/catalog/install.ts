/** From the connections of a configuration to tables in the database, and to the catalog of them. */
import type pg from 'pg';
import { type ApplyContext, applyTable, leaveTable, type TableOutcome } from './apply.js';
import { catalogChannel, createCatalog, type LiveCatalog, readTables } from './catalog.js';
import type { ConnectionChoice } from './choices.js';
import { guardFunctions } from './guard.js';
import { type Described, describeAll, type InstallPlan, planAll } from './plan.js';
import type { RegisteredTable, TableRegistry } from './port.js';

export interface InstallOptions {
  /** Upwrite's own role; the schema `upwrite` is migrated. */
  readonly pool: pg.Pool;
  readonly registry: TableRegistry;
  readonly connections: readonly ConnectionChoice[];
  readonly signal: AbortSignal;
  /** Whether statements are run. Where not, tables that exist are mirrored as far as they can be. Default true. */
  readonly ddl?: boolean;
  /** Whether these are all connections of the configuration: tables of others are then no longer synced. Default true. */
  readonly all?: boolean;
  /** Milliseconds to wait in all for the lock on a table that is to be altered. Default 10,000. */
  readonly lockTimeoutMs?: number;
  /** What an operator should know: columns that are no longer synced, statements that wait, and the like. Once each. */
  readonly onNote?: (table: string, note: string) => void;
  /** A connection that has tables could not be described: they stay as they are. Without it, that is thrown. */
  readonly onFailure?: (connection: string, error: unknown) => void;
}

/** What `installCatalog` would do now. Changes nothing; the schema `upwrite` need not exist. */
export async function planCatalog(options: InstallOptions): Promise<InstallPlan> {
  const client = await options.pool.connect();
  try {
    const found = await client.query<{ there: boolean }>(
      "SELECT to_regclass('upwrite.table_details') IS NOT NULL AS there",
    );
    const registered = found.rows[0]?.there === true ? await options.registry.list(client) : [];
    const described = await describeAll(client, options, registered);
    return await planAll(client, described, registered, options.connections, options.all ?? true);
  } finally {
    client.release();
  }
}

/**
 * Describes every connection, creates or changes its tables, puts the guard on them, registers them, and answers the
 * catalog of all synced tables of the database.
 * Throws an Error that names the configuration's key, or the FaultError of a provider that could not describe.
 */
export async function installCatalog(options: InstallOptions): Promise<LiveCatalog> {
  await bringUpToDate(options);
  return createCatalog(await readTables(options.pool, options.registry));
}

/**
 * The same without the catalog, for one that is being watched. One process at a time; what is up to date is left alone.
 * Each table is its own transaction: whoever is killed in the middle leaves whole tables, and the next one goes on.
 */
export async function bringUpToDate(options: InstallOptions): Promise<readonly TableOutcome[]> {
  const client = await options.pool.connect();
  let broken = true;
  try {
    const described = await describeAll(client, options, await options.registry.list(client, concerned(options)));
    await client.query("SELECT pg_advisory_lock(hashtextextended('upwrite catalog', 0))");
    try {
      return await install(client, described, options);
    } finally {
      await client.query("SELECT pg_advisory_unlock(hashtextextended('upwrite catalog', 0))");
      broken = false;
    }
  } finally {
    client.release(broken);
  }
}

async function install(
  client: pg.PoolClient,
  described: readonly Described[],
  options: InstallOptions,
): Promise<readonly TableOutcome[]> {
  const { registry, ddl = true, onNote = () => {} } = options;
  const all = options.all ?? true;
  for (const statement of all ? guardFunctions() : []) await client.query(statement);
  const before = await registry.list(client, concerned(options));
  const planned = await planAll(client, described, before, options.connections, all);
  if (!ddl) refuseFirst(planned);
  for (const schema of ddl ? planned.schemas : []) {
    for (const statement of schema.statements) await client.query(statement);
  }
  const context: ApplyContext = { client, registry, before, patience: options.lockTimeoutMs ?? 10_000, onNote };
  const outcomes: TableOutcome[] = [];
  for (const table of planned.tables) {
    outcomes.push(
      await (ddl
        ? applyTable(context, table)
        : leaveTable(context, table, 'the configuration leaves it to "upwrite apply"')),
    );
  }
  await leaveOthers(context, planned);
  return outcomes;
}

/** The connections whose tables matter; a look at one of thousands must not read what is known of all. */
function concerned({ connections, all = true }: InstallOptions): readonly string[] | undefined {
  return all ? undefined : connections.map(({ name }) => name);
}

/** Where nothing of a connection is there yet, there is nothing to serve. */
function refuseFirst(planned: InstallPlan): void {
  for (const connection of new Set(planned.tables.map((table) => table.connection))) {
    const own = planned.tables.filter((table) => table.connection === connection);
    if (own.some((table) => table.oid !== null)) continue;
    throw new Error(
      `the tables of connection "${connection}" do not exist yet: run "upwrite plan" to see them and "upwrite apply" to make them`,
    );
  }
}

/** Tables that the API or the configuration no longer has keep their rows. */
async function leaveOthers({ client, registry, onNote }: ApplyContext, planned: InstallPlan): Promise<void> {
  const say = async (table: RegisteredTable, note: string): Promise<void> => {
    if (table.notes.length === 1 && table.notes[0] === note) return;
    await registry.note(client, table.tableOid, [note]);
    onNote(`${table.schema}.${table.name}`, note);
  };
  for (const table of planned.vanished) {
    await say(table, `the API no longer has "${table.object}"; the rows stay as they are`);
  }
  for (const table of planned.dropped) {
    if (!table.attached) continue;
    await client.query('BEGIN');
    try {
      await registry.detach(client, table.tableOid);
      await client.query(`NOTIFY ${catalogChannel}`);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {});
      throw error;
    }
    onNote(`${table.schema}.${table.name}`, 'is no longer in the configuration; its rows stay and are not synced');
  }
}

/** From the connections of a configuration to tables in the database, and to the catalog of them. */
import type pg from 'pg';
import { catalogChannel, createCatalog, type LiveCatalog, readTables } from './catalog.js';
import { type ChosenTable, type ConnectionChoice, chooseTables } from './choices.js';
import { planSchema, planTable, type TablePlan } from './ddl.js';
import { guardFunctions } from './guard.js';
import { inspectSchema, inspectTable } from './inspect.js';
import type { RegisteredTable, TableRegistry } from './port.js';

/** What an installation does or would do, in order. */
export interface InstallPlan {
  /** By schema. */
  readonly schemas: readonly { readonly schema: string; readonly statements: readonly string[] }[];
  readonly tables: readonly PlannedTable[];
}

export interface PlannedTable extends TablePlan {
  readonly connection: string;
  readonly provider: string;
  readonly limits: ChosenTable['limits'];
}

export interface InstallOptions {
  /** Upwrite's own role; the schema `upwrite` is migrated. */
  readonly pool: pg.Pool;
  readonly registry: TableRegistry;
  readonly connections: readonly ConnectionChoice[];
  readonly signal: AbortSignal;
  /** Milliseconds to wait for a lock on a table that is to be altered. Default 10,000. */
  readonly lockTimeoutMs?: number;
  /** What an operator should know: columns that are no longer synced, and the like. */
  readonly onNote?: (table: string, note: string) => void;
}

/** What `installCatalog` would do now. Changes nothing. */
export async function planCatalog(options: InstallOptions): Promise<InstallPlan> {
  const described = await describeAll(options);
  const client = await options.pool.connect();
  try {
    return await plan(client, described, await registeredTables(client, options.registry));
  } finally {
    client.release();
  }
}

/**
 * Describes every connection, creates or extends its tables, puts the guard on them, registers them, and answers the
 * catalog of all synced tables of the database. One process at a time; what is up to date is left alone. Each table is
 * its own transaction.
 * Throws an Error that names the configuration's key, or the FaultError of a provider that could not describe.
 */
export async function installCatalog(options: InstallOptions): Promise<LiveCatalog> {
  const described = await describeAll(options);
  const client = await options.pool.connect();
  let broken = true;
  try {
    await client.query("SELECT pg_advisory_lock(hashtextextended('upwrite catalog', 0))");
    try {
      await install(client, described, options);
    } finally {
      await client.query("SELECT pg_advisory_unlock(hashtextextended('upwrite catalog', 0))");
      broken = false;
    }
  } finally {
    client.release(broken);
  }
  return createCatalog(await readTables(options.pool, options.registry));
}

interface Described {
  readonly connection: ConnectionChoice;
  readonly tables: readonly ChosenTable[];
}

async function describeAll(options: InstallOptions): Promise<readonly Described[]> {
  return Promise.all(
    options.connections.map(async (connection) => ({
      connection,
      tables: chooseTables(connection, await connection.session.describe(options.signal)),
    })),
  );
}

async function registeredTables(client: pg.ClientBase, registry: TableRegistry): Promise<ReadonlySet<number>> {
  const registered = await registry.list(client);
  return new Set(registered.map((table) => table.tableOid));
}

async function plan(
  client: pg.ClientBase,
  described: readonly Described[],
  registered: ReadonlySet<number>,
): Promise<InstallPlan> {
  const role = await ownRole(client);
  const all = described.flatMap((each) => each.tables);
  const schemas = [];
  for (const schema of new Set(all.map((table) => table.schema))) {
    const grants = all.filter((table) => table.schema === schema).map((table) => table.grant);
    schemas.push({ schema, statements: planSchema(schema, grants, await inspectSchema(client, schema)) });
  }
  const tables: PlannedTable[] = [];
  for (const { connection, tables: chosenTables } of described) {
    for (const chosen of chosenTables) {
      const existing = await inspectTable(client, chosen.schema, chosen.name);
      if (existing !== null && !registered.has(existing.oid)) {
        throw new Error(
          `table "${chosen.schema}"."${chosen.name}" exists and is not Upwrite's: rename it, or give the synced table another name under connections.${connection.name}.tables`,
        );
      }
      const planned = planTable(chosen, connection.provider, role, existing);
      tables.push({ ...planned, connection: connection.name, provider: connection.provider, limits: chosen.limits });
    }
  }
  return { schemas, tables };
}

/** The login role: SET ROLE does not change what the guard looks at. */
async function ownRole(client: pg.ClientBase): Promise<string> {
  const result = await client.query<{ role: string }>('SELECT session_user::text AS role');
  const row = result.rows[0];
  if (row === undefined) throw new Error('the database did not say who is logged in');
  return row.role;
}

async function install(client: pg.PoolClient, described: readonly Described[], options: InstallOptions): Promise<void> {
  for (const statement of guardFunctions()) await client.query(statement);
  const before = await options.registry.list(client);
  const planned = await plan(client, described, new Set(before.map((table) => table.tableOid)));
  for (const schema of planned.schemas) {
    for (const statement of schema.statements) await client.query(statement);
  }
  const lockTimeoutMs = options.lockTimeoutMs ?? 10_000;
  for (const table of planned.tables) {
    await installTable(client, table, before, options.registry, lockTimeoutMs);
    for (const note of table.notes) options.onNote?.(`${table.schema}.${table.name}`, note);
  }
}

async function installTable(
  client: pg.PoolClient,
  table: PlannedTable,
  before: readonly RegisteredTable[],
  registry: TableRegistry,
  lockTimeoutMs: number,
): Promise<void> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = ${Math.max(1, Math.floor(lockTimeoutMs))}`);
  try {
    for (const statement of table.statements) await client.query(statement);
    const existing = await inspectTable(client, table.schema, table.name);
    if (existing === null)
      throw new Error(`table "${table.schema}"."${table.name}" disappeared while it was installed`);
    const entry: RegisteredTable = {
      tableOid: existing.oid,
      connection: table.connection,
      provider: table.provider,
      object: table.resource.object,
      schema: table.schema,
      name: table.name,
      resource: asJson(table.resource),
      limits: asJson(table.limits),
    };
    if (!before.some((known) => sameEntry(known, entry))) {
      await registry.register(client, entry);
      await client.query(`NOTIFY ${catalogChannel}`);
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** jsonb orders keys by itself, so both sides are put in one order before they are compared. */
function sameEntry(a: RegisteredTable, b: RegisteredTable): boolean {
  return stable(asJson(a)) === stable(asJson(b));
}

type Json = RegisteredTable['resource'];

function asJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value));
}

function stable(value: Json): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

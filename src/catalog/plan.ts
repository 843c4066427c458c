/** What is to be done, in order, so that the database has the tables that a configuration and its APIs ask for. */
import type pg from 'pg';
import type { Before } from './alter.js';
import { type ChosenTable, type ConnectionChoice, chooseTables, isChosen } from './choices.js';
import { planSchema, planTable, type TablePlan } from './ddl.js';
import { type ExistingTable, inspectOid, inspectSchema, inspectTable } from './inspect.js';
import type { KnownTable } from './known.js';
import { hasNews } from './news.js';
import type { RegisteredTable } from './port.js';
import { parseNames, parseResource } from './snapshot.js';

/** What an installation does or would do. */
export interface InstallPlan {
  /** By schema. */
  readonly schemas: readonly { readonly schema: string; readonly statements: readonly string[] }[];
  readonly tables: readonly PlannedTable[];
  /** Tables whose object the API no longer describes: they stay as they are. */
  readonly vanished: readonly RegisteredTable[];
  /** Tables that the configuration no longer has: they are no longer synced. */
  readonly dropped: readonly RegisteredTable[];
}

export interface PlannedTable extends TablePlan {
  readonly connection: string;
  readonly provider: string;
  readonly limits: ChosenTable['limits'];
  readonly names: ChosenTable['names'];
  readonly held: ChosenTable['held'];
  /** The table that there is; null where it is to be created. */
  readonly oid: number | null;
  /** Whether every record is read again afterwards. */
  readonly rereads: boolean;
}

/** What an API describes, and what the configuration chooses of it. */
export interface Described {
  readonly connection: ConnectionChoice;
  readonly tables: readonly ChosenTable[];
  /** API names of all objects that it describes. */
  readonly objects: ReadonlySet<string>;
}

export interface DescribeOptions {
  readonly connections: readonly ConnectionChoice[];
  readonly signal: AbortSignal;
  /** Without it, what a description throws is thrown. */
  readonly onFailure?: (connection: string, error: unknown) => void;
}

/** Tables of a connection that are registered, as far as they are still in the database. */
async function knownTables(
  client: pg.ClientBase,
  connection: string,
  registered: readonly RegisteredTable[],
): Promise<readonly KnownTable[]> {
  const own = registered.filter((table) => table.connection === connection);
  const found = await client.query<{ oid: number; schema: string; name: string }>(
    `SELECT c.oid, n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = ANY ($1::oid[]) AND c.relkind = 'r'`,
    [own.map((table) => table.tableOid)],
  );
  const byOid = new Map(found.rows.map((row) => [row.oid, row]));
  return own.flatMap((table): KnownTable[] => {
    const row = byOid.get(table.tableOid);
    if (row === undefined) return [];
    const resource = parseResource(table.resource, `${row.schema}.${row.name}`);
    const { object, held } = table;
    return [{ ...row, object, names: parseNames(table.names, resource), resource, held }];
  });
}

/** Asks every API for its description, side by side. One that fails and has tables is left out, if `onFailure` is there. */
export async function describeAll(
  client: pg.ClientBase,
  options: DescribeOptions,
  registered: readonly RegisteredTable[],
): Promise<readonly Described[]> {
  const asked = await Promise.all(
    options.connections.map(async (connection) => {
      try {
        return { connection, resources: await connection.session.describe(options.signal) };
      } catch (error) {
        const hasTables = registered.some((table) => table.connection === connection.name);
        if (options.onFailure === undefined || !hasTables) throw error;
        options.onFailure(connection.name, error);
        return null;
      }
    }),
  );
  const described: Described[] = [];
  for (const answer of asked) {
    if (answer === null) continue;
    const { connection, resources } = answer;
    const known = await knownTables(client, connection.name, registered);
    const objects = new Set(resources.map(({ object }) => object));
    described.push({ connection, tables: chooseTables(connection, resources, known), objects });
  }
  return described;
}

/** Plans all. `all`: these connections are all that the configuration has. */
export async function planAll(
  client: pg.ClientBase,
  described: readonly Described[],
  registered: readonly RegisteredTable[],
  configured: readonly ConnectionChoice[],
  all: boolean,
): Promise<InstallPlan> {
  const role = await ownRole(client);
  const chosen = described.flatMap((each) => each.tables);
  const schemas = [];
  for (const schema of new Set(chosen.map((table) => table.schema))) {
    const grants = chosen.filter((table) => table.schema === schema).map((table) => table.grant);
    schemas.push({ schema, statements: planSchema(schema, grants, await inspectSchema(client, schema)) });
  }
  const tables: PlannedTable[] = [];
  for (const { connection, tables: wanted } of described) {
    for (const table of wanted) {
      const before = await beforeOf(client, connection, table, registered);
      const planned = planTable(table, connection.provider, role, before);
      const { limits, names, held } = table;
      const { name, provider } = connection;
      const oid = before?.existing.oid ?? null;
      const last = registered.find((each) => each.tableOid === oid);
      const rereads = last !== undefined && hasNews(last, planned.resource, name);
      const notes = [...planned.notes, ...(held === null ? [] : [`it is not synced: ${held}`])];
      tables.push({ ...planned, notes, connection: name, provider, limits, names, held, oid, rereads });
    }
  }
  const rest = registered.filter(({ tableOid }) => !tables.some(({ oid }) => oid === tableOid));
  return { schemas, tables, ...sortRest(rest, described, configured, all) };
}

/** Tables that are registered and not planned: the API has lost them, or the configuration. */
function sortRest(
  rest: readonly RegisteredTable[],
  described: readonly Described[],
  configured: readonly ConnectionChoice[],
  all: boolean,
): Pick<InstallPlan, 'vanished' | 'dropped'> {
  const vanished: RegisteredTable[] = [];
  const dropped: RegisteredTable[] = [];
  for (const table of rest) {
    const connection = configured.find(({ name }) => name === table.connection);
    if (connection === undefined) {
      if (all) dropped.push(table);
      continue;
    }
    const answer = described.find((each) => each.connection === connection);
    const resource = parseResource(table.resource, `${table.schema}.${table.name}`);
    if (!isChosen(connection, resource)) dropped.push(table);
    else if (answer !== undefined && !answer.objects.has(table.object)) vanished.push(table);
  }
  return { vanished, dropped };
}

/** What there is of a table; null where it is to be created. */
async function beforeOf(
  client: pg.ClientBase,
  connection: ConnectionChoice,
  chosen: ChosenTable,
  registered: readonly RegisteredTable[],
): Promise<Before | null> {
  const { object } = chosen.resource;
  const own = registered.find((table) => table.connection === connection.name && table.object === object);
  const existing = own === undefined ? null : await inspectOid(client, own.tableOid);
  const there = await inspectTable(client, chosen.schema, chosen.name);
  if (there === null || there.oid === existing?.oid) return own === undefined ? null : known(own, existing);
  const other = registered.find((table) => table.tableOid === there.oid);
  // The connection has another name in the configuration now.
  if (existing === null && other?.object === object && other.provider === connection.provider)
    return known(other, there);
  const whose = other === undefined ? "is not Upwrite's" : `belongs to connection "${other.connection}"`;
  throw new Error(
    `table "${chosen.schema}"."${chosen.name}" exists and ${whose}: rename it, or give the synced table another name under connections.${connection.name}.tables`,
  );
}

function known(entry: RegisteredTable, existing: ExistingTable | null): Before | null {
  if (existing === null) return null;
  const resource = parseResource(entry.resource, `${entry.schema}.${entry.name}`);
  return { existing, resource, names: parseNames(entry.names, resource) };
}

/** The login role: SET ROLE does not change what the guard looks at. */
async function ownRole(client: pg.ClientBase): Promise<string> {
  const result = await client.query<{ role: string }>('SELECT session_user::text AS role');
  const row = result.rows[0];
  if (row === undefined) throw new Error('the database did not say who is logged in');
  return row.role;
}

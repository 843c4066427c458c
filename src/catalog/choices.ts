/** What a configuration chooses of the tables that an API offers: which, which columns, under which names. */
import type { Column, Resource, Session, Verb } from '../provider/index.js';

/** Database roles by name; `public` stands for every role. */
export interface Grants {
  /** SELECT. */
  readonly read?: readonly string[];
  /** SELECT, INSERT, UPDATE and DELETE; what is committed still goes through Upwrite alone. */
  readonly write?: readonly string[];
}

/** Columns, by their SQL name or the API's name of the field. */
export interface ColumnChoice {
  /** Only these; the key and the version are always there. */
  readonly include?: readonly string[];
  /** All but these. */
  readonly exclude?: readonly string[];
  /** New SQL names. */
  readonly rename?: Readonly<Record<string, string>>;
}

export interface TableChoice {
  /** The resource's name, or the API's name of the object. */
  readonly resource: string;
  /** The table's name; the resource's unless given. */
  readonly name?: string;
  readonly columns?: ColumnChoice;
  /** Rows per statement. At most what the API takes. */
  readonly limits?: Readonly<Partial<Record<Verb, number>>>;
  /** In place of the connection's. */
  readonly grant?: Grants;
}

export interface ConnectionChoice {
  /** The connection's name in the configuration. */
  readonly name: string;
  /** The provider's name. */
  readonly provider: string;
  readonly session: Session;
  /** The schema that its tables are in; the connection's name unless given. */
  readonly schema?: string;
  /** Rows per statement for every table that offers the verb and does not say otherwise. At most what the API takes. */
  readonly limits?: Readonly<Partial<Record<Verb, number>>>;
  /** Every table that the API offers unless given. */
  readonly tables?: readonly TableChoice[];
  /** Who may use the tables; nobody but their owner unless given. */
  readonly grant?: Grants;
}

/** A resource as it is to be mirrored. */
export interface ChosenTable {
  readonly schema: string;
  readonly name: string;
  /** With the columns that were chosen, under the names that were chosen. */
  readonly resource: Resource;
  readonly limits: Readonly<Partial<Record<Verb, number>>>;
  readonly grant: Grants;
}

/**
 * Applies a connection's choices to what its API describes, in the order of the choices.
 * Throws an Error that names the key of the configuration and the fix.
 */
export function chooseTables(connection: ConnectionChoice, resources: readonly Resource[]): readonly ChosenTable[] {
  const choices = connection.tables ?? resources.map((resource) => ({ resource: resource.name }));
  const chosen = choices.map((choice) => chooseTable(connection, choice, resources));
  const where = `connections.${connection.name}.tables`;
  refuseRepeated(
    chosen.map((table) => table.name),
    `${where}: two tables are named`,
  );
  refuseRepeated(
    chosen.map((table) => table.resource.object),
    `${where}: it lists twice the object`,
  );
  return chosen;
}

function chooseTable(connection: ConnectionChoice, choice: TableChoice, resources: readonly Resource[]): ChosenTable {
  const where = `connections.${connection.name}.tables.${choice.resource}`;
  const found =
    resources.find((each) => each.name === choice.resource) ??
    resources.find((each) => each.object === choice.resource);
  if (found === undefined) {
    throw new Error(
      `${where}: ${connection.provider} has no such table; it has ${shortList(resources.map((r) => r.name))}`,
    );
  }
  const name = choice.name ?? found.name;
  checkName(name, `${where}.name`);
  const schema = connection.schema ?? connection.name;
  checkName(schema, `connections.${connection.name}.schema`);
  return {
    schema,
    name,
    resource: chooseColumns(found, choice.columns ?? {}, `${where}.columns`),
    limits: {
      ...chooseLimits(found, offered(found, connection.limits ?? {}), `connections.${connection.name}.limits`),
      ...(choice.limits === undefined ? {} : chooseLimits(found, choice.limits, `${where}.limits`)),
    },
    grant: choice.grant ?? connection.grant ?? {},
  };
}

function chooseColumns(resource: Resource, choice: ColumnChoice, where: string): Resource {
  const fixed = new Set([resource.key, ...(resource.version === undefined ? [] : [resource.version])]);
  const include = choice.include === undefined ? null : new Set(resolve(resource, choice.include, `${where}.include`));
  const exclude = new Set(resolve(resource, choice.exclude ?? [], `${where}.exclude`));
  for (const name of fixed) {
    if (exclude.has(name)) throw new Error(`${where}.exclude: column "${name}" cannot be left out, the sync needs it`);
  }
  const rename = new Map<string, string>();
  for (const [from, to] of Object.entries(choice.rename ?? {})) {
    checkName(to, `${where}.rename.${from}`);
    for (const name of resolve(resource, [from], `${where}.rename`)) rename.set(name, to);
  }
  const newName = (name: string): string => rename.get(name) ?? name;
  const columns = resource.columns
    .filter((column) => fixed.has(column.name) || ((include?.has(column.name) ?? true) && !exclude.has(column.name)))
    .map((column): Column => ({ ...column, name: newName(column.name) }));
  refuseRepeated(
    columns.map((column) => column.name),
    `${where}.rename: two columns are named`,
  );
  const { created, ...rest } = resource;
  const keepsCreated = created !== undefined && columns.some((column) => column.name === newName(created));
  return {
    ...rest,
    key: newName(resource.key),
    ...(resource.version === undefined ? {} : { version: newName(resource.version) }),
    ...(keepsCreated ? { created: newName(created) } : {}),
    columns,
  };
}

/** Names of columns from names of columns or fields. */
function resolve(resource: Resource, wanted: readonly string[], where: string): readonly string[] {
  return wanted.map((each) => {
    const found =
      resource.columns.find((column) => column.name === each) ??
      resource.columns.find((column) => column.field === each);
    if (found === undefined) throw new Error(`${where}: table "${resource.name}" has no column "${each}"`);
    return found.name;
  });
}

/** The limits of verbs that the table has. */
function offered(
  resource: Resource,
  limits: Readonly<Partial<Record<Verb, number>>>,
): Readonly<Partial<Record<Verb, number>>> {
  const { insert, update, delete: remove, upsert } = limits;
  return {
    ...(insert === undefined || resource.writes.insert === undefined ? {} : { insert }),
    ...(update === undefined || resource.writes.update === undefined ? {} : { update }),
    ...(remove === undefined || resource.writes.delete === undefined ? {} : { delete: remove }),
    ...(upsert === undefined || resource.writes.upsert === undefined ? {} : { upsert }),
  };
}

function chooseLimits(
  resource: Resource,
  choice: Readonly<Partial<Record<Verb, number>>>,
  where: string,
): Readonly<Partial<Record<Verb, number>>> {
  const limits: Partial<Record<Verb, number>> = {};
  for (const verb of ['insert', 'update', 'delete', 'upsert'] as const) {
    const offered = resource.writes[verb];
    const wanted = choice[verb];
    if (offered === undefined) {
      if (wanted !== undefined) throw new Error(`${where}.${verb}: the API has no ${verb} on table "${resource.name}"`);
      continue;
    }
    if (wanted !== undefined && (!Number.isInteger(wanted) || wanted < 1 || wanted > offered.ceiling)) {
      throw new Error(
        `${where}.${verb}: must be a whole number from 1 to ${offered.ceiling}, which is what the API takes`,
      );
    }
    limits[verb] = wanted ?? offered.max;
  }
  return limits;
}

/** PostgreSQL cuts longer names silently, and two could then become one. */
function checkName(name: string, where: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0 || bytes > 63 || name.includes('\0')) {
    throw new Error(`${where}: a name in PostgreSQL has 1 to 63 bytes, this one has ${bytes}`);
  }
}

function refuseRepeated(names: readonly string[], message: string): void {
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new Error(`${message} "${repeated}"`);
}

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}

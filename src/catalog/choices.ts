/** What a configuration chooses of the tables that an API offers: which, which columns, under which names. */
import { SettingError } from '../errors/index.js';
import type { Column, Resource, Session, Verb } from '../provider/index.js';
import { identities, type KnownNames, type KnownTable, keepNames } from './known.js';
import { ConditionError, parseCondition } from './where/parse.js';

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
  /** A condition in SQL: only records of which it is true belong to the table. */
  readonly where?: string;
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
  /** The names of all its fields, for the next time. */
  readonly names: KnownNames;
  /** With the columns that were chosen, under the names that were chosen. */
  readonly resource: Resource;
  readonly limits: Readonly<Partial<Record<Verb, number>>>;
  readonly grant: Grants;
  /**
   * Why it cannot be synced although it was: its condition needs a field that the API no longer has, or that is another
   * now. The condition is left out then. Null where it can.
   */
  readonly held: string | null;
}

/**
 * Applies a connection's choices to what its API describes, in the order of the choices. A table or a field that is
 * known keeps the name that it got first: when somebody renames it in the API, no SQL breaks. What is known and no
 * longer described is left out.
 * Throws an Error that names the key of the configuration and the fix; for a condition a SettingError.
 */
export function chooseTables(
  connection: ConnectionChoice,
  resources: readonly Resource[],
  known: readonly KnownTable[] = [],
): readonly ChosenTable[] {
  const named = keptNames(resources, known);
  const choices = connection.tables ?? named.map((resource) => ({ resource: resource.object }));
  const chosen = choices.flatMap((choice) => {
    const table = chooseTable(connection, choice, named, known);
    return table === null ? [] : [table];
  });
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

/** The resources under the names that they got first; a new one steps aside for a name that is taken. */
function keptNames(resources: readonly Resource[], known: readonly KnownTable[]): readonly Resource[] {
  const names = keepNames(
    resources.map(({ object, name }) => ({ id: object, name })),
    new Map(known.map(({ object, resource }) => [object, resource.name])),
  );
  return resources.map((resource) => ({ ...resource, name: names.get(resource.object) ?? resource.name }));
}

function isChoice(choice: { readonly resource: string }, { name, object }: Resource): boolean {
  return choice.resource === name || choice.resource === object;
}

/** Whether the configuration wants the table of a resource. */
export function isChosen(
  connection: { readonly tables?: readonly { readonly resource: string }[] },
  resource: Resource,
): boolean {
  return connection.tables?.some((choice) => isChoice(choice, resource)) ?? true;
}

/** Null for a known table whose object the API no longer describes. */
function chooseTable(
  connection: ConnectionChoice,
  choice: TableChoice,
  resources: readonly Resource[],
  known: readonly KnownTable[],
): ChosenTable | null {
  const where = `connections.${connection.name}.tables.${choice.resource}`;
  const found =
    resources.find((each) => each.name === choice.resource) ??
    resources.find((each) => each.object === choice.resource);
  if (found === undefined) {
    if (known.some(({ resource }) => isChoice(choice, resource))) return null;
    throw new Error(
      `${where}: ${connection.provider} has no such table; it has ${shortList(resources.map((r) => r.name))}`,
    );
  }
  const before = known.find(({ object }) => object === found.object);
  const name = choice.name ?? before?.name ?? found.name;
  checkName(name, `${where}.name`);
  const schema = connection.schema ?? connection.name;
  checkName(schema, `connections.${connection.name}.schema`);
  const { resource, names } = chooseColumns(found, before?.names ?? {}, choice.columns ?? {}, `${where}.columns`);
  return {
    schema,
    name,
    names,
    ...withCondition(resource, connection, choice, { now: found, before }),
    limits: {
      ...chooseLimits(found, offered(found, connection.limits ?? {}), `connections.${connection.name}.limits`),
      ...(choice.limits === undefined ? {} : chooseLimits(found, choice.limits, `${where}.limits`)),
    },
    grant: choice.grant ?? connection.grant ?? {},
  };
}

function withCondition(
  resource: Resource,
  connection: ConnectionChoice,
  { resource: table, where }: TableChoice,
  { now, before }: { readonly now: Resource; readonly before: KnownTable | undefined },
): Pick<ChosenTable, 'resource' | 'held'> {
  if (where === undefined) return { resource, held: null };
  try {
    return { resource: { ...resource, filter: parseCondition(where, resource) }, held: null };
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    // What the configuration leaves out is for the configuration to mend.
    if (
      before !== undefined &&
      !makesSense(where, now) &&
      (before.held !== null || makesSense(where, before.resource))
    ) {
      const held = `its condition cannot be used any more, at character ${error.position}: ${error.message}`;
      return { resource, held };
    }
    const path = ['connections', connection.name, 'tables', table, 'where'];
    throw new SettingError(path, `at character ${error.position}: ${error.message}`);
  }
}

/** Whether it can be said of the resource's records. */
function makesSense(where: string, resource: Resource): boolean {
  try {
    parseCondition(where, resource);
    return true;
  } catch {
    return false;
  }
}

/** A resource whose columns have the names that they got first, before any choice. */
function baseNames(resource: Resource, known: KnownNames): Resource {
  const ids = identities(resource);
  const names = keepNames(
    [...ids].map(([name, id]) => ({ id, name })),
    new Map(Object.entries(known).map(([id, { base }]) => [id, base])),
  );
  const newName = (name: string): string => names.get(ids.get(name) ?? '') ?? name;
  return {
    ...resource,
    key: newName(resource.key),
    ...(resource.version === undefined ? {} : { version: newName(resource.version) }),
    columns: resource.columns.map((column) => ({ ...column, name: newName(column.name) })),
  };
}

function chooseColumns(
  described: Resource,
  known: KnownNames,
  choice: ColumnChoice,
  where: string,
): Pick<ChosenTable, 'resource' | 'names'> {
  const resource = baseNames(described, known);
  const ids = [...identities(described).values()];
  const fixed = new Set([resource.key, ...(resource.version === undefined ? [] : [resource.version])]);
  const include =
    choice.include === undefined ? null : new Set(resolve(resource, known, choice.include, `${where}.include`));
  const exclude = new Set(resolve(resource, known, choice.exclude ?? [], `${where}.exclude`));
  for (const name of fixed) {
    if (exclude.has(name)) throw new Error(`${where}.exclude: column "${name}" cannot be left out, the sync needs it`);
  }
  const rename = new Map<string, string>();
  for (const [from, to] of Object.entries(choice.rename ?? {})) {
    checkName(to, `${where}.rename.${from}`);
    for (const name of resolve(resource, known, [from], `${where}.rename`)) rename.set(name, to);
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
    resource: {
      ...rest,
      key: newName(resource.key),
      ...(resource.version === undefined ? {} : { version: newName(resource.version) }),
      ...(keepsCreated ? { created: newName(created) } : {}),
      columns,
    },
    names: Object.fromEntries(
      resource.columns.map(({ name }, index) => [ids[index] ?? name, { base: name, name: newName(name) }]),
    ),
  };
}

/** Names of columns from names of columns or fields. Those of fields that the API had and has no longer are left out. */
function resolve(resource: Resource, known: KnownNames, wanted: readonly string[], where: string): readonly string[] {
  return wanted.flatMap((each) => {
    const found =
      resource.columns.find((column) => column.name === each) ??
      resource.columns.find((column) => column.field === each);
    if (found !== undefined) return [found.name];
    if (Object.entries(known).some(([id, { base }]) => id === each || base === each)) return [];
    throw new Error(`${where}: table "${resource.name}" has no column "${each}"`);
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

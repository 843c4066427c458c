/**
 * From a resource to its table: statements that create it, or that bring an existing one up to date.
 *
 * - The key is the primary key and the only NOT NULL: APIs let old records violate what they require of new ones, and a
 *   constraint that the API does not keep would stop the sync. For the same reason nothing else is unique, has a
 *   foreign key or a length: references and the version get plain indexes.
 * - The key's default is a provisional value, since an INSERT is evaluated before the API has assigned the key.
 * - Changes only add. A column that the API no longer has stays, with its values; a column whose type changed stays as
 *   it is and is no longer synced. Both are said in the plan's notes.
 */
import type { Column, ColumnType, Resource } from '../provider/index.js';
import type { ChosenTable, Grants } from './choices.js';
import { type GuardTarget, guardSignature, guardStatements } from './guard.js';
import type { ExistingSchema, ExistingTable } from './inspect.js';
import { ident, literal, qualified } from './names.js';

/** A column type as PostgreSQL's format_type writes it. */
const typeNames: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  boolean: 'boolean',
  integer: 'integer',
  bigint: 'bigint',
  'double precision': 'double precision',
  numeric: 'numeric',
  date: 'date',
  time: 'time without time zone',
  timestamptz: 'timestamp with time zone',
  bytea: 'bytea',
  jsonb: 'jsonb',
  'text[]': 'text[]',
};

export interface TablePlan {
  readonly schema: string;
  readonly name: string;
  /** SQL to be run in this order in one transaction; empty where nothing is to be done. */
  readonly statements: readonly string[];
  /** What the operator should know and no statement does. */
  readonly notes: readonly string[];
  /** The resource as the table will mirror it. */
  readonly resource: Resource;
}

/** Plans a table. `existing` is null where it is to be created; Upwrite's own login role is `role`. */
export function planTable(
  chosen: ChosenTable,
  provider: string,
  role: string,
  existing: ExistingTable | null,
): TablePlan {
  const { key, writes } = chosen.resource;
  const upsertKey = writes.upsert === undefined ? null : key;
  const target: GuardTarget = { schema: chosen.schema, name: chosen.name, provider, role, upsertKey };
  const changes = existing === null ? createTable(chosen) : alterTable(chosen, existing);
  const guarded = existing !== null && existing.guard === guardSignature(target);
  return {
    schema: chosen.schema,
    name: chosen.name,
    statements: [
      ...changes.statements,
      ...(guarded ? [] : guardStatements(target)),
      ...grantStatements(chosen, existing?.grants ?? []),
    ],
    notes: changes.notes,
    resource: changes.resource,
  };
}

/** Plans a schema: it is created where it is missing, and opened to whoever is granted a table of it. */
export function planSchema(
  schema: string,
  grants: readonly Grants[],
  existing: ExistingSchema | null,
): readonly string[] {
  const roles = new Set(grants.flatMap((grant) => [...(grant.read ?? []), ...(grant.write ?? [])]));
  const missing = [...roles].filter((role) => existing === null || !existing.usage.includes(role));
  return [
    ...(existing === null ? [`CREATE SCHEMA ${ident(schema)}`] : []),
    ...missing.map((role) => `GRANT USAGE ON SCHEMA ${ident(schema)} TO ${roleName(role)}`),
  ];
}

interface Changes {
  readonly statements: readonly string[];
  readonly notes: readonly string[];
  readonly resource: Resource;
}

function createTable(chosen: ChosenTable): Changes {
  const { resource } = chosen;
  const table = qualified(chosen);
  const columns = keyFirst(resource);
  const indexed = columns.filter(
    (column) => column.name !== resource.key && (column.name === resource.version || isReference(column)),
  );
  return {
    statements: [
      `CREATE TABLE ${table} (\n  ${columns.map((column) => columnDefinition(column, resource)).join(',\n  ')}\n)`,
      ...(resource.comment === undefined ? [] : [`COMMENT ON TABLE ${table} IS ${literal(resource.comment)}`]),
      ...columns.flatMap((column) => columnComment(table, column)),
      ...indexed.map((column) => `CREATE INDEX ON ${table} (${ident(column.name)})`),
    ],
    notes: [],
    resource,
  };
}

/** The key stands first; the others keep the API's order. */
function keyFirst(resource: Resource): readonly Column[] {
  const key = resource.columns.filter((column) => column.name === resource.key);
  return [...key, ...resource.columns.filter((column) => column.name !== resource.key)];
}

function isReference(column: Column): boolean {
  return column.type === 'text' && (column.references?.length ?? 0) > 0;
}

function columnDefinition(column: Column, resource: Resource): string {
  const start = `${ident(column.name)} ${typeNames[column.type]}`;
  return column.name === resource.key ? `${start} PRIMARY KEY DEFAULT upwrite.provisional_key()` : start;
}

function columnComment(table: string, column: Column): readonly string[] {
  if (column.comment === undefined || column.comment === '') return [];
  return [`COMMENT ON COLUMN ${table}.${ident(column.name)} IS ${literal(column.comment)}`];
}

function alterTable(chosen: ChosenTable, existing: ExistingTable): Changes {
  const { resource } = chosen;
  const table = qualified(chosen);
  const types = new Map(existing.columns.map((column) => [column.name, column.type]));
  const added = resource.columns.filter((column) => !types.has(column.name));
  const changed = resource.columns.filter(
    (column) => (types.get(column.name) ?? typeNames[column.type]) !== typeNames[column.type],
  );
  for (const name of [resource.key, resource.version]) {
    if (changed.some((column) => column.name === name) || (name === resource.key && !types.has(resource.key))) {
      throw new Error(
        `table "${chosen.schema}"."${chosen.name}" has no column "${name}" of the type that the sync needs: drop the table, or give the synced table another name`,
      );
    }
  }
  const wanted = new Set(resource.columns.map((column) => column.name));
  const gone = existing.columns.filter((column) => !wanted.has(column.name));
  const ours = new Set(changed.map((column) => column.name));
  return {
    statements: added.flatMap((column) => [
      `ALTER TABLE ${table} ADD COLUMN ${ident(column.name)} ${typeNames[column.type]}`,
      ...columnComment(table, column),
    ]),
    notes: [
      ...gone.map((column) => `column "${column.name}" is no longer synced; it stays with the values that it has`),
      ...changed.map(
        (column) =>
          `column "${column.name}" is ${types.get(column.name)} here and ${column.type} in the API; it is no longer synced`,
      ),
    ],
    resource: { ...resource, columns: resource.columns.filter((column) => !ours.has(column.name)) },
  };
}

const readPrivileges = ['SELECT'] as const;
const writePrivileges = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const;

function grantStatements(chosen: ChosenTable, existing: ExistingTable['grants']): readonly string[] {
  const has = new Set(existing.map((each) => `${each.role} ${each.privilege}`));
  const grant = (role: string, privileges: readonly string[]): readonly string[] => {
    const missing = privileges.filter((privilege) => !has.has(`${role} ${privilege}`));
    return missing.length === 0 ? [] : [`GRANT ${missing.join(', ')} ON ${qualified(chosen)} TO ${roleName(role)}`];
  };
  return [
    ...(chosen.grant.read ?? []).flatMap((role) => grant(role, readPrivileges)),
    ...(chosen.grant.write ?? []).flatMap((role) => grant(role, writePrivileges)),
  ];
}

/** `public` is a keyword: no role can have that name. */
function roleName(role: string): string {
  return role.toLowerCase() === 'public' ? 'PUBLIC' : ident(role);
}

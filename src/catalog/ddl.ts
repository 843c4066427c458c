/**
 * From a resource to its table: statements that create it, or that bring an existing one up to date.
 *
 * - The key is the primary key and the only NOT NULL: APIs let old records violate what they require of new ones, and a
 *   constraint that the API does not keep would stop the sync. For the same reason nothing else is unique, has a
 *   foreign key or a length: references and the version get plain indexes.
 * - The key's default is a provisional value, since an INSERT is evaluated before the API has assigned the key.
 * - How an existing table changes is in alter.ts. A reference that appears later gets no index: building one would keep
 *   everybody out of the table for as long as it is large.
 */
import type { Column, Resource } from '../provider/index.js';
import { alterTable, type Before, type Blocked, type Changes, columnComment } from './alter.js';
import type { ChosenTable, Grants } from './choices.js';
import { type GuardTarget, guardSignature, guardStatements } from './guard.js';
import type { ExistingSchema, ExistingTable } from './inspect.js';
import { ident, literal, qualified } from './names.js';
import { typeNames } from './types.js';

export interface TablePlan {
  readonly schema: string;
  readonly name: string;
  /** SQL to be run in this order in one transaction; empty where nothing is to be done. */
  readonly statements: readonly string[];
  /** What the operator should know and no statement does. */
  readonly notes: readonly string[];
  readonly blocked: readonly Blocked[];
  /** The resource as the table will mirror it. */
  readonly resource: Resource;
  /** The resource as the table can mirror it without the statements; null where there is no table yet. */
  readonly present: Resource | null;
}

/** Plans a table. `before` is null where it is to be created; Upwrite's own login role is `role`. */
export function planTable(chosen: ChosenTable, provider: string, role: string, before: Before | null): TablePlan {
  const { key, writes } = chosen.resource;
  const upsertKey = writes.upsert === undefined ? null : key;
  const target: GuardTarget = { schema: chosen.schema, name: chosen.name, provider, role, upsertKey };
  const existing = before?.existing ?? null;
  const changes = before === null ? createTable(chosen) : alterTable(chosen, before);
  const guarded = existing !== null && existing.guard === guardSignature(target);
  return {
    schema: chosen.schema,
    name: chosen.name,
    statements: [
      ...(existing === null ? [] : moveTable(chosen, existing)),
      ...changes.statements,
      ...(guarded ? [] : guardStatements(target)),
      ...grantStatements(chosen, existing?.grants ?? []),
    ],
    notes: changes.notes,
    blocked: changes.blocked,
    resource: changes.resource,
    present: existing === null ? null : changes.present,
  };
}

/** To the schema and the name that the configuration gives it now. */
function moveTable(chosen: ChosenTable, existing: ExistingTable): readonly string[] {
  const moved = { schema: chosen.schema, name: existing.name };
  return [
    ...(existing.schema === chosen.schema
      ? []
      : [`ALTER TABLE ${qualified(existing)} SET SCHEMA ${ident(chosen.schema)}`]),
    ...(existing.name === chosen.name ? [] : [`ALTER TABLE ${qualified(moved)} RENAME TO ${ident(chosen.name)}`]),
  ];
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
    blocked: [],
    resource,
    present: resource,
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

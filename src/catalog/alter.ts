/**
 * Brings an existing table in line with its resource, without ever losing a value:
 *
 * - A field that appeared becomes a column. One that is gone keeps its column and is said in a note.
 * - A name that the configuration changed renames the column.
 * - A type that changed is widened in place where every value has its equal in the new type (types.ts) and the table is
 *   small enough to be rewritten at once. Otherwise the column is renamed to `<name>_old_<n>` and a new one takes its
 *   name; so is a column whose name has gone to another field.
 * - What depends on a column (a view, a policy, a function) would fail or silently show the old one. Nothing of that is
 *   done then: the statement and what is in its way are reported, and the column is not synced meanwhile.
 */
import type { Column, Resource } from '../provider/index.js';
import type { ChosenTable } from './choices.js';
import type { ExistingColumn, ExistingTable } from './inspect.js';
import { identities, type KnownNames, ownerOf, withSuffix } from './known.js';
import { ident, literal, qualified } from './names.js';
import { conversion, typeNames } from './types.js';

/** A change that is not made because something depends on the column. */
export interface Blocked {
  readonly column: string;
  /** What would be run. */
  readonly statement: string;
  /** In words: `view public.vips`. */
  readonly by: readonly string[];
}

export interface Changes {
  readonly statements: readonly string[];
  /** What the operator should know and no statement does. */
  readonly notes: readonly string[];
  readonly blocked: readonly Blocked[];
  /** The resource as the table mirrors it once the statements have run. */
  readonly resource: Resource;
  /** The resource as the table can mirror it as it is now. */
  readonly present: Resource;
}

/** What is known of a table before it is altered. */
export interface Before {
  readonly existing: ExistingTable;
  readonly names: KnownNames;
  readonly resource: Resource | null;
}

/** Bytes up to which a table is rewritten in place: for as long as that takes, nobody can read it. */
const rewriteLimit = 64 * 1024 * 1024;

/** What becomes of one column. `now` is the name under which it can be synced before the statements have run. */
interface ColumnChange {
  readonly statements: readonly string[];
  readonly blocked?: Blocked;
  readonly note?: string;
  readonly now: string | null;
  /** Whether the column is synced once they have. */
  readonly synced: boolean;
}

export function alterTable(chosen: ChosenTable, before: Before): Changes {
  const { resource } = chosen;
  const { existing } = before;
  const ids = identities(resource);
  const changes = resource.columns.map((column) => changeColumn(chosen, before, column, ids.get(column.name) ?? ''));
  const key = changes[resource.columns.findIndex((column) => column.name === resource.key)];
  const keyType = existing.columns.find((column) => column.name === key?.now)?.type;
  if (keyType !== 'text') {
    throw new Error(
      `table "${chosen.schema}"."${chosen.name}" has no column "${resource.key}" of the type that the sync needs: drop the table, or give the synced table another name`,
    );
  }
  const used = new Set(changes.flatMap(({ now }, index) => [now ?? '', resource.columns[index]?.name ?? '']));
  const gone = existing.columns.filter((column) => !used.has(column.name));
  return {
    statements: changes.flatMap(({ statements }) => statements),
    notes: [
      ...gone.map((column) => `column "${column.name}" is no longer synced; it stays with the values that it has`),
      ...changes.flatMap(({ note }) => note ?? []),
    ],
    blocked: changes.flatMap(({ blocked }) => blocked ?? []),
    resource: mirror(
      resource,
      changes.map(({ synced }, index) => (synced ? (resource.columns[index]?.name ?? null) : null)),
    ),
    present: mirror(
      resource,
      changes.map(({ now }) => now),
    ),
  };
}

/** The resource with its columns under these names, without those that have none. */
function mirror(resource: Resource, names: readonly (string | null)[]): Resource {
  const byName = new Map(resource.columns.map((column, index) => [column.name, names[index] ?? null]));
  const version = resource.version === undefined ? null : (byName.get(resource.version) ?? null);
  const { version: _replaced, ...rest } = resource;
  return {
    ...rest,
    key: byName.get(resource.key) ?? resource.key,
    ...(version === null ? {} : { version }),
    columns: resource.columns.flatMap((column): Column[] => {
      const name = byName.get(column.name) ?? null;
      return name === null ? [] : [{ ...column, name }];
    }),
  };
}

function changeColumn(chosen: ChosenTable, before: Before, column: Column, id: string): ColumnChange {
  const { existing, names } = before;
  const { name } = column;
  const table = qualified(chosen);
  const find = (wanted: string): ExistingColumn | undefined => existing.columns.find((each) => each.name === wanted);
  const last = names[id]?.name;
  const here = find(name);
  if (here === undefined && last !== undefined && last !== name) {
    const renamed = find(last);
    if (renamed?.type === typeNames[column.type]) {
      const statement = `ALTER TABLE ${table} RENAME COLUMN ${ident(last)} TO ${ident(name)}`;
      return { statements: [statement], now: last, synced: true };
    }
  }
  if (here === undefined) return { statements: addColumn(table, column), now: null, synced: true };
  const owner = ownerOf(names, name);
  if (owner !== undefined && owner !== id) return replaceColumn(chosen, existing, column, here, 'another field');
  if (here.type !== typeNames[column.type]) return retype(chosen, existing, column, here);
  return { statements: changedComment(table, before, column, here), now: name, synced: true };
}

function addColumn(table: string, column: Column): readonly string[] {
  return [
    `ALTER TABLE ${table} ADD COLUMN ${ident(column.name)} ${typeNames[column.type]}`,
    ...columnComment(table, column),
  ];
}

export function columnComment(table: string, column: Column): readonly string[] {
  if (column.comment === undefined || column.comment === '') return [];
  return [`COMMENT ON COLUMN ${table}.${ident(column.name)} IS ${literal(column.comment)}`];
}

/** A comment follows the API's as long as nobody has put another in its place. */
function changedComment(table: string, { resource }: Before, column: Column, here: ExistingColumn): readonly string[] {
  const last = resource?.columns.find((each) => each.name === column.name);
  if (last === undefined || (last.comment ?? '') !== (here.comment ?? '')) return [];
  if ((column.comment ?? '') === (here.comment ?? '')) return [];
  return [`COMMENT ON COLUMN ${table}.${ident(column.name)} IS ${literal(column.comment ?? '')}`];
}

function retype(chosen: ChosenTable, existing: ExistingTable, column: Column, here: ExistingColumn): ColumnChange {
  const name = ident(column.name);
  const using = conversion(here.type, column.type, name);
  if (using === undefined || existing.size > rewriteLimit) {
    return replaceColumn(chosen, existing, column, here, typeNames[column.type]);
  }
  const statement = `ALTER TABLE ${qualified(chosen)} ALTER COLUMN ${name} TYPE ${typeNames[column.type]} USING ${using}`;
  if (here.dependents.length > 0) return blockedBy(column, here, statement, typeNames[column.type]);
  return { statements: [statement], now: null, synced: true };
}

/** The old column steps aside with its values, and a new one takes its name. */
function replaceColumn(
  chosen: ChosenTable,
  existing: ExistingTable,
  column: Column,
  here: ExistingColumn,
  what: string,
): ColumnChange {
  const table = qualified(chosen);
  const names = new Set(existing.columns.map((each) => each.name));
  let old = '';
  for (let n = 1; old === '' || names.has(old); n += 1) old = withSuffix(column.name, `_old_${n}`);
  const rename = `ALTER TABLE ${table} RENAME COLUMN ${ident(column.name)} TO ${ident(old)}`;
  const statements = [rename, ...addColumn(table, column)];
  if (here.dependents.length > 0) return blockedBy(column, here, statements.slice(0, 2).join('; '), what);
  return { statements, now: null, synced: true };
}

function blockedBy(column: Column, here: ExistingColumn, statement: string, what: string): ColumnChange {
  const by = here.dependents.join(', ');
  return {
    statements: [],
    blocked: { column: column.name, statement, by: here.dependents },
    note: `column "${column.name}" is ${here.type} here and ${what} in the API; it is not synced, because ${by} depends on it: drop that, run "upwrite apply" (it does ${statement}), and make it again`,
    now: null,
    synced: false,
  };
}

/**
 * SQL that reads a synced table's rows as the records that a target gets. The payload has the API's own names of the
 * fields, nested as the API nests them (`pricing.unit_amount` is a member of `pricing`), and the values as the table has
 * them, in JSON: time stamps in ISO 8601, numbers unrounded, lists as arrays, bytes in base64.
 */
import { ident, literal, qualified, type SyncedTable } from '../catalog/index.js';
import type { Column } from '../provider/index.js';

/** Bytes of the longest name that PostgreSQL keeps as it is. */
const longestName = 63;

/** A column, or the fields below a name. */
type Field = string | Map<string, Field>;

/** The fields of a table by the API's names; a name that cannot be nested beside another stays whole. */
function fieldsOf(columns: readonly Column[]): Map<string, Field> {
  const root = new Map<string, Field>();
  for (const column of columns) {
    if (!place(root, column.field.split('.'), value(column))) root.set(column.field, value(column));
  }
  return root;
}

/** Puts a value at its path; false where a part is empty or the place is taken. */
function place(root: Map<string, Field>, path: readonly string[], sql: string): boolean {
  if (path.includes('')) return false;
  let at = root;
  for (const part of path.slice(0, -1)) {
    const below = at.get(part) ?? new Map<string, Field>();
    if (typeof below === 'string') return false;
    at.set(part, below);
    at = below;
  }
  const last = path.at(-1) ?? '';
  if (at.has(last)) return false;
  at.set(last, sql);
  return true;
}

function value(column: Column): string {
  const name = `t.${ident(column.name)}`;
  return column.type === 'bytea' ? `translate(encode(${name}, 'base64'), E'\\n', '')` : name;
}

/** A jsonb object. Names become those of a sub-select's columns, which has no limit as functions' arguments have. */
function objectSql(fields: ReadonlyMap<string, Field>): string {
  const short: string[] = [];
  const long: string[] = [];
  for (const [name, field] of fields) {
    const sql = typeof field === 'string' ? field : objectSql(field);
    if (Buffer.byteLength(name) <= longestName) short.push(`${sql} AS ${ident(name)}`);
    else long.push(` || jsonb_build_object(${literal(name)}, ${sql})`);
  }
  const object = short.length === 0 ? "'{}'::jsonb" : `(SELECT to_jsonb(f) FROM (SELECT ${short.join(', ')}) f)`;
  return `(${object}${long.join('')})`;
}

function timeColumn(table: SyncedTable, name: string | undefined): string {
  const column = table.resource.columns.find((each) => each.name === name);
  return column?.type === 'timestamptz' ? `t.${ident(column.name)}` : 'NULL::timestamptz';
}

/** What of a table's definition its rows are made from: when it changes, they have to be delivered anew. */
export function payloadDefinition(table: SyncedTable): readonly string[] {
  const { key, version = '', created = '' } = table.resource;
  return [key, version, created, ...table.resource.columns.map(({ name, field, type }) => `${name} ${field} ${type}`)];
}

/** The row type of both statements below. */
export interface SourceRow {
  readonly key: string;
  /** Whether the synced table has the record; if not, the other members are null. */
  readonly here: boolean;
  /** jsonb as text. */
  readonly payload: string | null;
  readonly changed: string | null;
  readonly created: string | null;
  /** A new number for `updated_idx`. */
  readonly idx: string;
}

function list(table: SyncedTable): string {
  const { version, created } = table.resource;
  return `${objectSql(fieldsOf(table.resource.columns))}::text AS payload,
    ${timeColumn(table, version)}::text AS changed, ${timeColumn(table, created)}::text AS created,
    nextval('upwrite.record_idx') AS idx`;
}

/** The records of the keys in $1 (text[]), in that order. */
export function recordsOfKeys(table: SyncedTable): string {
  const key = ident(table.resource.key);
  return `SELECT k.key, t.${key} IS NOT NULL AS here, ${list(table)}
    FROM unnest($1::text[]) WITH ORDINALITY AS k (key, n) LEFT JOIN ${qualified(table)} t ON t.${key} = k.key
    ORDER BY k.n`;
}

/** The next records behind the key $1, at most $2. */
export function recordsBehind(table: SyncedTable): string {
  const key = ident(table.resource.key);
  return `SELECT t.${key} AS key, true AS here, ${list(table)}
    FROM (SELECT * FROM ${qualified(table)} WHERE ${key} > $1 ORDER BY ${key} LIMIT $2) t ORDER BY t.${key}`;
}

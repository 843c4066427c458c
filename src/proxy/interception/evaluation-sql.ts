/** The SQL that evaluates a mutation in the client's session and reads back its rows. Pure text. */
import type { SyncedTable } from '../../catalog/index.js';
import { asciiIdentifier, type Mutation } from '../../sql/index.js';

type Column = SyncedTable['resource']['columns'][number];

/**
 * The expression whose text is a column's canonical form (see ColumnType), whatever DateStyle, time zone or
 * client settings the session has.
 */
function canonical(alias: string, column: Column | undefined, name: string): string {
  const value = `${asciiIdentifier(alias)}.${asciiIdentifier(name)}`;
  switch (column?.type) {
    case 'timestamptz':
    case 'date':
    case 'boolean':
      return `pg_catalog.to_jsonb(${value}) OPERATOR(pg_catalog.#>>) '{}'`;
    case 'double precision':
      // Its text would have as many digits as extra_float_digits says.
      return `pg_catalog.encode(pg_catalog.float8send(${value}), 'hex')`;
    case 'text[]':
      return `pg_catalog.to_jsonb(${value})::pg_catalog.text`;
    case 'bytea':
      return `pg_catalog.encode(${value}, 'base64')`;
    default:
      return `${value}::pg_catalog.text`;
  }
}

/** What is read of a row: its key, the whole row, each of the named columns in its canonical form. */
export function rowColumns(alias: string, table: SyncedTable, columns: readonly string[]): string[] {
  const byName = new Map(table.resource.columns.map((column) => [column.name, column]));
  return [
    `${asciiIdentifier(alias)}.${asciiIdentifier(table.resource.key)}::pg_catalog.text`,
    `pg_catalog.to_jsonb(${asciiIdentifier(alias)}.*)::pg_catalog.text`,
    ...columns.map((name) => canonical(alias, byName.get(name), name)),
  ];
}

/**
 * What RETURNING is evaluated over: the target's row type filled from parameter `$n`, a JSON array of
 * `{"b": evaluated row, "o": confirmed values}` in the statement's order.
 */
export function confirmedRowsFrom(mutation: Mutation, table: SyncedTable, parameter: number): string {
  const type = `${asciiIdentifier(table.schema)}.${asciiIdentifier(table.name)}`;
  return (
    `pg_catalog.jsonb_populate_recordset(NULL::${type}, (SELECT COALESCE(pg_catalog.jsonb_agg(` +
    `(u.v OPERATOR(pg_catalog.->) 'b') OPERATOR(pg_catalog.||) (u.v OPERATOR(pg_catalog.->) 'o') ORDER BY u.n), '[]') ` +
    `FROM pg_catalog.jsonb_array_elements($${parameter}::pg_catalog.jsonb) WITH ORDINALITY AS u(v, n))) ` +
    `AS ${asciiIdentifier(mutation.targetAlias)}`
  );
}

/** The columns that a mutation names; an insert without a list names the table's own, in order. */
export function namedColumns(mutation: Mutation, table: SyncedTable): readonly string[] {
  if (mutation.verb === 'delete') return [];
  if (mutation.verb === 'update') return mutation.assigned;
  const { insert } = mutation;
  if (insert === null || insert.source === 'default values') return [];
  if (insert.columns !== null) return insert.columns;
  const all = table.columnNames;
  const given = insert.defaults[0]?.length;
  return given === undefined ? all : all.slice(0, given);
}

/** JSON text whose every character is ASCII, so that no client encoding can change it. */
export function asciiJson(json: string): string {
  return json.replace(/[\u0080-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A condition as SQL, and the question to PostgreSQL which records it is true of. */
import type pg from 'pg';
import { columnsOf, type Filter, type Rec, type Resource, type Test } from '../../provider/index.js';
import { ident, literal } from '../names.js';
import { textForm } from '../values.js';

/** The condition over the columns of `alias`, in parentheses all over. */
export function conditionSql(filter: Filter, resource: Resource, alias: string): string {
  switch (filter.kind) {
    case 'and':
    case 'or':
      if (filter.of.length === 0) return filter.kind === 'and' ? 'true' : 'false';
      return `(${filter.of.map((part) => conditionSql(part, resource, alias)).join(filter.kind === 'and' ? ' AND ' : ' OR ')})`;
    case 'not':
      return `(NOT ${conditionSql(filter.of, resource, alias)})`;
    case 'constant':
      return filter.value === null ? 'NULL::boolean' : String(filter.value);
    default:
      return testSql(filter, resource, alias);
  }
}

function testSql(test: Test, resource: Resource, alias: string): string {
  const name = `${alias}.${ident(test.column)}`;
  const type = resource.columns.find((column) => column.name === test.column)?.type;
  if (type === undefined) throw new Error(`the condition of table "${resource.name}" needs column "${test.column}"`);
  const value = (given: Parameters<typeof textForm>[1]): string => `${literal(textForm(type, given) ?? '')}::${type}`;
  switch (test.kind) {
    case 'compare':
      return `(${name} ${test.operator} ${value(test.value)})`;
    case 'in':
      return `(${name} IN (${test.values.map(value).join(', ')}))`;
    case 'null':
      return `(${name} IS NULL)`;
    case 'is':
      return `(${name} IS ${test.value ? 'TRUE' : 'FALSE'})`;
    case 'like':
      return `(${name} ${test.caseless ? 'ILIKE' : 'LIKE'} ${literal(test.pattern)})`;
  }
}

/**
 * Of each record, whether it belongs to the table, asked in one statement. A record that does not know every column of
 * the condition belongs unless the condition is certainly false: whoever reads the whole record decides.
 */
export async function belonging(
  pool: Pick<pg.Pool, 'query'>,
  resource: Resource,
  filter: Filter,
  records: readonly Rec[],
): Promise<readonly boolean[]> {
  if (records.length === 0) return [];
  const wanted = columnsOf(filter);
  const columns = resource.columns.filter(({ name }) => wanted.has(name));
  const isWhole = (record: Rec): boolean =>
    columns.every(({ name }) => name === resource.key || record.values[name] !== undefined);
  const list = columns.map(({ name, type }, i) => `CAST(r.value ->> ${i} AS ${type}) AS ${ident(name)}`);
  const texts = records.map((record) =>
    columns.map(({ name, type }) => textForm(type, name === resource.key ? record.key : record.values[name])),
  );
  const result = await pool.query<{ fits: boolean | null }>(
    `SELECT ${conditionSql(filter, resource, 'p')} AS fits
     FROM (SELECT ${[...list, 'r.n AS ":n"'].join(', ')} FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS r (value, n)) AS p
     ORDER BY p.":n"`,
    [JSON.stringify(texts)],
  );
  return records.map((record, index) => {
    const fits = result.rows[index]?.fits ?? null;
    return fits === true || (fits === null && !isWhole(record));
  });
}

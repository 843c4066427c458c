/** Compares records of the API with the rows here, column by column, in the database: by the types' own equality. */
import type pg from 'pg';
import {
  groupRecords,
  ident,
  literal,
  qualified,
  type RecordGroup,
  recordParameter,
  recordSource,
  type SyncedTable,
} from '../../catalog/index.js';
import type { Rec } from '../../provider/index.js';

/** How a record's row is. */
export interface Compared {
  readonly key: string;
  /** Whether there is a row. */
  readonly here: boolean;
  /** The columns whose values differ. */
  readonly columns: readonly string[];
}

/** The records that have no row, or another one. */
export async function differing(
  db: Pick<pg.ClientBase, 'query'>,
  table: SyncedTable,
  records: readonly Rec[],
): Promise<readonly Compared[]> {
  const found: Compared[] = [];
  for (const group of groupRecords(table.resource, records)) {
    const result = await db.query<Compared>(compareSql(table, group), [recordParameter(table.resource, group)]);
    found.push(...result.rows);
  }
  return found;
}

function compareSql(table: SyncedTable, group: RecordGroup): string {
  const key = ident(table.resource.key);
  const others = group.columns.filter((column) => column.name !== table.resource.key);
  const each = others.map(
    ({ name }) => `CASE WHEN t.${ident(name)} IS DISTINCT FROM p.${ident(name)} THEN ${literal(name)} END`,
  );
  const differs = `array_remove(ARRAY[${each.join(', ')}]::text[], NULL)`;
  return `
    SELECT * FROM (
      SELECT p.${key} AS key, t.${key} IS NOT NULL AS here,
        CASE WHEN t.${key} IS NULL THEN '{}'::text[] ELSE ${differs} END AS columns
      FROM (${recordSource(group.columns, '$1')}) p LEFT JOIN ${qualified(table)} t ON t.${key} = p.${key}) c
    WHERE NOT here OR cardinality(columns) > 0`;
}

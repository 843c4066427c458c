/** Records of an API as rows: the statements by which confirmed records reach a synced table. */
import type pg from 'pg';
import { type Column, columnsOf, type Rec, type Resource } from '../provider/index.js';
import { ident, qualified } from './names.js';
import type { SyncedTable } from './synced-table.js';
import { textForm } from './values.js';
import { conditionSql } from './where/sql.js';

/** Records that know the same columns. */
export interface RecordGroup {
  /** The key's column first. */
  readonly columns: readonly Column[];
  readonly records: readonly Rec[];
}

/**
 * Sorts records by the columns that they know, since a column that a record does not know keeps its value here.
 * Columns that the table does not have are dropped; of records with the same key the last one stays.
 */
export function groupRecords(resource: Resource, records: readonly Rec[]): readonly RecordGroup[] {
  const unique = new Map(records.map((record) => [record.key, record]));
  const key = resource.columns.filter((column) => column.name === resource.key);
  const others = resource.columns.filter((column) => column.name !== resource.key);
  const groups = new Map<string, { columns: readonly Column[]; records: Rec[] }>();
  for (const record of unique.values()) {
    let print = '';
    for (const column of others) print += record.values[column.name] === undefined ? '0' : '1';
    const group = groups.get(print);
    if (group !== undefined) group.records.push(record);
    else groups.set(print, { columns: [...key, ...others.filter((_, i) => print[i] === '1')], records: [record] });
  }
  return [...groups.values()];
}

/** The text forms of a record's columns, in order, the key's taken from the record's key. */
export function recordTexts(columns: readonly Column[], key: string, record: Rec): (string | null)[] {
  return columns.map((column) =>
    column.name === key ? textForm('text', record.key) : textForm(column.type, record.values[column.name]),
  );
}

/** The parameter for `recordSource`. */
export function recordParameter(resource: Resource, group: RecordGroup): string {
  return JSON.stringify(group.records.map((record) => recordTexts(group.columns, resource.key, record)));
}

/** `SELECT` of the records in a JSON parameter made by `recordParameter`, with true types and the columns' names. */
export function recordSource(columns: readonly Column[], parameter: string): string {
  const list = columns.map((column, i) => `CAST(r.value ->> ${i} AS ${column.type}) AS ${ident(column.name)}`);
  return `SELECT ${list.join(', ')} FROM jsonb_array_elements(${parameter}::jsonb) AS r (value)`;
}

/**
 * Writes records that the API has confirmed: new ones are inserted, in existing ones the known columns change. To be
 * run by Upwrite's own connection, in the transaction that holds the table's shared lock. A round trip for each set of
 * columns, which is one in practice. Answers the rows written.
 *
 * A row that no longer fulfils the table's condition leaves the table, as it leaves a view without CHECK OPTION. `made`:
 * the records are new, and what is not known of them may still make the condition true; only one that is certainly
 * outside leaves.
 */
export async function applyRecords(
  client: pg.ClientBase,
  table: SyncedTable,
  records: readonly Rec[],
  made = false,
): Promise<number> {
  const { filter } = table.resource;
  const needed = filter === undefined ? new Set<string>() : columnsOf(filter);
  let written = 0;
  for (const group of groupRecords(table.resource, records)) {
    const result = await client.query(applySql(table, group.columns), [recordParameter(table.resource, group)]);
    written += result.rowCount ?? 0;
    if (filter === undefined) continue;
    const known = new Set(group.columns.map((column) => column.name));
    const outside = made && [...needed].some((name) => !known.has(name)) ? 'IS FALSE' : 'IS NOT TRUE';
    await client.query(
      `DELETE FROM ${qualified(table)} t
       WHERE t.${ident(table.resource.key)} = ANY ($1::text[]) AND ${conditionSql(filter, table.resource, 't')} ${outside}`,
      [group.records.map((record) => record.key)],
    );
  }
  return written;
}

function applySql(table: SyncedTable, columns: readonly Column[]): string {
  const names = columns.map((column) => ident(column.name));
  const changes = names.slice(1).map((name) => `${name} = EXCLUDED.${name}`);
  return `INSERT INTO ${qualified(table)} (${names.join(', ')}) ${recordSource(columns, '$1')}
    ON CONFLICT (${ident(table.resource.key)}) DO ${changes.length === 0 ? 'NOTHING' : `UPDATE SET ${changes.join(', ')}`}`;
}

/** Deletes records whose deletion the API has confirmed; as `applyRecords`. Answers how many there were. */
export async function deleteRecords(
  client: pg.ClientBase,
  table: SyncedTable,
  keys: readonly string[],
): Promise<number> {
  const result = await client.query(
    `DELETE FROM ${qualified(table)} WHERE ${ident(table.resource.key)} = ANY ($1::text[])`,
    [keys],
  );
  return result.rowCount ?? 0;
}

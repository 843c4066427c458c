/** Writes confirmed records into their table, under Upwrite's own role. */
import type pg from 'pg';
import { ident, qualified, type SyncedTable } from '../catalog/index.js';
import type { JsonValue, Rec, Verb } from '../provider/index.js';
import { storedValue } from './values.js';

/** A row that the API has applied: what the statement evaluated to, and what is known for certain. */
export interface ConfirmedRecord {
  /** The evaluated row as JSON text; `{}` where there was no evaluation. */
  readonly base: string;
  readonly key: string;
  /** By column name: what the API confirmed, in the form that the database reads. */
  readonly overlay: Readonly<Record<string, JsonValue>>;
}

/** Lays the API's record over the assigned values. Columns that the table does not have are left out. */
export function confirm(
  table: SyncedTable,
  base: string,
  assigned: Readonly<Record<string, JsonValue>>,
  record: Rec,
): ConfirmedRecord {
  const present = new Set(table.columnNames);
  const columns = new Map(table.resource.columns.map((column) => [column.name, column]));
  const overlay: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries({ ...assigned, ...record.values, [table.resource.key]: record.key })) {
    if (present.has(name)) overlay[name] = storedValue(columns.get(name), value);
  }
  return { base, key: record.key, overlay };
}

const merged = (type: string): string => `
  jsonb_populate_recordset(NULL::${type}, (
    SELECT coalesce(jsonb_agg((u.v -> 'b') || (u.v -> 'o')), '[]') FROM jsonb_array_elements($1::jsonb) AS u(v)))`;

/** Applies confirmed records inside a transaction of the client that holds the table's shared lock. */
export async function applyRecords(
  client: pg.ClientBase,
  table: SyncedTable,
  verb: Verb,
  records: readonly ConfirmedRecord[],
): Promise<void> {
  if (records.length === 0) return;
  const name = qualified(table);
  const key = ident(table.resource.key);
  if (verb === 'delete') {
    await client.query(`DELETE FROM ${name} WHERE ${key} = ANY ($1::text[])`, [records.map((record) => record.key)]);
    return;
  }
  const known = [...new Set(records.flatMap((record) => Object.keys(record.overlay)))];
  const json = `[${records.map((r) => `{"b":${r.base},"o":${JSON.stringify(r.overlay)}}`).join(',')}]`;
  const set = known.filter((column) => column !== table.resource.key).map(ident);
  if (verb === 'insert') {
    const all = table.columnNames.map(ident).join(', ');
    const update = set.map((column) => `${column} = EXCLUDED.${column}`).join(', ');
    await client.query(
      `INSERT INTO ${name} (${all}) SELECT ${all} FROM ${merged(name)} AS r
       ON CONFLICT (${key}) DO ${update === '' ? 'NOTHING' : `UPDATE SET ${update}`}`,
      [json],
    );
    return;
  }
  if (set.length === 0) return;
  await client.query(
    `UPDATE ${name} AS t SET ${set.map((column) => `${column} = r.${column}`).join(', ')}
     FROM ${merged(name)} AS r WHERE t.${key} = r.${key}`,
    [json],
  );
}

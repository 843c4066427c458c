/** A row that the API has applied: what the statement evaluated to, and what is known for certain now. */
import type { SyncedTable } from '../catalog/index.js';
import type { JsonValue, Rec, Values } from '../provider/index.js';
import { storedValue } from './values.js';

export interface ConfirmedRecord {
  /** The evaluated row, as JSON text. */
  readonly base: string;
  /** What is to be stored: the assigned values with the API's own answer laid over them. */
  readonly record: Rec;
  /** The same for the RETURNING list, as a JSON object. */
  readonly overlay: string;
}

/** Lays the API's record over the assigned values. */
export function confirm(table: SyncedTable, base: string, assigned: Values, record: Rec): ConfirmedRecord {
  const values = { ...assigned, ...record.values };
  const columns = new Map(table.resource.columns.map((column) => [column.name, column]));
  const overlay: Record<string, JsonValue> = {};
  for (const name of table.columnNames) {
    const value = name === table.resource.key ? record.key : values[name];
    if (value !== undefined) overlay[name] = storedValue(columns.get(name), value);
  }
  return { base, record: { key: record.key, values }, overlay: JSON.stringify(overlay) };
}

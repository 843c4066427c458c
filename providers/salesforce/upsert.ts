/**
 * Upserts by an external id, or by another field that Salesforce looks records up by.
 * Source: REST API Developer Guide, "Upsert Records Using sObject Collections"; SOQL reference, "Quoted String Escape
 * Sequences".
 */
import type { Connection } from 'jsforce/lib/core.js';
import type { Batch, Column, JsonValue, Rec } from '../../src/provider/index.js';
import type { SalesforceClient } from './client.js';
import { kept, matches, toFields } from './mapping.js';
import { selectAll } from './pull.js';

/** The field of an upsert's key: Salesforce takes one. */
export function keyColumn(batch: Batch): Column {
  const [name] = batch.conflict ?? [];
  const column = batch.resource.columns.find((candidate) => candidate.name === name);
  if (column === undefined) throw new Error('an upsert without a key');
  return column;
}

/** jsforce takes a 0 for no value, so that the key goes as text, which Salesforce reads as well. */
export function sendUpsert(connection: Connection, batch: Batch): Promise<unknown> {
  const { field } = keyColumn(batch);
  const records = batch.rows.map((row) => {
    const fields = toFields(batch.resource, row.values);
    return { ...fields, [field]: String(fields[field] ?? '') };
  });
  return connection.upsert(batch.resource.object, records, field, { allOrNone: true });
}

/** Salesforce finds text whatever its case. */
function keyText(column: Column, value: JsonValue | undefined): string {
  return String(kept(column, value ?? null)).toLowerCase();
}

function literalOf(column: Column, value: JsonValue | undefined): string {
  const text = String(kept(column, value ?? null));
  if (column.type !== 'text') return text;
  const escaped = text
    .replace(/[\\']/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t');
  return `'${escaped}'`;
}

/** Characters of the values in one query; its address must stay below Salesforce's limit. */
const longestList = 5000;

function* parts(literals: readonly string[]): Generator<readonly string[]> {
  let part: string[] = [];
  let length = 0;
  for (const literal of literals) {
    const size = encodeURIComponent(literal).length + 3;
    if (part.length > 0 && length + size > longestList) {
      yield part;
      part = [];
      length = 0;
    }
    part.push(literal);
    length += size;
  }
  if (part.length > 0) yield part;
}

/** The records that have the rows' key values now. */
export async function findUpserted(
  client: SalesforceClient,
  batch: Batch,
  signal: AbortSignal,
): Promise<readonly (Rec | null)[]> {
  const { resource, rows } = batch;
  const column = keyColumn(batch);
  const byKey = new Map<string, Rec[]>();
  for (const part of parts(rows.map((row) => literalOf(column, row.values[column.name])))) {
    const tail = `WHERE ${column.field} IN (${part.join(', ')})`;
    for (const record of await selectAll(client, resource, tail, [column.field], signal)) {
      const key = keyText(column, record.values[column.name]);
      byKey.set(key, [...(byKey.get(key) ?? []), record]);
    }
  }
  return rows.map((row) => {
    const found = byKey.get(keyText(column, row.values[column.name])) ?? [];
    const equal = found.find((record) => matches(resource, record, row.values));
    return equal ?? (found.length === 1 ? found[0] : undefined) ?? null;
  });
}

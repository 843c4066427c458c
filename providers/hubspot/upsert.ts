/**
 * Upserts by a unique property: a batch of up to a hundred, which HubSpot works on at once.
 * Source: CRM API guide, "Objects" (upsert records); CRM API reference, "Create or update a batch of objects by unique
 * property values".
 */
import type { Batch, BatchRow, Column, Outcome, Rec } from '../../src/provider/index.js';
import type { ApiRecord } from './answers.js';
import { toApi, toProperties, toRec, writtenRec } from './mapping.js';
import { type Reading, readBatch } from './read.js';
import { batchLimit } from './resources.js';

/** The property of an upsert's key: HubSpot takes one. */
export function keyColumn(batch: Batch): Column {
  const [name] = batch.conflict ?? [];
  const column = batch.resource.columns.find((candidate) => candidate.name === name);
  if (column === undefined) throw new Error('an upsert without a key');
  return column;
}

/** The value by which HubSpot finds a row's record. */
export function keyOf(batch: Batch, row: BatchRow | undefined): string {
  const column = keyColumn(batch);
  return toApi(column, row?.values[column.name] ?? null);
}

export function upsertInputs(batch: Batch) {
  const { field } = keyColumn(batch);
  return batch.rows.map((row) => ({
    id: keyOf(batch, row),
    idProperty: field,
    properties: toProperties(batch.resource, row.values),
    objectWriteTraceId: row.idempotencyKey,
  }));
}

export function upsertedRow(batch: Batch, record: ApiRecord, row: BatchRow): Outcome {
  const created = record.new ?? undefined;
  return {
    kind: 'applied',
    record: writtenRec(batch.resource, record, row.values),
    ...(created === undefined ? {} : { created }),
  };
}

/** The row whose key value a record has; unique values are the same whatever their case. */
export function rowWithKey(batch: Batch, record: ApiRecord): number | undefined {
  const value = record.properties[keyColumn(batch).field]?.toLowerCase();
  if (value === undefined || value === '') return undefined;
  const index = batch.rows.findIndex((row) => keyOf(batch, row).toLowerCase() === value);
  return index === -1 ? undefined : index;
}

/** The records that have the rows' key values now. */
export async function findUpserted(reading: Reading, batch: Batch): Promise<readonly (Rec | null)[]> {
  const { field } = keyColumn(batch);
  const values = batch.rows.map((row) => keyOf(batch, row));
  const found = new Map<string, Rec>();
  for (let from = 0; from < values.length; from += batchLimit) {
    for (const record of await readBatch(reading, values.slice(from, from + batchLimit), { property: field })) {
      found.set((record.properties[field] ?? '').toLowerCase(), toRec(batch.resource, record));
    }
  }
  return values.map((value) => found.get(value.toLowerCase()) ?? null);
}

/**
 * Upserts: records are matched by one to three fields. None that matches is made, one is changed, and several refuse the
 * request.
 * Source: Web API documentation, "Update multiple records".
 */
import { z } from 'zod';
import { fault } from '../../src/errors/index.js';
import type { Batch, Column, JsonValue, Kit, Outcome, Rec } from '../../src/provider/index.js';
import type { AirtableClient } from './client.js';
import { toApi, toFields, toRec } from './mapping.js';
import { holds, sameValues } from './match.js';
import { selectRecords } from './pull.js';
import { splitObject } from './resources.js';
import type { KitBase } from './transport.js';

const answerSchema = z.object({
  records: z.array(
    z.object({ id: z.string().min(1), createdTime: z.string(), fields: z.record(z.string(), z.unknown()) }),
  ),
  createdRecords: z.array(z.string()).optional(),
  updatedRecords: z.array(z.string()).optional(),
});

export type Upserted = z.output<typeof answerSchema>;

function keyColumns({ resource, conflict = [] }: Batch): readonly Column[] {
  return resource.columns.filter((column) => conflict.includes(column.name));
}

/** Not by the SDK's own call, which drops what the answer says besides the records. */
export async function sendUpsert(base: KitBase, batch: Batch): Promise<Upserted> {
  const body = {
    performUpsert: { fieldsToMergeOn: keyColumns(batch).map((column) => column.field) },
    typecast: false,
    returnFieldsByFieldId: true,
    records: batch.rows.map((row) => ({ fields: toFields(batch.resource, row.values, false) })),
  };
  const path = `/${splitObject(batch.resource).table}`;
  const answer = await base.makeRequest({ method: 'PATCH', path, body });
  const given: unknown = answer.body;
  return answerSchema.parse(given);
}

/** Records belong to the rows whose key values they have: no two rows have the same. */
export function upsertOutcomes(batch: Batch, answer: Upserted, kit: Kit): readonly Outcome[] {
  const { resource, rows } = batch;
  const columns = keyColumns(batch);
  const created = new Set(answer.createdRecords);
  const updated = new Set(answer.updatedRecords);
  const left = new Set(answer.records.map((record) => toRec(resource, record)));
  return rows.map((row): Outcome => {
    const record = [...left].find((each) => sameValues(columns, row.values, each));
    if (record === undefined) {
      const context = 'airtable accepted the request and did not answer for every record';
      return { kind: 'unknown', fault: fault('outcome_unknown', { params: { provider: kit.provider }, context }) };
    }
    left.delete(record);
    const isNew = created.has(record.key) ? true : updated.has(record.key) ? false : undefined;
    return { kind: 'applied', record, ...(isNew === undefined ? {} : { created: isNew }) };
  });
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}

/** A field by its id, so that renaming it upstream breaks nothing. */
function reference(column: Column): string {
  return `{${column.field}}`;
}

function equals(column: Column, value: JsonValue | undefined): string {
  const sent = toApi(column, value ?? null, false);
  if (column.type === 'date') return `DATESTR(${reference(column)})=${quoted(String(sent))}`;
  return `${reference(column)}=${typeof sent === 'number' ? String(sent) : quoted(String(sent))}`;
}

/** The records that have the rows' key values now. */
export async function findUpserted(
  client: AirtableClient,
  batch: Batch,
  signal: AbortSignal,
): Promise<readonly (Rec | null)[]> {
  const { resource, rows } = batch;
  const columns = keyColumns(batch);
  const one = (row: Batch['rows'][number]): string =>
    `AND(${columns.map((column) => equals(column, row.values[column.name])).join(', ')})`;
  const records = await selectRecords(client, resource, `OR(${rows.map(one).join(', ')})`, { signal });
  return rows.map((row) => {
    const found = records.filter((record) => sameValues(columns, row.values, record));
    const equal = found.find((record) => holds(resource, record, row.values));
    return equal ?? (found.length === 1 ? found[0] : undefined) ?? null;
  });
}

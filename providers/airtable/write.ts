/**
 * Writes: one request of up to ten records, which Airtable applies as a whole or not at all.
 * Source: Web API documentation, "Create records", "Update multiple records", "Delete multiple records".
 */
import type Airtable from 'airtable';
import { z } from 'zod';
import { FaultError, fault } from '../../src/errors/index.js';
import type { Batch, Kit, Outcome, Rec, RequestNote, WriteResult } from '../../src/provider/index.js';
import type { AirtableClient } from './client.js';
import { type ApiError, refusedOutcomes } from './errors.js';
import { type ApiRecord, toFields, toRec } from './mapping.js';
import { pairRecords } from './match.js';
import { readRecords } from './pull.js';
import { splitObject } from './resources.js';
import { type KitBase, RequestRefused } from './transport.js';
import { sendUpsert, upsertOutcomes } from './upsert.js';

/** How a record of the answer is to look; the SDK gives it as it came. */
const savedSchema = z.array(
  z.object({ id: z.string().min(1), createdTime: z.string(), fields: z.record(z.string(), z.unknown()) }),
);

/** The answer's records with fields by id, in the API's own order. */
interface Sent {
  readonly records: readonly ApiRecord[];
  readonly deleted: readonly string[];
}

const detailsSchema = z.object({ details: z.object({ reasons: z.array(z.string()) }) });

/** Reasons of a `partialSuccess`, in words. */
const reasons: Readonly<Record<string, string>> = {
  attachmentsFailedUploading: 'Attachments could not be fetched from their addresses, and were left out.',
  attachmentUploadRateIsTooHigh: 'Attachments were left out, because too many are being fetched.',
};

/** What Airtable says beside the records that it made or changed: files that it did not fetch. */
export function remarksOf(body: unknown, kit: Kit): readonly string[] {
  const parsed = detailsSchema.safeParse(body);
  if (!parsed.success) return [];
  return parsed.data.details.reasons.map((reason) =>
    Object.hasOwn(reasons, reason)
      ? `${reasons[reason]} (${reason})`
      : kit.describe(`Airtable reports a partial success: ${reason}.`),
  );
}

/**
 * What is sent beside the records: `returnFieldsByFieldId`, which the SDK's types do not know and its code passes on. PATCH,
 * never PUT, which empties what is not named. Without typecast, which would make up options and records.
 */
const options: { typecast: boolean } = Object.assign({ typecast: false }, { returnFieldsByFieldId: true });

function recordsOf(answer: readonly { readonly _rawJson: unknown }[]): readonly ApiRecord[] {
  return savedSchema.parse(answer.map((record) => record._rawJson));
}

/** The SDK's type for cells is narrower than the API's. */
function asCells(fields: Record<string, unknown>): Partial<Airtable.FieldSet> {
  return fields as Partial<Airtable.FieldSet>;
}

async function send(base: KitBase, batch: Batch): Promise<Sent> {
  const { resource, rows, verb } = batch;
  const table = base.table(splitObject(resource).table);
  if (verb === 'delete') {
    const gone = await table.destroy(rows.map((row) => row.key ?? ''));
    return { records: [], deleted: gone.map((record) => record.id) };
  }
  const isNew = verb === 'insert';
  const cells = rows.map((row) => asCells(toFields(resource, row.values, isNew)));
  if (isNew) {
    const made = await table.create(
      cells.map((fields) => ({ fields })),
      options,
    );
    return { records: recordsOf(made), deleted: [] };
  }
  const changed = await table.update(
    cells.map((fields, index) => ({ id: rows[index]?.key ?? '', fields })),
    options,
  );
  return { records: recordsOf(changed), deleted: [] };
}

function unknown(kit: Kit, context: string): Outcome {
  return { kind: 'unknown', fault: fault('outcome_unknown', { params: { provider: kit.provider }, context }) };
}

/** Outcomes of an accepted request: new records told apart by what they hold, others by their id. */
function outcomesOf(batch: Batch, sent: Sent, kit: Kit): readonly Outcome[] {
  const { resource, rows, verb } = batch;
  const lost = 'airtable accepted the request and did not answer for every record';
  if (verb === 'delete') {
    const deleted = new Set(sent.deleted);
    return rows.map(({ key }) =>
      key !== null && deleted.has(key)
        ? { kind: 'applied', record: { key, values: { [resource.key]: key } } }
        : unknown(kit, lost),
    );
  }
  const records = sent.records.map((record) => toRec(resource, record));
  if (verb === 'update') {
    const byKey = new Map<string | null, Rec>(records.map((record) => [record.key, record]));
    return rows.map((row) => {
      const record = byKey.get(row.key);
      return record === undefined ? unknown(kit, lost) : { kind: 'applied', record };
    });
  }
  const keys = new Set(records.map((record) => record.key));
  if (records.length !== rows.length || keys.size !== rows.length) return rows.map(() => unknown(kit, lost));
  const paired = pairRecords(
    resource,
    rows.map((row) => row.values),
    records,
  );
  return paired.map((record) => ({ kind: 'applied', record }));
}

/** Whether a refusal may mean that a record is missing, without saying which, or that something may not be done. */
function isAmbiguous(error: ApiError, status: number, batch: Batch): boolean {
  if (batch.verb === 'insert' || batch.verb === 'upsert' || (status !== 403 && status !== 404)) return false;
  // The other types say both at once.
  if (error.type === 'INVALID_PERMISSIONS') return false;
  return !/\brec[A-Za-z0-9]{14}\b/.test(error.message);
}

/**
 * The outcomes of a refusal that does not tell a missing record from a missing permission: the records are looked for. When
 * all of them are there, or cannot be read either, it was the permission.
 */
async function lookedUp(
  client: AirtableClient,
  kit: Kit,
  batch: Batch,
  refusal: RequestRefused,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const { resource, verb, rows } = batch;
  const keys = rows.map((row) => row.key ?? '');
  let found: readonly (Rec | null)[];
  try {
    found = await readRecords(client, resource, keys, { signal, deadline: batch.deadline, lane: 'write' });
  } catch (error) {
    if (!(error instanceof RequestRefused) && !(error instanceof FaultError)) throw error;
    return refusedOutcomes(refusal.error, resource, verb, rows, kit);
  }
  const missing = keys.filter((_, index) => (found[index] ?? null) === null);
  if (missing.length === 0) return refusedOutcomes(refusal.error, resource, verb, rows, kit);
  const message = `${refusal.error.message} (not found: ${missing.join(', ')})`.trim();
  return refusedOutcomes({ type: 'MODEL_ID_NOT_FOUND', message }, resource, verb, rows, kit);
}

/** Writes a batch with one request. Throws a FaultError when nothing is known per row; the guard turns it into outcomes. */
export async function write(client: AirtableClient, kit: Kit, batch: Batch, signal: AbortSignal): Promise<WriteResult> {
  const { base } = splitObject(batch.resource);
  const requests: RequestNote[] = [];
  const call = { verb: 'write' as const, deadline: batch.deadline, signal, notes: requests };
  try {
    let body: unknown;
    const ask = <T>(use: (kitBase: KitBase) => Promise<T>): Promise<{ readonly value: T }> =>
      client.call(base, call, async (kitBase) => {
        const value = await use(kitBase);
        body = kitBase.body;
        return value;
      });
    const outcomes =
      batch.verb === 'upsert'
        ? upsertOutcomes(batch, (await ask((kitBase) => sendUpsert(kitBase, batch))).value, kit)
        : outcomesOf(batch, (await ask((kitBase) => send(kitBase, batch))).value, kit);
    const remarks = remarksOf(body, kit);
    return { outcomes, requests, ...(remarks.length === 0 ? {} : { remarks }) };
  } catch (error) {
    if (!(error instanceof RequestRefused)) throw error;
    const outcomes = isAmbiguous(error.error, error.status, batch)
      ? await lookedUp(client, kit, batch, error, signal)
      : refusedOutcomes(error.error, batch.resource, batch.verb, batch.rows, kit);
    return { outcomes, requests };
  }
}

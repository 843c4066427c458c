/**
 * Writes of records: a single create, a batch create, update or archive. HubSpot works on the inputs of a batch at once
 * and answers in the order in which it finishes, so that results are matched by trace id, by id, or by what was
 * assigned, and never by position.
 * Source: CRM API guide, "Objects"; API guide, "Error handling", "Multi-status errors".
 */
import { fault } from '../../src/errors/index.js';
import type { Batch, BatchRow, Kit, Outcome, RequestNote, WriteResult } from '../../src/provider/index.js';
import { type ApiRecord, batchSchema, type ErrorBody, recordSchema } from './answers.js';
import { type HubspotClient, Unreadable } from './client.js';
import { complaintsOf, RequestRefused, refusalFault } from './errors.js';
import { matches, toApi, toProperties, toRec, writtenRec } from './mapping.js';
import { keyOf, rowWithKey, upsertedRow, upsertInputs } from './upsert.js';

/** What became of the rows, by their place in the batch. */
type Outcomes = Map<number, Outcome>;

interface Answer {
  readonly results: readonly ApiRecord[];
  readonly errors: readonly ErrorBody[];
}

function applied(batch: Batch, record: ApiRecord, row: BatchRow): Outcome {
  if (batch.verb === 'upsert') return upsertedRow(batch, record, row);
  return { kind: 'applied', record: writtenRec(batch.resource, record, row.values) };
}

/** The status that an error within a 207 would have had on its own is not told; its category is. */
const partialStatus = 207;

function rejected(batch: Batch, error: ErrorBody, status: number, row: BatchRow | undefined, kit: Kit): Outcome {
  return { kind: 'rejected', fault: refusalFault(error, status, batch.resource, batch.verb, row, kit) };
}

/** Rows without an outcome: what happened to them is not known. */
function complete(batch: Batch, outcomes: Outcomes, kit: Kit, why: string): readonly Outcome[] {
  return batch.rows.map((_, index) => {
    const known = outcomes.get(index);
    if (known !== undefined) return known;
    return {
      kind: 'unknown',
      fault: fault('outcome_unknown', { params: { provider: kit.provider }, context: why }),
    };
  });
}

/** Whether a value stands in a message as a word of its own. */
function mentions(message: string, value: string): boolean {
  const at = value === '' ? -1 : message.indexOf(value);
  if (at === -1) return false;
  const edge = /[\p{L}\p{N}]/u;
  return !edge.test(message.charAt(at - 1)) && !edge.test(message.charAt(at + value.length));
}

/** What a request names a row by. */
function idOf(batch: Batch, row: BatchRow | undefined): string {
  return batch.verb === 'upsert' ? keyOf(batch, row) : (row?.key ?? '');
}

/**
 * The rows that a refusal of the whole is about. It names a property, and often the value; ids where two are the same.
 * Without any of these every row is.
 */
function culprits(batch: Batch, error: ErrorBody): ReadonlySet<number> {
  const ids = new Set(error.context?.['ids'] ?? []);
  const indexes = batch.rows.map((_, index) => index);
  const byId = indexes.filter((index) => ids.has(idOf(batch, batch.rows[index])));
  if (byId.length > 0) return new Set(byId);
  const found = complaintsOf(error).flatMap(({ property, message }) => {
    const column = batch.resource.columns.find((candidate) => candidate.field === property);
    if (column === undefined) return [];
    const assigning = indexes.filter((index) => batch.rows[index]?.values[column.name] !== undefined);
    const told = assigning.filter((index) => {
      const value = toApi(column, batch.rows[index]?.values[column.name] ?? null);
      // The message lists the choices too: a value that is one of them is not what is wrong.
      const parts = [value, ...value.split(';')].filter((part) => column.choices?.includes(part) !== true);
      return parts.some((part) => mentions(message, part));
    });
    return told.length > 0 ? told : assigning;
  });
  return new Set(found.length > 0 ? found : indexes);
}

/** The outcomes of a request that was refused as a whole. */
function refusedWhole(batch: Batch, refusal: RequestRefused, kit: Kit): readonly Outcome[] {
  const guilty = culprits(batch, refusal.error);
  return batch.rows.map((row, index): Outcome => {
    const outcome = rejected(batch, refusal.error, refusal.status, guilty.has(index) ? row : undefined, kit);
    return guilty.has(index) || outcome.kind !== 'rejected' ? outcome : { ...outcome, sibling: true };
  });
}

/** Results and errors that name their row's trace id. */
function matchTraced(batch: Batch, answer: Answer, kit: Kit, outcomes: Outcomes): readonly ApiRecord[] {
  const byTrace = new Map(batch.rows.map((row, index) => [row.idempotencyKey, index]));
  const left: ApiRecord[] = [];
  for (const record of answer.results) {
    const index = byTrace.get(record.objectWriteTraceId ?? '');
    const row = index === undefined ? undefined : batch.rows[index];
    if (index === undefined || row === undefined) left.push(record);
    else outcomes.set(index, applied(batch, record, row));
  }
  for (const error of answer.errors) {
    for (const traceId of error.context?.['objectWriteTraceId'] ?? []) {
      const index = byTrace.get(traceId);
      if (index !== undefined) outcomes.set(index, rejected(batch, error, partialStatus, batch.rows[index], kit));
    }
  }
  return left;
}

/** Rows without an outcome yet. */
function openRows(batch: Batch, outcomes: Outcomes): readonly number[] {
  return batch.rows.map((_, index) => index).filter((index) => !outcomes.has(index));
}

/** The row that a record can only be of: the one that assigned what it has, or any of several that assigned the same. */
function rowOf(batch: Batch, record: ApiRecord, open: readonly number[]): number | undefined {
  const found = toRec(batch.resource, record);
  const able = open.filter((index) => matches(batch.resource, found, batch.rows[index]?.values ?? {}));
  const assigned = new Set(able.map((index) => JSON.stringify(batch.rows[index]?.values)));
  return assigned.size === 1 ? able[0] : undefined;
}

/** Matches results without a trace id by what was assigned, and the last one left over; the rest is answered. */
function matchByValues(batch: Batch, records: readonly ApiRecord[], outcomes: Outcomes): readonly ApiRecord[] {
  let left = records;
  for (let before = -1; before !== left.length; ) {
    before = left.length;
    left = left.filter((record) => {
      const open = openRows(batch, outcomes);
      const index = open.length === 1 && left.length === 1 ? open[0] : rowOf(batch, record, open);
      const row = index === undefined ? undefined : batch.rows[index];
      if (index === undefined || row === undefined) return true;
      outcomes.set(index, applied(batch, record, row));
      return false;
    });
  }
  return left;
}

/** With every record matched, rows that are left were refused, by an error that does not say which row it is about. */
function refuseRest(batch: Batch, answer: Answer, kit: Kit, outcomes: Outcomes): void {
  const isNamed = (error: ErrorBody): boolean =>
    (error.context?.['objectWriteTraceId'] ?? error.context?.['ids'] ?? []).length > 0;
  const error = answer.errors.find((each) => !isNamed(each));
  if (error === undefined) return;
  for (const index of openRows(batch, outcomes)) {
    outcomes.set(index, rejected(batch, error, partialStatus, batch.rows[index], kit));
  }
}

function createOutcomes(batch: Batch, answer: Answer, kit: Kit): readonly Outcome[] {
  const outcomes: Outcomes = new Map();
  const left = matchByValues(batch, matchTraced(batch, answer, kit, outcomes), outcomes);
  if (left.length === 0) refuseRest(batch, answer, kit, outcomes);
  return complete(batch, outcomes, kit, 'hubspot answered with records that match no row');
}

/** By trace id, then by the key's value, then by what was assigned; errors name a trace id or the value. */
function upsertOutcomes(batch: Batch, answer: Answer, kit: Kit): readonly Outcome[] {
  const outcomes: Outcomes = new Map();
  const keyless = matchTraced(batch, answer, kit, outcomes).filter((record) => {
    const index = rowWithKey(batch, record);
    const row = index === undefined || outcomes.has(index) ? undefined : batch.rows[index];
    if (index === undefined || row === undefined) return true;
    outcomes.set(index, applied(batch, record, row));
    return false;
  });
  for (const index of openRows(batch, outcomes)) {
    const row = batch.rows[index];
    const error = answer.errors.find((each) => each.context?.['ids']?.includes(keyOf(batch, row)));
    if (error !== undefined) outcomes.set(index, rejected(batch, error, partialStatus, row, kit));
  }
  if (matchByValues(batch, keyless, outcomes).length === 0) refuseRest(batch, answer, kit, outcomes);
  return complete(batch, outcomes, kit, 'hubspot answered with records that match no row');
}

/** Updated records carry their ids; those that are not there are named by the errors. */
function updateOutcomes(batch: Batch, answer: Answer, kit: Kit): readonly Outcome[] {
  const outcomes: Outcomes = new Map();
  const records = new Map(answer.results.map((record) => [record.id, record]));
  for (const [index, row] of batch.rows.entries()) {
    const key = row.key ?? '';
    const record = records.get(key);
    if (record !== undefined) {
      outcomes.set(index, applied(batch, record, row));
      continue;
    }
    const error = answer.errors.find((each) => each.context?.['ids']?.includes(key));
    if (error !== undefined) outcomes.set(index, rejected(batch, error, partialStatus, row, kit));
  }
  refuseRest(batch, answer, kit, outcomes);
  return complete(batch, outcomes, kit, 'hubspot answered neither with the record nor with an error for it');
}

/** Archiving answers with nothing, also for records that are not there: they are not there now either way. */
function archiveOutcomes(batch: Batch): readonly Outcome[] {
  return batch.rows.map((row) => {
    const key = row.key ?? '';
    return { kind: 'applied', record: { key, values: { [batch.resource.key]: key } } };
  });
}

interface Sending {
  readonly client: HubspotClient;
  readonly kit: Kit;
  readonly batch: Batch;
  readonly signal: AbortSignal;
  readonly notes: RequestNote[];
}

async function sendCreate({ client, kit, batch, signal, notes }: Sending): Promise<readonly Outcome[]> {
  const { resource, rows, deadline } = batch;
  const call = { verb: 'write', deadline, signal, notes } as const;
  const [only, ...more] = rows;
  if (only !== undefined && more.length === 0) {
    const input = { properties: toProperties(resource, only.values), associations: [] };
    const { value } = await client.call(call, recordSchema, (sdk) => sdk.basic().create(resource.object, input));
    return [applied(batch, value, only)];
  }
  const inputs = rows.map((row) => ({
    properties: toProperties(resource, row.values),
    associations: [],
    objectWriteTraceId: row.idempotencyKey,
  }));
  const { value } = await client.call(call, batchSchema, (sdk) => sdk.batch().create(resource.object, { inputs }));
  return createOutcomes(batch, { results: value.results, errors: value.errors ?? [] }, kit);
}

async function sendUpdate({ client, kit, batch, signal, notes }: Sending): Promise<readonly Outcome[]> {
  const { resource, rows, deadline } = batch;
  const inputs = rows.map((row) => ({ id: row.key ?? '', properties: toProperties(resource, row.values) }));
  const { value } = await client.call({ verb: 'write', deadline, signal, notes }, batchSchema, (sdk) =>
    sdk.batch().update(resource.object, { inputs }),
  );
  return updateOutcomes(batch, { results: value.results, errors: value.errors ?? [] }, kit);
}

async function sendUpsert({ client, kit, batch, signal, notes }: Sending): Promise<readonly Outcome[]> {
  const { value } = await client.call({ verb: 'write', deadline: batch.deadline, signal, notes }, batchSchema, (sdk) =>
    sdk.batch().upsert(batch.resource.object, { inputs: upsertInputs(batch) }),
  );
  return upsertOutcomes(batch, { results: value.results, errors: value.errors ?? [] }, kit);
}

async function sendArchive({ client, batch, signal, notes }: Sending): Promise<readonly Outcome[]> {
  const { resource, rows, deadline } = batch;
  const inputs = rows.map((row) => ({ id: row.key ?? '' }));
  await client.send({ verb: 'write', deadline, signal, notes }, (sdk) =>
    sdk.batch().archive(resource.object, { inputs }),
  );
  return archiveOutcomes(batch);
}

const senders = { insert: sendCreate, update: sendUpdate, delete: sendArchive, upsert: sendUpsert } as const;

/** Writes a batch with one request. Throws a FaultError when nothing is known per row; the guard turns it into outcomes. */
export async function write(client: HubspotClient, kit: Kit, batch: Batch, signal: AbortSignal): Promise<WriteResult> {
  const requests: RequestNote[] = [];
  try {
    const outcomes = await senders[batch.verb]({ client, kit, batch, signal, notes: requests });
    return { outcomes, requests };
  } catch (error) {
    if (error instanceof RequestRefused) return { outcomes: refusedWhole(batch, error, kit), requests };
    if (error instanceof Unreadable) {
      return { outcomes: complete(batch, new Map(), kit, error.message), requests };
    }
    throw error;
  }
}

/**
 * Writes: one request a row, each with its own idempotency key, some of them at once. The first row that is refused
 * stops the rows that were not sent yet; those that were applied stay applied.
 */
import { type Fault, FaultError, fault } from '../../src/errors/index.js';
import type {
  Batch,
  BatchRow,
  Kit,
  Outcome,
  Rec,
  RequestNote,
  Resource,
  Values,
  WriteResult,
} from '../../src/provider/index.js';
import { type ApiObject, isMissing, type StripeClient } from './client.js';
import { refusalFault } from './errors.js';
import { Refused } from './failures.js';
import { toRec } from './mapping.js';
import { readOne } from './read.js';
import { needsOld, type RowRequest, refusalBefore, requestOf } from './requests.js';

/** Requests of one statement under way at once. */
const concurrency = 10;

interface Sending {
  readonly client: StripeClient;
  readonly kit: Kit;
  readonly batch: Batch;
  readonly signal: AbortSignal;
  readonly requests: RequestNote[];
}

function unsent(culprit: Outcome, row: number, kit: Kit): Outcome {
  const why = culprit.kind === 'unknown' ? 'had an unknown outcome' : 'was refused';
  const of: Fault | undefined = culprit.kind === 'rejected' ? culprit.fault : undefined;
  const code = of === undefined || of.code === 'record_gone' ? 'validation' : of.code;
  return {
    kind: 'rejected',
    sibling: true,
    fault: {
      ...fault(code, { params: { provider: kit.provider }, detail: `It was not sent, because row ${row + 1} ${why}.` }),
      ...(of === undefined || of.code === 'record_gone' ? {} : { message: of.message }),
    },
  };
}

/** The values before, of the columns whose parameters depend on them: the statement's own, or the API's. */
async function oldValues(sending: Sending, row: BatchRow): Promise<Values | null> {
  const { client, batch, signal, requests } = sending;
  const missing = needsOld(batch.resource, row);
  if (missing.length === 0) return row.old ?? {};
  const current = await readOne(client, batch.resource, row.key ?? '', {
    signal,
    deadline: batch.deadline,
    lane: 'write',
    notes: requests,
  });
  if (current === null) return null;
  return { ...Object.fromEntries(missing.map((name) => [name, current.values[name] ?? null])), ...row.old };
}

/** What is known of a record after the write. */
function recordOf(resource: Resource, batch: Batch, row: BatchRow, value: ApiObject): Rec {
  if (batch.verb === 'delete') return { key: row.key ?? '', values: { [resource.key]: row.key } };
  return toRec(resource, value);
}

function gone(sending: Sending, row: BatchRow): Outcome {
  const { batch, kit } = sending;
  const error = { type: 'invalid_request_error', code: 'resource_missing', message: `No such record: '${row.key}'` };
  return { kind: 'rejected', fault: refusalFault(error, batch.resource, batch.verb, row, kit) };
}

/** After a lost answer of an earlier try, a record that is not there any more was deleted by that try. */
async function afterDoubt(sending: Sending, row: BatchRow, request: RowRequest): Promise<Outcome | undefined> {
  const { batch, client, signal } = sending;
  if (request.method !== 'DELETE') return undefined;
  if (batch.verb === 'delete') {
    return { kind: 'applied', record: { key: row.key ?? '', values: { [batch.resource.key]: row.key } } };
  }
  const record = await readOne(client, batch.resource, row.key ?? '', {
    signal,
    deadline: batch.deadline,
    lane: 'write',
  });
  return record === null ? undefined : { kind: 'applied', record };
}

async function send(sending: Sending, row: BatchRow, request: RowRequest): Promise<Outcome> {
  const { client, kit, batch, signal, requests } = sending;
  let lost = false;
  try {
    const { value } = await client.call({
      verb: 'write',
      ...request,
      ...(request.method === 'POST' ? { idempotencyKey: row.idempotencyKey } : {}),
      signal,
      deadline: batch.deadline,
      notes: requests,
      onLost: () => {
        lost = true;
      },
    });
    return { kind: 'applied', record: recordOf(batch.resource, batch, row, value) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.fate === 'unknown') {
      const context = error.words === undefined ? {} : { context: error.words };
      return { kind: 'unknown', fault: fault('outcome_unknown', { params: { provider: kit.provider }, ...context }) };
    }
    if (lost && isMissing(error)) {
      const settled = await afterDoubt(sending, row, request);
      if (settled !== undefined) return settled;
    }
    return { kind: 'rejected', fault: refusalFault(error.error, batch.resource, batch.verb, row, kit) };
  }
}

/** The outcome of a row. Never throws: an error of whatever kind is one. */
async function writeRow(sending: Sending, row: BatchRow): Promise<Outcome> {
  const { batch, kit } = sending;
  let sent = false;
  try {
    const old = await oldValues(sending, row);
    if (old === null) return gone(sending, row);
    const request = requestOf(batch.resource, batch.verb, row, old);
    sent = true;
    return await send(sending, row, request);
  } catch (error) {
    if (error instanceof FaultError) {
      return { kind: error.fault.code === 'outcome_unknown' ? 'unknown' : 'rejected', fault: error.fault };
    }
    const words = kit.describe(error);
    kit.log.warn(
      { connection: kit.connection, table: batch.resource.name, error: words },
      'a write ended unexpectedly',
    );
    return sent
      ? { kind: 'unknown', fault: fault('outcome_unknown', { params: { provider: kit.provider }, context: words }) }
      : { kind: 'rejected', fault: fault('internal', { params: { what: words } }) };
  }
}

/** Rows that cannot be a request: they are refused, and with them the whole statement, before anything is sent. */
function refusedBefore(batch: Batch, kit: Kit): readonly Outcome[] | undefined {
  const faults = batch.rows.map((row) => refusalBefore(batch.resource, batch.verb, row, kit));
  const culprit = faults.findIndex((found) => found !== undefined);
  const first = faults[culprit];
  if (first === undefined) return undefined;
  const rejected: Outcome = { kind: 'rejected', fault: first };
  return faults.map((found) =>
    found === undefined ? unsent(rejected, culprit, kit) : { kind: 'rejected', fault: found },
  );
}

/** Writes a batch; an outcome a row, whatever happens. */
export async function write(client: StripeClient, kit: Kit, batch: Batch, signal: AbortSignal): Promise<WriteResult> {
  const refused = refusedBefore(batch, kit);
  if (refused !== undefined) return { outcomes: refused, requests: [] };
  const sending: Sending = { client, kit, batch, signal, requests: [] };
  const outcomes = new Map<number, Outcome>();
  let next = 0;
  let culprit: number | undefined;
  const work = async (): Promise<void> => {
    while (culprit === undefined) {
      const index = next;
      const row = batch.rows[index];
      if (row === undefined) return;
      next += 1;
      const outcome = await writeRow(sending, row);
      outcomes.set(index, outcome);
      if (outcome.kind !== 'applied') culprit ??= index;
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, batch.rows.length) }, work));
  const stop = culprit ?? 0;
  const reason = outcomes.get(stop);
  return {
    outcomes: batch.rows.map((_, index) => {
      const outcome = outcomes.get(index);
      if (outcome !== undefined) return outcome;
      if (reason === undefined) throw new Error('a row was neither sent nor stopped');
      return unsent(reason, stop, kit);
    }),
    requests: sending.requests,
  };
}

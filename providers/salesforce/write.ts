/**
 * Writes: one sObject Collections request with allOrNone, so that Salesforce applies every row or none.
 * Source: REST API Developer Guide, "sObject Collections".
 */
import type { Connection } from 'jsforce/lib/core.js';
import { fault } from '../../src/errors/index.js';
import {
  type Batch,
  CallFailure,
  type JsonValue,
  type Kit,
  type Outcome,
  type Rec,
  type RequestNote,
  type Resource,
  type Values,
  type WriteResult,
} from '../../src/provider/index.js';
import { RequestRefused, type SalesforceClient } from './client.js';
import { meaningOf, rolledBack } from './codes.js';
import { type ApiError, contextOf, parseErrors, refusalFault } from './errors.js';
import { keptRecord, longId, toFields } from './mapping.js';
import { sendUpsert } from './upsert.js';

/** One entry of a collections answer. A refused entry has no id: entries belong to rows by their position. */
interface SaveResult {
  readonly id: string | undefined;
  readonly success: boolean;
  /** An upsert's: whether the record is new. */
  readonly created: boolean | undefined;
  readonly errors: readonly ApiError[];
}

/**
 * Sends the batch. jsforce's `allowRecursive` must stay off: it would cut the batch in pieces that commit on their own.
 * jsforce removes a key named `Id` from what it creates and takes it as the record's on update.
 */
function send(connection: Connection, batch: Batch): Promise<unknown> {
  const { resource, rows, verb } = batch;
  const options = { allOrNone: true };
  if (verb === 'delete') {
    return connection.destroy(
      resource.object,
      rows.map((row) => row.key ?? ''),
      options,
    );
  }
  if (verb === 'upsert') return sendUpsert(connection, batch);
  const records = rows.map((row) => toFields(resource, row.values));
  if (verb === 'insert') return connection.create(resource.object, records, options);
  const keyed = records.map((record, index) => ({ ...record, Id: rows[index]?.key ?? '' }));
  return connection.update(resource.object, keyed, options);
}

/** Reads a collections answer; undefined when it is not one for `count` rows. */
function parseResults(answer: unknown, count: number): readonly SaveResult[] | undefined {
  if (!Array.isArray(answer) || answer.length !== count) return undefined;
  const results: SaveResult[] = [];
  for (const entry of answer as readonly unknown[]) {
    if (typeof entry !== 'object' || entry === null) return undefined;
    const success: unknown = Reflect.get(entry, 'success');
    const id: unknown = Reflect.get(entry, 'id');
    const created: unknown = Reflect.get(entry, 'created');
    if (typeof success !== 'boolean' || (success && typeof id !== 'string')) return undefined;
    results.push({
      success,
      id: typeof id === 'string' ? longId(id) : undefined,
      created: typeof created === 'boolean' ? created : undefined,
      errors: parseErrors(Reflect.get(entry, 'errors')),
    });
  }
  return results;
}

function isSibling(result: SaveResult): boolean {
  return !result.success && result.errors.length > 0 && result.errors.every((error) => error.code === rolledBack);
}

/**
 * A request of which nothing remains because a row was locked, or Salesforce was busy, can be sent again as it is.
 * Throws the CallFailure that makes the kit do so.
 */
function throwIfPassing(results: readonly SaveResult[], kit: Kit): void {
  if (results.some((result) => result.success)) return;
  const culprits = results.filter((result) => !isSibling(result)).flatMap((result) => result.errors.slice(0, 1));
  const passing = culprits.filter((error) => ['upstream_unavailable', 'rate_limited'].includes(meaningOf(error.code)));
  if (culprits.length === 0 || passing.length < culprits.length) return;
  const isRate = passing.some((error) => meaningOf(error.code) === 'rate_limited');
  throw new CallFailure({ kind: isRate ? 'rate' : 'busy', fate: 'refused', words: contextOf(passing, kit) });
}

/** A new record is not in the recycle bin: the one column whose value is known without having been assigned. */
function insertedRecord(resource: Resource, key: string, values: Values): Rec {
  const deleted = resource.columns.find((column) => column.field === 'IsDeleted');
  const record = keptRecord(resource, key, values);
  const known: Record<string, JsonValue> = deleted === undefined ? {} : { [deleted.name]: false };
  return { key, values: { ...known, ...record.values } };
}

function outcome(batch: Batch, index: number, result: SaveResult, kit: Kit): Outcome {
  const { resource, verb } = batch;
  const row = batch.rows[index];
  if (result.success) {
    const key = row?.key ?? result.id ?? '';
    const values = row?.values ?? {};
    const { created } = result;
    const isNew = verb === 'insert' || (verb === 'upsert' && created === true);
    return {
      kind: 'applied',
      record: isNew ? insertedRecord(resource, key, values) : keptRecord(resource, key, values),
      ...(verb === 'upsert' && created !== undefined ? { created } : {}),
    };
  }
  const refused = refusalFault(result.errors, resource, verb, row, kit);
  return isSibling(result) ? { kind: 'rejected', fault: refused, sibling: true } : { kind: 'rejected', fault: refused };
}

/** An answer that cannot be read leaves open what happened. */
function unreadable(batch: Batch, kit: Kit): readonly Outcome[] {
  const unknown = fault('outcome_unknown', {
    params: { provider: kit.provider },
    context: 'salesforce answered in a form that is not a collections result',
  });
  return batch.rows.map(() => ({ kind: 'unknown', fault: unknown }));
}

/** Writes a batch with one request. Throws a FaultError when nothing is known per row; the guard turns it into outcomes. */
export async function write(
  client: SalesforceClient,
  kit: Kit,
  batch: Batch,
  signal: AbortSignal,
): Promise<WriteResult> {
  const requests: RequestNote[] = [];
  try {
    const { value } = await client.call(
      { verb: 'write', deadline: batch.deadline, signal, notes: requests },
      async (connection) => {
        const results = parseResults(await send(connection, batch), batch.rows.length);
        if (results !== undefined) throwIfPassing(results, kit);
        return results;
      },
    );
    const outcomes =
      value === undefined ? unreadable(batch, kit) : value.map((result, index) => outcome(batch, index, result, kit));
    return { outcomes, requests };
  } catch (error) {
    if (!(error instanceof RequestRefused)) throw error;
    const outcomes = batch.rows.map((row): Outcome => {
      const only = batch.rows.length === 1 ? row : undefined;
      return { kind: 'rejected', fault: refusalFault(error.errors, batch.resource, batch.verb, only, kit) };
    });
    return { outcomes, requests };
  }
}

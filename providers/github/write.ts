/**
 * Writes: the aliased mutations of a statement in one GraphQL request, or in several where GitHub finds that too much. It
 * runs them one after the other; what one has done stays done when a later one is refused, so that each alias has its own
 * outcome.
 */
import { type Fault, fault } from '../../src/errors/index.js';
import type { Batch, BatchRow, Kit, Outcome, RequestNote, WriteResult } from '../../src/provider/index.js';
import { type GitHubClient, type GraphError, isBreakdown, RequestRefused } from './client.js';
import { type Reason, reasonOf, refusalFault, refusedVariable } from './errors.js';
import { assignedFields, toRec } from './mapping.js';
import { isRest, stepsOf } from './mutations.js';
import { type ApiNode, isNode } from './nodes.js';
import { missingMembers } from './partial.js';
import { checkRows } from './precheck.js';
import type { Directory, Home } from './refs.js';
import { type Resolved, resolveRows } from './resolve.js';
import { writeByRest } from './rest-write.js';
import { type AllAnswered, type Sent, sendSteps } from './send.js';
import { tableOf } from './tables.js';

export function rejected(refusal: Fault): Outcome {
  return { kind: 'rejected', fault: refusal };
}

/** Refuses some rows before anything is sent; the others are not sent because of them. */
export function refuseUnsent(batch: Batch, faults: ReadonlyMap<number, Fault>): readonly Outcome[] {
  const [first] = faults.values();
  return batch.rows.map((_, index): Outcome => {
    const own = faults.get(index);
    if (own !== undefined) return { kind: 'rejected', fault: own };
    return first === undefined
      ? { kind: 'rejected', fault: fault('internal', { params: { what: 'a refusal without a reason' } }) }
      : { kind: 'rejected', fault: first, sibling: true };
  });
}

function stepsOfBatch(batch: Batch, resolved: readonly Resolved[]): readonly Sent[] {
  const { object } = tableOf(batch.resource.object);
  return batch.rows.flatMap((row, index) => {
    const fields = assignedFields(batch.resource, row.values);
    const references = resolved[index]?.references ?? {};
    const steps = stepsOf(batch.verb, object, { key: row.key ?? '', fields, references }) ?? [];
    return steps.map((step, number) => ({ row: index, alias: `r${index}s${number}`, step }));
  });
}

/** The object in a mutation's payload: its only member, or the node of its edge. */
function payloadNode(payload: ApiNode): { node: ApiNode; path: readonly string[] } | undefined {
  for (const [name, value] of Object.entries(payload)) {
    if (!isNode(value)) continue;
    const inner = value['node'];
    return isNode(inner) ? { node: inner, path: [name, 'node'] } : { node: value, path: [name] };
  }
  return undefined;
}

type StepResult =
  | { readonly kind: 'applied'; readonly node: ApiNode | undefined; readonly missing: ReadonlySet<string> }
  | { readonly kind: 'refused'; readonly errors: readonly GraphError[] }
  /** Not sent again, after others of the statement were applied. */
  | { readonly kind: 'failed'; readonly fault: Fault }
  | { readonly kind: 'unknown'; readonly words: string };

function resultOf(sent: Sent, answer: AllAnswered, client: GitHubClient): StepResult {
  const fault = answer.faults.get(sent.alias);
  if (fault?.code === 'outcome_unknown') return { kind: 'unknown', words: fault.context ?? fault.message };
  if (fault !== undefined) return { kind: 'failed', fault };
  const payload = answer.data[sent.alias];
  const errors = answer.errors.filter(({ path }) => path[0] === sent.alias);
  if (isNode(payload)) {
    const found = payloadNode(payload);
    const missing = found === undefined ? new Set<string>() : missingMembers(errors, [sent.alias, ...found.path]);
    return { kind: 'applied', node: found?.node, missing };
  }
  const doubtful = errors.length === 0 || errors.some((error) => isBreakdown(error) || error.path.length > 1);
  if (!doubtful) return { kind: 'refused', errors };
  const words = errors.length === 0 ? `${client.kit.provider} answered nothing for this row` : client.words(errors);
  return { kind: 'unknown', words };
}

function unknown(kit: Kit, context: string): Outcome {
  return { kind: 'unknown', fault: fault('outcome_unknown', { params: { provider: kit.provider }, context }) };
}

/** Of a row with several mutations, some applied and some refused: only reading it again tells what it is now. */
function mixedWords(sent: readonly Sent[], results: readonly StepResult[], client: GitHubClient): string {
  const named = (kind: StepResult['kind']): string =>
    sent.flatMap(({ step }, index) => (results[index]?.kind === kind ? step.mutation : [])).join(', ');
  const errors = results.flatMap((result) => (result.kind === 'refused' ? result.errors : []));
  const failed = results.flatMap((result) => (result.kind === 'failed' ? result.fault.message : []));
  const words = [...(errors.length === 0 ? [] : [client.words(errors)]), ...new Set(failed)].join('; ');
  const refused = [named('refused'), named('failed')].filter((part) => part !== '').join(', ');
  return `${words}; of this row, applied: ${named('applied')}; refused: ${refused}`;
}

function outcomeOf(
  batch: Batch,
  row: BatchRow,
  sent: readonly Sent[],
  answer: AllAnswered,
  client: GitHubClient,
): Outcome {
  const { kit } = client;
  const { resource, verb } = batch;
  const results = sent.map((one) => resultOf(one, answer, client));
  const lost = results.find((result) => result.kind === 'unknown');
  if (lost?.kind === 'unknown') return unknown(kit, lost.words);
  const refusals = results.flatMap((result) => (result.kind === 'refused' ? result.errors : []));
  const failed = results.find((result) => result.kind === 'failed');
  if (refusals.length > 0 || failed !== undefined) {
    if (results.some((result) => result.kind === 'applied')) return unknown(kit, mixedWords(sent, results, client));
    if (failed?.kind === 'failed' && refusals.length === 0) return rejected(failed.fault);
    return rejected(refusalFault(refusals.map(reasonOf), { resource, verb, row }, kit));
  }
  if (verb === 'delete') {
    const key = row.key ?? '';
    return { kind: 'applied', record: { key, values: { [resource.key]: key } } };
  }
  const last = results.findLast((result) => result.kind === 'applied');
  const node = last?.kind === 'applied' ? last.node : undefined;
  if (last?.kind !== 'applied' || node === undefined) {
    return unknown(kit, `${kit.provider} applied this row and did not say what it is now`);
  }
  const record = toRec(resource, node, last.missing);
  return record.key === ''
    ? unknown(kit, `${kit.provider} answered a record without an id`)
    : { kind: 'applied', record };
}

/** A request of which nothing was done: a value that GraphQL does not take is the fault of one row, all else of all. */
function wholeRefusal(batch: Batch, error: RequestRefused, sent: readonly Sent[], kit: Kit): readonly Outcome[] {
  const { resource, verb, rows } = batch;
  const faults = new Map<number, Fault>();
  for (const given of error.errors) {
    const alias = refusedVariable(given.message)?.alias;
    const culprit = sent.find((one) => one.alias === alias);
    if (culprit === undefined || faults.has(culprit.row)) continue;
    const row = rows[culprit.row];
    faults.set(culprit.row, refusalFault([reasonOf(given)], { resource, verb, row }, kit));
  }
  if (faults.size > 0) return refuseUnsent(batch, faults);
  const reasons =
    error.errors.length > 0 ? error.errors.map(reasonOf) : [{ code: `HTTP ${error.status}`, message: error.message }];
  return rows.map((row) => {
    const only = rows.length === 1 ? row : undefined;
    return rejected(refusalFault(reasons, { resource, verb, row: only }, kit));
  });
}

function outcomesOf(
  batch: Batch,
  sent: readonly Sent[],
  answer: AllAnswered,
  client: GitHubClient,
): readonly Outcome[] {
  const byRow = new Map<number, Sent[]>();
  for (const one of sent) byRow.set(one.row, [...(byRow.get(one.row) ?? []), one]);
  return batch.rows.map((row, index) => outcomeOf(batch, row, byRow.get(index) ?? [], answer, client));
}

/** An id that was kept from earlier may be the reason. */
function forgetStale(directory: Directory, outcomes: readonly Outcome[]): void {
  const stale = outcomes.some(
    (outcome) => outcome.kind === 'rejected' && ['bad_reference', 'record_gone'].includes(outcome.fault.code),
  );
  if (stale) directory.forget();
}

/** Writes a batch. Throws a FaultError when nothing is known per row; the guard turns it into outcomes. */
export async function write(
  client: GitHubClient,
  directory: Directory,
  batch: Batch,
  signal: AbortSignal,
): Promise<WriteResult> {
  const { kit } = client;
  const requests: RequestNote[] = [];
  const unfit = checkRows(client, batch);
  if (unfit.size > 0) return { outcomes: refuseUnsent(batch, unfit), requests };
  const call = { deadline: batch.deadline, signal, notes: requests };
  let sent: readonly Sent[] = [];
  try {
    const { rows: resolved, faults } = await resolveRows(client, directory, batch, call);
    if (faults.size > 0) return { outcomes: refuseUnsent(batch, faults), requests };
    if (isRest(batch.verb, batch.resource.object)) {
      const homes: readonly (Home | undefined)[] = resolved.map(({ home }) => home);
      const outcomes = await writeByRest(client, batch, homes, call);
      forgetStale(directory, outcomes);
      return { outcomes, requests };
    }
    sent = stepsOfBatch(batch, resolved);
    const { resource, verb } = batch;
    const refused = (reasons: readonly Reason[]): Fault =>
      refusalFault(reasons, { resource, verb, row: undefined }, kit);
    const answer = await sendSteps(client, sent, tableOf(resource.object).object, call, refused);
    const outcomes = outcomesOf(batch, sent, answer, client);
    forgetStale(directory, outcomes);
    return { outcomes, requests };
  } catch (error) {
    if (!(error instanceof RequestRefused)) throw error;
    return { outcomes: wholeRefusal(batch, error, sent, kit), requests };
  }
}

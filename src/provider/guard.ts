/**
 * The wrapper around every session: what a resource does not declare is refused before the provider is asked, and a
 * provider has no way to half-answer. Whoever opens a session gets it wrapped.
 */
import { type Fault, FaultError, fault } from '../errors/index.js';
import { trackSending } from './call.js';
import type { Batch, Outcome, Page, Rec, Resource, Session, Values, Verb, WriteResult } from './contract.js';
import { UnfitLog, withoutUnfit } from './fit.js';
import type { Kit } from './kit.js';
import { withoutNul } from './nul.js';

/** The faults that a session may throw out of `write` because nothing was applied. */
const nothingApplied = new Set([
  'rate_limited',
  'upstream_unavailable',
  'credentials_refused',
  'write_cancelled',
  'write_timed_out',
]);

function everyRow(batch: Batch, outcome: Outcome): readonly Outcome[] {
  return batch.rows.map(() => outcome);
}

/** What a verb may assign. */
function isAssignable(resource: Resource, verb: Verb, name: string): boolean {
  const column = resource.columns.find((candidate) => candidate.name === name);
  if (column === undefined) return false;
  const { insertable, updatable } = column;
  switch (verb) {
    case 'insert':
      return insertable;
    case 'update':
      return updatable;
    case 'upsert':
      return insertable && updatable;
    case 'delete':
      return false;
  }
}

/** Rows of these have no key: the API makes the record, or finds it. */
function isKeyless(verb: Verb): boolean {
  return verb === 'insert' || verb === 'upsert';
}

/** What is wrong with the conflict columns of a batch. */
function conflictFlaw({ verb, resource, rows, conflict = [] }: Batch): string | undefined {
  if (verb !== 'upsert') return conflict.length === 0 ? undefined : `${verb} with conflict columns`;
  const most = resource.writes.upsert?.keyColumns ?? 0;
  if (conflict.length === 0 || conflict.length > most) return `upsert by ${conflict.length} columns`;
  const wrong = conflict.find((name) => resource.columns.find((column) => column.name === name)?.upsertKey !== true);
  if (wrong !== undefined) return `upsert by column "${wrong}", which is no key`;
  const empty = rows.some((row) => conflict.some((name) => (row.values[name] ?? null) === null));
  return empty ? 'upsert of a row without a key' : undefined;
}

/** Why the provider is not asked, or undefined. */
function refusal(provider: string, batch: Batch): Fault | undefined {
  const { resource, verb, rows } = batch;
  const limit = resource.writes[verb];
  const params = { provider, table: resource.name, verb: verb.toUpperCase() };
  if (limit === undefined) return fault('verb_not_offered', { params, table: resource.name });
  if (rows.length > limit.ceiling) {
    return fault('too_many_rows', {
      params: { ...params, count: rows.length, limit: limit.ceiling },
      table: resource.name,
    });
  }
  const flawed = conflictFlaw(batch);
  if (flawed !== undefined) return fault('internal', { params: { what: flawed } });
  for (const row of rows) {
    if ((row.key === null) !== isKeyless(verb)) {
      return fault('internal', { params: { what: `${verb} of a row ${row.key === null ? 'without' : 'with'} a key` } });
    }
    const column = Object.keys(row.values).find((name) => !isAssignable(resource, verb, name));
    if (column !== undefined) {
      return fault('read_only_column', { params: { ...params, column }, table: resource.name, column });
    }
  }
  return undefined;
}

/** What becomes of the rows when the provider threw instead of answering. */
function outcomeOfError(error: unknown, mayBeApplied: boolean, kit: Kit): Outcome {
  if (error instanceof FaultError) {
    if (error.fault.code === 'outcome_unknown') return { kind: 'unknown', fault: error.fault };
    if (nothingApplied.has(error.fault.code) || !mayBeApplied) return { kind: 'rejected', fault: error.fault };
  }
  const words = kit.describe(error);
  kit.log.warn({ connection: kit.connection, error: words }, 'a write ended in an unexpected error');
  return mayBeApplied
    ? { kind: 'unknown', fault: fault('outcome_unknown', { params: { provider: kit.provider }, context: words }) }
    : { kind: 'rejected', fault: fault('internal', { params: { what: words } }) };
}

/** An answer of the wrong shape says nothing certain about any row. */
function flaw(batch: Batch, outcomes: readonly Outcome[]): string | undefined {
  if (outcomes.length !== batch.rows.length) {
    return `${outcomes.length} outcomes were given for ${batch.rows.length} rows`;
  }
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.kind !== 'applied') continue;
    const key = batch.rows[index]?.key ?? null;
    if (outcome.record.key === '') return 'an applied row has no key';
    if (key !== null && outcome.record.key !== key) return 'an applied row has the key of another';
  }
  return undefined;
}

/** What the database cannot hold is left out of a record. */
type Clean = <R extends Rec | null>(resource: Resource, record: R) => R | Rec;

function cleaner(kit: Kit): Clean {
  const unfit = new UnfitLog(kit.log, kit.now);
  return (resource, record) => {
    if (record === null) return record;
    const fitting = withoutUnfit(resource, withoutNul(record));
    if (fitting.unfit !== undefined) unfit.tell(resource, fitting);
    return fitting;
  };
}

function cleanOutcome(clean: Clean, resource: Resource, outcome: Outcome): Outcome {
  return outcome.kind === 'applied' ? { ...outcome, record: clean(resource, outcome.record) } : outcome;
}

async function* cleanPages(clean: Clean, resource: Resource, pages: AsyncIterable<Page>): AsyncGenerator<Page> {
  for await (const page of pages) yield { ...page, records: page.records.map((record) => clean(resource, record)) };
}

interface Guarding {
  readonly session: Session;
  readonly kit: Kit;
  readonly clean: Clean;
}

async function guardedWrite(
  { session, kit, clean }: Guarding,
  batch: Batch,
  signal: AbortSignal,
): Promise<WriteResult> {
  if (batch.rows.length === 0) return { outcomes: [], requests: [] };
  const refused = refusal(kit.provider, batch);
  if (refused !== undefined) return { outcomes: everyRow(batch, { kind: 'rejected', fault: refused }), requests: [] };
  const done = await trackSending(() => session.write(batch, signal), batch.stopped);
  if ('error' in done) {
    return { outcomes: everyRow(batch, outcomeOfError(done.error, done.mayBeApplied, kit)), requests: [] };
  }
  const wrong = flaw(batch, done.result.outcomes);
  if (wrong === undefined) {
    const outcomes = done.result.outcomes.map((outcome) => cleanOutcome(clean, batch.resource, outcome));
    return { ...done.result, outcomes };
  }
  const unknown = fault('outcome_unknown', { params: { provider: kit.provider }, context: wrong });
  return { outcomes: everyRow(batch, { kind: 'unknown', fault: unknown }), requests: done.result.requests };
}

async function sameLength<T>(count: number, what: string, answer: Promise<readonly T[]>): Promise<readonly T[]> {
  const given = await answer;
  if (given.length === count) return given;
  throw new FaultError(
    fault('internal', { params: { what: `${what} gave ${given.length} answers for ${count} rows` } }),
  );
}

function hasValues(record: Rec, values: Values): boolean {
  return Object.entries(values).every(
    ([name, value]) => JSON.stringify(record.values[name] ?? null) === JSON.stringify(value),
  );
}

/** Wraps a session so that the promises of the contract hold whatever the provider does. */
export function guardSession(session: Session, kit: Kit): Session {
  const clean = cleaner(kit);
  const cleanAll = (resource: Resource, records: readonly (Rec | null)[]): readonly (Rec | null)[] =>
    records.map((record) => clean(resource, record));
  return {
    describe: (signal) => session.describe(signal),
    plan: (verb, resource, rows, conflict) => session.plan(verb, resource, rows, conflict),
    write: (batch, signal) => guardedWrite({ session, kit, clean }, batch, signal),
    pull: (resource, since, signal) => cleanPages(clean, resource, session.pull(resource, since, signal)),
    read: async (resource, keys, signal) =>
      keys.length === 0
        ? []
        : cleanAll(resource, await sameLength(keys.length, 'read', session.read(resource, keys, signal))),
    findInserted: async (batch, sentAt, signal, taken) => {
      const found = session.findInserted(batch, sentAt, signal, taken);
      return cleanAll(batch.resource, await sameLength(batch.rows.length, 'findInserted', found));
    },
    findUpserted: async (batch, signal) => {
      if (session.findUpserted === undefined) {
        throw new FaultError(fault('internal', { params: { what: 'a session without findUpserted' } }));
      }
      const found = session.findUpserted(batch, signal);
      return cleanAll(batch.resource, await sameLength(batch.rows.length, 'findUpserted', found));
    },
    holds: (resource, record, values) =>
      session.holds === undefined ? hasValues(record, values) : session.holds(resource, record, values),
    narrowing: (resource) => session.narrowing?.(resource) ?? null,
    ...(session.webhooks === undefined ? {} : { webhooks: session.webhooks }),
    check: (signal) => session.check(signal),
  };
}

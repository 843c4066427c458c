/** The last phase of a mutation: what the API confirmed goes into the database, together with the journal's last word. */
import { applyRecords, deleteRecords, type SyncedTable } from '../catalog/index.js';
import { raise } from '../errors/index.js';
import type { Batch, WriteResult } from '../provider/index.js';
import { isFinal, type Journal, NotOwner, queueStale, type Report, type Ticket } from '../store/index.js';
import type { MutationFacts } from '../upstream/index.js';
import type { Known } from './known.js';
import { clientError, type Verdict } from './outcome.js';
import type { Changes } from './reconcile.js';
import type { Boundary, WriteLog } from './watch.js';
import type { Writer } from './writer.js';

export interface ApplyOptions {
  readonly journal: Journal;
  readonly known: Known;
  readonly log: WriteLog;
  readonly boundary?: (name: Boundary) => Promise<void>;
}

/** What there is to apply. */
export interface Answered {
  readonly table: SyncedTable;
  readonly facts: MutationFacts;
  readonly batch: Batch;
  readonly ticket: Ticket;
  readonly verdict: Verdict;
  readonly result: WriteResult;
  readonly changes: Changes;
  /** When the statement began, on the clock of `performance.now`. */
  readonly begun: number;
  readonly upstreamMs: number;
}

/**
 * Commits the rows and the entry's state. Where that fails, what is known is kept for whoever settles, and what the
 * client may be told is thrown: `commit_failed`, or the API's own refusal or doubt.
 */
export async function applyAnswer(options: ApplyOptions, writer: Writer, answered: Answered): Promise<void> {
  const { table, changes, ticket, begun, upstreamMs } = answered;
  try {
    await options.boundary?.('applying');
    await writer.commit(async (client) => {
      const confirmed = changes.records.map((each) => each.record);
      const keys = confirmed.map((record) => record.key);
      if (answered.facts.verb === 'delete') await deleteRecords(client, table, keys);
      else await applyRecords(client, table, [...changes.also, ...confirmed], answered.facts.verb === 'insert');
      if (changes.gone.length > 0) await deleteRecords(client, table, changes.gone);
      if (changes.stale.length > 0) await queueStale(client, table.oid, changes.stale);
      const report = { ...reportOf(answered), localMs: performance.now() - begun - upstreamMs };
      await options.journal.finish(client, ticket, report);
      await options.boundary?.('committing');
    });
  } catch (error) {
    if (await putAside(options, answered)) return;
    options.log.error({ mutation: ticket.id, error: String(error) }, 'the API answered and the local commit failed');
    throwDoubt(answered);
  }
}

function reportOf({ verdict, result, upstreamMs }: Answered): Report {
  const request = result.requests.at(-1);
  const rejected = result.outcomes.find((outcome) => outcome.kind !== 'applied');
  return {
    state: verdict.state,
    rows: verdict.rows,
    requests: result.requests.length,
    upstreamMs,
    ...(request?.requestId === undefined ? {} : { requestId: request.requestId }),
    ...(rejected === undefined
      ? {}
      : { error: { sqlstate: rejected.fault.sqlstate, message: rejected.fault.message } }),
    ...(verdict.state === 'unknown' ? { settleAfterMs: 0 } : {}),
  };
}

/** Keeps what is known for settling. Answers true where the commit went through after all and only its answer was lost. */
async function putAside({ journal, known, log }: ApplyOptions, answered: Answered): Promise<boolean> {
  const { ticket, verdict, batch } = answered;
  const report = reportOf(answered);
  try {
    if (verdict.state === 'refused') await journal.refuse(ticket, report);
    else await journal.markUnknown(ticket, { ...report, settleAfterMs: 0 });
    return false;
  } catch (error) {
    // A commit that is still under way holds the entry's row: whoever would change it has waited for its end.
    if (error instanceof NotOwner && isFinal(verdict.state)) {
      const state = await journal.stateOf(ticket).catch(() => null);
      if (state === verdict.state) return true;
    }
    known.note(batch.rows[0]?.idempotencyKey ?? '', report);
    log.warn({ mutation: ticket.id, error: String(error) }, 'a journal entry is left to be settled later');
    return false;
  }
}

function throwDoubt({ table, facts, verdict, result, ticket }: Answered): never {
  if (verdict.state === 'refused' || verdict.state === 'unknown') {
    throw clientError(table, facts, verdict, result.outcomes, ticket.id);
  }
  const partly =
    verdict.state === 'partial' ? clientError(table, facts, verdict, result.outcomes, ticket.id).fault.message : null;
  return raise('commit_failed', {
    params: { provider: table.provider, mutation: ticket.id },
    schema: table.schema,
    table: table.name,
    ...(partly === null ? {} : { context: partly }),
  });
}

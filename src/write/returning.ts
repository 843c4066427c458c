/**
 * The client's RETURNING list, before the rows are committed, so that it sees the database as a statement of Postgres
 * would. A failure here comes too late to refuse the write: it is told once the rows are in.
 */
import type { SyncedTable } from '../catalog/index.js';
import { FaultError, fault } from '../errors/index.js';
import type { Ticket } from '../store/index.js';
import { DatabaseRefusal, type LentSession, SessionGone } from '../upstream/index.js';
import type { ConfirmedRecord } from './confirmed.js';
import type { WriteLog } from './watch.js';

export interface ReturningOptions {
  readonly table: SyncedTable;
  readonly ticket: Ticket;
  /** Until when the rows can wait to be committed, in epoch milliseconds. */
  readonly deadline: number;
  readonly log: WriteLog;
}

/** What to throw once the rows are committed, or null. */
export async function evaluateReturning(
  lent: LentSession,
  records: readonly ConfirmedRecord[],
  { table, ticket, deadline, log }: ReturningOptions,
): Promise<{ readonly failed: unknown }> {
  try {
    await inTime(lent.evaluateReturning(records), deadline);
    return { failed: null };
  } catch (error) {
    if (error instanceof SessionGone) return { failed: error };
    log.warn({ mutation: ticket.id, error: String(error) }, 'RETURNING failed after the API had confirmed');
    if (!(error instanceof DatabaseRefusal || error instanceof TooLate)) return { failed: error };
    const told = fault('returning_failed', {
      params: { provider: table.provider, mutation: ticket.id },
      context: `the database answered: ${error.message}`,
      schema: table.schema,
      table: table.name,
    });
    return { failed: new FaultError(told) };
  }
}

/** A RETURNING list took longer than the rows can wait to be committed. */
class TooLate extends Error {}

/** Throws TooLate at the deadline: the session may be one that will never answer. */
async function inTime(work: Promise<void>, deadline: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TooLate('it took too long')), Math.max(1, deadline - Date.now()));
  });
  work.catch(() => undefined);
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

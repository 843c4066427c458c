/**
 * Brings journal entries without a final outcome to one: what the API has now is the truth. Entries come from processes
 * that died, from requests without an answer, and from local commits that failed.
 *
 * That a record is there, or gone, or changed as it should be, is final at once. That it is not is final only when the
 * API cannot be working on the request any more: until then it is looked for again and again.
 */
import type pg from 'pg';
import type { Catalog, SyncedTable } from '../catalog/index.js';
import { type FaultCode, FaultError } from '../errors/index.js';
import type { Session } from '../provider/index.js';
import { isDatabaseAway, type Journal, NotOwner, type RowOutcome, sqlstateOf, type Unsettled } from '../store/index.js';
import type { Known } from './known.js';
import { settleRows, WhoseIsIt } from './settle-rows.js';
import type { WriteLog } from './watch.js';

export interface SettlerOptions {
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  readonly journal: Journal;
  session(connection: string): Session | undefined;
  /** What this process knows of its own entries. */
  readonly known: Known;
  readonly log: WriteLog;
  /** Milliseconds between looks for entries. */
  readonly interval: number;
  /** Milliseconds that settling one entry may take. */
  readonly timeout: number;
  /** Milliseconds to wait for the locks of its rows. */
  readonly lockTimeout: number;
  /** Milliseconds after journalling at which no API can be working on a request any more. */
  readonly certainAfter: number;
  /** Milliseconds after journalling at which a write that the API cannot tell about is given up as undecided. */
  readonly giveUpAfter: number;
}

export interface Settler {
  stop(): Promise<void>;
}

/** Entries of a connection taken at once. */
const batchSize = 20;
/** Connections whose entries are settled side by side: each may hold a connection to the database while its API answers. */
const sideBySide = 4;

/**
 * Starts looking at once, then at every interval. The entries of a connection are settled one after another, those of
 * another connection meanwhile: an API that is slow, or down, keeps nobody else's waiting.
 */
export function startSettler(options: SettlerOptions): Settler {
  const stopped = new AbortController();
  const working = new Map<string, Promise<void>>();
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  const failed = (error: unknown): void => {
    if (!stopped.signal.aborted) options.log.warn({ error: String(error) }, 'settling the journal failed');
  };
  const begin = async (): Promise<void> => {
    const { journal, timeout, lockTimeout } = options;
    while (working.size < sideBySide && !stopped.signal.aborted) {
      const entries = await journal.claimUnsettled(batchSize, timeout + lockTimeout, [...working.keys()]);
      const connection = entries[0]?.connection;
      if (connection === undefined) return;
      const work = settleAll(options, entries, stopped.signal).catch(failed);
      working.set(
        connection,
        work.then(() => {
          working.delete(connection);
          // There may be more of it.
          if (entries.length === batchSize) soon();
        }),
      );
    }
  };
  const look = async (): Promise<void> => {
    await begin().catch(failed);
    clearTimeout(timer);
    if (!stopped.signal.aborted) timer = setTimeout(next, options.interval);
  };
  const next = (): void => {
    looking = look();
  };
  const soon = (): void => {
    looking = looking.then(look);
  };
  next();
  return {
    stop: async () => {
      stopped.abort();
      await looking;
      clearTimeout(timer);
      await Promise.all(working.values());
      await looking;
      clearTimeout(timer);
    },
  };
}

async function settleAll(options: SettlerOptions, entries: readonly Unsettled[], stopped: AbortSignal): Promise<void> {
  for (const entry of entries) {
    if (stopped.aborted) return;
    await settleEntry(options, entry, stopped);
  }
}

/** Settles one, or puts it back for later. Throws only where the database is away. */
async function settleEntry(options: SettlerOptions, entry: Unsettled, stopped: AbortSignal): Promise<void> {
  const { log } = options;
  try {
    const state = await settle(options, entry, stopped);
    if (state !== 'unknown') log.info({ mutation: entry.ticket.id, state }, 'a journal entry was settled');
  } catch (error) {
    if (error instanceof NotOwner) return;
    if (isDatabaseAway(error)) throw error;
    if (!(error instanceof WhoseIsIt)) {
      log.warn({ mutation: entry.ticket.id, error: String(error) }, 'a journal entry could not be settled yet');
    }
    await putBack(options, entry, error).catch((refused: unknown) => {
      // It took so long that somebody else has it.
      if (!(refused instanceof NotOwner)) throw refused;
    });
  }
}

async function putBack(options: SettlerOptions, entry: Unsettled, error: unknown): Promise<void> {
  const { journal, log, pool } = options;
  if (isHopeless(error) && entry.age >= options.giveUpAfter) {
    await journal.finish(pool, entry.ticket, { state: 'undecided' });
    log.warn({ mutation: entry.ticket.id }, 'the API cannot tell what became of a journal entry');
  } else {
    await journal.markUnknown(entry.ticket, { settleAfterMs: delay(options, entry) });
  }
}

/** The question was given up, or may be answered once an operator has done something. */
const hopeful: ReadonlySet<FaultCode> = new Set(['write_cancelled', 'write_timed_out', 'credentials_refused']);

/** What passes in the database: conflicts, locks, resources, interventions, the system (manual, appendix A). */
const passing = /^(?:40|53|55|57|58)/;

/** Whether an API that answers can never tell. While it is slow, or cannot be asked, or a lock is held, there is hope. */
function isHopeless(error: unknown): boolean {
  if (error instanceof FaultError) return error.fault.retry !== 'later' && !hopeful.has(error.fault.code);
  return !passing.test(sqlstateOf(error) ?? '');
}

/** Milliseconds until the next try: an interval, doubling, at most 5 min; and a look as soon as absence is certain. */
function delay({ interval, certainAfter }: SettlerOptions, entry: Unsettled): number {
  const doubled = Math.min(interval * 2 ** Math.min(entry.attempts, 10), 300_000);
  const left = certainAfter - entry.age;
  return left > 0 ? Math.min(doubled, left) : doubled;
}

async function settle(options: SettlerOptions, claimed: Unsettled, stopped: AbortSignal): Promise<string> {
  const { journal, known, log } = options;
  if (claimed.left === 'pending') {
    await journal.cancel(claimed.ticket);
    return 'cancelled';
  }
  const statement = claimed.rows[0]?.idempotencyKey ?? '';
  const report = known.of(statement);
  if (report?.state === 'cancelled' || report?.state === 'refused') {
    await journal.finish(options.pool, claimed.ticket, report);
    known.forget(statement);
    return report.state;
  }
  const entry = report?.rows === undefined ? claimed : withOutcomes(claimed, report.rows);
  const table = options.catalog.byOid(entry.tableOid);
  const session = options.session(entry.connection);
  if (table === undefined || session === undefined) {
    await journal.finish(options.pool, entry.ticket, { state: 'undecided' });
    log.warn({ mutation: entry.ticket.id, table: entry.table }, 'a journal entry has no connection to be settled with');
    return 'undecided';
  }
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(options.timeout)]);
  const state = await settleIn(options, entry, table, session, signal);
  known.forget(statement);
  return state;
}

function withOutcomes(entry: Unsettled, outcomes: readonly RowOutcome[]): Unsettled {
  return {
    ...entry,
    rows: entry.rows.map((row, i) => {
      const outcome = outcomes[i];
      return outcome === undefined ? row : { ...row, ...outcome, key: outcome.key ?? row.key };
    }),
  };
}

function settleIn(
  options: SettlerOptions,
  entry: Unsettled,
  table: SyncedTable,
  session: Session,
  signal: AbortSignal,
): Promise<string> {
  const { pool, journal, lockTimeout, timeout } = options;
  const certain = entry.age >= options.certainAfter;
  return settleRows(
    { pool, journal, table, session, entry, signal, lockTimeout, timeout },
    certain ? null : delay(options, entry),
  );
}

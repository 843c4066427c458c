/**
 * Brings journal entries without a final outcome to one: what the API has now is the truth. Entries come from processes
 * that died, from requests without an answer, and from local commits that failed.
 */
import type pg from 'pg';
import type { Catalog, SyncedTable } from '../catalog/index.js';
import { FaultError } from '../errors/index.js';
import type { Batch, JsonValue, Rec, Session } from '../provider/index.js';
import {
  beginWithLocks,
  isDatabaseAway,
  type Journal,
  lockKeys,
  lockTableShared,
  NotOwner,
  type RowOutcome,
  type Unsettled,
} from '../store/index.js';
import { applyCurrent } from './refresh.js';
import type { WriteLog } from './write-path.js';

export interface SettlerOptions {
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  readonly journal: Journal;
  session(connection: string): Session | undefined;
  readonly log: WriteLog;
  /** Milliseconds between looks for entries. */
  readonly interval: number;
  /** Milliseconds that settling one entry may take. */
  readonly timeout: number;
  /** Milliseconds to wait for the locks of its rows. */
  readonly lockTimeout: number;
  /** Milliseconds after sending at which an insert that the API cannot tell about is given up as undecided. */
  readonly giveUpAfter: number;
}

export interface Settler {
  /** Settles everything that is due now; how many entries reached a final state. */
  settleDue(): Promise<number>;
  stop(): Promise<void>;
}

/** Entries taken at once. */
const batchSize = 20;

/** Starts looking at once, then at every interval. */
export function startSettler(options: SettlerOptions): Settler {
  const stopped = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<unknown> = Promise.resolve();
  const look = async (): Promise<void> => {
    try {
      await settleDue(options, stopped.signal);
    } catch (error) {
      if (!stopped.signal.aborted) options.log.warn({ error: String(error) }, 'settling the journal failed');
    }
    if (!stopped.signal.aborted) timer = setTimeout(next, options.interval);
  };
  const next = (): void => {
    running = look();
  };
  next();
  return {
    settleDue: () => settleDue(options, stopped.signal),
    stop: async () => {
      stopped.abort();
      clearTimeout(timer);
      await running;
    },
  };
}

async function settleDue(options: SettlerOptions, stopped: AbortSignal): Promise<number> {
  let settled = 0;
  for (;;) {
    const entries = await options.journal.claimUnsettled(batchSize, options.timeout + options.lockTimeout);
    for (const entry of entries) {
      if (stopped.aborted) return settled;
      if (await settleEntry(options, entry, stopped)) settled++;
    }
    if (entries.length < batchSize) return settled;
  }
}

/** Whether the entry reached a final state. */
async function settleEntry(options: SettlerOptions, entry: Unsettled, stopped: AbortSignal): Promise<boolean> {
  const { journal, log } = options;
  try {
    if (entry.left === 'pending') {
      await journal.cancel(entry.ticket);
      return true;
    }
    const table = options.catalog.byOid(entry.tableOid);
    const session = options.session(entry.connection);
    if (table === undefined || session === undefined) {
      await journal.finish(options.pool, entry.ticket, { state: 'undecided' });
      log.warn(
        { mutation: entry.ticket.id, table: entry.table },
        'a journal entry has no connection to be settled with',
      );
      return true;
    }
    const signal = AbortSignal.any([stopped, AbortSignal.timeout(options.timeout)]);
    const state = await settleWith(options, entry, table, session, signal);
    log.info({ mutation: entry.ticket.id, state }, 'a journal entry was settled');
    return true;
  } catch (error) {
    if (error instanceof NotOwner) return false;
    log.warn({ mutation: entry.ticket.id, error: String(error) }, 'a journal entry could not be settled yet');
    if (isDatabaseAway(error)) throw error;
    await journal.markUnknown(entry.ticket, { settleAfterMs: backoff(entry.attempts) });
    return false;
  }
}

/** Milliseconds until the next try: 1 s, doubling, at most 5 min. */
function backoff(attempts: number): number {
  return Math.min(1000 * 2 ** Math.min(attempts, 10), 300_000);
}

async function settleWith(
  options: SettlerOptions,
  entry: Unsettled,
  table: SyncedTable,
  session: Session,
  signal: AbortSignal,
): Promise<string> {
  const found = entry.verb === 'insert' ? await findInserted(options, entry, table, session, signal) : null;
  if (found === 'undecided') {
    await options.journal.finish(options.pool, entry.ticket, { state: 'undecided' });
    return 'undecided';
  }
  const keys = entry.rows.flatMap((row, i) => {
    const key = found?.[i]?.key ?? row.key;
    return key === null ? [] : [key];
  });
  const client = await options.pool.connect();
  let broken = true;
  try {
    await beginWithLocks(client, lockKeys(table.oid, keys), options.lockTimeout);
    const current = keys.length === 0 ? [] : await session.read(table.resource, keys, signal);
    await lockTableShared(client, table.oid);
    await applyCurrent(client, table, keys, current);
    const byKey = new Map(keys.map((key, i) => [key, current[i] ?? null]));
    const rows = entry.rows.map((row, i) => outcomeOf(entry, row, found?.[i] ?? null, byKey));
    const state = stateOf(rows);
    await options.journal.finish(client, entry.ticket, { state, rows });
    await client.query('COMMIT');
    broken = false;
    return state;
  } finally {
    client.release(broken);
  }
}

async function findInserted(
  options: SettlerOptions,
  entry: Unsettled,
  table: SyncedTable,
  session: Session,
  signal: AbortSignal,
): Promise<readonly (Rec | null)[] | 'undecided'> {
  const batch: Batch = {
    verb: 'insert',
    resource: table.resource,
    rows: entry.rows.map((row) => ({ key: null, values: row.values, idempotencyKey: row.idempotencyKey })),
    deadline: Date.now() + options.timeout,
  };
  try {
    return await session.findInserted(batch, entry.sentAt, signal);
  } catch (error) {
    const transient = error instanceof FaultError && error.fault.retry !== 'never';
    if (transient || signal.aborted || Date.now() - entry.sentAt < options.giveUpAfter) throw error;
    return 'undecided';
  }
}

/** What the API's present state says about a row that was sent. */
function outcomeOf(
  entry: Unsettled,
  row: Unsettled['rows'][number],
  inserted: Rec | null,
  current: ReadonlyMap<string, Rec | null>,
): RowOutcome {
  if (entry.verb === 'insert') {
    return inserted === null ? { outcome: 'rejected', key: null } : { outcome: 'applied', key: inserted.key };
  }
  const now = row.key === null ? null : (current.get(row.key) ?? null);
  const applied = entry.verb === 'delete' ? now === null : now !== null && holds(now, row.values);
  return { outcome: applied ? 'applied' : 'rejected', key: row.key };
}

/** Whether a record has the values that an update would have given it. */
function holds(record: Rec, values: Readonly<Record<string, JsonValue>>): boolean {
  return Object.entries(values).every(
    ([name, value]) => JSON.stringify(record.values[name] ?? null) === JSON.stringify(value),
  );
}

function stateOf(rows: readonly RowOutcome[]): 'applied' | 'refused' | 'partial' {
  const applied = rows.filter((row) => row.outcome === 'applied').length;
  return applied === rows.length ? 'applied' : applied === 0 ? 'refused' : 'partial';
}

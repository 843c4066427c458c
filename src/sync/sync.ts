/**
 * Keeps every synced table fresh. The work on a table is a job (see jobs.ts): it looks for changes, or goes on with the
 * first listing, for a while, and puts itself back for its next time. Any number of processes take these jobs.
 */
import type pg from 'pg';
import type { Catalog, SyncedTable } from '../catalog/index.js';
import type { KitLog, Session } from '../provider/index.js';
import { isDatabaseAway, positions, type Queryable, tables } from '../store/index.js';
import { type CycleEnd, runCycle } from './cycle.js';
import { type Failure, failureOf } from './failure.js';
import { addJob } from './graphile.js';
import type { TableContext } from './incoming.js';
import type { JobContext, Jobs } from './jobs.js';
import { pause } from './pause.js';
import { type Progress, Reporter, type StateChange } from './reporter.js';
import { rereadNow } from './reread.js';
import { firstListings } from './schedule.js';
import { createTurns } from './turns.js';

export interface SyncOptions {
  /** Upwrite's own (`internalPool`). */
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  /** By the connection's name. A table whose connection is not among them is left to other processes. */
  readonly sessions: ReadonlyMap<string, Session>;
  readonly jobs: Jobs;
  /** The id of this process's lease. */
  readonly worker: string;
  readonly log: KitLog;
  /** Milliseconds from one look for changes to the next, for a table; see pace.ts. */
  readonly every: (table: SyncedTable) => number;
  /** Milliseconds before a failed run is tried again: doubled each time, from the first to the second. */
  readonly retryMs?: readonly [number, number];
  /** Pieces of database work at once. Default 4; keep it below the pool's size. */
  readonly concurrency?: number;
  /** Milliseconds that a merge waits for writes being applied. Default 10,000. */
  readonly lockTimeoutMs?: number;
  /** Milliseconds that a table is worked on before others have their turn. Default 10,000. */
  readonly sliceMs?: number;
  /** Milliseconds from one full listing to the next, where the API does not list deletions. Default 6 hours. */
  readonly sweepMs?: number;
  /** After each page, and when a table's state changes. */
  readonly onProgress?: (progress: Progress) => void;
  /** After a change of a table's state was committed by this process. */
  readonly onStateChange?: (change: StateChange) => Promise<void>;
  readonly onReread?: NonNullable<TableContext['onReread']>;
  /** After each run, for metrics. */
  readonly onRun?: (run: { readonly table: SyncedTable; readonly result: RunResult; readonly ms: number }) => void;
}

export type RunResult = CycleEnd['kind'] | 'stopped' | 'failed';

export interface Sync {
  /** Resolves when every table of the start has been listed in full once, by whatever process; rejects when stopped before. */
  readonly firstSync: Promise<void>;
  /**
   * Reads single records again and brings them up to date, or deletes them; resolves when that is done. Rejects when the
   * signal aborts or the API fails; the records stay queued then, and have their turn with the table's next run.
   */
  refresh(tableOid: number, keys: readonly string[], signal: AbortSignal): Promise<void>;
  /** Something has changed upstream: looks for it now. Any number of calls before it begins are one. */
  wake(tableOid: number): Promise<void>;
  /** Brings the jobs in line with the catalog, after it has changed. */
  update(): void;
  /** Runs of tables are jobs, which end with the jobs. Resolves when nothing else is under way. */
  stop(): Promise<void>;
}

/** The task of which each table has one job at a time. */
export const syncTask = 'sync';

/** The key of a table's job. */
export function syncKey(tableOid: number): string {
  return `${syncTask}:${tableOid}`;
}

const nothing = { pages: 0, rows: 0, expectedRows: null, rowsPerSecond: null };

/** A table is worked on as long as there is one. */
const forEver = { attempts: 32_767 };
/** Milliseconds until another look whether this process is the one for a table that it does not know. */
const strangerMs = 10_000;
/** Milliseconds until another look at a table of whose change this process has not heard. */
const changedMs = 500;
/** Milliseconds until another look whether a table is free that somebody works on, should that one not see to it. */
const busyMs = 1000;
/** The longest wait for a quota, in milliseconds: it may open earlier than the API has said. */
const longestPause = 900_000;

/** Registers the task, and sees to it that each table of the catalog has its job. The caller starts the jobs. */
export function startSync(options: SyncOptions): Sync {
  const { pool, catalog, sessions, jobs, log } = options;
  const turn = createTurns(options.concurrency ?? 4);
  /** Tables that this process works on. */
  const active = new Set<number>();
  const first = firstListings(pool, log, (tableOid) => active.has(tableOid));

  const contextOf = (tableOid: number): TableContext | null => {
    const table = catalog.byOid(tableOid);
    const session = table === undefined ? undefined : sessions.get(table.connection);
    if (table === undefined || session === undefined) return null;
    const { lockTimeoutMs = 10_000, onReread } = options;
    return { pool, table, session, turn, lockTimeoutMs, ...(onReread === undefined ? {} : { onReread }) };
  };

  const again = (tableOid: number, delayMs: number, failures: number): Promise<void> =>
    jobs.add(
      syncTask,
      { table: tableOid, failures },
      { key: syncKey(tableOid), delayMs, keepEarlier: true, ...forEver },
    );

  const work = async (payload: unknown, { signal }: JobContext): Promise<void> => {
    const { tableOid, failures } = parsePayload(payload);
    const context = contextOf(tableOid);
    // Whoever puts the table back into the configuration adds its job again.
    if (catalog.byOid(tableOid)?.attached === false) return;
    if (context === null) {
      const registered = await tables.list(pool);
      if (registered.some((each) => each.tableOid === tableOid)) await again(tableOid, strangerMs, failures);
      return;
    }
    const began = performance.now();
    const isBusyHere = active.has(tableOid);
    if (!isBusyHere) active.add(tableOid);
    const { result, delayMs } = await runOnce(
      options,
      { ...context, isBusyHere, releaseLater },
      failures,
      signal,
    ).finally(() => {
      if (!isBusyHere) active.delete(tableOid);
    });
    options.onRun?.({ table: context.table, result, ms: performance.now() - began });
    if (result === 'live' || result === 'paused') first.listed(tableOid);
    if (delayMs !== null) await again(tableOid, delayMs, result === 'failed' ? failures + 1 : 0);
  };

  const ending = new AbortController();
  /** Ends of runs that are still to be written down. */
  const unreleased = new Set<Promise<void>>();
  const release = async (tableOid: number, run: string): Promise<void> => {
    for (;;) {
      await pause(busyMs, ending.signal);
      // The lease says it from now on.
      if (ending.signal.aborted) return;
      try {
        await positions.release(pool, tableOid, run);
        return;
      } catch (error) {
        log.debug({ err: error }, 'the end of a run could not be written down yet');
      }
    }
  };
  const releaseLater = (tableOid: number, run: string): void => {
    const releasing = release(tableOid, run).finally(() => unreleased.delete(releasing));
    unreleased.add(releasing);
  };

  /** The definitions of the tables that this process has scheduled. */
  let known: ReadonlyMap<number, number> = new Map();
  const schedule = async (): Promise<void> => {
    const mine = catalog.all().filter((table) => table.attached && sessions.has(table.connection));
    const every = new Map(mine.map((table) => [table.oid, options.every(table)]));
    await tables.setMaxAges(pool, every);
    // One that comes back to the configuration may have a job from before, due in hours.
    const changed = mine.filter(({ oid, definition }) => known.get(oid) !== definition).map(({ oid }) => oid);
    const unlisted = await tables.unlisted(pool, changed);
    await jobs.ensure(
      syncTask,
      [...every].map(([table, ms]) => ({
        key: syncKey(table),
        payload: { table, failures: 0 },
        withinMs: unlisted.has(table) ? 0 : ms,
      })),
    );
    known = new Map(mine.map(({ oid, definition }) => [oid, definition]));
  };

  let scheduling: Promise<void> = Promise.resolve();
  const update = (): void => {
    if (ending.signal.aborted) return;
    first.keep(new Set(catalog.all().flatMap(({ oid, attached }) => (attached ? [oid] : []))));
    scheduling = scheduling.then(schedule).catch((error: unknown) => {
      if (!isDatabaseAway(error)) log.warn({ err: error }, 'the jobs of the tables could not be added');
    });
  };

  // What cannot be written to the database is told to this process at least.
  const tellAway = (): void => {
    const reason = 'the database cannot be reached';
    for (const table of catalog.all()) {
      if (sessions.has(table.connection)) options.onProgress?.({ ...nothing, table, state: 'paused', reason });
    }
  };

  jobs.register(syncTask, work);
  jobs.onDatabase((isThere) => {
    if (isThere) update();
    else tellAway();
  });
  first.await(catalog.all().flatMap((table) => (table.attached && sessions.has(table.connection) ? [table.oid] : [])));
  update();
  // Should a job ever be lost, its table is not.
  const timer = setInterval(update, 60_000);
  timer.unref();
  return {
    firstSync: first.promise,
    refresh: async (tableOid, keys, signal) => {
      const context = contextOf(tableOid);
      if (context === null) throw new Error(`table ${tableOid} is not synced by this process`);
      await rereadNow(context, keys, signal);
    },
    wake: (tableOid) => jobs.add(syncTask, { table: tableOid, failures: 0 }, { key: syncKey(tableOid), ...forEver }),
    update,
    stop: async () => {
      ending.abort();
      clearInterval(timer);
      await Promise.all([first.stop(), scheduling, ...unreleased]);
    },
  };
}

/** Wakes a table from a process that works on none: as `Sync.wake`. The jobs' schema must be there. */
export async function wakeTable(db: Queryable, tableOid: number): Promise<void> {
  await addJob(db, syncTask, { table: tableOid, failures: 0 }, { key: syncKey(tableOid), ...forEver });
}

function parsePayload(payload: unknown): { tableOid: number; failures: number } {
  const of = (name: string): number => {
    const value: unknown = typeof payload === 'object' && payload !== null ? Reflect.get(payload, name) : undefined;
    return typeof value === 'number' ? value : 0;
  };
  return { tableOid: of('table'), failures: of('failures') };
}

interface RunContext extends TableContext {
  readonly isBusyHere: boolean;
  readonly releaseLater: (tableOid: number, run: string) => void;
}

interface Ran {
  readonly result: RunResult;
  /** Until the next run; null: none is wanted. */
  readonly delayMs: number | null;
}

/** One run, and what follows from how it ended. Never throws for what a table's state can tell. */
async function runOnce(options: SyncOptions, context: RunContext, failures: number, signal: AbortSignal): Promise<Ran> {
  const { pool, log } = options;
  const { table } = context;
  const reporter = new Reporter({
    pool,
    log,
    table,
    onProgress: options.onProgress ?? (() => undefined),
    onStateChange: options.onStateChange ?? (async () => undefined),
  });
  try {
    const end = await runCycle(
      {
        ...context,
        worker: options.worker,
        sliceMs: options.sliceMs ?? 10_000,
        sweepMs: options.sweepMs ?? 6 * 3_600_000,
        onUnreleased: (run) => context.releaseLater(table.oid, run),
        onStart: (claim, position) => reporter.start(claim, position),
        onPage: (position, page, rate) => reporter.page(position, page, rate),
      },
      signal,
    );
    if (end.kind === 'live') await reporter.live();
    if (end.kind === 'paused') await reporter.paused(end.reason);
    return { result: end.kind, delayMs: delayAfter(end.kind, options.every(table)) };
  } catch (error) {
    // The process is ending, and the next one goes on.
    if (signal.aborted) return { result: 'stopped', delayMs: 0 };
    const failure = failureOf(error, table.provider);
    if (failure.kind === 'elsewhere') return { result: 'busy', delayMs: busyMs };
    await reporter.failed(failure, error);
    return { result: 'failed', delayMs: retryAfter(options, failure, failures) };
  }
}

function delayAfter(kind: CycleEnd['kind'], everyMs: number): number | null {
  if (kind === 'live') return everyMs;
  if (kind === 'changed') return changedMs;
  if (kind === 'busy') return busyMs;
  return kind === 'more' ? 0 : null;
}

function retryAfter(options: SyncOptions, failure: Exclude<Failure, { kind: 'elsewhere' }>, failures: number): number {
  const [shortest, longest] = options.retryMs ?? [1000, 60_000];
  const doubled = Math.min(longest, shortest * 2 ** Math.min(failures, 20));
  const asked = failure.kind === 'paused' ? (failure.waitMs ?? 0) : 0;
  return Math.max(doubled, Math.min(asked, longestPause));
}

/** Keeps every synced table fresh: one loop a table, side by side, each going on by itself whatever fails. */
import type pg from 'pg';
import type { Catalog, SyncedTable } from '../catalog/index.js';
import type { KitLog, Session } from '../provider/index.js';
import { queueStale, stillStale, type TableState, tables } from '../store/index.js';
import { runCycle } from './cycle.js';
import { failureOf } from './failure.js';
import { pause } from './pause.js';
import { createTurns, type Turn } from './turns.js';

export interface SyncOptions {
  /** Upwrite's own (`internalPool`). */
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  /** By the connection's name. A table whose connection is not among them is left alone. */
  readonly sessions: ReadonlyMap<string, Session>;
  /** The id of this process's lease. */
  readonly worker: string;
  readonly log: KitLog;
  /** Milliseconds between two cycles of a table. Default 5,000. */
  readonly intervalMs?: number;
  /** Milliseconds before a failed cycle is tried again: doubled each time, from the first to the second. */
  readonly retryMs?: readonly [number, number];
  /** Pieces of database work at once. Default 4; keep it below the pool's size. */
  readonly concurrency?: number;
  /** Milliseconds that a merge waits for writes being applied. Default 10,000. */
  readonly lockTimeoutMs?: number;
  /** After each page, and when a table's state changes. */
  readonly onProgress?: (progress: Progress) => void;
}

/** How a table's sync is doing, as this process sees it. */
export interface Progress {
  readonly table: SyncedTable;
  readonly state: TableState;
  /** Why it is paused or unhealthy. */
  readonly reason: string | null;
  /** Of the listing that is running, or of the last full one. */
  readonly pages: number;
  readonly rows: number;
  /** Where the API says so. */
  readonly expectedRows: number | null;
}

export interface Sync {
  /** Resolves when every table of the start has been listed in full once; rejects when stopped before. */
  readonly firstSync: Promise<void>;
  /**
   * Reads single records again and brings them up to date, or deletes them; resolves when that is done, by whichever
   * process has the table. Rejects when the signal aborts; it is done then all the same, later.
   */
  refresh(tableOid: number, keys: readonly string[], signal: AbortSignal): Promise<void>;
  /** Looks for changes of a table now, where this process has it. */
  wake(tableOid: number): void;
  /** Brings the loops in line with the catalog, after it has changed. */
  update(): void;
  /** Ends every loop after the transaction that it is in, and gives its tables back. */
  stop(): Promise<void>;
}

/** Milliseconds between looks whether a table that another process has is free. */
const longestElsewhere = 30_000;

interface Loop {
  /** The table's definition as the loop has it. */
  readonly table: SyncedTable;
  readonly ended: Promise<void>;
  wake(): void;
  stop(): void;
}

/** Starts the sync of every table in the catalog whose connection has a session. */
export function startSync(options: SyncOptions): Sync {
  const turn = createTurns(options.concurrency ?? 4);
  const loops = new Map<number, Loop>();
  /** The last loop of each table that is being ended: its successor waits for it. */
  const ending = new Map<number, Promise<void>>();
  /** The tables of the start that have not been listed in full yet. */
  const waitingFor = new Set<number>();
  let stopped = false;

  const firstSync = deferred();
  const listed = (oid: number): void => {
    if (waitingFor.delete(oid) && waitingFor.size === 0) firstSync.resolve();
  };

  const end = (loop: Loop): void => {
    loop.stop();
    ending.set(loop.table.oid, loop.ended);
  };

  const update = (): void => {
    if (stopped) return;
    for (const [oid, loop] of loops) {
      if (options.catalog.byOid(oid) === loop.table) continue;
      loops.delete(oid);
      end(loop);
      // A table that was dropped is waited for no longer; one that was altered gets another loop.
      if (options.catalog.byOid(oid) === undefined) listed(oid);
    }
    for (const table of options.catalog.all()) {
      const session = options.sessions.get(table.connection);
      if (session === undefined || loops.has(table.oid)) continue;
      loops.set(
        table.oid,
        startLoop(options, table, session, turn, () => listed(table.oid), ending.get(table.oid)),
      );
    }
  };

  update();
  for (const oid of loops.keys()) waitingFor.add(oid);
  if (waitingFor.size === 0) firstSync.resolve();
  return {
    firstSync: firstSync.promise,
    refresh: (tableOid, keys, signal) => refresh(options, loops.get(tableOid), tableOid, keys, signal),
    wake: (tableOid) => loops.get(tableOid)?.wake(),
    update,
    async stop(): Promise<void> {
      stopped = true;
      firstSync.reject(new Error('the sync was stopped'));
      for (const loop of loops.values()) end(loop);
      loops.clear();
      await Promise.all(ending.values());
      await tables.release(options.pool, null, options.worker).catch((error: unknown) => {
        options.log.warn({ err: error }, 'the tables could not be given back; they are free when the lease runs out');
      });
    },
  };
}

interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: Error): void;
}

/** A promise that is settled from outside, and that nobody has to listen to. */
function deferred(): Deferred {
  let resolve: () => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

async function refresh(
  options: SyncOptions,
  loop: Loop | undefined,
  tableOid: number,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await queueStale(options.pool, tableOid, keys);
  for (;;) {
    loop?.wake();
    await pause(100, signal);
    signal.throwIfAborted();
    if ((await stillStale(options.pool, tableOid, keys)).length === 0) return;
  }
}

function startLoop(
  options: SyncOptions,
  table: SyncedTable,
  session: Session,
  turn: Turn,
  listed: () => void,
  predecessor: Promise<void> | undefined,
): Loop {
  const controller = new AbortController();
  const { signal } = controller;
  let woken = false;
  let rouse: () => void = () => {};
  const reporter = createReporter(options, table);
  const [shortest, longest] = options.retryMs ?? [1000, 60_000];

  const cycle = async (): Promise<'ended' | 'elsewhere' | 'failed'> => {
    try {
      const ran = await runCycle(
        {
          pool: options.pool,
          table,
          session,
          worker: options.worker,
          turn,
          lockTimeoutMs: options.lockTimeoutMs ?? 10_000,
          onPage: reporter.page,
          takeWake: () => {
            const was = woken;
            woken = false;
            return was;
          },
        },
        signal,
      );
      if (!ran) {
        if (await syncedOnce(options.pool, table)) listed();
        return 'elsewhere';
      }
      await reporter.live();
      listed();
      return 'ended';
    } catch (error) {
      if (signal.aborted) return 'failed';
      return reporter.failed(error);
    }
  };

  const run = async (): Promise<void> => {
    await predecessor;
    let failures = 0;
    while (!signal.aborted) {
      woken = false;
      const result = await cycle();
      failures = result === 'failed' ? failures + 1 : 0;
      const interval = options.intervalMs ?? 5000;
      // A table that another process has may be free before long: that process may have died.
      const idle = result === 'elsewhere' ? Math.min(interval, longestElsewhere) : interval;
      const wait = failures === 0 ? idle : Math.min(longest, shortest * 2 ** (failures - 1));
      if (woken && failures === 0) continue;
      const nap = new AbortController();
      rouse = () => nap.abort();
      await pause(wait, AbortSignal.any([signal, nap.signal]));
    }
  };

  return {
    table,
    ended: run(),
    wake: () => {
      woken = true;
      rouse();
    },
    stop: () => controller.abort(),
  };
}

/** Whether any process has ever brought the table in full. */
async function syncedOnce(pool: pg.Pool, table: SyncedTable): Promise<boolean> {
  const all = await tables.health(pool);
  return all.some((each) => each.tableOid === table.oid && each.lastSyncedAt !== null);
}

interface Reporter {
  readonly page: Parameters<typeof runCycle>[0]['onPage'];
  live(): Promise<void>;
  failed(error: unknown): Promise<'elsewhere' | 'failed'>;
}

/** Writes a table's state to `upwrite.tables` where it changes, to the log, and to whoever listens. */
function createReporter(options: SyncOptions, table: SyncedTable): Reporter {
  const name = `${table.schema}.${table.name}`;
  let listedOnce = false;
  /** The state that this process has last written; what an earlier process has left is not known. */
  let written: string | null = null;
  let progress: Progress = { table, state: 'backfilling', reason: null, pages: 0, rows: 0, expectedRows: null };

  const tell = (changes: Partial<Progress>): void => {
    progress = { ...progress, ...changes };
    options.onProgress?.(progress);
  };
  const set = async (state: TableState, reason: string | null, synced: boolean): Promise<void> => {
    await tables.setState(options.pool, table.oid, { state, synced, ...(reason === null ? {} : { reason }) });
    if (progress.state !== state || progress.reason !== reason)
      options.log.info({ table: name, state, reason }, 'sync');
    tell({ state, reason });
  };

  return {
    page: async (position, page) => {
      const { pages, rows } = position;
      if (page === null) {
        // A table that lists anew in full because its API has no changes to ask for stays live meanwhile.
        if (!position.fullListing) listedOnce = true;
        tell({ pages, rows });
        return;
      }
      const state = listedOnce ? 'live' : 'backfilling';
      if (written !== state) await set(state, null, false);
      tell({ pages, rows, ...(page.total === undefined ? {} : { expectedRows: page.total }) });
    },
    live: async () => {
      listedOnce = true;
      await set('live', null, true);
    },
    failed: async (error) => {
      const failure = failureOf(error, table.provider);
      if (failure.kind === 'elsewhere') return 'elsewhere';
      options.log.warn({ table: name, reason: failure.reason, err: error }, 'a sync cycle failed');
      try {
        await set(failure.kind, failure.reason, false);
      } catch (unwritten) {
        options.log.debug({ table: name, err: unwritten }, 'the state could not be written');
        written = null;
        tell({ state: failure.kind, reason: failure.reason });
      }
      return 'failed';
    },
  };
}

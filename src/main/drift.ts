/**
 * Schema drift: every connection's API is asked for its description now and then, and the tables follow it. The database
 * says who is due, so that of any number of processes one asks. What changes reaches all of them by the catalog's watch.
 */
import type pg from 'pg';
import { bringUpToDate, type ConnectionChoice, type TableOutcome } from '../catalog/index.js';
import { claimDue, isDatabaseAway, tables } from '../store/index.js';
import type { Log } from '../telemetry/index.js';

export interface DriftOptions {
  readonly pool: pg.Pool;
  readonly connections: readonly ConnectionChoice[];
  /** Whether tables are changed, or the changes only reported. */
  readonly ddl: boolean;
  /** Milliseconds from one look at a connection to the next. */
  readonly interval: number;
  readonly log: Log;
  readonly timings?: Partial<DriftTimings>;
}

/** Times in milliseconds that nobody has to configure. */
export interface DriftTimings {
  /** Between looks for connections that are due. */
  readonly tick: number;
  /** From one look at a connection to the next, at least, where a table has become unhealthy. */
  readonly soonest: number;
  /** After which a table is tried again whose lock was not to be had. */
  readonly again: number;
  /** That one look may take. */
  readonly timeout: number;
  /** That a look waits for a table's lock. */
  readonly patience: number;
}

const defaults: DriftTimings = { tick: 5000, soonest: 60_000, again: 15_000, timeout: 120_000, patience: 2000 };

/** Connections asked at once. */
const atOnce = 4;

export interface Drift {
  /** Looks at a connection now. */
  look(connection: string): Promise<readonly TableOutcome[]>;
  /** Tables that wait for their lock are tried again before long. */
  again(outcomes: readonly TableOutcome[]): void;
  stop(): Promise<void>;
}

export function startDrift(options: DriftOptions): Drift {
  const { pool, log } = options;
  const times = { ...defaults, ...options.timings };
  const controller = new AbortController();
  const names = options.connections.map(({ name }) => name);
  const waiting = new Map<string, NodeJS.Timeout>();
  let running: Promise<unknown> = Promise.resolve();
  let busy = false;

  const look = async (name: string): Promise<readonly TableOutcome[]> => {
    const connection = options.connections.find((each) => each.name === name);
    if (connection === undefined) return [];
    const outcomes = await bringUpToDate({
      pool,
      registry: tables,
      connections: [connection],
      all: false,
      ddl: options.ddl,
      lockTimeoutMs: times.patience,
      signal: AbortSignal.any([controller.signal, AbortSignal.timeout(times.timeout)]),
      onNote: (table, note) => log.warn({ table, note }, 'a note on a synced table'),
    });
    for (const { table, statements } of outcomes) {
      if (statements.length > 0) log.info({ table, statements }, 'a table was changed as its API has changed');
    }
    again(outcomes);
    return outcomes;
  };

  const lookSafely = async (name: string): Promise<void> => {
    try {
      await look(name);
    } catch (error) {
      if (controller.signal.aborted) return;
      const level = isDatabaseAway(error) ? 'debug' : 'warn';
      log[level]({ connection: name, error }, 'the description of an API could not be taken up');
    }
  };

  const again = (outcomes: readonly TableOutcome[]): void => {
    if (!options.ddl || controller.signal.aborted) return;
    for (const name of new Set(
      outcomes.flatMap(({ connection, waiting: why }) => (why === null ? [] : [connection])),
    )) {
      clearTimeout(waiting.get(name));
      waiting.set(
        name,
        setTimeout(() => {
          waiting.delete(name);
          running = Promise.all([running, lookSafely(name)]);
        }, times.again),
      );
    }
  };

  const tick = async (): Promise<void> => {
    const due = { interval: options.interval, soonest: Math.min(times.soonest, options.interval), limit: atOnce };
    try {
      const claimed = await claimDue(pool, names, due);
      await Promise.all(claimed.map(lookSafely));
    } catch (error) {
      log.debug({ error }, 'looking for descriptions that are due');
    }
  };

  const timer = setInterval(() => {
    if (busy || names.length === 0) return;
    busy = true;
    const done = tick().finally(() => {
      busy = false;
    });
    running = Promise.all([running, done]);
  }, times.tick);

  return {
    look,
    again,
    async stop(): Promise<void> {
      controller.abort();
      clearInterval(timer);
      for (const each of waiting.values()) clearTimeout(each);
      await running;
    },
  };
}

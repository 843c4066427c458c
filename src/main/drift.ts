/**
 * Schema drift: every connection's API is asked for its description now and then, and the tables follow it. Each
 * connection has a job for that, so that of any number of processes one asks, and another goes on where that one dies.
 * What changes reaches all of them by the catalog's watch.
 */
import type pg from 'pg';
import { bringUpToDate, type ConnectionChoice } from '../catalog/index.js';
import { dueIn, forgetDescribed, isDatabaseAway, noteDescribed, tables } from '../store/index.js';
import type { Jobs } from '../sync/index.js';
import type { Log } from '../telemetry/index.js';
import { registerStanding, type Standing, wakeStanding } from './standing-jobs.js';

export interface DriftOptions {
  readonly pool: pg.Pool;
  /** Not started yet. */
  readonly jobs: Jobs;
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
  /** From one look at a connection to the next, at least, where a table has become unhealthy. */
  readonly soonest: number;
  /** After which a table is tried again whose lock was not to be had. */
  readonly again: number;
  /** That one look may take. */
  readonly timeout: number;
  /** That a look waits for a table's lock. */
  readonly patience: number;
}

const defaults: DriftTimings = { soonest: 60_000, again: 15_000, timeout: 120_000, patience: 2000 };

/** Connections asked at once by one process: APIs that do not answer must not take the slots of all jobs. */
const atOnce = 4;
/** Milliseconds until another try where so many are being asked. */
const busyMs = 1000;
/** Behind the tables' sync. */
const priority = 5;
const task = 'describe';

/** A table of the connection has become unhealthy: its fields may have changed. It is looked at before long. */
export async function lookSoon(jobs: Pick<Jobs, 'add'>, connection: string): Promise<void> {
  await wakeStanding(jobs, task, connection, priority);
}

/** The job of each connection. */
export function registerDrift(options: DriftOptions): Standing {
  const { pool, connections, interval, log } = options;
  const times = { ...defaults, ...options.timings };
  const due = { interval, soonest: Math.min(times.soonest, interval) };
  let asking = 0;
  return registerStanding(options.jobs, {
    task,
    names: connections.map(({ name }) => name),
    priority,
    withinMs: interval,
    work: async (name, _count, { signal }) => {
      const connection = connections.find((each) => each.name === name);
      // Whoever has it in its configuration adds the job again.
      if (connection === undefined) return null;
      const delayMs = await dueIn(pool, name, due);
      if (delayMs > 0) return { delayMs };
      if (asking >= atOnce) return { delayMs: busyMs };
      asking += 1;
      try {
        return { delayMs: await look({ ...options, times }, connection, signal) };
      } finally {
        asking -= 1;
      }
    },
    onError: (error) => log.debug({ error }, 'the jobs of the descriptions could not be added'),
  });
}

/** Answers milliseconds until the next look. */
async function look(
  { pool, ddl, interval, log, times }: DriftOptions & { readonly times: DriftTimings },
  connection: ConnectionChoice,
  signal: AbortSignal,
): Promise<number> {
  const { name } = connection;
  try {
    const outcomes = await bringUpToDate({
      pool,
      registry: tables,
      connections: [connection],
      all: false,
      ddl,
      lockTimeoutMs: times.patience,
      signal: AbortSignal.any([signal, AbortSignal.timeout(times.timeout)]),
      onNote: (table, note) => log.warn({ table, note }, 'a note on a synced table'),
    });
    for (const { table, statements } of outcomes) {
      if (statements.length > 0) log.info({ table, statements }, 'a table was changed as its API has changed');
    }
    if (ddl && outcomes.some(({ waiting }) => waiting !== null)) {
      await forgetDescribed(pool, [name]);
      return times.again;
    }
  } catch (error) {
    // The process is ending, and another one looks.
    if (signal.aborted) return 0;
    const level = isDatabaseAway(error) ? 'debug' : 'warn';
    log[level]({ connection: name, error }, 'the description of an API could not be taken up');
  }
  await noteDescribed(pool, [name]);
  return interval;
}

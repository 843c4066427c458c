/** The truth check of a configuration, tied to the rest: each connection of which something is due has a job. */
import type pg from 'pg';
import type { Catalog } from '../catalog/index.js';
import type { Config } from '../config/index.js';
import type { KitLog, Session } from '../provider/index.js';
import { createVerifier, type Jobs, type Verifier } from '../sync/index.js';
import { registerStanding, type Standing } from './standing-jobs.js';

export interface VerifyOptions {
  readonly config: Config;
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  readonly sessions: ReadonlyMap<string, Session>;
  /** The id of this process's lease. */
  readonly worker: string;
  /** Has the sync of a table begin now. */
  readonly wake: (tableOid: number) => Promise<void>;
  /** Not started yet. */
  readonly jobs: Jobs;
  readonly log: KitLog;
}

/** Connections that one process checks at once. */
const atOnce = 4;
/** The sync goes first. */
const priority = 5;
/** Milliseconds between looks for something to do. */
const lookMs = 30_000;
/** Milliseconds that a connection waits at most for its next turn, however slow its API is. */
const longestRest = 600_000;
/** Of many connections that wait, not all come back at once: milliseconds for each, and in all. */
const crowdMs = { each: 100, least: 1000, most: 60_000 };

/** Jobs that one process does at once for the truth check: some of them wait for the sync, which has its own. */
export function verifyJobs({ sync }: Config): number {
  return sync.verify.share > 0 ? atOnce : 0;
}

/** Registers the task; null where the configuration has no truth check. */
export function openVerifier({ config, jobs, ...rest }: VerifyOptions): Standing | null {
  const { interval, share } = config.sync.verify;
  if (share === 0) return null;
  return registerVerifier({
    jobs,
    verifier: createVerifier({ ...rest, intervalMs: interval, share }),
    connections: new Set(rest.sessions.keys()),
    log: rest.log,
    lookMs,
  });
}

export interface VerifyJobsOptions {
  /** Not started yet. */
  readonly jobs: Jobs;
  readonly verifier: Verifier;
  /** Those that this process can check. */
  readonly connections: ReadonlySet<string>;
  readonly log: KitLog;
  /** Milliseconds between looks for something to do. */
  readonly lookMs: number;
}

/** One look for all connections, however many there are: most of the time nothing is due, and there is no job. */
export function registerVerifier({ jobs, verifier, connections, log, lookMs }: VerifyJobsOptions): Standing {
  let checking = 0;
  return registerStanding(jobs, {
    task: 'verify',
    names: () => verifier.due(),
    lookMs,
    // Right after the start there is better to do.
    patient: true,
    priority,
    withinMs: 2 * longestRest,
    work: async (name, _count, { signal }) => {
      if (!connections.has(name)) return 'elsewhere';
      if (checking >= atOnce) {
        const crowd = Math.max(crowdMs.least, Math.min(crowdMs.most, crowdMs.each * connections.size));
        return { delayMs: crowd * (1 + Math.random()) };
      }
      checking += 1;
      const delayMs = await verifier.turn(name, signal).finally(() => {
        checking -= 1;
      });
      return delayMs === null ? null : { delayMs: Math.min(delayMs, longestRest) };
    },
    onError: (error) => log.debug({ error }, 'the truth check could not look for what is due'),
  });
}

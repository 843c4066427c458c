/**
 * Jobs: the work that Upwrite does on its own, taken from the database by any number of processes. The engine is
 * graphile-worker, in the schema `upwrite_jobs`; why that one is in the README ("Design", "Libraries").
 *
 * `openJobs` (graphile.ts) opens them. How to use them, for whatever has work to do later, elsewhere, or again after a crash:
 *
 *     jobs.register('webhook', async (payload, { signal, attempt }) => { … });     // before `start`, in every process
 *     await jobs.add('webhook', { id }, { key: `webhook:${id}` });                 // runs at once, somewhere
 *     await jobs.add('webhook', { id }, { db: client });                           // … once the caller's transaction commits
 *     await jobs.add('audit', {}, { key: 'audit', delayMs: 60_000, priority: 10 }) // in a minute, behind everything else
 *
 * - A job runs **at least once**: a process that dies leaves its jobs, and others take them, at once as a rule (alive.ts).
 *   So work must do no harm when it is done twice, and it alone knows whether it is done.
 * - A job whose work throws is tried again after 2.7 s, 7.4 s, 20 s, … until `attempts` are used up; then it is dropped
 *   into the log. Work that is for ever (a table's sync; see also main/standing-jobs.ts) never throws: it adds its own
 *   next job.
 * - **Of jobs with one key that wait, there is one**: another `add` replaces payload and time, or with `keepEarlier` keeps
 *   the earlier time. One that has begun does not count: what comes meanwhile is another job, which may run beside it.
 *   There are no queues: graphile-worker's lock every row of its table of queues for each job that it hands out, which
 *   takes 3,000 queues to 38 jobs a second. What must not run twice at once takes a claim (see store/positions.ts).
 * - `signal` aborts when the process ends, or when it has been without its database for so long that others may have
 *   taken its work: whoever commits then must be fenced.
 * - Others are woken within milliseconds (NOTIFY). A job for later starts up to a second late.
 */
import type pg from 'pg';
import type { KitLog } from '../provider/index.js';
import type { Json, Lease, Queryable } from '../store/index.js';

export interface JobContext {
  readonly signal: AbortSignal;
  /** 1 for the first. */
  readonly attempt: number;
}

export type Work = (payload: unknown, context: JobContext) => Promise<void>;

export interface JobOptions {
  /** See above. At most 512 characters. */
  readonly key?: string;
  /** With a key: a job that waits and is due earlier stays so. */
  readonly keepEarlier?: boolean;
  /** Milliseconds from now, by the database's clock; default 0. */
  readonly delayMs?: number;
  /** Lower ones go first; default 0, which the tables' sync has. */
  readonly priority?: number;
  /** Tries in all; default 25, which is over three days. */
  readonly attempts?: number;
  /** Adds it in the caller's transaction. */
  readonly db?: Queryable;
}

/** A job of a list for `ensure`. */
export interface EnsuredJob {
  readonly key: string;
  readonly payload: Json;
  /** One that waits for longer than so many milliseconds is due now instead. */
  readonly withinMs: number;
  /** As of `add`. */
  readonly priority?: number;
}

export interface JobReport {
  readonly task: string;
  readonly event: 'started' | 'done' | 'failed';
  /** From when it was due to its start, in milliseconds. */
  readonly latenessMs: number;
}

export interface Jobs {
  /** Names the work that jobs of a task are. Before `start`. */
  register(task: string, work: Work): void;
  /** Calls the listener when a process that takes jobs has lost the database (false), and when it has it again (true). */
  onDatabase(listener: (isThere: boolean) => void): void;
  add(task: string, payload: Json, options?: JobOptions): Promise<void>;
  /** Adds those for whose key there is no job, neither waiting nor under way, or one too late. They are tried for ever. */
  ensure(task: string, jobs: readonly EnsuredJob[]): Promise<void>;
  /** Begins to take jobs. A process that does not may still add them. */
  start(): Promise<void>;
  /** Ends the jobs under way by their signals, and waits for them. */
  stop(): Promise<void>;
}

export interface JobsOptions {
  /** Upwrite's own connections (`internalPool`), for nothing else: one listens, the others take and finish jobs. */
  readonly pool: pg.Pool;
  readonly lease: Pick<Lease, 'id'>;
  /** Milliseconds after which a process that does not renew its lease counts as dead. */
  readonly leaseMs: number;
  /** Jobs at once in this process. */
  readonly concurrency: number;
  readonly log: KitLog;
  readonly onJob?: (report: JobReport) => void;
}

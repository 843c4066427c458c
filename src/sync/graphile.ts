/**
 * The jobs through graphile-worker. What it lacks is here: jobs of a dead process are given back when its lease has run
 * out (its own bound is four hours), and it is started again when it has given up on a database that was away.
 */
import { EventEmitter } from 'node:events';
import { Logger, runMigrations, runTaskList, type TaskList, type WorkerEvents, type WorkerPool } from 'graphile-worker';
import { isDatabaseAway, type Json, type Queryable } from '../store/index.js';
import type { EnsuredJob, JobOptions, Jobs, JobsOptions, Work } from './jobs.js';

/** Kept apart from `upwrite`: its tables are another project's. */
export const jobSchema = 'upwrite_jobs';

/** Tries of a job that is for ever: the most that graphile-worker can count. */
const forEver = 32_767;

/** Milliseconds between looks for jobs that are due, and for which one that was fetched ahead waits before others may have it. */
const pollInterval = 1000;

/** Milliseconds before the engine is started again after it has given up. */
const restartDelay = 1000;

/** Milliseconds that jobs have to end after their signals. */
const stopGrace = 20_000;

const addSql = `
  SELECT FROM ${jobSchema}.add_job($1, payload := $2::json, run_at := clock_timestamp() + $3 * interval '1 millisecond',
    max_attempts := $4, job_key := $5, priority := $6, job_key_mode := $7)`;

const ensureSql = `
  SELECT count(*) FROM (
    SELECT w.key, w.payload, j.id IS NOT NULL AS late
    FROM unnest($2::text[], $3::text[], $4::float8[]) AS w (key, payload, within) LEFT JOIN ${jobSchema}.jobs j ON j.key = w.key
    WHERE j.id IS NULL OR j.locked_at IS NULL AND j.run_at > clock_timestamp() + w.within * interval '1 millisecond') AS wanted,
    LATERAL ${jobSchema}.add_job($1, payload := wanted.payload::json, max_attempts := ${forEver}, job_key := wanted.key,
      job_key_mode := CASE WHEN wanted.late THEN 'replace' ELSE 'unsafe_dedupe' END)`;

/** Says which of the engine's names for a process is this one's, and frees the jobs of processes that are dead. */
const tickSql = `
  WITH mine AS (
    UPDATE upwrite.processes SET job_worker = $2 WHERE id = $1 AND job_worker IS DISTINCT FROM $2),
  dead AS (
    SELECT array_agg(DISTINCT j.locked_by) AS workers FROM ${jobSchema}.jobs j
    WHERE j.locked_by <> $2 AND j.locked_at < clock_timestamp() - $3 * interval '1 millisecond' AND NOT EXISTS (
      SELECT FROM upwrite.processes p WHERE p.job_worker = j.locked_by AND p.lease_until > clock_timestamp()))
  SELECT ${jobSchema}.force_unlock_workers(workers) FROM dead WHERE workers IS NOT NULL`;

export async function graphileEngine(options: JobsOptions): Promise<Jobs> {
  const { pool, log } = options;
  const logger = new Logger(() => (level, message) => log.debug({ level }, `graphile-worker: ${message}`));
  const events: WorkerEvents = new EventEmitter();
  const shared = { pgPool: pool, schema: jobSchema, logger, events, noHandleSignals: true };
  const tasks = new Map<string, Work>();
  const running = new Set<AbortController>();
  let workers: WorkerPool | null = null;
  let stopped = false;
  let supervisor: Promise<void> = Promise.resolve();
  let tick: NodeJS.Timeout | undefined;
  let wake: () => void = () => undefined;
  const listeners = new Set<(isThere: boolean) => void>();
  let isThere = true;
  const heard = (now: boolean): void => {
    if (now === isThere || stopped) return;
    isThere = now;
    log.warn({}, now ? 'the database is back' : 'the database cannot be reached: the jobs wait for it');
    for (const listener of listeners) listener(now);
  };
  events.on('pool:listen:error', () => heard(false));
  events.on('pool:listen:success', () => heard(true));

  await runMigrations(shared);

  /** Until then nobody can write down how a job has ended. */
  const databaseBack = async (error: unknown): Promise<void> => {
    log.debug({ err: error }, 'a job was cut short by the database');
    while (!stopped) {
      try {
        await pool.query('SELECT');
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, restartDelay));
      }
    }
  };

  const run = async (task: string, work: Work, payload: unknown, attempt: number, dueAt: number): Promise<void> => {
    const controller = new AbortController();
    running.add(controller);
    const latenessMs = Math.max(0, Date.now() - dueAt);
    options.onJob?.({ task, event: 'started', latenessMs });
    try {
      if (stopped) controller.abort();
      await work(payload, { signal: controller.signal, attempt });
      options.onJob?.({ task, event: 'done', latenessMs });
    } catch (error) {
      options.onJob?.({ task, event: 'failed', latenessMs });
      if (isDatabaseAway(error)) await databaseBack(error);
      else log.warn({ task, attempt, err: error }, 'a job failed');
      throw error;
    } finally {
      running.delete(controller);
    }
  };

  const taskList = (): TaskList =>
    Object.fromEntries(
      [...tasks].map(([name, work]) => [
        name,
        (payload: unknown, { job }) => run(name, work, payload, job.attempts, job.run_at.getTime()),
      ]),
    );

  const abortAll = (): void => {
    for (const controller of running) controller.abort(new Error('this process gives its jobs up'));
  };

  /** Starts the engine again and again, until the process ends. */
  const supervise = async (): Promise<void> => {
    let former: string | null = null;
    while (!stopped) {
      try {
        if (former !== null) {
          await pool.query(`SELECT ${jobSchema}.force_unlock_workers($1)`, [[former]]);
          former = null;
        }
        const { concurrency } = options;
        const localQueue = { size: concurrency, ttl: pollInterval };
        // Without batches the engine does not look at what becomes of its statements that end a job.
        const preset = { worker: { localQueue, completeJobBatchDelay: 0, failJobBatchDelay: 0 } };
        workers = runTaskList({ ...shared, preset, concurrency, pollInterval }, taskList(), pool);
        const { id } = workers;
        await workers.promise.finally(() => {
          former = id;
        });
      } catch (error) {
        if (!stopped) log.debug({ err: error }, 'the job engine has stopped, and is started again');
      }
      workers = null;
      if (stopped) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, restartDelay);
      });
    }
  };

  /** A process that cannot renew its lease must not go on with what others will take. */
  const keepAlive = (): void => {
    const every = Math.ceil(options.leaseMs / 3);
    let alive = performance.now();
    tick = setInterval(() => {
      const asked = performance.now();
      if (asked - alive > options.leaseMs) abortAll();
      const id = workers?.id;
      if (id === undefined) return;
      pool.query(tickSql, [options.lease.id, id, options.leaseMs]).then(
        () => {
          alive = asked;
        },
        (error: unknown) => log.debug({ err: error }, 'the jobs of dead processes were not looked for'),
      );
    }, every);
    tick.unref();
  };

  return {
    register: (task, work) => {
      if (workers !== null) throw new Error(`task ${task} is registered too late`);
      tasks.set(task, work);
    },
    onDatabase: (listener) => {
      listeners.add(listener);
    },
    add: (task, payload, given = {}) => addJob(given.db ?? pool, task, payload, given),
    ensure: (task, jobs) => ensure(pool, task, jobs),
    start: async () => {
      keepAlive();
      supervisor = supervise();
    },
    stop: async () => {
      stopped = true;
      clearInterval(tick);
      wake();
      abortAll();
      await end(workers);
      await supervisor;
    },
  };
}

/** See `Jobs.add`. */
export async function addJob(db: Queryable, task: string, payload: Json, options: JobOptions): Promise<void> {
  const { key, keepEarlier, delayMs = 0, priority = 0, attempts = 25 } = options;
  const mode = keepEarlier === true ? 'preserve_run_at' : 'replace';
  const values = [task, JSON.stringify(payload), delayMs, attempts, key ?? null, priority, mode];
  await db.query({ name: 'upwrite-add-job', text: addSql, values });
}

async function ensure(db: Queryable, task: string, jobs: readonly EnsuredJob[]): Promise<void> {
  if (jobs.length === 0) return;
  const payloads = jobs.map(({ payload }) => JSON.stringify(payload));
  const within = jobs.map(({ withinMs }) => withinMs);
  await db.query(ensureSql, [task, jobs.map(({ key }) => key), payloads, within]);
}

/** Ends the engine when its jobs have, or when they take too long. */
async function end(workers: WorkerPool | null): Promise<void> {
  if (workers === null) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), stopGrace);
  });
  try {
    const ended = await Promise.race([workers.gracefulShutdown('the process ends'), late]);
    if (ended === 'late') await workers.forcefulShutdown('the process ends');
  } catch {
    // What it could not give back, others take when the lease has run out.
  } finally {
    clearTimeout(timer);
  }
}

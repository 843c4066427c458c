/**
 * The jobs through graphile-worker. What it lacks is here: jobs of a dead process are given back before long (see
 * alive.ts; its own bound is four hours), and after a loss of the database it is started anew, since it may then have taken
 * jobs without knowing it, or have stopped for good.
 */
import { EventEmitter } from 'node:events';
import {
  type Job,
  Logger,
  runMigrations,
  runTaskList,
  type TaskList,
  type WorkerEvents,
  type WorkerPool,
} from 'graphile-worker';
import { isDatabaseAway, type Json, type Queryable } from '../store/index.js';
import { freeTheDead, jobSchema, lockOf } from './alive.js';
import { enginePool } from './engine-pool.js';
import type { EnsuredJob, JobOptions, Jobs, JobsOptions, Work } from './jobs.js';

/** Tries of a job that is for ever: the most that graphile-worker can count. */
const forEver = 32_767;

/** Milliseconds between looks for jobs that are due, and for which one that was fetched ahead waits before others may have it. */
const pollInterval = 1000;

/** Milliseconds before the engine is started again after it has given up. */
const restartDelay = 1000;

/** Looks for jobs of dead processes in the time of a lease. */
const looksInLease = 6;

/** Milliseconds that jobs have to end after their signals. */
const stopGrace = 20_000;

const addSql = `
  SELECT FROM ${jobSchema}.add_job($1, payload := $2::json, run_at := clock_timestamp() + $3 * interval '1 millisecond',
    max_attempts := $4, job_key := $5, priority := $6, job_key_mode := $7)`;

const ensureSql = `
  SELECT count(*) FROM (
    SELECT w.key, w.payload, w.priority, j.id IS NOT NULL AS late
    FROM unnest($2::text[], $3::text[], $4::float8[], $5::integer[]) AS w (key, payload, within, priority)
      LEFT JOIN ${jobSchema}.jobs j ON j.key = w.key
    WHERE j.id IS NULL OR j.locked_at IS NULL AND j.run_at > clock_timestamp() + w.within * interval '1 millisecond') AS wanted,
    LATERAL ${jobSchema}.add_job($1, payload := wanted.payload::json, max_attempts := ${forEver}, job_key := wanted.key,
      priority := wanted.priority, job_key_mode := CASE WHEN wanted.late THEN 'replace' ELSE 'unsafe_dedupe' END)`;

/** Opens the jobs: makes their schema where it is missing, or brings it up to date. */
export async function openJobs(options: JobsOptions): Promise<Jobs> {
  const { pool, log } = options;
  const logger = new Logger(() => (level, message) => log.debug({ level }, `graphile-worker: ${message}`));
  const events: WorkerEvents = new EventEmitter();
  const engine = enginePool(pool, lockOf(options.lease.id));
  const shared = { pgPool: engine, schema: jobSchema, logger, events, noHandleSignals: true };
  const tasks = new Map<string, Work>();
  const running = new Map<string, AbortController>();
  const listeners = new Set<(isThere: boolean) => void>();
  let workers: WorkerPool | null = null;
  let stopped = false;
  let isThere = true;
  let supervisor: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  /** The looks for jobs of dead processes that are under way. */
  const looks = new Set<Promise<void>>();
  /** Whether the connection is there on which others are told of jobs, and that holds this process's lock. */
  let listens = false;
  /** When the engine as it is now last said that it is there, and when it last knew of all its jobs. */
  let alive = performance.now();
  let knownFrom = alive;
  /** Ends the engine as it is now, and wakes whoever waits for the next one. */
  let giveUp: () => void = () => undefined;
  /** Called when a job has ended. */
  let ended: () => void = () => undefined;

  await runMigrations(shared);

  const heard = (now: boolean): void => {
    if (now === isThere || stopped) return;
    isThere = now;
    log.warn({}, now ? 'the database is back' : 'the database cannot be reached: the jobs wait for it');
    for (const listener of listeners) listener(now);
  };
  events.on('pool:listen:success', () => {
    heard(true);
    listens = true;
    // What a process has left that was killed need not wait.
    tick();
  });
  events.on('pool:listen:error', () => {
    heard(false);
    listens = false;
    giveUp();
  });
  events.on('pool:fatalError', () => giveUp());
  events.on('worker:fatalError', () => giveUp());
  // A queue that gives back what it has fetched ahead while it ends does so where nobody hears of a failure, which would
  // then end the process. Whoever ends it frees what it held (`generation`).
  events.on('localQueue:setMode', ({ localQueue, newMode }) => {
    if (newMode === 'RELEASED') localQueue.jobQueue.splice(0);
  });

  const run = async (task: string, work: Work, payload: unknown, job: Job): Promise<void> => {
    const controller = new AbortController();
    running.set(job.id, controller);
    const latenessMs = Math.max(0, Date.now() - job.run_at.getTime());
    options.onJob?.({ task, event: 'started', latenessMs });
    try {
      if (stopped) controller.abort();
      await work(payload, { signal: controller.signal, attempt: job.attempts });
      options.onJob?.({ task, event: 'done', latenessMs });
    } catch (error) {
      options.onJob?.({ task, event: 'failed', latenessMs });
      if (isDatabaseAway(error)) log.debug({ task, err: error }, 'a job was cut short by the database');
      else log.warn({ task, attempt: job.attempts, err: error }, 'a job failed');
      throw error;
    } finally {
      running.delete(job.id);
      ended();
    }
  };

  const taskList = (): TaskList =>
    Object.fromEntries(
      [...tasks].map(([name, work]) => [name, (payload: unknown, { job }) => run(name, work, payload, job)]),
    );

  const allEnded = async (): Promise<void> => {
    for (const controller of running.values()) controller.abort(new Error('this process gives its jobs up'));
    while (running.size > 0) {
      await new Promise<void>((resolve) => {
        ended = resolve;
      });
    }
  };

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      giveUp = resolve;
      setTimeout(resolve, ms);
    });

  /**
   * Runs the engine until it gives up, or has lost its database: it may then hold jobs that it does not know of, or have
   * ended others in vain. Everything under its name is free again before the next one begins, under another name.
   */
  const generation = async (): Promise<void> => {
    const { concurrency } = options;
    const localQueue = { size: concurrency, ttl: pollInterval };
    // Without batches the engine does not look at what becomes of the statements by which it ends a job.
    const preset = { worker: { localQueue, completeJobBatchDelay: 0, failJobBatchDelay: 0 } };
    const lost = new Promise<void>((resolve) => {
      giveUp = resolve;
    });
    alive = performance.now();
    knownFrom = alive;
    // The connection of the one before is gone, and the lock with it: whoever said that it is held would count as dead.
    listens = false;
    const mine = runTaskList({ ...shared, preset, concurrency, pollInterval }, taskList(), engine);
    workers = mine;
    await Promise.race([lost, mine.promise]).catch((error: unknown) => {
      log.debug({ err: error }, 'the job engine has stopped, and is started again');
    });
    await end(mine, allEnded);
    workers = null;
    for (;;) {
      try {
        await pool.query(`SELECT ${jobSchema}.force_unlock_workers($1)`, [[mine.id]]);
        return;
      } catch (error) {
        if (stopped) return;
        heard(false);
        log.debug({ err: error }, 'the jobs could not be freed yet');
        await pause(restartDelay);
      }
    }
  };

  const supervise = async (): Promise<void> => {
    while (!stopped) await generation();
  };

  /** A process that cannot do this must not go on with what others will take. */
  const look = async (id: string): Promise<void> => {
    const asked = performance.now();
    if (asked - alive > options.leaseMs) giveUp();
    const old = await freeTheDead(pool, { id: options.lease.id, worker: id, listens }, options.leaseMs);
    alive = asked;
    const unknown = old.some((job) => !running.has(job));
    if (unknown && workers?.id === id && asked - knownFrom > options.leaseMs) giveUp();
    if (!unknown) knownFrom = asked;
  };
  const tick = (): void => {
    if (workers === null || stopped) return;
    const looking = look(workers.id)
      .catch((error: unknown) => log.debug({ err: error }, 'the jobs of dead processes were not looked for'))
      .finally(() => looks.delete(looking));
    looks.add(looking);
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
      timer = setInterval(tick, Math.ceil(options.leaseMs / looksInLease));
      timer.unref();
      supervisor = supervise();
    },
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      giveUp();
      await supervisor;
      await Promise.all(looks);
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
  const priorities = jobs.map(({ priority = 0 }) => priority);
  await db.query(ensureSql, [task, jobs.map(({ key }) => key), payloads, within, priorities]);
}

/** Ends the engine: it begins no further job from now on, and those that run (`jobs` ends when they have) have a grace. */
async function end(workers: WorkerPool, jobs: () => Promise<void>): Promise<void> {
  // It may have begun to end by itself, and then it may never come to its end.
  const ending = Promise.resolve(workers.gracefulShutdown('the process ends')).catch(() => undefined);
  await within(jobs(), stopGrace);
  if (await within(ending, restartDelay)) return;
  const forced = Promise.resolve(workers.forcefulShutdown('the process ends')).catch(() => undefined);
  await within(forced, restartDelay);
}

/** Waits for something, but no longer than so many milliseconds. Answers whether it came. */
async function within(something: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const came = await Promise.race([something.then(() => true), late]);
  clearTimeout(timer);
  return came;
}

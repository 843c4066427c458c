/**
 * Jobs that there always are, one for each of some names: each puts itself back for its next time, and one that is lost is
 * added again by whichever process misses it.
 */
import type { JobContext, Jobs } from '../sync/index.js';

export interface StandingOptions {
  readonly task: string;
  /** A process that does not know a name never ensures its job; see `work`. */
  readonly names: readonly string[];
  /** Lower ones go first; the tables' sync has 0. */
  readonly priority?: number;
  /** Milliseconds: a job that waits for longer is due at once. */
  readonly withinMs: number;
  /** Does it once, and answers what the next time is told and milliseconds until it is due; null: there is no next time. */
  readonly work: (name: string, count: number, context: JobContext) => Promise<Next | null>;
  readonly onError: (error: unknown) => void;
}

export interface Next {
  readonly delayMs: number;
  /** A number that is handed on from one time to the next; default 0. */
  readonly count?: number;
}

/** Milliseconds between looks whether all are there. */
const lookInterval = 60_000;
const forEver = 32_767;

/** Registers the task, before the jobs start; any process may take what this one adds. The answer ends the looks. */
export function registerStanding(jobs: Jobs, options: StandingOptions): () => Promise<void> {
  const { task, names, priority = 0, withinMs } = options;
  jobs.register(task, async (payload, context) => {
    const name = read(payload, 'name');
    const count = read(payload, 'count');
    if (typeof name !== 'string') return;
    const next = await options.work(name, typeof count === 'number' ? count : 0, context);
    if (next === null) return;
    const again = { key: standingKey(task, name), delayMs: next.delayMs, priority, attempts: forEver };
    await jobs.add(task, { name, count: next.count ?? 0 }, { ...again, keepEarlier: true });
  });
  let looking: Promise<void> = Promise.resolve();
  const look = (): void => {
    const wanted = names.map((name) => ({ key: standingKey(task, name), payload: { name, count: 0 }, withinMs }));
    looking = looking.then(() => jobs.ensure(task, wanted)).catch(options.onError);
  };
  look();
  jobs.onDatabase((isThere) => {
    if (isThere) look();
  });
  const timer = setInterval(look, lookInterval);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await looking;
  };
}

/** Has a job begin at once, in whatever process. */
export async function wakeStanding(jobs: Pick<Jobs, 'add'>, task: string, name: string, priority = 0): Promise<void> {
  await jobs.add(task, { name, count: 0 }, { key: standingKey(task, name), priority, attempts: forEver });
}

function standingKey(task: string, name: string): string {
  return `${task}:${name}`;
}

function read(payload: unknown, member: string): unknown {
  return typeof payload === 'object' && payload !== null ? Reflect.get(payload, member) : undefined;
}

/**
 * Jobs that there always are, or as long as there is something to do, one for each of some names: each puts itself back for
 * its next time, and one that is lost is added again by whichever process misses it.
 */
import type { JobContext, Jobs } from '../sync/index.js';
import { numberIn, textIn } from './job-payload.js';

export interface StandingOptions {
  readonly task: string;
  /** Those whose jobs this process sees to, or a look for those that are to have one; it may be given others, see `work`. */
  readonly names: readonly string[] | (() => Promise<readonly string[]>);
  /** Milliseconds between looks whether all are there. Default 60,000. */
  readonly lookMs?: number;
  /** The first look is one of these later. */
  readonly patient?: boolean;
  /** Lower ones go first; the tables' sync has 0. */
  readonly priority?: number;
  /** Milliseconds: a job that waits for longer is due at once. */
  readonly withinMs: number;
  /**
   * Does it once, and answers what the next time is told and milliseconds until it is due; null: there is no next time.
   * `elsewhere`: another process can do it, and is to have it. One that nobody takes is dropped after a while.
   */
  readonly work: (name: string, count: number, context: JobContext) => Promise<Next | 'elsewhere' | null>;
  readonly onError: (error: unknown) => void;
}

export interface Next {
  readonly delayMs: number;
  /** A number that is handed on from one time to the next; default 0. */
  readonly count?: number;
}

const forEver = 32_767;
/** Milliseconds until a job is offered again that another process is to do, and how often that is done. */
const passMs = 1000;
const mostPasses = 60;

export interface Standing {
  /** Has those of this process's names begin at once, wherever. */
  wake(): void;
  /** Ends the looks for lost ones. */
  stop(): Promise<void>;
}

/** Registers the task, before the jobs start; any process may take what this one adds. */
export function registerStanding(jobs: Jobs, options: StandingOptions): Standing {
  const { task, names, lookMs = 60_000, patient = false, priority = 0, withinMs } = options;
  const current = async (): Promise<readonly string[]> => (typeof names === 'function' ? names() : names);
  jobs.register(task, async (payload, context) => {
    const name = textIn(payload, 'name');
    const count = numberIn(payload, 'count');
    const passes = numberIn(payload, 'passes');
    const next = await options.work(name, count, context);
    if (next === null || (next === 'elsewhere' && passes >= mostPasses)) return;
    const given = { key: standingKey(task, name), priority, attempts: forEver, keepEarlier: true };
    if (next === 'elsewhere') {
      await jobs.add(task, { name, count, passes: passes + 1 }, { ...given, delayMs: passMs });
    } else await jobs.add(task, { name, count: next.count ?? 0 }, { ...given, delayMs: next.delayMs });
  });
  let looking: Promise<void> = Promise.resolve();
  const ensureAll = async (): Promise<void> => {
    const jobOf = (name: string) => ({ key: standingKey(task, name), payload: { name, count: 0 }, withinMs, priority });
    await jobs.ensure(task, (await current()).map(jobOf));
  };
  let isAsked = false;
  let stopped = false;
  const look = (): void => {
    if (isAsked || stopped) return;
    isAsked = true;
    looking = looking
      .then(() => {
        isAsked = false;
        return ensureAll();
      })
      .catch(options.onError);
  };
  const wakeAll = async (): Promise<void> => {
    for (const name of await current()) await wakeStanding(jobs, task, name, priority);
  };
  if (!patient) {
    look();
    jobs.onDatabase((isThere) => {
      if (isThere) look();
    });
  }
  const timer = setInterval(look, lookMs);
  timer.unref();
  return {
    wake: () => {
      if (!stopped) looking = looking.then(wakeAll).catch(options.onError);
    },
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      await looking;
    },
  };
}

/** Has a job begin at once, in whatever process. */
export async function wakeStanding(jobs: Pick<Jobs, 'add'>, task: string, name: string, priority = 0): Promise<void> {
  await jobs.add(task, { name, count: 0 }, { key: standingKey(task, name), priority, attempts: forEver });
}

function standingKey(task: string, name: string): string {
  return `${task}:${name}`;
}

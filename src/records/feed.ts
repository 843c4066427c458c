/**
 * Keeps the records tables fed, each in turns: whoever has its turn feeds it for a while, in whatever process, and says
 * when the next one is due. What fails in one table does not touch another.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { type Catalog, ident } from '../catalog/index.js';
import { silentLog } from '../provider/index.js';
import { records } from '../store/index.js';
import { deliverSome } from './deliver.js';
import { createReport, type Report, type ReportOptions, reasonOf, WrongShape } from './report.js';
import { installRoutes, type RecordConnection, type RecordFilter } from './routes.js';
import { inWords, type TableName } from './shape.js';
import { openTarget, type Target, TargetTaken } from './target.js';

/** A records table of the configuration. */
export interface RecordTarget {
  /** As `upwrite.record_targets` shows it. */
  readonly name: string;
  readonly table: TableName;
  readonly filters: readonly RecordFilter[];
  /** How its database is reached, anew for each connection. */
  connection(): Promise<pg.ClientConfig>;
}

export interface FeedOptions extends ReportOptions {
  readonly catalog: Catalog;
  readonly connections: readonly RecordConnection[];
  readonly targets: readonly RecordTarget[];
  /** Milliseconds of a turn. Default 30,000. */
  readonly turnMs?: number;
  /** Milliseconds before a target that cannot be used is tried again: doubled each time, from the first to the second. */
  readonly retryMs?: readonly [number, number];
  /** Milliseconds between looks at the table's shape. Default 15,000. */
  readonly checkMs?: number;
  /** Milliseconds that a target's database has for an answer. Default 60,000. */
  readonly answerMs?: number;
  /** Records delivered at once. Default 1,000. */
  readonly batch?: number;
}

/** What a turn leaves to the next one. */
export interface NextTurn {
  /** Milliseconds until it is due. */
  readonly delayMs: number;
  /** Turns in a row that the target could not be used. */
  readonly failures: number;
}

export interface Feed {
  /** The names of the targets. */
  readonly targets: readonly string[];
  /**
   * Feeds a target for a turn; ends early where the signal aborts or the target cannot be used, which is said in its
   * state. Never throws. Null: there is no such target here.
   */
  turn(target: string, failures: number, signal: AbortSignal): Promise<NextTurn | null>;
  /** Brings routes in line with the catalog, after it has changed. */
  update(): void;
  /** Ends the turns that are under way, and the routes' installation. */
  stop(): Promise<void>;
}

/** Milliseconds between tries to become the writer of a target that another process still writes. */
const takenMs = 5000;
/** Milliseconds until another process's turn, where this one takes none any more. */
const stoppedMs = 1000;

/** Starts with the routes and triggers; without targets it only takes away those that were left. */
export function startFeed(options: FeedOptions): Feed {
  const stopped = new AbortController();
  const routes = keepRoutes(options, stopped.signal);
  const targets = new Map(
    options.targets.map((target) => [target.name, { target, report: createReport(options, target.name) }]),
  );
  const underWay = new Set<Promise<NextTurn>>();
  return {
    targets: [...targets.keys()],
    async turn(name, failures, given) {
      const found = targets.get(name);
      if (found === undefined) return null;
      if (stopped.signal.aborted) return { delayMs: stoppedMs, failures };
      const signal = AbortSignal.any([given, stopped.signal]);
      const turn = takeTurn(options, found.target, found.report, { failures, ready: routes.ready, signal });
      underWay.add(turn);
      return turn.finally(() => underWay.delete(turn));
    },
    update: routes.update,
    async stop() {
      stopped.abort();
      await Promise.all([...underWay, routes.stopped()]);
    },
  };
}

interface Routes {
  readonly ready: Promise<void>;
  update(): void;
  stopped(): Promise<void>;
}

function keepRoutes(options: FeedOptions, signal: AbortSignal): Routes {
  const { pool, catalog, connections, targets, log = silentLog } = options;
  let again = true;
  let running: Promise<void> = Promise.resolve();
  let markReady: () => void = () => {};
  const ready = new Promise<void>((resolve) => {
    markReady = resolve;
  });
  const run = async (): Promise<void> => {
    while (again && !signal.aborted) {
      again = false;
      try {
        again = !(await installRoutes(pool, catalog, connections, targets));
        if (!again) markReady();
      } catch (error) {
        log.warn({ err: error }, 'the routes to the records tables could not be brought up to date');
        again = true;
      }
      if (again) await pause(options.retryMs?.[0] ?? 1000, signal);
    }
    markReady();
  };
  const update = (): void => {
    again = true;
    running = running.then(run);
  };
  update();
  return { ready, update, stopped: () => running };
}

interface Turn {
  readonly failures: number;
  /** The routes are there. */
  readonly ready: Promise<void>;
  readonly signal: AbortSignal;
}

async function takeTurn(options: FeedOptions, target: RecordTarget, report: Report, turn: Turn): Promise<NextTurn> {
  const { signal } = turn;
  const [shortest, longest] = options.retryMs ?? [1000, 60_000];
  let { failures } = turn;
  try {
    await Promise.race([turn.ready, aborted(signal)]);
    await feed(options, target, report, signal, () => {
      failures = 0;
    });
    return { delayMs: 0, failures };
  } catch (error) {
    if (signal.aborted) return { delayMs: 0, failures };
    if (error instanceof TargetTaken) return { delayMs: Math.min(takenMs, longest), failures };
    await report('unhealthy', reasonOf(error), error);
    return { delayMs: Math.min(longest, shortest * 2 ** Math.min(failures, 20)), failures: failures + 1 };
  }
}

/** Feeds the target until its turn is over. Throws what stopped it otherwise. */
async function feed(
  options: FeedOptions,
  target: RecordTarget,
  report: Report,
  signal: AbortSignal,
  fed: () => void,
): Promise<void> {
  if (signal.aborted) return;
  const { pool, catalog, batch = 1000, intervalMs = 500, checkMs = 15_000, turnMs = 30_000 } = options;
  const connections = new Map(options.connections.map((each) => [each.name, each]));
  const opened = await openTarget(await target.connection(), target.table, options.answerMs ?? 60_000);
  try {
    const end = performance.now() + turnMs;
    let checked = Number.NEGATIVE_INFINITY;
    while (!signal.aborted && performance.now() < end) {
      if (performance.now() - checked >= checkMs) {
        await mustFit(opened);
        checked = performance.now();
        if (!(await records.isNumbered(pool, target.name))) {
          await records.numberBehind(pool, target.name, await opened.highestIdx());
        }
      }
      const { worked, loading } = await deliverSome({
        pool,
        catalog,
        connections,
        name: target.name,
        target: opened,
        batch,
      });
      fed();
      await report(loading ? 'loading' : 'live', null);
      if (!worked) await pause(intervalMs, signal);
    }
  } finally {
    await opened.close();
  }
}

async function mustFit(target: Target): Promise<void> {
  const found = await target.check();
  if (found.length > 0) throw new WrongShape(inWords(found));
}

/** How a table is named where its database goes without saying, and where it does not. */
export function targetName(table: TableName, elsewhere: string | null): string {
  const name = [table.schema, table.name]
    .map((part) => (/^[a-z_][a-z0-9_]*$/.test(part) ? part : ident(part)))
    .join('.');
  return elsewhere === null ? name : `${name} on ${elsewhere}`;
}

/** Ends after that many milliseconds or when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

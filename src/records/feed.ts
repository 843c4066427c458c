/** Keeps the records tables fed: a loop a target, each going on by itself whatever fails in another. */
import type pg from 'pg';
import { type Catalog, ident } from '../catalog/index.js';
import { type KitLog, silentLog } from '../provider/index.js';
import { isDatabaseAway, type RecordTargetState, records, sqlstateOf } from '../store/index.js';
import { deliverSome } from './deliver.js';
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

export interface FeedOptions {
  /** Upwrite's own. */
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  readonly connections: readonly RecordConnection[];
  readonly targets: readonly RecordTarget[];
  readonly log?: KitLog;
  /** Milliseconds between looks for changes. Default 500. */
  readonly intervalMs?: number;
  /** Milliseconds before a target that cannot be used is tried again: doubled each time, from the first to the second. */
  readonly retryMs?: readonly [number, number];
  /** Milliseconds between looks at the table's shape. Default 15,000. */
  readonly checkMs?: number;
  /** Milliseconds after which a change that waits makes its target unhealthy. Default 300,000. */
  readonly lateMs?: number;
  /** Records delivered at once. Default 1,000. */
  readonly batch?: number;
}

export interface Feed {
  /** Brings routes in line with the catalog, after it has changed. */
  update(): void;
  stop(): Promise<void>;
}

/** The table is not one that can be written. */
class WrongShape extends Error {}

/** Milliseconds between tries to become the writer of a target that another process writes. */
const takenMs = 5000;

/** Starts with the routes and triggers; without targets it only takes away those that were left. */
export function startFeed(options: FeedOptions): Feed {
  const stopped = new AbortController();
  const routes = keepRoutes(options, stopped.signal);
  const loops = options.targets.map((target) => runTarget(options, target, routes.ready, stopped.signal));
  return {
    update: routes.update,
    async stop() {
      stopped.abort();
      await Promise.all([...loops, routes.stopped()]);
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

async function runTarget(
  options: FeedOptions,
  target: RecordTarget,
  ready: Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const [shortest, longest] = options.retryMs ?? [1000, 60_000];
  const report = createReport(options, target);
  let failures = 0;
  await ready;
  while (!signal.aborted) {
    let wait = takenMs;
    try {
      await feed(options, target, report, signal, () => {
        failures = 0;
      });
    } catch (error) {
      if (!(error instanceof TargetTaken)) {
        await report('unhealthy', reasonOf(error), error);
        wait = Math.min(longest, shortest * 2 ** failures);
        failures += 1;
      } else wait = Math.min(takenMs, longest);
    }
    await pause(wait, signal);
  }
}

/** Feeds the target until it is stopped. Throws what stopped it otherwise. */
async function feed(
  options: FeedOptions,
  target: RecordTarget,
  report: Report,
  signal: AbortSignal,
  fed: () => void,
): Promise<void> {
  const { pool, catalog, batch = 1000, intervalMs = 500, checkMs = 15_000 } = options;
  const connections = new Map(options.connections.map((each) => [each.name, each]));
  const opened = await openTarget(await target.connection(), target.table);
  try {
    let checked = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
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

/** In words that any role may read. */
function reasonOf(error: unknown): string {
  if (error instanceof WrongShape) return error.message;
  const sqlstate = sqlstateOf(error);
  if (isDatabaseAway(error) || sqlstate?.startsWith('28') === true || sqlstate === '3D000') {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    return `its database cannot be reached${code}`;
  }
  if (sqlstate !== undefined) return `its database refused records (SQLSTATE ${sqlstate}); the log has more`;
  return 'delivering records failed; the log has more';
}

type Report = (state: RecordTargetState, reason: string | null, error?: unknown) => Promise<void>;

/** Writes a target's state where it changes, and every few seconds how much waits. */
function createReport(options: FeedOptions, target: RecordTarget): Report {
  const { pool, log = silentLog, lateMs = 300_000, intervalMs = 500 } = options;
  let written = '';
  let writtenAt = Number.NEGATIVE_INFINITY;
  return async (state, reason, error) => {
    const print = `${state} ${reason}`;
    if (print === written && performance.now() - writtenAt < intervalMs * 10) return;
    if (print !== written && error !== undefined) {
      log.warn({ target: target.name, reason, err: error }, 'a records table cannot be fed');
    } else if (print !== written) log.info({ target: target.name, state }, 'a records table');
    written = print;
    writtenAt = performance.now();
    try {
      const late = state !== 'unhealthy' && (await records.lateness(pool, target.name)) >= lateMs;
      if (late) await records.setState(pool, target.name, 'unhealthy', 'it falls behind: see waiting_since');
      else await records.setState(pool, target.name, state, reason);
    } catch (unwritten) {
      written = '';
      log.debug({ target: target.name, err: unwritten }, 'the state could not be written');
    }
  };
}

/** How a table is named where its database goes without saying, and where it does not. */
export function targetName(table: TableName, elsewhere: string | null): string {
  const name = [table.schema, table.name]
    .map((part) => (/^[a-z_][a-z0-9_]*$/.test(part) ? part : ident(part)))
    .join('.');
  return elsewhere === null ? name : `${name} on ${elsewhere}`;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

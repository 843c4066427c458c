/** The sync and its jobs in this process, tied to the configuration, the metrics and the health hook. */
import type pg from 'pg';
import type { LiveCatalog, SyncedTable } from '../catalog/index.js';
import type { Config } from '../config/index.js';
import type { Pace, Registry, Session } from '../provider/index.js';
import { internalPool, type Lease } from '../store/index.js';
import { cadenceOf, type Jobs, openJobs, type Progress, type Sync, startSync } from '../sync/index.js';
import type { Log, Metrics } from '../telemetry/index.js';
import { lookSoon } from './drift.js';
import { type HealthHook, registerHook } from './health-hook.js';
import { type SyncMetrics, syncMetrics } from './sync-metrics.js';
import { verifyJobs } from './verify.js';

export interface EngineParts {
  readonly config: Config;
  readonly registry: Registry;
  readonly log: Log;
  readonly metrics: Metrics;
  /** How Upwrite's own connections are made. */
  readonly own: pg.ClientConfig;
  readonly pool: pg.Pool;
  readonly catalog: LiveCatalog;
  readonly sessions: ReadonlyMap<string, Session>;
  readonly lease: Lease;
  /** Milliseconds after which a process that does not renew its lease counts as dead. */
  readonly leaseMs: number;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Engine {
  readonly jobs: Jobs;
  readonly sync: Sync;
  /** What this process counts. */
  readonly measure: SyncMetrics;
  /** Tells the health hook of a generic records table. */
  readonly tellTarget: HealthHook['target'];
  stop(): Promise<void>;
}

/** Connections that the job engine needs: one listens, the others take and finish jobs. */
const jobConnections = 4;

/** Opens the jobs and the sync; the caller registers what else there is, and then starts the jobs where it wants to work. */
export async function openEngine(parts: EngineParts): Promise<Engine> {
  const { config, log, metrics, own, pool, catalog, sessions, lease } = parts;
  // Its statements are short: one without an answer is on a connection without an end.
  const limits = { max: jobConnections, query_timeout: parts.leaseMs, keepAlive: true };
  const jobPool = internalPool({ ...own, ...limits }, (error) => {
    log.debug({ error }, 'an idle connection of the jobs was lost');
  });
  const measure = syncMetrics(metrics);
  const jobs = await openJobs({
    pool: jobPool,
    lease,
    leaseMs: parts.leaseMs,
    // A records table has its turn nearly all the time, and a truth check may wait for the sync.
    concurrency: config.sync.jobs + config.records.length + verifyJobs(config),
    log,
    onJob: measure.job,
  });
  const hook = registerHook(jobs, config.health.hook);
  const sync = startSync({
    pool,
    catalog,
    sessions,
    jobs,
    worker: lease.id,
    log,
    every: await cadence(parts),
    sweepMs: config.sync.sweep,
    onProgress: (progress) => {
      measure.progress(progress);
      parts.onProgress?.(progress);
    },
    onRun: measure.run,
    onReread: measure.reread,
    onStateChange: async (change) => {
      if (change.to === 'unhealthy') await lookSoon(jobs, change.table.connection);
      await hook.table(change);
    },
  });
  sync.firstSync.catch(() => undefined);
  const unwatch = catalog.onChange(() => sync.update());
  return {
    jobs,
    sync,
    measure,
    tellTarget: hook.target,
    stop: async () => {
      unwatch();
      await sync.stop();
      await jobs.stop();
      await jobPool.end();
    },
  };
}

/** From one look at a table to the next: as configured, or by its API's quota. */
async function cadence({ config, registry, catalog }: EngineParts): Promise<(table: SyncedTable) => number> {
  const connections = new Map(config.connections.map((connection) => [connection.name, connection]));
  const paces = new Map<string, Pace>();
  for (const { name, provider } of config.connections) paces.set(name, (await registry.load(provider)).pace);
  const { interval } = config.sync;
  return cadenceOf(catalog, ({ connection, resource }) => {
    const selection = connections
      .get(connection)
      ?.tables?.find((each) => each.resource === resource.name || each.resource === resource.object);
    return {
      pace: paces.get(connection) ?? unknownPace,
      ...(interval === undefined ? {} : { interval }),
      ...(selection?.maxAge === undefined ? {} : { maxAge: selection.maxAge }),
    };
  });
}

/** Of a table whose connection is not configured here: another process looks at it. */
const unknownPace: Pace = { requests: 1, perMillis: 60_000, share: 1, look: 1, leastMillis: 60_000 };

/** The generic records tables of a configuration, tied to the rest: each is fed by a job, which one process has at a time. */
import type pg from 'pg';
import type { LiveCatalog } from '../catalog/index.js';
import type { Config } from '../config/index.js';
import type { KitLog } from '../provider/index.js';
import { type Feed, type RecordTarget, startFeed, type TargetChange, targetName } from '../records/index.js';
import { records } from '../store/index.js';
import type { Jobs } from '../sync/index.js';
import { ownConnections } from './own-connections.js';
import { registerStanding, type Standing } from './standing-jobs.js';

export interface RecordsOptions {
  readonly config: Config;
  /** How the synced database is reached. */
  readonly own: pg.ClientConfig;
  readonly pool: pg.Pool;
  readonly catalog: LiveCatalog;
  /** Not started yet. */
  readonly jobs: Jobs;
  readonly log: KitLog;
  readonly onStateChange: (change: TargetChange) => Promise<void>;
}

/** Milliseconds until another look whether this process knows a target. */
const strangerMs = 10_000;
/** More than the longest wait between tries to use a target, in milliseconds. */
const longestWait = 90_000;

/** Starts to feed them. Tables that are no longer in the configuration lose their triggers. The answer ends it. */
export function openRecords(options: RecordsOptions): () => Promise<void> {
  const { config, own, pool, catalog, jobs, log, onStateChange } = options;
  const feed = startFeed({
    pool,
    catalog,
    connections: config.connections.map(({ name, provider, externalId, metadata }) => ({
      name,
      provider,
      externalId: externalId ?? null,
      metadata: JSON.stringify(metadata),
    })),
    targets: recordTargets(config, own),
    log,
    onStateChange,
  });
  const quit = catalog.onChange(() => feed.update());
  const standing = registerFeed({ jobs, feed, pool, log });
  return async () => {
    quit();
    await standing.stop();
    await feed.stop();
  };
}

export interface FeedJobsOptions extends Pick<RecordsOptions, 'jobs' | 'pool' | 'log'> {
  readonly feed: Feed;
}

/** The job of each target. */
export function registerFeed({ jobs, feed, pool, log }: FeedJobsOptions): Standing {
  return registerStanding(jobs, {
    task: 'records',
    names: feed.targets,
    withinMs: longestWait,
    work: async (name, failures, { signal }) => {
      const next = await feed.turn(name, failures, signal);
      if (next !== null) return { delayMs: next.delayMs, count: next.failures };
      // Another process's configuration may have it.
      return (await records.isTarget(pool, name)) ? { delayMs: strangerMs, count: failures } : null;
    },
    onError: (error) => log.debug({ err: error }, 'the jobs of the records tables could not be added'),
  });
}

/** Several entries for one table are one target. */
function recordTargets(config: Config, own: pg.ClientConfig): readonly RecordTarget[] {
  const targets = new Map<string, RecordTarget>();
  for (const { table, database, provider, connection } of config.records) {
    const elsewhere = database === undefined ? null : `${database.host}:${database.port}/${database.database}`;
    const name = targetName(table, elsewhere);
    const filter = {
      ...(provider === undefined ? {} : { provider }),
      ...(connection === undefined ? {} : { connection }),
    };
    targets.set(name, {
      name,
      table,
      filters: [...(targets.get(name)?.filters ?? []), filter],
      connection: async () => (database === undefined ? own : ownConnections(database)),
    });
  }
  return [...targets.values()];
}

/** The sync of scripted APIs in this process, as fast as it goes. */
import type pg from 'pg';
import type { Catalog } from '../../src/catalog/index.js';
import type { Session } from '../../src/provider/index.js';
import { openJobs, type Sync, startSync } from '../../src/sync/index.js';

const quiet = { debug: () => {}, info: () => {}, warn: () => {} };

export interface TestSync {
  readonly sync: Sync;
  stop(): Promise<void>;
}

/** Starts it, and waits until every table has been listed in full. `jobPool` serves the jobs alone. */
export async function startTestSync(
  pool: pg.Pool,
  jobPool: pg.Pool,
  catalog: Catalog,
  sessions: ReadonlyMap<string, Session>,
  worker: string,
): Promise<TestSync> {
  const jobs = await openJobs({ pool: jobPool, lease: { id: worker }, leaseMs: 30_000, concurrency: 4, log: quiet });
  const sync = startSync({
    pool,
    catalog,
    sessions,
    jobs,
    worker,
    log: quiet,
    every: () => 10,
    retryMs: [10, 50],
  });
  await jobs.start();
  await sync.firstSync;
  return {
    sync,
    stop: async () => {
      await sync.stop();
      await jobs.stop();
    },
  };
}

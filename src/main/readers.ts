/** Fresh data for readers, tied to the sync. */
import type pg from 'pg';
import type { Config } from '../config/index.js';
import type { KitLog } from '../provider/index.js';
import { type Freshness, openFreshness, type Sync } from '../sync/index.js';

export interface ReadersOptions {
  readonly config: Config;
  /** The synced database's name. */
  readonly database: string;
  readonly pool: pg.Pool;
  readonly sync: Sync;
  readonly log: KitLog;
}

export function openReaders({ config, database, pool, sync, log }: ReadersOptions): Promise<Freshness> {
  const { timeout, late } = config.sync.staleness;
  return openFreshness({
    pool,
    database,
    wake: (tableOid) => sync.wake(tableOid),
    timeoutMs: timeout,
    late,
    onError: (error) => log.debug({ err: error }, 'looking for settings of upwrite.max_staleness failed'),
  });
}

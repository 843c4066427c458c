/** What keeping hooks registered needs. */
import type pg from 'pg';
import type { SyncedTable } from '../catalog/index.js';
import type { HookRegistrar, KitLog, Webhooks } from '../provider/index.js';
import type { Sealer } from './secrets.js';

/** A connection of this process, and whether it wants hooks. */
export interface KeptConnection {
  readonly name: string;
  readonly webhooks: Webhooks;
  readonly wanted: boolean;
}

export interface KeeperOptions {
  readonly pool: pg.Pool;
  readonly connections: readonly KeptConnection[];
  /** The synced tables of a connection. */
  readonly tables: (connection: string) => readonly SyncedTable[];
  /** The public address without a slash at its end; null: no webhooks are configured. */
  readonly url: string | null;
  readonly sealer: Sealer | null;
  readonly log: KitLog;
  /** Connections looked at at once; each has one of the pool for itself, and needs a second one. */
  readonly atOnce: number;
  /** A hook is new: what happened before it was not delivered, so that the connection's tables are to be synced. */
  readonly onNew: (connection: string) => Promise<void>;
  /** The secrets of a connection's hooks have changed. */
  readonly onSecret: (connection: string) => void;
  /** Milliseconds between looks at hooks that are well. Default an hour. */
  readonly interval?: number;
  /** Milliseconds to the next try after a failure, doubling up to `interval`. Default 10,000. */
  readonly retry?: number;
}

/** Everything that keeping the hooks of one connection needs. */
export interface Keeping {
  readonly options: KeeperOptions;
  readonly connection: string;
  readonly registrar: HookRegistrar;
  readonly sealer: Sealer;
  readonly url: string;
  readonly signal: AbortSignal;
}

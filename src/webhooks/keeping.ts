/** What keeping hooks registered needs. */
import type pg from 'pg';
import type { SyncedTable } from '../catalog/index.js';
import type { HookRegistrar, KitLog, Webhooks } from '../provider/index.js';
import type { Ping } from './placing.js';
import type { Sealer } from './secrets.js';

/** A connection of this process, and whether it wants hooks. */
export interface KeptConnection {
  readonly name: string;
  readonly webhooks: Webhooks;
  readonly wanted: boolean;
}

export interface KeeperOptions {
  /** One of its connections is kept for a connection of the configuration while its API is asked. */
  readonly pool: pg.Pool;
  /** The synced tables of a connection. */
  readonly tables: (connection: string) => readonly SyncedTable[];
  /** The public address without a slash at its end; null: no webhooks are configured. */
  readonly url: string | null;
  readonly sealer: Sealer | null;
  readonly log: KitLog;
  /** A hook is new: what happened before it was not delivered, so that the connection's tables are to be synced. */
  readonly onNew: (connection: string) => Promise<void>;
  /** A hook is well that only pings: a ping that never came is made up for. */
  readonly onPings: (ping: Ping) => Promise<void>;
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

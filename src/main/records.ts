/** The generic records tables of a configuration, tied to the rest. */
import type pg from 'pg';
import type { LiveCatalog } from '../catalog/index.js';
import type { Config } from '../config/index.js';
import type { KitLog } from '../provider/index.js';
import { type Feed, type RecordTarget, startFeed, targetName } from '../records/index.js';
import { ownConnections } from './own-connections.js';

export interface RecordsOptions {
  readonly config: Config;
  /** How the synced database is reached. */
  readonly own: pg.ClientConfig;
  readonly pool: pg.Pool;
  readonly catalog: LiveCatalog;
  readonly log: KitLog;
}

/** Starts to feed them. Tables that are no longer in the configuration lose their triggers. */
export function openRecords({ config, own, pool, catalog, log }: RecordsOptions): Feed {
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
  });
  catalog.onChange(() => feed.update());
  return feed;
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

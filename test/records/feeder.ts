/** The feed of a records table in a process that can be killed. */
import { readTables } from '../../src/catalog/catalog.js';
import { createCatalog } from '../../src/catalog/index.js';
import { startFeed } from '../../src/records/index.js';
import { internalPool, tables } from '../../src/store/index.js';

export interface FeederConfig {
  readonly url: string;
  readonly table: string;
}

process.on('disconnect', () => process.exit());
process.once('message', async ({ url, table }: FeederConfig) => {
  const pool = internalPool({ connectionString: url, max: 5 }, () => {});
  startFeed({
    pool,
    catalog: createCatalog(await readTables(pool, tables)),
    connections: [{ name: 'salesforce', provider: 'salesforce', externalId: null, metadata: '{}' }],
    targets: [
      {
        name: `my_schema.${table}`,
        table: { schema: 'my_schema', name: table },
        filters: [{ provider: 'salesforce' }],
        connection: async () => ({ connectionString: url }),
      },
    ],
    intervalMs: 1,
    retryMs: [10, 50],
    batch: 7,
  });
  process.send?.({ kind: 'ready' });
});

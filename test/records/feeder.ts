/** The feed of a records table in a process that can be killed. */
import { readTables } from '../../src/catalog/catalog.js';
import { createCatalog } from '../../src/catalog/index.js';
import { registerFeed } from '../../src/main/records.js';
import { startFeed } from '../../src/records/index.js';
import { internalPool, tables, takeLease } from '../../src/store/index.js';
import { openJobs } from '../../src/sync/index.js';

export interface FeederConfig {
  readonly url: string;
  readonly table: string;
}

const quiet = { debug: () => {}, info: () => {}, warn: () => {} };
/** Milliseconds: a sixth of it is between looks for what the dead have left; a machine that stalls stays below it. */
const leaseMs = 6000;
/** Milliseconds: longer than any test, so that a process that is killed is not found out by its lease. */
const leaseForEver = 3_600_000;

process.on('disconnect', () => process.exit());
process.once('message', async ({ url, table }: FeederConfig) => {
  const pool = internalPool({ connectionString: url, max: 5 }, () => {});
  const feed = startFeed({
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
  const lease = await takeLease(pool, { kind: 'test', leaseMs: leaseForEver, onError: () => {} });
  const jobPool = internalPool({ connectionString: url, max: 4 }, () => {});
  const jobs = await openJobs({ pool: jobPool, lease, leaseMs, concurrency: 4, log: quiet });
  registerFeed({ jobs, feed, pool, log: quiet });
  await jobs.start();
  process.send?.({ kind: 'ready' });
});

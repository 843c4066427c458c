/** A process with a long lease that claims a table and has a job that never ends. */
import { internalPool, positions, takeLease } from '../../src/store/index.js';
import { openJobs } from '../../src/sync/index.js';

export interface HolderConfig {
  readonly url: string;
  /** A registered table to claim. */
  readonly table: { readonly oid: number; readonly definition: number };
}

const quiet = { debug: () => {}, info: () => {}, warn: () => {} };
/** Milliseconds: longer than any test. */
const leaseMs = 3_600_000;

process.on('disconnect', () => process.exit());
process.once('message', async ({ url, table }: HolderConfig) => {
  const pool = internalPool({ connectionString: url, max: 5 }, () => {});
  const lease = await takeLease(pool, { kind: 'test', leaseMs, onError: () => {} });
  const jobs = await openJobs({ pool, lease, leaseMs, concurrency: 1, log: quiet });
  const claim = await positions.claim(pool, table, lease.id, false);
  if (claim === null || claim === 'busy' || claim === 'changed') throw new Error(`the table is ${claim}`);
  jobs.register('hold', async () => {
    process.send?.({ kind: 'ready' });
    await new Promise(() => undefined);
  });
  await jobs.start();
  await jobs.add('hold', {}, { key: 'held' });
});

/** A process that checks the truth of a table until its API does not answer any more. */
import { installCatalog } from '../../src/catalog/index.js';
import { registerVerifier } from '../../src/main/verify.js';
import { internalPool, tables, takeLease } from '../../src/store/index.js';
import { createVerifier, openJobs } from '../../src/sync/index.js';
import { contacts, fakeApi } from '../support/fake-api.js';

export interface CheckerConfig {
  readonly url: string;
  /** Of the API's records, as of `FakeApi.put`. */
  readonly records: readonly { readonly key: string; readonly email: string; readonly modified: number }[];
  readonly pageSize: number;
  /** Pages that the API answers. */
  readonly pages: number;
}

const quiet = { debug: () => {}, info: () => {}, warn: () => {} };
/** Milliseconds: longer than any test. */
const leaseMs = 3_600_000;

process.on('disconnect', () => process.exit());
process.once('message', async ({ url, records, pageSize, pages }: CheckerConfig) => {
  const pool = internalPool({ connectionString: url, max: 8 }, () => {});
  const jobPool = internalPool({ connectionString: url, max: 4 }, () => {});
  const api = fakeApi([contacts()]);
  api.pageSize = pageSize;
  for (const { key, email, modified } of records) api.put('Contact', key, { email }, modified);
  const catalog = await installCatalog({
    pool,
    registry: tables,
    connections: [{ name: 'salesforce', provider: 'salesforce', session: api.session, grant: { read: ['public'] } }],
    signal: AbortSignal.timeout(30_000),
  });
  api.hook = async (_what, count) => {
    if (count <= pages) return;
    process.send?.({ kind: 'ready' });
    await new Promise(() => undefined);
  };
  const lease = await takeLease(pool, { kind: 'test', leaseMs, onError: () => {} });
  const jobs = await openJobs({ pool: jobPool, lease, leaseMs, concurrency: 4, log: quiet });
  const sessions = new Map([['salesforce', api.session]]);
  const verifier = createVerifier({
    ...{ pool, catalog, sessions, worker: lease.id, log: quiet },
    ...{ intervalMs: leaseMs, share: 1 },
  });
  registerVerifier({ jobs, verifier, connections: new Set(sessions.keys()), log: quiet, lookMs: 20 });
  await jobs.start();
});

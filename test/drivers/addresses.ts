/** What every driver test starts: a cluster, the proxy in front of it, and the certificate's file for clients. */
import { afterAll, beforeAll } from 'vitest';
import { type Cluster, startCluster } from '../support/cluster.js';
import { startUnderTest, type UnderTest } from '../support/under-test.js';

export interface Addresses {
  readonly cluster: Cluster;
  readonly proxy: UnderTest;
}

/** Registers the set-up and gives access to it from within tests. */
export function addresses(): () => Addresses {
  let found: Addresses | undefined;
  beforeAll(async () => {
    const cluster = await startCluster();
    found = { cluster, proxy: await startUnderTest(cluster) };
  }, 120_000);
  afterAll(async () => {
    await found?.proxy.stop();
    await found?.cluster.stop();
  });
  return () => {
    if (found === undefined) throw new Error('the set-up has failed');
    return found;
  };
}

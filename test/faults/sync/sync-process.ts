/** `upwrite sync` in a process that can be killed. */
import { fileURLToPath } from 'node:url';
import { parseConfig, parseDatabaseUrl } from '../../../src/config/index.js';
import { startWorking } from '../../../src/main/work.js';
import { createRegistry } from '../../../src/provider/index.js';
import { createLog } from '../../../src/telemetry/index.js';
import type { FromChild } from '../messages.js';

export interface SyncProcessConfig {
  readonly database: string;
  readonly url: string;
  /** How many times as long the lease is as on a machine with time to spare. */
  readonly pace: number;
}

function tell(message: FromChild): void {
  process.send?.(message);
}

process.on('disconnect', () => process.exit());
process.once('message', async ({ database, url, pace }: SyncProcessConfig) => {
  const settings = JSON.stringify({
    // The truth check lists pages of its own, which are not the listing's.
    sync: { interval: '1s', verify: { share: 0 } },
    connections: { paged: { provider: 'paged', url } },
  });
  await startWorking({
    config: parseConfig(settings, { file: 'the fault tests', environment: {} }).config,
    database: parseDatabaseUrl(database, '/'),
    registry: createRegistry(fileURLToPath(new URL('../providers/', import.meta.url))),
    log: createLog({ level: 'info', format: 'json', sink: { write: (line) => tell({ kind: 'log', line }) } }),
    timings: { lease: 1500 * pace },
  });
  tell({ kind: 'ready' });
});

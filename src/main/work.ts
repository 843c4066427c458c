/** What `upwrite sync` runs: the jobs, without the proxy. */
import { type CommandContext, stopRequested } from '../cli/index.js';
import type { Registry } from '../provider/index.js';
import type { Jobs, Sync } from '../sync/index.js';
import { createLog } from '../telemetry/index.js';
import { openAdmin } from './admin.js';
import { startChores } from './chores.js';
import { openCore, runAll, type ServeOptions } from './serve.js';
import { encryptionKeys, keyVariable } from './shared.js';

export interface Working {
  readonly sync: Sync;
  readonly jobs: Jobs;
  readonly admin: { readonly host: string; readonly port: number } | null;
  readonly tables: number;
  stop(): Promise<void>;
}

/** Starts everything but the proxy. Throws, with nothing left running, when a part cannot start. */
export async function startWorking(options: ServeOptions): Promise<Working> {
  const cleanup: (() => Promise<unknown>)[] = [];
  try {
    const core = await openCore(options, 'sync', cleanup);
    const { sync, jobs } = core.engine;
    startChores(core, options.config, options.log, cleanup);
    await jobs.start();
    const admin = await openAdmin(core, options.config, options.log);
    if (admin !== null) cleanup.push(() => admin.close());
    return { sync, jobs, admin, tables: core.catalog.all().length, stop: () => runAll(cleanup) };
  } catch (error) {
    await runAll(cleanup);
    throw error;
  }
}

/** Works until the process is told to end; answers its exit code. */
export async function work(context: CommandContext, registry: Registry): Promise<number> {
  const config = context.config();
  if (config.database === undefined) {
    throw new Error('"upwrite sync" works on a database that other processes serve: give "database"');
  }
  const stop = stopRequested();
  const log = createLog(config.log);
  const working = await startWorking({
    config,
    database: config.database,
    registry,
    log,
    keys: encryptionKeys(context.io.environment[keyVariable]),
  });
  log.info({ tables: working.tables }, 'syncing');
  context.io.out(`Syncing ${working.tables} tables`);
  await stop;
  log.info({}, 'stopping');
  await working.stop();
  return 0;
}

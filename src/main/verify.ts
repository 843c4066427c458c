/** The truth check of a configuration, tied to the rest. */
import type pg from 'pg';
import type { Catalog } from '../catalog/index.js';
import type { Config } from '../config/index.js';
import type { KitLog, Session } from '../provider/index.js';
import { startVerifier, type Verifier } from '../sync/index.js';

export interface VerifyOptions {
  readonly config: Config;
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  readonly sessions: ReadonlyMap<string, Session>;
  /** The id of this process's lease. */
  readonly worker: string;
  /** Has the sync of a table begin now. */
  readonly wake: (tableOid: number) => Promise<void>;
  readonly log: KitLog;
}

export function openVerifier({ config, ...rest }: VerifyOptions): Verifier {
  const { interval, share } = config.sync.verify;
  return startVerifier({ ...rest, intervalMs: interval, share });
}

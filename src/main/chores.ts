/** What a process that takes jobs does besides the sync: it feeds the generic records tables, and checks the truth. */
import type { Config } from '../config/index.js';
import type { KitLog } from '../provider/index.js';
import type { Lease } from '../store/index.js';
import type { Engine } from './engine.js';
import { openRecords, type RecordsOptions } from './records.js';
import { openVerifier, type VerifyOptions } from './verify.js';

/** What it works with. */
export interface ChoreParts extends Pick<RecordsOptions, 'own' | 'pool' | 'catalog'> {
  /** For reading: what a table's `where` leaves out is not there. */
  readonly reading: VerifyOptions['sessions'];
  readonly lease: Lease;
  readonly engine: Engine;
}

/** Starts it, before the jobs start; what ends it again is put on the list. */
export function startChores(parts: ChoreParts, config: Config, log: KitLog, cleanup: (() => Promise<unknown>)[]): void {
  const { own, pool, catalog, reading, lease, engine } = parts;
  const { jobs, sync, tellTarget: onStateChange } = engine;
  cleanup.push(openRecords({ config, own, pool, catalog, jobs, log, onStateChange }));
  const wake = (tableOid: number): Promise<void> => sync.wake(tableOid);
  const verifier = openVerifier({ config, pool, catalog, sessions: reading, worker: lease.id, wake, jobs, log });
  if (verifier !== null) cleanup.push(() => verifier.stop());
}

/** Puts what deliveries say into the database's queues, within a transaction of the caller's. */
import type pg from 'pg';
import { lockTablesShared, noteExpectations, type Queryable, queueStale } from '../store/index.js';
import type { Ping, Placed } from './placing.js';

/** The jobs that deliveries leave, for whatever process. Each is added with the transaction that is given. */
export interface DeliveryJobs {
  /** What a hook holds is to be fetched. */
  payloads(db: Queryable, ping: Ping): Promise<void>;
  /** Rows of a table are to be compared with what deliveries said of them, in so many milliseconds. */
  compare(db: Queryable, tableOid: number, delayMs: number): Promise<void>;
}

/** Milliseconds after which a row is compared with what was said of it: by then it has been read again as a rule. */
const firstLook = 2000;

/** Milliseconds that a merge of a page may keep a delivery waiting. */
export const lockTimeout = 5000;

export async function queueAll(client: pg.ClientBase, { records, pings }: Placed, jobs: DeliveryJobs): Promise<void> {
  const oids = [...records.keys()].sort((a, b) => a - b);
  if (oids.length > 0) await lockTablesShared(client, oids, lockTimeout);
  for (const oid of oids) {
    const keys = records.get(oid) ?? new Map();
    await queueStale(client, oid, [...keys.keys()]);
    const said = [...keys.values()].filter((expectation) => expectation !== null);
    if (said.length === 0) continue;
    await noteExpectations(client, oid, said, firstLook);
    await jobs.compare(client, oid, firstLook);
  }
  for (const ping of pings) await jobs.payloads(client, ping);
}

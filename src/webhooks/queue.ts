/** Puts what deliveries say into the database's queues, within a transaction of the caller's. */
import type pg from 'pg';
import { lockTablesShared, noteExpectations, notePings, queueStale } from '../store/index.js';
import type { Placed } from './placing.js';

/** Milliseconds after which a row is compared with what was said of it: by then it has been read again as a rule. */
const firstLook = 2000;

/** Milliseconds that a merge of a page may keep a delivery waiting. */
export const lockTimeout = 5000;

export async function queueAll(client: pg.ClientBase, { records, pings }: Placed): Promise<void> {
  const oids = [...records.keys()].sort((a, b) => a - b);
  if (oids.length > 0) await lockTablesShared(client, oids, lockTimeout);
  for (const oid of oids) {
    const keys = records.get(oid) ?? new Map();
    await queueStale(client, oid, [...keys.keys()]);
    const said = [...keys.values()].filter((expectation) => expectation !== null);
    if (said.length > 0) await noteExpectations(client, oid, said, firstLook);
  }
  if (pings.length > 0) await notePings(client, pings);
}

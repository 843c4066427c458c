/** What has been read from the API, on its way into the table. */
import type pg from 'pg';
import { groupRecords, type SyncedTable } from '../catalog/index.js';
import type { Rec, Session } from '../provider/index.js';
import { lockTableExclusive, noteUnfit } from '../store/index.js';
import { type Merged, mergeDeletions, mergeRecords, planSettings, sum } from './merge.js';
import { stage } from './stage.js';
import type { Turn } from './turns.js';

/** What work on a table needs. */
export interface TableContext {
  readonly pool: pg.Pool;
  readonly table: SyncedTable;
  readonly session: Session;
  /** Runs one piece of database work when it is its turn, so that tables share the pool fairly. */
  readonly turn: Turn;
  /** Milliseconds that a merge waits for the writes being applied. */
  readonly lockTimeoutMs: number;
  /** Records were read again one by one; for how many milliseconds each had waited for that. */
  readonly onReread?: (table: SyncedTable, waitedMs: readonly number[]) => void;
}

export interface Incoming {
  readonly records: readonly Rec[];
  readonly deletions: readonly string[];
  /** The write order that was drawn before they were read. */
  readonly order: string;
}

/** Within a transaction. Stages first, then locks: writes wait for the merge alone. */
export async function mergeAll(context: TableContext, client: pg.ClientBase, incoming: Incoming): Promise<Merged> {
  const { table } = context;
  const groups = groupRecords(table.resource, incoming.records);
  const staged: (string | null)[] = [];
  for (const group of groups) staged.push(await stage(client, table.resource.key, group, staged.length));
  await client.query(planSettings);
  await lockTableExclusive(client, table.oid, context.lockTimeoutMs);
  const merged: Merged[] = [];
  for (const [i, group] of groups.entries()) {
    merged.push(await mergeRecords(client, table, group, incoming.order, staged[i] ?? null));
  }
  merged.push(await mergeDeletions(client, table, incoming.deletions, incoming.order));
  await noteUnfit(client, table.oid, incoming.records, incoming.deletions);
  return sum(merged);
}

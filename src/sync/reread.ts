/** Records read again one by one, by key: those that a page had to leave alone, and those that somebody asks for. */
import type { SyncedTable } from '../catalog/index.js';
import type { Rec } from '../provider/index.js';
import { drawOrder, dropStale, inTransaction, noteReads, queueStale, staleKeys } from '../store/index.js';
import { mergeAll, type TableContext } from './incoming.js';

/** Records to re-read in one go. */
const batch = 200;

/** Re-reads the records in the queue, in batches, until those that were in it at the start have had their turn. */
export async function rereadQueued(context: TableContext, signal: AbortSignal): Promise<void> {
  const { pool, table, turn } = context;
  const done = new Set<string>();
  for (;;) {
    const keys = await turn(() => staleKeys(pool, table.oid, batch));
    const fresh = keys.filter((key) => !done.has(key));
    if (fresh.length === 0) return;
    for (const key of fresh) done.add(key);
    await reread(context, fresh, signal);
  }
}

/**
 * Reads records again, and brings them up to date or deletes them. It may run beside a run of the table: the order of
 * writes keeps what is newer. They are in the queue meanwhile, so that nothing is lost with the process.
 */
export async function rereadNow(context: TableContext, keys: readonly string[], signal: AbortSignal): Promise<void> {
  const { pool, table, turn } = context;
  await turn(() => queueStale(pool, table.oid, keys));
  for (let from = 0; from < keys.length; from += batch) await reread(context, keys.slice(from, from + batch), signal);
}

async function reread(context: TableContext, keys: readonly string[], signal: AbortSignal): Promise<void> {
  const { pool, table, session, turn } = context;
  const order = await turn(() => drawOrder(pool));
  const found = await session.read(table.resource, keys, signal);
  await turn(() => storeReread(context, keys, found, order));
}

async function storeReread(
  context: TableContext,
  keys: readonly string[],
  found: readonly (Rec | null)[],
  order: string,
): Promise<void> {
  const { pool, table } = context;
  const records = found.filter((record) => record !== null);
  const deletions = keys.filter((_, i) => (found[i] ?? null) === null);
  const waited = await inTransaction(pool, async (client) => {
    await mergeAll(context, client, { records, deletions, order });
    await noteReads(client, table.oid, [
      ...records.map((record) => ({ key: record.key, version: versionOf(table, record), deleted: false })),
      ...deletions.map((key) => ({ key, version: null, deleted: true })),
    ]);
    return dropStale(client, table.oid, keys, order);
  });
  context.onReread?.(table, waited);
}

function versionOf(table: SyncedTable, record: Rec): string | null {
  const value = table.resource.version === undefined ? null : (record.values[table.resource.version] ?? null);
  return value === null ? null : String(value);
}

/**
 * One cycle of one table: re-reads what is queued, then follows the API's listing to its end, page by page. Each page,
 * its deletions and the cursor behind it are one transaction, so a process that is killed goes on where it was.
 */
import type pg from 'pg';
import { groupRecords, ident, qualified, type SyncedTable } from '../catalog/index.js';
import type { Page, Rec, Session } from '../provider/index.js';
import {
  countSwept,
  drawOrder,
  dropStale,
  forgetWrites,
  inTransaction,
  lockTableExclusive,
  noteReads,
  noteSwept,
  type Position,
  queueStale,
  staleKeys,
  tables,
} from '../store/index.js';
import { type Merged, mergeDeletions, mergeRecords, planSettings, sum } from './merge.js';
import { stage } from './stage.js';

/** What a cycle needs. */
export interface CycleContext {
  readonly pool: pg.Pool;
  readonly table: SyncedTable;
  readonly session: Session;
  /** The id of this process's lease. */
  readonly worker: string;
  /** Runs one piece of database work when it is its turn, so that tables share the pool fairly. */
  readonly turn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Milliseconds that a merge waits for the writes being applied. */
  readonly lockTimeoutMs: number;
  /** After each page that was stored, and before the first. */
  readonly onPage: (position: Position, page: Page | null) => Promise<void>;
  /** Whether records were queued to be read again since the last look; asked between pages. */
  readonly takeWake: () => boolean;
}

/** Records to re-read in one go, and deletions of a sweep in one transaction. */
const batch = 200;

/**
 * Runs one cycle. Answers false where another process has the table. Throws what the API or the database threw;
 * everything stored by then stays, and the next cycle goes on behind it.
 */
export async function runCycle(context: CycleContext, signal: AbortSignal): Promise<boolean> {
  const { pool, table, worker } = context;
  const claimed = await context.turn(() => tables.claim(pool, table.oid, worker, table.definition));
  if (claimed === null) return false;
  const position = await startPosition(context, claimed);
  await context.onPage(position, null);
  await rereadQueued(context, signal);
  const order = await pullAll(context, position, signal);
  await rereadQueued(context, signal);
  await context.turn(() => forgetWrites(pool, table.oid, order));
  return true;
}

/** A listing that has no cursor yet begins anew, and so does one whose notes for the sweep a crash has emptied. */
async function startPosition(context: CycleContext, claimed: Position): Promise<Position> {
  const { pool, table, worker } = context;
  return context.turn(async () => {
    const noted = claimed.sweptRows === null ? null : await countSwept(pool, table.oid);
    if (claimed.cursor !== null && noted === claimed.sweptRows) return claimed;
    const found = await pool.query(`SELECT FROM ${qualified(table)} LIMIT 1`);
    return tables.beginListing(pool, table.oid, worker, (found.rowCount ?? 0) > 0);
  });
}

/** Answers the order that the pull had. */
async function pullAll(context: CycleContext, start: Position, signal: AbortSignal): Promise<string> {
  const { pool, table, session } = context;
  const order = await context.turn(() => drawOrder(pool));
  let position = start;
  for await (const page of session.pull(table.resource, start.cursor, signal)) {
    position = await context.turn(() => storePage(context, position, page, order));
    await context.onPage(position, page);
    if (page.last) {
      if (position.fullListing) await endListing(context, position, signal);
      return order;
    }
    signal.throwIfAborted();
    if (context.takeWake()) await rereadQueued(context, signal);
  }
  signal.throwIfAborted();
  throw new Error('the listing ended without a last page');
}

async function storePage(context: CycleContext, position: Position, page: Page, order: string): Promise<Position> {
  const { pool, table, worker } = context;
  // A record that is listed both ways was deleted and made again, or the other way round: only a look at it tells.
  const deleted = new Set(page.deletions);
  const twice = page.records.filter((record) => deleted.has(record.key)).map((record) => record.key);
  for (const key of twice) deleted.delete(key);
  const skipped = new Set(twice);
  const records = skipped.size === 0 ? page.records : page.records.filter((record) => !skipped.has(record.key));

  return inTransaction(pool, async (client) => {
    await mergeAll(context, client, { records, deletions: [...deleted], order });
    if (twice.length > 0) await queueStale(client, table.oid, twice);
    const keys = position.sweptRows === null ? [] : page.records.map((record) => record.key);
    const noted = position.sweptRows === null ? null : position.sweptRows + (await noteSwept(client, table.oid, keys));
    await tables.advance(client, table.oid, worker, {
      cursor: page.next,
      fullListing: position.fullListing,
      records: page.records.length,
      expectedRows: page.total ?? null,
      sweptRows: noted,
    });
    return {
      ...position,
      cursor: page.next,
      sweptRows: noted,
      pages: position.pages + 1,
      rows: position.rows + page.records.length,
    };
  });
}

interface Incoming {
  readonly records: readonly Rec[];
  readonly deletions: readonly string[];
  readonly order: string;
}

/** Stages first, then locks: writes wait for the merge alone. */
async function mergeAll(context: CycleContext, client: pg.ClientBase, incoming: Incoming): Promise<Merged> {
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
  return sum(merged);
}

/** The end of a full listing: what it did not list is deleted, unless it was written since the listing began. */
async function endListing(context: CycleContext, position: Position, signal: AbortSignal): Promise<void> {
  const { pool, table, worker } = context;
  if (position.sweptRows !== null) await sweep(context, position, signal);
  await context.turn(() => tables.endListing(pool, table.oid, worker, !table.resource.pull.incremental));
}

async function sweep(context: CycleContext, position: Position, signal: AbortSignal): Promise<void> {
  const { pool, table } = context;
  const key = ident(table.resource.key);
  const order = position.listingOrder ?? '0';
  let after = '';
  for (;;) {
    signal.throwIfAborted();
    const keys = await context.turn(async () => {
      if ((await countSwept(pool, table.oid)) !== position.sweptRows) {
        throw new Error('the notes of the listing are gone, it begins anew');
      }
      const found = await pool.query<{ key: string }>(
        `SELECT t.${key} AS key FROM ${qualified(table)} t
         WHERE t.${key} > $2 AND NOT EXISTS (
           SELECT FROM upwrite.swept_keys s WHERE s.table_oid = $1 AND s.key = t.${key})
         ORDER BY t.${key} LIMIT ${batch}`,
        [table.oid, after],
      );
      const unlisted = found.rows.map((row) => row.key);
      if (unlisted.length > 0) {
        await inTransaction(pool, (client) => mergeAll(context, client, { records: [], deletions: unlisted, order }));
      }
      return unlisted;
    });
    const last = keys.at(-1);
    if (last === undefined) return;
    after = last;
  }
}

/** Re-reads the records in the queue, in batches, until those that were in it at the start have had their turn. */
async function rereadQueued(context: CycleContext, signal: AbortSignal): Promise<void> {
  const { pool, table, session } = context;
  const done = new Set<string>();
  for (;;) {
    const keys = await context.turn(() => staleKeys(pool, table.oid, batch));
    const fresh = keys.filter((key) => !done.has(key));
    if (fresh.length === 0) return;
    for (const key of fresh) done.add(key);
    const order = await context.turn(() => drawOrder(pool));
    const found = await session.read(table.resource, fresh, signal);
    await context.turn(() => storeReread(context, fresh, found, order));
  }
}

async function storeReread(
  context: CycleContext,
  keys: readonly string[],
  found: readonly (Rec | null)[],
  order: string,
): Promise<void> {
  const { pool, table } = context;
  const records = found.filter((record) => record !== null);
  const deletions = keys.filter((_, i) => (found[i] ?? null) === null);
  await inTransaction(pool, async (client) => {
    await mergeAll(context, client, { records, deletions, order });
    await noteReads(client, table.oid, [
      ...records.map((record) => ({ key: record.key, version: versionOf(table, record), deleted: false })),
      ...deletions.map((key) => ({ key, version: null, deleted: true })),
    ]);
    await dropStale(client, table.oid, keys, order);
  });
}

function versionOf(table: SyncedTable, record: Rec): string | null {
  const value = table.resource.version === undefined ? null : (record.values[table.resource.version] ?? null);
  return value === null ? null : String(value);
}

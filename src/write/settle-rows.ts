/** One journal entry's rows against what the API has of them now. */
import type pg from 'pg';
import type { SyncedTable } from '../catalog/index.js';
import type { Batch, Rec, Session } from '../provider/index.js';
import {
  beginWithLocks,
  type Journal,
  lockKeys,
  lockTableShared,
  queueStale,
  type RowOutcome,
  type Unsettled,
  type UnsettledRow,
} from '../store/index.js';
import { applyCurrent } from './refresh.js';
import { tookEffect } from './took-effect.js';

export interface SettleContext {
  readonly pool: pg.Pool;
  readonly journal: Journal;
  readonly table: SyncedTable;
  readonly session: Session;
  readonly entry: Unsettled;
  readonly signal: AbortSignal;
  /** Milliseconds to wait for the locks of its rows. */
  readonly lockTimeout: number;
  /** Milliseconds for one question to the API. */
  readonly timeout: number;
}

/** Records look like those of this entry, and it cannot be told yet whether they are. */
export class WhoseIsIt extends Error {
  constructor() {
    super('an insert of the same values is not settled either');
    this.name = 'WhoseIsIt';
  }
}

/** How often another set of records may be found to be somebody else's. */
const maxRounds = 10;

/**
 * Settles the entry and brings its rows here in line, in one transaction; answers the entry's state. `again` in
 * milliseconds: something that is not there may still come, and the entry stays unknown for so long; null: it is final.
 */
export async function settleRows(context: SettleContext, again: number | null): Promise<string> {
  const { pool, journal, entry } = context;
  const searches = entry.verb === 'insert' && !entry.rows.every(isKnown);
  const taken = new Set(searches ? (await journal.claimedBy(pool, entry, null)).keys : []);
  for (let round = 0; round < maxRounds; round++) {
    const made = await findMade(context, taken);
    const client = await pool.connect();
    let broken = true;
    try {
      const state = await settleLocked(context, client, made, taken, again);
      await client.query(state === null ? 'ROLLBACK' : 'COMMIT');
      broken = false;
      if (state !== null) return state;
    } finally {
      client.release(broken);
    }
  }
  throw new WhoseIsIt();
}

/** Whether the row's outcome was known before. */
function isKnown(row: Unsettled['rows'][number]): boolean {
  return row.outcome === 'applied' || row.outcome === 'rejected';
}

/** The records of rows whose insert has an unknown outcome, by row. */
async function findMade(
  { entry, table, session, signal, timeout }: SettleContext,
  taken: Set<string>,
): Promise<ReadonlyMap<number, Rec>> {
  const open = entry.verb === 'insert' ? [...entry.rows.entries()].filter(([, row]) => !isKnown(row)) : [];
  if (open.length === 0) return new Map();
  for (const row of entry.rows) if (row.key !== null) taken.add(row.key);
  const batch: Batch = {
    verb: 'insert',
    resource: table.resource,
    rows: open.map(([, row]) => ({ key: null, values: row.values, idempotencyKey: row.idempotencyKey })),
    deadline: Date.now() + timeout,
  };
  const found = await session.findInserted(batch, entry.sentAt, signal, taken);
  return new Map(
    open.flatMap(([index], i): [number, Rec][] => {
      const record = found[i] ?? null;
      return record === null ? [] : [[index, record]];
    }),
  );
}

/** Null where records turned out to be another entry's: `taken` has them then. */
async function settleLocked(
  { entry, table, session, signal, journal, lockTimeout }: SettleContext,
  client: pg.ClientBase,
  made: ReadonlyMap<number, Rec>,
  taken: Set<string>,
  again: number | null,
): Promise<string | null> {
  const keyOf = (index: number): string | null => made.get(index)?.key ?? entry.rows[index]?.key ?? null;
  const keys = [...entry.rows.keys()].flatMap((index) => keyOf(index) ?? []);
  await beginWithLocks(client, lockKeys(table.oid, keys), lockTimeout);
  if (made.size > 0) {
    const candidates = [...made.values()].map((record) => record.key);
    const claimed = await journal.claimedBy(client, entry, candidates);
    for (const key of claimed.keys) taken.add(key);
    if (claimed.keys.length > 0) return null;
    if (claimed.twins) throw new WhoseIsIt();
  }
  const current = keys.length === 0 ? [] : await session.read(table.resource, keys, signal);
  await lockTableShared(client, table.oid);
  await applyCurrent(client, table, keys, current);
  // Whatever changed between the question and this lock is asked for once more.
  if (keys.length > 0) await queueStale(client, table.oid, keys);
  const byKey = new Map(keys.map((key, i) => [key, current[i] ?? null]));
  const rows = entry.rows.map((row, index): RowOutcome => {
    const key = keyOf(index);
    if (isKnown(row)) return { outcome: row.outcome ?? 'unknown', key, ...(row.error ? { error: row.error } : {}) };
    const there =
      made.has(index) || isThere(entry, row, (key === null ? null : byKey.get(key)) ?? null, session, table);
    return { outcome: there ? 'applied' : again === null ? 'rejected' : 'unknown', key };
  });
  const state = stateOf(rows);
  await journal.finish(client, entry.ticket, {
    state,
    rows,
    ...(state === 'unknown' && again !== null ? { settleAfterMs: again } : {}),
  });
  return state;
}

/** Whether a change of a record has taken effect; another write may have come since, and then its own look counts. */
function isThere(entry: Unsettled, row: UnsettledRow, now: Rec | null, session: Session, table: SyncedTable): boolean {
  return row.seen ?? tookEffect(entry.verb, row.values, now, session, table);
}

function stateOf(rows: readonly RowOutcome[]): 'applied' | 'refused' | 'partial' | 'unknown' {
  if (rows.some((row) => row.outcome === 'unknown')) return 'unknown';
  const applied = rows.filter((row) => row.outcome === 'applied').length;
  return applied === rows.length ? 'applied' : applied === 0 ? 'refused' : 'partial';
}

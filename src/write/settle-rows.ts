/** One journal entry's rows against what the API has of them now. */
import type pg from 'pg';
import { findConflicts, type SyncedTable } from '../catalog/index.js';
import type { Batch, Rec, Session } from '../provider/index.js';
import {
  beginWithLocks,
  conflictLocks,
  type Journal,
  lockKeys,
  lockTableShared,
  queueStale,
  type RowOutcome,
  type Unsettled,
} from '../store/index.js';
import { applyCurrent } from './refresh.js';

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

/** The records that rows of unknown outcome may have made, by row; of an upsert, those that the API finds for them. */
async function findMade(context: SettleContext, taken: Set<string>): Promise<ReadonlyMap<number, Rec>> {
  const { entry, table, session, signal, timeout } = context;
  const { verb, conflict } = entry;
  if (verb !== 'insert' && verb !== 'upsert') return new Map();
  const open = [...entry.rows.entries()].filter(([, row]) => !isKnown(row));
  if (open.length === 0) return new Map();
  const batch: Batch = {
    verb,
    resource: table.resource,
    rows: open.map(([, row]) => ({ key: null, values: row.values, idempotencyKey: row.idempotencyKey })),
    ...(verb === 'upsert' ? { conflict } : {}),
    deadline: Date.now() + timeout,
  };
  if (verb === 'insert') for (const row of entry.rows) if (row.key !== null) taken.add(row.key);
  const found =
    verb === 'insert'
      ? await session.findInserted(batch, entry.sentAt, signal, taken)
      : ((await session.findUpserted?.(batch, signal)) ?? []);
  return new Map(
    open.flatMap(([index], i): [number, Rec][] => {
      const record = found[i] ?? null;
      return record === null ? [] : [[index, record]];
    }),
  );
}

/** What an upsert's rows meet here: the values to lock, and the keys of rows that have them. */
async function upsertTargets({ entry, table }: SettleContext, client: pg.ClientBase) {
  if (entry.verb !== 'upsert') return [];
  const rows = entry.rows.map((row) =>
    JSON.stringify(Object.fromEntries(entry.conflict.map((column) => [column, row.values[column] ?? null]))),
  );
  return findConflicts(client, table, entry.conflict, rows);
}

/** Null where records turned out to be another entry's: `taken` has them then. */
async function settleLocked(
  context: SettleContext,
  client: pg.ClientBase,
  made: ReadonlyMap<number, Rec>,
  taken: Set<string>,
  again: number | null,
): Promise<string | null> {
  const { entry, table, session, signal, journal, lockTimeout } = context;
  const keyOf = (index: number): string | null => made.get(index)?.key ?? entry.rows[index]?.key ?? null;
  const targets = await upsertTargets(context, client);
  const own = [...entry.rows.keys()].flatMap((index) => keyOf(index) ?? []);
  const keys = [...new Set([...own, ...targets.flatMap((target) => target.keys)])];
  const values = targets.map((target) => target.value);
  const locks = [...conflictLocks(table.oid, entry.conflict, values), ...lockKeys(table.oid, keys)];
  await beginWithLocks(client, locks, lockTimeout);
  if (made.size > 0 && entry.verb === 'insert') {
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
    if (isKnown(row)) return knownOutcome(row, key);
    const now = (key === null ? null : byKey.get(key)) ?? null;
    const there = entry.verb === 'insert' ? made.has(index) : tookEffect(entry, row, now, session, table);
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

function knownOutcome(row: Unsettled['rows'][number], key: string | null): RowOutcome {
  return {
    outcome: row.outcome ?? 'unknown',
    key,
    ...(row.error ? { error: row.error } : {}),
    ...(row.created === undefined ? {} : { created: row.created }),
  };
}

/** What the API's present state says about a change of a record. */
function tookEffect(
  entry: Unsettled,
  row: Unsettled['rows'][number],
  now: Rec | null,
  session: Session,
  table: SyncedTable,
): boolean {
  if (entry.verb === 'delete') return now === null;
  if (now === null) return false;
  return session.holds === undefined || session.holds(table.resource, now, row.values);
}

function stateOf(rows: readonly RowOutcome[]): 'applied' | 'refused' | 'partial' | 'unknown' {
  if (rows.some((row) => row.outcome === 'unknown')) return 'unknown';
  const applied = rows.filter((row) => row.outcome === 'applied').length;
  return applied === rows.length ? 'applied' : applied === 0 ? 'refused' : 'partial';
}

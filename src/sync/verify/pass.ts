/**
 * One pass of the truth check over a table: the API's full listing, page by page, each page compared with the rows here;
 * then the rows that were not listed. What seems wrong is looked at again when the sync has had its chance. Where the pass
 * stands is in the database after each step, the suspects too: whoever has the next turn goes on with it.
 */
import type pg from 'pg';
import { ident, qualified, type SyncedTable } from '../../catalog/index.js';
import type { KitLog, Page, Rec, Session } from '../../provider/index.js';
import { inTransaction, isPaused, type PassPosition, tables, verification } from '../../store/index.js';
import { pause } from '../pause.js';
import { differing } from './compare.js';
import { confirmAndMend } from './confirm.js';
import type { Pacer } from './pacer.js';

export interface PassContext {
  readonly pool: pg.Pool;
  readonly table: SyncedTable;
  readonly session: Session;
  readonly log: KitLog;
  readonly lockTimeoutMs: number;
  /** Milliseconds between looks whether the sync has gone on. */
  readonly pollMs: number;
  /** Has the sync of the table begin now. */
  readonly wake: () => Promise<void>;
  readonly pacer: Pacer;
}

/** Rows that are read from the API, or walked, at once; and suspects from which on they are looked at again. */
const batch = 100;
/** Suspects that wait together for the sync to go on. */
const togetherAtMost = 500;

/**
 * Goes on with the pass, to its end (true) or as long as the turn lasts. Throws what the API or the database threw: the
 * pass then goes on where it was.
 */
export async function runPass(context: PassContext, start: PassPosition, signal: AbortSignal): Promise<boolean> {
  const { pool, table } = context;
  let position: PassPosition | null = start;
  if (!(await verification.isIntact(pool, table.oid))) {
    await verification.restart(pool, table.oid);
    position = { cursor: null, listed: false };
  }
  if (!position.listed) position = await compareListing(context, position, signal);
  if (position === null) return false;
  if (!(await lookAtSuspects(context, 1, signal))) return false;
  if (!(await walkUnlisted(context, position.cursor, signal))) return false;
  await verification.finish(pool, table.oid);
  return true;
}

/** Answers null where the turn is over before the listing. */
async function compareListing(
  context: PassContext,
  start: PassPosition,
  signal: AbortSignal,
): Promise<PassPosition | null> {
  const { pool, table, session, pacer } = context;
  let position = start;
  const pages = session.pull(table.resource, start.cursor, signal)[Symbol.asyncIterator]();
  try {
    while (!position.listed) {
      if (!(await lookAtSuspects(context, batch, signal)) || !(await pacer.rest(signal))) return null;
      const next = await pacer.meter(() => pages.next());
      signal.throwIfAborted();
      if (next.done === true) throw new Error('the listing ended without a last page');
      const suspects = await differing(pool, table, next.value.records);
      position = await notePage(context, next.value, new Set(suspects.map(({ key }) => key)));
    }
    return position;
  } finally {
    await pages.return?.();
  }
}

async function notePage(
  { pool, table }: PassContext,
  page: Page,
  suspects: ReadonlySet<string>,
): Promise<PassPosition> {
  const rows = (await tables.health(pool)).find((each) => each.tableOid === table.oid)?.expectedRows ?? null;
  return inTransaction(pool, async (client) => {
    const keys = page.records.map((record) => record.key);
    await verification.noteKeys(client, table.oid, keys, suspects);
    const next = { cursor: page.last ? null : page.next, listed: page.last };
    const estimate = rows ?? page.total ?? (await estimatedRows(client, table));
    await verification.advance(client, table.oid, { ...next, records: keys.length, rows: estimate });
    return next;
  });
}

/** As the planner knows it. */
async function estimatedRows(client: pg.ClientBase, table: SyncedTable): Promise<number> {
  const result = await client.query<{ n: number }>('SELECT reltuples::float8 AS n FROM pg_class WHERE oid = $1', [
    table.oid,
  ]);
  return Math.max(0, result.rows[0]?.n ?? 0);
}

/**
 * Looks again at rows that the listing did not have: made since it went by, or not the API's. Answers whether it came to
 * their end.
 */
async function walkUnlisted(
  context: PassContext,
  cursor: PassPosition['cursor'],
  signal: AbortSignal,
): Promise<boolean> {
  const { pool, table, pacer } = context;
  const key = ident(table.resource.key);
  let after = typeof cursor === 'string' ? cursor : '';
  for (;;) {
    signal.throwIfAborted();
    const result = await pool.query<{ key: string }>(
      `SELECT t.${key} AS key FROM ${qualified(table)} t
       WHERE t.${key} > $2 AND NOT EXISTS (
         SELECT FROM upwrite.verified_keys v WHERE v.table_oid = $1 AND v.key = t.${key})
       ORDER BY t.${key} LIMIT ${batch}`,
      [table.oid, after],
    );
    const last = result.rows.at(-1);
    if (last === undefined) return true;
    if (!(await pacer.rest(signal))) return false;
    await lookAgain(
      context,
      result.rows.map((row) => row.key),
      signal,
    );
    after = last.key;
    await verification.walked(pool, table.oid, after);
  }
}

/** Looks again at suspects as long as there are so many. Answers whether it came to that. */
async function lookAtSuspects(context: PassContext, atLeast: number, signal: AbortSignal): Promise<boolean> {
  const { pool, table, pacer } = context;
  for (;;) {
    const suspects = await verification.suspects(pool, table.oid, togetherAtMost);
    if (suspects.length < atLeast) return true;
    if (!(await pacer.rest(signal))) return false;
    await lookAgain(context, suspects, signal);
    await verification.clear(pool, table.oid, suspects);
  }
}

async function lookAgain(context: PassContext, suspects: readonly string[], signal: AbortSignal): Promise<void> {
  const { table, session, log, pacer } = context;
  const seen: { readonly keys: readonly string[]; readonly answers: readonly (Rec | null)[] }[] = [];
  for (let at = 0; at < suspects.length; at += batch) {
    const keys = suspects.slice(at, at + batch);
    seen.push({ keys, answers: await pacer.meter(() => session.read(table.resource, keys, signal)) });
  }
  await syncHasGoneOn(context, signal);
  for (const { keys, answers } of seen) {
    const wrong = await pacer.meter(() => confirmAndMend(context, keys, answers, signal));
    for (const { kind, key, columns } of wrong) {
      log.warn(
        { table: `${table.schema}.${table.name}`, kind, key, columns },
        'a row was wrong and has been put right',
      );
    }
  }
}

/**
 * Waits for the end of a run of the sync that began after this call: for two ends, since the first may be that of a run
 * that was under way. A quota is waited for; throws where the table is paused for as long as somebody likes: others of its
 * connection are not to wait for that.
 */
async function syncHasGoneOn({ pool, table, pollMs, wake }: PassContext, signal: AbortSignal): Promise<void> {
  const ended = async (): Promise<number | null> => {
    const now = (await tables.health(pool)).find((each) => each.tableOid === table.oid);
    const rests = now?.state === 'paused' && (await isPaused(pool, table.oid));
    if (rests || now?.state === 'detached') throw new Error('nobody is to work on the table');
    return now?.lastSyncedAt ?? null;
  };
  let last = await ended();
  for (let ends = 0; ends < 2; ) {
    await wake();
    let now = last;
    while (now === last) {
      await pause(pollMs, signal);
      signal.throwIfAborted();
      now = await ended();
    }
    ends += 1;
    last = now;
  }
}

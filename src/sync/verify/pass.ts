/**
 * One pass of the truth check over a table: the API's full listing, page by page, each page compared with the rows here;
 * then the rows that were not listed. What seems wrong is looked at again when the sync has had its chance.
 */
import type pg from 'pg';
import { ident, qualified, type SyncedTable } from '../../catalog/index.js';
import type { KitLog, Page, Rec, Session } from '../../provider/index.js';
import { inTransaction, isPaused, type PassPosition, tables, verification } from '../../store/index.js';
import { pause } from '../pause.js';
import { differing } from './compare.js';
import { confirmAndMend } from './confirm.js';

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
  /** Does something that asks the API, and then waits as long as the share of time that the check may take demands. */
  paced<T>(work: () => Promise<T>): Promise<T>;
}

/** Suspects that are looked at again together, and rows that are walked at once. */
const batch = 100;
/** More suspects than this in one go, and the rest is left to the next pass. */
const mostSuspects = 5000;

/** Goes on with the pass to its end. Throws what the API or the database threw: the pass then goes on where it was. */
export async function runPass(context: PassContext, start: PassPosition, signal: AbortSignal): Promise<void> {
  const { pool, table } = context;
  let position = start;
  if ((await verification.countKeys(pool, table.oid)) !== position.noted) {
    await verification.restart(pool, table.oid);
    position = { cursor: null, listed: false, noted: 0 };
  }
  if (!position.listed) position = await compareListing(context, position, signal);
  await lookAgain(context, await unlisted(context, signal), signal);
  await verification.finish(pool, table.oid);
}

async function compareListing(context: PassContext, start: PassPosition, signal: AbortSignal): Promise<PassPosition> {
  const { pool, table, session } = context;
  let position = start;
  let suspects: string[] = [];
  const pages = session.pull(table.resource, start.cursor, signal)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await context.paced(() => pages.next());
      signal.throwIfAborted();
      if (next.done === true) throw new Error('the listing ended without a last page');
      const page = next.value;
      suspects.push(...(await differing(pool, table, page.records)).map(({ key }) => key));
      position = await notePage(context, position, page);
      if (page.last || suspects.length >= batch) {
        await lookAgain(context, suspects, signal);
        suspects = [];
      }
      if (page.last) return position;
    }
  } finally {
    await pages.return?.();
  }
}

async function notePage({ pool, table }: PassContext, position: PassPosition, page: Page): Promise<PassPosition> {
  const rows = (await tables.health(pool)).find((each) => each.tableOid === table.oid)?.expectedRows ?? null;
  return inTransaction(pool, async (client) => {
    const keys = page.records.map((record) => record.key);
    const noted = position.noted + (await verification.noteKeys(client, table.oid, keys));
    const next = { cursor: page.next, listed: page.last, noted };
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

/** Rows that the listing did not have: made since it went by, or not the API's. */
async function unlisted({ pool, table }: PassContext, signal: AbortSignal): Promise<readonly string[]> {
  const key = ident(table.resource.key);
  const found: string[] = [];
  let after = '';
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
    if (last === undefined || found.length >= mostSuspects) return found;
    found.push(...result.rows.map((row) => row.key));
    after = last.key;
  }
}

async function lookAgain(context: PassContext, suspects: readonly string[], signal: AbortSignal): Promise<void> {
  if (suspects.length === 0) return;
  const { table, session, log } = context;
  const seen: { readonly keys: readonly string[]; readonly answers: readonly (Rec | null)[] }[] = [];
  for (let at = 0; at < suspects.length; at += batch) {
    const keys = suspects.slice(at, at + batch);
    seen.push({ keys, answers: await context.paced(() => session.read(table.resource, keys, signal)) });
  }
  await syncHasGoneOn(context, signal);
  for (const { keys, answers } of seen) {
    const wrong = await context.paced(() => confirmAndMend(context, keys, answers, signal));
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

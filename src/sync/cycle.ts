/**
 * One run of one table: re-reads what is queued, then follows the API's listing, page by page, to its end or until its
 * time is over. Each page, its deletions and the cursor behind it are one transaction, so that whoever comes next, in
 * whatever process, goes on where this one was, however it ended.
 *
 * A table whose API does not list deletions is swept: beside the changes everything is listed from time to time, and what
 * that listing lacks has gone.
 */
import type pg from 'pg';
import { qualified } from '../catalog/index.js';
import type { Page } from '../provider/index.js';
import {
  type Claim,
  countSwept,
  forgetUnfit,
  forgetWrites,
  inTransaction,
  noteSwept,
  type Position,
  positions,
  queueStale,
} from '../store/index.js';
import { mergeAll, type TableContext } from './incoming.js';
import { rereadQueued } from './reread.js';
import { deleteUnlisted } from './sweep.js';

/** What a run needs besides the table. */
export interface CycleContext extends TableContext {
  /** The id of this process's lease. */
  readonly worker: string;
  /** Whether another run of the table goes on in this process. */
  readonly isBusyHere: boolean;
  /** Milliseconds after which a run ends behind its page, so that others have their turn. */
  readonly sliceMs: number;
  /** Milliseconds from one sweep to the next, for tables that need them. */
  readonly sweepMs: number;
  /** Once, before anything is read. */
  readonly onStart: (claim: Claim, position: Position) => Promise<void>;
  /** The end of this run could not be written down: others take it for going on until that is made up for. */
  readonly onUnreleased: (run: string) => void;
  /** After each page that was stored. */
  readonly onPage: (position: Position, page: Page, rate: number | null) => Promise<void>;
}

export type CycleEnd =
  /** The API has nothing newer. */
  | { readonly kind: 'live' }
  /** There is more to do, at once. */
  | { readonly kind: 'more' }
  /** An operator wants nobody to work on it, for this reason. */
  | { readonly kind: 'paused'; readonly reason: string }
  /** Somebody works on it, and another run will follow that one. */
  | { readonly kind: 'busy' }
  /** Its definition is another than this process knows: it will hear of it in a moment. */
  | { readonly kind: 'changed' }
  /** It is not registered any more. */
  | { readonly kind: 'gone' };

/** What one run knows as it goes. */
interface Run {
  readonly context: CycleContext;
  readonly id: string;
  /** By this process's clock, for how long it goes on and how fast; and by the database's, for what it has brought. */
  readonly began: number;
  readonly beganAt: number;
  position: Position;
  /** Records of the full listing that this run has stored. */
  listed: number;
  /** Records that were left alone and queued. */
  queued: number;
}

/**
 * Does one run. Throws what the API or the database threw, and `NotWorker` where a later run has begun; everything stored
 * by then stays, and the next run goes on behind it.
 */
export async function runCycle(context: CycleContext, signal: AbortSignal): Promise<CycleEnd> {
  const { pool, table, turn } = context;
  const claim = await turn(() => positions.claim(pool, table, context.worker, !context.isBusyHere));
  if (claim === null) return { kind: 'gone' };
  if (claim === 'busy' || claim === 'changed') return { kind: claim };
  let again = false;
  let end: CycleEnd;
  try {
    end = claim.pause === null ? await runClaimed(context, claim, signal) : { kind: 'paused', reason: claim.pause };
  } finally {
    again = await turn(() => positions.release(pool, table.oid, claim.run)).catch((error: unknown) => {
      context.onUnreleased(claim.run);
      throw error;
    });
  }
  return again && end.kind === 'live' ? { kind: 'more' } : end;
}

async function runClaimed(context: CycleContext, claim: Claim, signal: AbortSignal): Promise<CycleEnd> {
  const { pool, table, turn } = context;
  const position = await startPosition(context, claim);
  const began = performance.now();
  const run: Run = { context, id: claim.run, began, beganAt: claim.began, position, listed: 0, queued: 0 };
  await context.onStart(claim, position);
  if (claim.stale) await rereadQueued(context, signal);
  const end = await pullAll(run, claim, signal);
  if (claim.stale || run.queued > 0) await rereadQueued(context, signal);
  if (claim.forgettable) await turn(() => forgetWrites(pool, table.oid, oldestNeeded(run)));
  return { kind: end === 'end' ? 'live' : 'more' };
}

/** Writes since a listing began must be known at its end: it may not have seen them. */
function oldestNeeded({ id, position }: Run): string {
  return position.sweptRows === null ? id : (position.listingOrder ?? id);
}

/** A listing that has no cursor yet begins anew, and so does one whose notes a crash of the server has emptied. */
async function startPosition(context: CycleContext, { position, run }: Claim): Promise<Position> {
  const { pool, table, turn } = context;
  if (!position.fullListing && position.cursor !== null) return position;
  if (position.cursor !== null && (await notesAreThere(context, position))) return position;
  return turn(async () => {
    const found = await pool.query(`SELECT FROM ${qualified(table)} LIMIT 1`);
    return positions.beginListing(pool, table.oid, run, { sweep: false, noting: (found.rowCount ?? 0) > 0 });
  });
}

async function notesAreThere({ pool, table, turn }: CycleContext, { sweptRows }: Position): Promise<boolean> {
  return sweptRows === null || (await turn(() => countSwept(pool, table.oid))) === sweptRows;
}

/** `cut`: its time is over. `stop`: an operator wants something else. */
type Followed = 'end' | 'cut' | 'stop';

async function pullAll(run: Run, claim: Claim, signal: AbortSignal): Promise<Followed> {
  const followed = await follow(run, false, signal);
  if (followed !== 'end' || !needsSweep(run, claim)) return followed;
  await startSweep(run);
  return follow(run, true, signal);
}

function needsSweep({ context, position }: Run, { sweptAge, position: before }: Claim): boolean {
  const { incremental, deletions } = context.table.resource.pull;
  if (!incremental || deletions === 'listed' || before.fullListing) return false;
  return position.sweep !== null || sweptAge === null || sweptAge >= context.sweepMs;
}

async function startSweep(run: Run): Promise<void> {
  const { context, position } = run;
  if (position.sweep !== null && position.sweep.cursor !== null && (await notesAreThere(context, position))) return;
  const how = { sweep: true, noting: true };
  run.position = await context.turn(() => positions.beginListing(context.pool, context.table.oid, run.id, how));
}

/** Stores page after page of one listing: the main one, or the sweep's beside it. */
async function follow(run: Run, sweep: boolean, signal: AbortSignal): Promise<Followed> {
  const { context } = run;
  const { table, session, turn } = context;
  let cursor = sweep ? (run.position.sweep?.cursor ?? null) : run.position.cursor;
  for await (const page of session.pull(table.resource, cursor, signal)) {
    const moved = JSON.stringify(page.next) !== JSON.stringify(cursor);
    cursor = page.next;
    const stop = await turn(() => storePage(run, page, sweep));
    await context.onPage(run.position, page, rateOf(run));
    if (page.last) {
      if (sweep || run.position.fullListing) await endListing(run, signal);
      return 'end';
    }
    signal.throwIfAborted();
    if (stop) return 'stop';
    // A listing that is all in one cursor can only be taken whole.
    if (moved && performance.now() - run.began > context.sliceMs) return 'cut';
  }
  signal.throwIfAborted();
  throw new Error('the listing ended without a last page');
}

/** Records a second of the full listing that is running. */
function rateOf({ position, listed, began }: Run): number | null {
  const seconds = (performance.now() - began) / 1000;
  return position.fullListing && listed > 0 && seconds > 0 ? listed / seconds : null;
}

/** Whether an operator wants the run to end here. */
async function storePage(run: Run, page: Page, sweep: boolean): Promise<boolean> {
  const { context, position } = run;
  const { pool, table } = context;
  const listing = position.fullListing && !sweep;
  if (listing) run.listed += page.records.length;
  const step = (db: pg.Pool | pg.PoolClient, noted: number | null) =>
    positions.advance(db, table.oid, run.id, {
      sweep,
      cursor: page.next,
      records: page.records.length,
      expectedRows: page.total ?? null,
      sweptRows: noted,
      rate: rateOf(run),
      syncedAt: page.last && !sweep && !position.fullListing ? run.beganAt : null,
    });
  const isEmpty = page.records.length === 0 && page.deletions.length === 0;
  const { stop, noted } = isEmpty
    ? { ...(await step(pool, position.sweptRows)), noted: position.sweptRows }
    : await inTransaction(pool, async (client) => {
        const notes = await mergePage(run, client, page);
        return { ...(await step(client, notes)), noted: notes };
      });
  run.position = {
    ...position,
    ...(sweep ? { sweep: { cursor: page.next } } : { cursor: page.next }),
    sweptRows: noted,
    pages: position.pages + (listing ? 1 : 0),
    rows: position.rows + (listing ? page.records.length : 0),
    expectedRows: listing ? (page.total ?? position.expectedRows) : position.expectedRows,
  };
  return stop;
}

/**
 * Answers how many keys are noted now. While a sweep runs beside the changes, theirs are noted too: what was made since
 * the sweep began, it may never list.
 */
async function mergePage(run: Run, client: pg.PoolClient, page: Page): Promise<number | null> {
  const { context, position } = run;
  const { table } = context;
  // A record that is listed both ways was deleted and made again, or the other way round: only a look at it tells.
  const deleted = new Set(page.deletions);
  const twice = page.records.filter((record) => deleted.has(record.key)).map((record) => record.key);
  for (const key of twice) deleted.delete(key);
  const skipped = new Set(twice);
  const records = skipped.size === 0 ? page.records : page.records.filter((record) => !skipped.has(record.key));
  const merged = await mergeAll(context, client, { records, deletions: [...deleted], order: run.id });
  run.queued += merged.queued + twice.length;
  if (twice.length > 0) await queueStale(client, table.oid, twice);
  if (position.sweptRows === null) return null;
  const keys = page.records.map((record) => record.key);
  return position.sweptRows + (await noteSwept(client, table.oid, keys));
}

/** The end of a listing of everything: what it did not list is deleted, unless it was written since it began. */
async function endListing(run: Run, signal: AbortSignal): Promise<void> {
  const { context, position } = run;
  const { pool, table, turn } = context;
  if (position.sweptRows !== null) {
    run.queued += await deleteUnlisted(context, position.sweptRows, position.listingOrder ?? '0', signal);
  }
  const again = !table.resource.pull.incremental;
  await turn(() => positions.endListing(pool, table.oid, run.id, again));
  await turn(() => forgetUnfit(pool, table.oid));
  run.position = { ...position, sweep: null, sweptRows: null };
}

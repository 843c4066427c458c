/**
 * Reading again what is queued of a table, as a job of its own: it does not wait for the table's run, which may be in the
 * middle of a first listing, and runs beside it (see reread.ts). Whatever it leaves, the table's next run reads.
 */
import type pg from 'pg';
import type { Catalog } from '../catalog/index.js';
import type { Session } from '../provider/index.js';
import { isPaused, staleKeys } from '../store/index.js';
import type { TableContext } from './incoming.js';
import type { JobContext, Jobs } from './jobs.js';
import { rereadQueued } from './reread.js';
import { createTurns } from './turns.js';

export interface RereadOptions {
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  /** By the connection's name. */
  readonly sessions: ReadonlyMap<string, Session>;
  readonly jobs: Jobs;
  readonly onReread?: NonNullable<TableContext['onReread']>;
}

const task = 'reread';
/** Over a minute; the table's own run comes after that. */
const attempts = 5;
/** Before the tables' sync: there can be very many of those at once. */
const priority = -5;
/** Milliseconds until another look: at what is still queued, or by a process that has the table's connection. */
const again = 1000;
const elsewhere = 10_000;
/** Milliseconds that a merge waits for writes being applied. */
const lockTimeoutMs = 10_000;
/** Pieces of database work at once. */
const concurrency = 2;

/**
 * Registers the task. The answer asks for a reading of a table's queue that begins after the call, by whatever process; it
 * resolves when that is certain to come. Any number of calls before it begins are one.
 */
export function registerRereads(options: RereadOptions): (tableOid: number) => Promise<void> {
  const { pool, catalog, sessions, jobs, onReread } = options;
  const turn = createTurns(concurrency);
  const ask = (tableOid: number, delayMs: number): Promise<void> =>
    jobs.add(task, { table: tableOid }, { key: `${task}:${tableOid}`, delayMs, keepEarlier: true, attempts, priority });

  jobs.register(task, async (payload: unknown, { signal }: JobContext) => {
    const oid = tableOf(payload);
    if (await isPaused(pool, oid)) return;
    const table = catalog.byOid(oid);
    const session = table === undefined ? undefined : sessions.get(table.connection);
    if (table !== undefined && session !== undefined) {
      const context = { pool, table, session, turn, lockTimeoutMs };
      await rereadQueued(onReread === undefined ? context : { ...context, onReread }, signal);
    }
    // What was queued once more, or is locked, or is another process's.
    const isLeft = (await staleKeys(pool, oid, 1)).length > 0;
    if (isLeft) await ask(oid, session === undefined ? elsewhere : again);
  });
  return (tableOid) => ask(tableOid, 0);
}

function tableOf(payload: unknown): number {
  const value: unknown = typeof payload === 'object' && payload !== null ? Reflect.get(payload, 'table') : undefined;
  return typeof value === 'number' ? value : 0;
}

/**
 * Reading again what is queued of a table, as a job of its own: it does not wait for the table's run, which may be in the
 * middle of a first listing, and runs beside it (see reread.ts). Whatever it leaves, the table's next run reads.
 */
import type pg from 'pg';
import type { Catalog } from '../catalog/index.js';
import type { Session } from '../provider/index.js';
import { isPaused } from '../store/index.js';
import type { JobContext, Jobs } from './jobs.js';
import { rereadQueued } from './reread.js';
import { createTurns } from './turns.js';

export interface RereadOptions {
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  /** By the connection's name. */
  readonly sessions: ReadonlyMap<string, Session>;
  readonly jobs: Jobs;
}

const task = 'reread';
/** Over a minute; the table's own run comes after that. */
const attempts = 5;
/** Milliseconds until another look whether this process is the one for a table that it does not know. */
const strangerMs = 1000;
/** Milliseconds that a merge waits for writes being applied. */
const lockTimeoutMs = 10_000;
/** Pieces of database work at once. */
const concurrency = 2;

/**
 * Registers the task. The answer asks for a table's queue to be read again in `delayMs`; it resolves when that is certain,
 * by whatever process. Any number of calls before it begins are one.
 */
export function registerRereads({
  pool,
  catalog,
  sessions,
  jobs,
}: RereadOptions): (tableOid: number, delayMs: number) => Promise<void> {
  const turn = createTurns(concurrency);
  const reread = (tableOid: number, delayMs: number): Promise<void> =>
    jobs.add(task, { table: tableOid }, { key: `${task}:${tableOid}`, delayMs, keepEarlier: true, attempts });

  jobs.register(task, async (payload: unknown, { signal, attempt }: JobContext) => {
    const oid = tableOf(payload);
    const table = catalog.byOid(oid);
    const session = table === undefined ? undefined : sessions.get(table.connection);
    if (await isPaused(pool, oid)) return;
    if (table !== undefined && session !== undefined) {
      await rereadQueued({ pool, table, session, turn, lockTimeoutMs }, signal);
    } else if (attempt === 1) {
      await reread(oid, strangerMs);
    }
  });
  return reread;
}

function tableOf(payload: unknown): number {
  const value: unknown = typeof payload === 'object' && payload !== null ? Reflect.get(payload, 'table') : undefined;
  return typeof value === 'number' ? value : 0;
}

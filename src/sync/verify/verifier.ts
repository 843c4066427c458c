/**
 * The truth check: every table is compared with its API again and again, slowly. The tables of a connection take turns,
 * one request at a time, and after each request the check waits so long that it takes no more than its share of the time.
 */
import type pg from 'pg';
import type { Catalog, SyncedTable } from '../../catalog/index.js';
import type { KitLog, Session } from '../../provider/index.js';
import { tables, verification } from '../../store/index.js';
import { pause } from '../pause.js';
import { runPass } from './pass.js';

export interface VerifierOptions {
  /** Upwrite's own. */
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  /** By the connection's name. */
  readonly sessions: ReadonlyMap<string, Session>;
  /** The id of this process's lease. */
  readonly worker: string;
  readonly log: KitLog;
  /** Milliseconds from the beginning of a table's pass to that of the next. */
  readonly intervalMs: number;
  /** Of a connection's time, 0 to 1, that a request of the check may be under way. 0: there is no check. */
  readonly share: number;
  /** Has the sync of a table begin now, where it would take long otherwise. */
  readonly wake?: (tableOid: number) => Promise<void>;
  /** Milliseconds between looks for something to do. Default 30,000. */
  readonly idleMs?: number;
  /** Milliseconds between looks whether the sync has gone on. Default 1,000. */
  readonly pollMs?: number;
  /** Milliseconds to wait for writes being applied. Default 10,000. */
  readonly lockTimeoutMs?: number;
}

export interface Verifier {
  stop(): Promise<void>;
}

export function startVerifier(options: VerifierOptions): Verifier {
  const stopped = new AbortController();
  const names = options.share > 0 ? [...options.sessions] : [];
  const loops = names.map(([name, session]) => verifyConnection(options, name, session, stopped.signal));
  return {
    async stop() {
      stopped.abort();
      await Promise.all(loops);
      if (loops.length === 0) return;
      await verification.release(options.pool, options.worker).catch((error: unknown) => {
        options.log.debug(
          { err: error },
          'the truth check could not be given back; it is free when the lease runs out',
        );
      });
    },
  };
}

async function verifyConnection(
  options: VerifierOptions,
  name: string,
  session: Session,
  signal: AbortSignal,
): Promise<void> {
  const { pool, catalog, worker, log, idleMs = 30_000 } = options;
  while (!signal.aborted) {
    // The wait comes first: right after the start there is better to do.
    await pause(idleMs, signal);
    if (signal.aborted) return;
    try {
      if (!(await verification.claim(pool, name, worker))) continue;
      const live = await liveTables(pool);
      for (const table of catalog.all()) {
        if (table.connection === name && live.has(table.oid)) await verifyTable(options, table, session, signal);
      }
    } catch (error) {
      if (!signal.aborted) log.debug({ connection: name, err: error }, 'the truth check was interrupted');
    }
  }
}

/**
 * A table that is still being listed for the first time has nothing to be compared. One that is paused, ill or not
 * configured any more is not as the API is, and the sync that decides what is wrong does not go on.
 */
async function liveTables(pool: pg.Pool): Promise<ReadonlySet<number>> {
  const health = await tables.health(pool);
  return new Set(
    health.flatMap((each) => (each.state === 'live' && each.lastSyncedAt !== null ? [each.tableOid] : [])),
  );
}

async function verifyTable(
  options: VerifierOptions,
  table: SyncedTable,
  session: Session,
  signal: AbortSignal,
): Promise<void> {
  const { pool, log, share, intervalMs, pollMs = 1000, lockTimeoutMs = 10_000, wake = async () => {} } = options;
  signal.throwIfAborted();
  const position = await verification.pass(pool, table, intervalMs);
  if (position === null) return;
  const paced = async <T>(work: () => Promise<T>): Promise<T> => {
    const begun = performance.now();
    try {
      return await work();
    } finally {
      await pause((performance.now() - begun) * (1 / Math.min(1, share) - 1), signal);
    }
  };
  try {
    await runPass(
      { pool, table, session, log, pollMs, lockTimeoutMs, paced, wake: () => wake(table.oid) },
      position,
      signal,
    );
  } catch (error) {
    if (signal.aborted) return;
    log.debug({ table: `${table.schema}.${table.name}`, err: error }, 'a pass of the truth check was interrupted');
  }
}

/**
 * The truth check: every table is compared with its API again and again, slowly. The tables of a connection take turns,
 * one request at a time, and after each request the check waits so long that it takes no more than its share of the time.
 */
import type pg from 'pg';
import type { Catalog, SyncedTable } from '../../catalog/index.js';
import type { KitLog, Session } from '../../provider/index.js';
import { verification } from '../../store/index.js';
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
  const ended = options.share > 0 ? lookForWork(options, stopped.signal) : null;
  return {
    async stop() {
      stopped.abort();
      if (ended === null) return;
      await ended;
      await verification.release(options.pool, options.worker).catch((error: unknown) => {
        options.log.debug(
          { err: error },
          'the truth check could not be given back; it is free when the lease runs out',
        );
      });
    },
  };
}

/** One look for all connections, however many there are: most of the time nothing is due. */
async function lookForWork(options: VerifierOptions, signal: AbortSignal): Promise<void> {
  const { pool, sessions, worker, log, intervalMs, idleMs = 30_000 } = options;
  const underWay = new Map<string, Promise<void>>();
  while (!signal.aborted) {
    // The wait comes first: right after the start there is better to do.
    await pause(idleMs, signal);
    if (signal.aborted) break;
    try {
      const free = [...sessions.keys()].filter((name) => !underWay.has(name));
      for (const [name, oids] of await verification.due(pool, free, intervalMs, worker)) {
        const turn = verifyConnection(options, name, new Set(oids), signal);
        underWay.set(
          name,
          turn.finally(() => underWay.delete(name)),
        );
      }
    } catch (error) {
      if (!signal.aborted) log.debug({ err: error }, 'the truth check could not look for what is due');
    }
  }
  await Promise.all(underWay.values());
}

/** The tables of a connection that are due, one after the other. Never throws. */
async function verifyConnection(
  options: VerifierOptions,
  name: string,
  due: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<void> {
  const { pool, catalog, sessions, worker, log } = options;
  const session = sessions.get(name);
  try {
    if (session === undefined || !(await verification.claim(pool, name, worker))) return;
    for (const table of catalog.all()) {
      if (table.connection === name && due.has(table.oid)) await verifyTable(options, table, session, signal);
    }
    // Whoever has time next may have it.
    await verification.release(pool, worker, name);
  } catch (error) {
    if (!signal.aborted) log.debug({ connection: name, err: error }, 'the truth check was interrupted');
  }
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

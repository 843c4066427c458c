/**
 * The truth check: every table is compared with its API again and again, slowly. The tables of a connection take turns,
 * one request at a time, and after each request the check waits so long that it takes no more than its share of the time.
 * What is done at a time is a turn of one connection, in whatever process has the job of it.
 */
import type pg from 'pg';
import type { Catalog, SyncedTable } from '../../catalog/index.js';
import type { KitLog, Session } from '../../provider/index.js';
import { isDatabaseAway, verification } from '../../store/index.js';
import { createPacer, type Pacer } from './pacer.js';
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
  /** Of a connection's time, above 0 and at most 1, that a request of the check may be under way. */
  readonly share: number;
  /** Has the sync of a table begin now, where it would take long otherwise. */
  readonly wake?: (tableOid: number) => Promise<void>;
  /** Milliseconds after which a turn ends before its next step. Default 5,000. */
  readonly turnMs?: number;
  /** Milliseconds until a table is tried again whose pass was interrupted by its API. Default 30,000. */
  readonly retryMs?: number;
  /** Milliseconds between looks whether the sync has gone on. Default 1,000. */
  readonly pollMs?: number;
  /** Milliseconds to wait for writes being applied. Default 10,000. */
  readonly lockTimeoutMs?: number;
}

export interface Verifier {
  /** The connections of this process of which a table is to be compared now. */
  due(): Promise<readonly string[]>;
  /**
   * Goes on with a connection's tables, unless another process is at them. Answers milliseconds until its next turn; null:
   * there is nothing to do for now, and `due` tells when there is. Throws what the database threw.
   */
  turn(connection: string, signal: AbortSignal): Promise<number | null>;
}

export function createVerifier(options: VerifierOptions): Verifier {
  const { pool, sessions, worker, log, intervalMs } = options;
  /** A job that was given up while its work still ends, and the same one again, have the same claim. */
  const underWay = new Set<string>();
  /** By table, when it may be tried again. */
  const failed = new Map<number, number>();
  const claimed = async (name: string, work: () => Promise<number | null>): Promise<number | null> => {
    if (!(await verification.claim(pool, name, worker))) return null;
    try {
      return await work();
    } finally {
      await verification.release(pool, worker, name).catch((error: unknown) => {
        log.debug({ connection: name, error }, 'the truth check could not be given back; it is free with the lease');
      });
    }
  };
  return {
    due: async () => [...(await verification.due(pool, [...sessions.keys()], intervalMs, worker)).keys()],
    turn: async (name, signal) => {
      const session = sessions.get(name);
      if (session === undefined || underWay.has(name)) return null;
      underWay.add(name);
      try {
        return await claimed(name, () => verifyTables(options, { name, session, failed }, signal));
      } finally {
        underWay.delete(name);
      }
    },
  };
}

interface Checked {
  readonly name: string;
  readonly session: Session;
  readonly failed: Map<number, number>;
}

/** The tables of a connection that are due, one after the other, until the turn is over. */
async function verifyTables(options: VerifierOptions, checked: Checked, signal: AbortSignal): Promise<number | null> {
  const { pool, catalog, worker, intervalMs, share, turnMs = 5000, retryMs = 30_000 } = options;
  const { name, failed } = checked;
  const pacer = createPacer(share, turnMs);
  for (const oid of (await verification.due(pool, [name], intervalMs, worker)).get(name) ?? []) {
    const table = catalog.byOid(oid);
    if (table === undefined || (failed.get(oid) ?? 0) > performance.now()) continue;
    failed.delete(oid);
    const how = await verifyTable(options, table, checked.session, pacer, signal);
    if (how === 'cut') return pacer.owed();
    if (how === 'failed') failed.set(oid, performance.now() + retryMs);
  }
  return null;
}

async function verifyTable(
  options: VerifierOptions,
  table: SyncedTable,
  session: Session,
  pacer: Pacer,
  signal: AbortSignal,
): Promise<'done' | 'cut' | 'failed'> {
  const { pool, log, intervalMs, pollMs = 1000, lockTimeoutMs = 10_000, wake = async () => {} } = options;
  signal.throwIfAborted();
  const position = await verification.pass(pool, table, intervalMs);
  if (position === null) return 'done';
  const context = { pool, table, session, log, pollMs, lockTimeoutMs, pacer, wake: () => wake(table.oid) };
  try {
    return (await runPass(context, position, signal)) ? 'done' : 'cut';
  } catch (error) {
    if (signal.aborted || isDatabaseAway(error)) throw error;
    log.debug({ table: `${table.schema}.${table.name}`, error }, 'a pass of the truth check was interrupted');
    return 'failed';
  }
}

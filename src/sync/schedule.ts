/** When every table has been listed in full once. */
import type pg from 'pg';
import type { KitLog } from '../provider/index.js';

export interface FirstListings {
  readonly promise: Promise<void>;
  /** The tables to wait for. */
  await(tableOids: readonly number[]): void;
  listed(tableOid: number): void;
  /** Tables that are not among these are waited for no longer. */
  keep(tableOids: ReadonlySet<number>): void;
  /** Resolves when no look is under way any more. */
  stop(): Promise<void>;
}

/** Milliseconds between looks at what other processes have listed. */
const lookInterval = 1000;

/**
 * Waits for the tables given, whichever process lists them. `isUnderWay`: this process has a run of the table, which will
 * tell of its end itself: a look sees the rows before the run has said that the table is live.
 */
export function firstListings(pool: pg.Pool, log: KitLog, isUnderWay: (tableOid: number) => boolean): FirstListings {
  const waiting = new Set<number>();
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // Nobody has to listen to it.
  promise.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> = Promise.resolve();
  let stopped = false;

  const settle = (): void => {
    if (waiting.size === 0) resolve();
  };
  const look = async (): Promise<void> => {
    try {
      const listed = await pool.query<{ oid: number }>(
        'SELECT table_oid AS oid FROM upwrite.tables WHERE last_synced_at IS NOT NULL AND table_oid = ANY ($1::oid[])',
        [[...waiting]],
      );
      for (const { oid } of listed.rows) if (!isUnderWay(oid)) waiting.delete(oid);
    } catch (error) {
      log.debug({ err: error }, 'the state of the first listings could not be read');
    }
    settle();
    if (waiting.size > 0 && !stopped) lookLater();
  };
  const lookLater = (): void => {
    timer = setTimeout(() => {
      looking = look();
    }, lookInterval);
  };

  return {
    promise,
    await: (tableOids) => {
      for (const oid of tableOids) waiting.add(oid);
      settle();
      if (waiting.size > 0) lookLater();
    },
    listed: (tableOid) => {
      if (waiting.delete(tableOid)) settle();
    },
    keep: (tableOids) => {
      for (const oid of waiting) if (!tableOids.has(oid)) waiting.delete(oid);
      settle();
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      reject(new Error('the sync was stopped'));
      await looking;
    },
  };
}

/** Says how a target is doing: in `upwrite.record_targets`, in the log, and to whoever listens. */
import type pg from 'pg';
import { type KitLog, silentLog } from '../provider/index.js';
import {
  isDatabaseAway,
  type RecordTargetState,
  records,
  recordsLate,
  recordsLateMs,
  sqlstateOf,
} from '../store/index.js';

/** A change of a target's state, as it was committed. */
export interface TargetChange {
  /** The target's name. */
  readonly target: string;
  readonly from: RecordTargetState;
  readonly to: RecordTargetState;
  readonly reason: string | null;
}

export interface ReportOptions {
  /** Upwrite's own. */
  readonly pool: pg.Pool;
  readonly log?: KitLog;
  /** Milliseconds between looks for changes. Default 500. */
  readonly intervalMs?: number;
  /** Milliseconds after which a change that waits makes its target unhealthy. Default 300,000. */
  readonly lateMs?: number;
  /** After a change of a target's state was committed by this process. */
  readonly onStateChange?: (change: TargetChange) => Promise<void>;
}

export type Report = (state: RecordTargetState, reason: string | null, error?: unknown) => Promise<void>;

/** The table is not one that can be written. */
export class WrongShape extends Error {}

/** Writes a target's state where it changes, and every few seconds how much waits. */
export function createReport(options: ReportOptions, target: string): Report {
  const { pool, log = silentLog, lateMs = recordsLateMs, intervalMs = 500 } = options;
  let written = '';
  let writtenAt = Number.NEGATIVE_INFINITY;
  return async (state, reason, error) => {
    const print = `${state} ${reason}`;
    if (print === written && performance.now() - writtenAt < intervalMs * 10) return;
    if (print !== written && error !== undefined) {
      log.warn({ target, reason, err: error }, 'a records table cannot be fed');
    } else if (print !== written) log.info({ target, state }, 'a records table');
    written = print;
    writtenAt = performance.now();
    try {
      const late = state !== 'unhealthy' && (await records.lateness(pool, target)) >= lateMs;
      const to = late ? 'unhealthy' : state;
      const why = late ? recordsLate : reason;
      const from = await records.setState(pool, target, to, why);
      if (from !== null) await options.onStateChange?.({ target, from, to, reason: why });
    } catch (unwritten) {
      written = '';
      log.debug({ target, err: unwritten }, 'the state could not be written');
    }
  };
}

/** Why a target cannot be fed, in words that any role may read. */
export function reasonOf(error: unknown): string {
  if (error instanceof WrongShape) return error.message;
  const sqlstate = sqlstateOf(error);
  if (isDatabaseAway(error) || sqlstate?.startsWith('28') === true || sqlstate === '3D000') {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    return `its database cannot be reached${code}`;
  }
  if (sqlstate !== undefined) return `its database refused records (SQLSTATE ${sqlstate}); the log has more`;
  return 'delivering records failed; the log has more';
}

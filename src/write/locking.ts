/** The lock phase: who else writes these records waits, and the statement is evaluated again under the locks. */
import type { SyncedTable } from '../catalog/index.js';
import type { Journal } from '../store/index.js';
import type { Evaluation, LentSession } from '../upstream/index.js';
import type { OldRows } from './batch.js';
import type { Stop } from './stop.js';
import type { Writer } from './writer.js';

/** How often a row set may change under our feet before the statement is given up. */
export const maxRounds = 4;

export interface Locking {
  readonly lent: LentSession;
  readonly table: SyncedTable;
  readonly stop: Stop;
  readonly writer: Writer;
  readonly journal: Journal;
  /** Evaluates the statement, as `LentSession` does, within the table's limit. */
  evaluate(upserts?: string): Promise<Evaluation>;
  /** Brings rows whose locks are held in line with the API. */
  refresh(keys: readonly string[]): Promise<void>;
}

export interface Locked {
  readonly evaluation: Evaluation;
  /** The rows as they are here, by key. */
  readonly old: OldRows;
}

/** An INSERT has no rows to lock: whether the table takes any is all that can be found out. */
export async function lockTable({ writer }: Locking, first: Evaluation): Promise<Locked> {
  await writer.probeTable();
  return { evaluation: first, old: new Map() };
}

/** Locks the keys and evaluates under the locks, until the rows are those that are locked. */
export async function lockRows(locking: Locking, first: Evaluation): Promise<Locked> {
  const { lent, table, stop, writer } = locking;
  let evaluation = first;
  const locked = new Set<string>();
  for (let round = 0; round < maxRounds; round++) {
    const missing = evaluation.rows.filter((row) => !locked.has(row.key));
    if (round > 0 && missing.length === 0) {
      const keys = evaluation.rows.map((row) => row.key);
      return { evaluation, old: await writer.probeRows(keys, lent.facts.verb) };
    }
    for (const row of missing) locked.add(row.key);
    await writer.lockKeys([...locked], stop.signal);
    stop.check(table.provider);
    await refreshInDoubt(locking, [...locked]);
    evaluation = await locking.evaluate();
    if (evaluation.total === 0) return { evaluation, old: new Map() };
  }
  return writer.lockFailed();
}

/** A write of these rows whose outcome is unknown may have been applied: what they are here may be old. */
export async function refreshInDoubt({ writer, journal, refresh }: Locking, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  const inDoubt = await writer.inDoubt(journal, keys);
  if (inDoubt.length > 0) await refresh(inDoubt);
}

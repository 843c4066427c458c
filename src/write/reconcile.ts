/**
 * What the API made of an upsert, against what the table here was evaluated to. They differ where the table is behind:
 * the record was there and not here, or has other values by now. The records concerned are read whole.
 */
import type { SyncedTable } from '../catalog/index.js';
import type { BatchRow, Outcome, Rec, Session } from '../provider/index.js';
import type { Evaluation } from '../upstream/index.js';
import { type ConfirmedRecord, confirm } from './confirmed.js';
import type { UpsertTarget } from './upsert.js';
import type { WriteLog } from './watch.js';

/** What is to be stored of a write. */
export interface Changes {
  /** The statement's rows, for RETURNING as well. */
  readonly records: readonly ConfirmedRecord[];
  /** Other records that turned out to be old here, as they are now. */
  readonly also: readonly Rec[];
  /** Keys of records that turned out to be gone. */
  readonly gone: readonly string[];
  /** Keys of which another look is needed: somebody else may have written them meanwhile, or they could not be read. */
  readonly stale: readonly string[];
}

export interface Reconciling {
  readonly session: Session;
  readonly table: SyncedTable;
  readonly evaluation: Evaluation;
  readonly rows: readonly BatchRow[];
  readonly targets: readonly UpsertTarget[];
  readonly outcomes: readonly Outcome[];
  readonly signal: AbortSignal;
  readonly log: WriteLog;
}

type Applied = Extract<Outcome, { kind: 'applied' }>;

/** One applied row with what it was taken for. */
interface Row {
  readonly outcome: Applied;
  readonly target: UpsertTarget;
  readonly base: string;
  readonly sent: BatchRow;
}

export async function reconcile(work: Reconciling): Promise<Changes> {
  const rows = work.outcomes.flatMap((outcome, i): Row[] => {
    const [target, sent, evaluated] = [work.targets[i], work.rows[i], work.evaluation.rows[i]];
    if (outcome.kind !== 'applied' || target === undefined || sent === undefined || evaluated === undefined) return [];
    return [{ outcome, target, sent, base: evaluated.base }];
  });
  const found = rows.filter((row) => !isExpected(row) && row.outcome.created !== true);
  const outdated = rows.flatMap((row) => row.target.keys.filter((key) => key !== keyOf(row)));
  const partly = found.filter((row) => !isWhole(work.table, row.outcome.record)).map(keyOf);
  const read = await readAll(work, [...new Set([...partly, ...outdated])]);
  const written = new Set(rows.map(keyOf));
  const others = outdated.filter((key) => !written.has(key));
  return {
    records: rows.map((row) => confirmed(work.table, row, read)),
    also: others.flatMap((key) => read.get(key) ?? []),
    gone: others.filter((key) => read.get(key) === null),
    stale: [...new Set([...found.map(keyOf), ...outdated])],
  };
}

function keyOf(row: Row): string {
  return row.outcome.record.key;
}

/** Whether the API changed the record that is here, or made a new one where none is. */
function isExpected({ outcome, target }: Row): boolean {
  const [local] = target.keys;
  return local === undefined ? outcome.created === true : local === outcome.record.key && outcome.created !== true;
}

/** Whether the API's answer has every column. */
function isWhole(table: SyncedTable, { values }: Rec): boolean {
  const { columns, key } = table.resource;
  return columns.every(({ name }) => name === key || values[name] !== undefined);
}

function confirmed(table: SyncedTable, row: Row, read: ReadonlyMap<string, Rec | null>): ConfirmedRecord {
  const { outcome, target, sent, base } = row;
  if (isExpected(row)) return confirm(table, base, sent.values, outcome.record);
  const now = read.get(outcome.record.key);
  const values = { ...outcome.record.values, ...now?.values };
  return confirm(table, target.fresh, sent.values, { key: outcome.record.key, values });
}

/** Records by key, null for those that are gone; empty where the API does not answer. */
async function readAll(work: Reconciling, keys: readonly string[]): Promise<ReadonlyMap<string, Rec | null>> {
  if (keys.length === 0) return new Map();
  try {
    const records = await work.session.read(work.table.resource, keys, work.signal);
    return new Map(keys.map((key, i) => [key, records[i] ?? null]));
  } catch (error) {
    work.log.warn({ table: work.table.name, error: String(error) }, 'upserted records could not be read back yet');
    return new Map();
  }
}

/**
 * The lock phase of an upsert. Which records its rows are is decided twice: here, from what is in the table, so that
 * Postgres can evaluate it; and by the API, whose answer is the truth (`reconcile.ts`).
 *
 * Locked are the values, so that two upserts of one value take turns wherever the record is, and the keys of the rows
 * here that have them.
 */
import { randomUUID } from 'node:crypto';
import { type ConflictTarget, type SyncedTable, upsertPlan } from '../catalog/index.js';
import { raise } from '../errors/index.js';
import type { EvaluatedRow, Evaluation, MutationFacts } from '../upstream/index.js';
import { type Locked, type Locking, maxRounds, refreshInDoubt } from './locking.js';

/** What a row of an upsert is here. */
export interface UpsertTarget {
  /** The keys of the rows here that have its values; the first of them is what it was evaluated as. */
  readonly keys: readonly string[];
  /** The row as a new one, as JSON text. */
  readonly fresh: string;
}

export interface LockedUpsert extends Locked {
  /** By row. */
  readonly targets: readonly UpsertTarget[];
}

/** Locks values and keys and evaluates under the locks, until the rows are those that are locked. */
export async function lockUpsert(locking: Locking, first: Evaluation): Promise<LockedUpsert> {
  const { lent, table, stop, writer } = locking;
  const { conflict } = lent.facts;
  let fresh = first;
  for (let round = 0; round < maxRounds; round++) {
    refuseEmpty(table, lent.facts, fresh.rows);
    const rows = fresh.rows.map((row) => row.base);
    const before = await writer.findConflicts(conflict, rows);
    const keys = keysOf(before);
    const values = before.map((target) => target.value);
    await writer.lockValues(conflict, values, keys, stop.signal);
    stop.check(table.provider);
    const targets = await writer.findConflicts(conflict, rows);
    if (keysOf(targets).some((key) => !keys.includes(key))) continue;
    await refreshInDoubt(locking, keys);
    const evaluation = await locking.evaluate(upsertPlan(table, conflict, planned(targets)));
    const known = new Map(fresh.rows.map((row, i) => [valuesOf(table, lent.facts, row), i]));
    const places = evaluation.rows.map((row) => known.get(valuesOf(table, lent.facts, row)));
    if (places.every((place) => place !== undefined)) {
      return {
        evaluation,
        old: await writer.probeUpsert(keys),
        targets: places.map((place) => ({ keys: targets[place]?.keys ?? [], fresh: rows[place] ?? '{}' })),
      };
    }
    fresh = await locking.evaluate();
    if (fresh.total === 0) return { evaluation: fresh, old: new Map(), targets: [] };
  }
  return writer.lockFailed();
}

function keysOf(targets: readonly ConflictTarget[]): readonly string[] {
  return [...new Set(targets.flatMap((target) => target.keys))];
}

/**
 * The key of each value. Two new rows of one value get the same, so that Postgres refuses them as it does with an index:
 * the command cannot affect a row a second time.
 */
function planned(targets: readonly ConflictTarget[]): ReadonlyMap<string, string> {
  const plan = new Map<string, string>();
  const seen = new Set<string>();
  for (const { value, keys } of targets) {
    const key = keys[0] ?? (seen.has(value) ? `upwrite:${randomUUID()}` : undefined);
    if (key !== undefined && !plan.has(value)) plan.set(value, key);
    seen.add(value);
  }
  return plan;
}

function columnValue(facts: MutationFacts, row: EvaluatedRow, column: string): string | null {
  return row.values[facts.columns.indexOf(column)] ?? null;
}

/** A row keeps the scale of the number that it has, whatever that of an equal one. */
function valuesOf(table: SyncedTable, facts: MutationFacts, row: EvaluatedRow): string {
  const values = facts.conflict.map((name) => {
    const value = columnValue(facts, row, name);
    const isNumber = table.resource.columns.some((column) => column.name === name && column.type === 'numeric');
    return isNumber ? (value?.replace(/^(-?\d+)(?:\.0*|(\.\d*?[1-9])0*)$/, '$1$2') ?? null) : value;
  });
  return JSON.stringify(values);
}

/** Postgres would insert a row whose key is NULL beside any other; an API's upsert needs a value to look for. */
function refuseEmpty(table: SyncedTable, facts: MutationFacts, rows: readonly EvaluatedRow[]): void {
  for (const column of facts.conflict) {
    if (rows.every((row) => (columnValue(facts, row, column) ?? '') !== '')) continue;
    raise('unsupported', {
      params: {
        what: `INSERT … ON CONFLICT DO UPDATE of a row without a value of "${column}"`,
        table: table.name,
        provider: table.provider,
      },
      hint: 'Insert rows without a value of the key by a plain INSERT.',
      schema: table.schema,
      table: table.name,
      column,
    });
  }
}

/** The rows of a statement as the batch that a provider is asked to write. */
import { randomUUID } from 'node:crypto';
import { isProvisionalKey, type SyncedTable } from '../catalog/index.js';
import { raise } from '../errors/index.js';
import type { BatchRow, Column, JsonValue } from '../provider/index.js';
import type { EvaluatedRow, MutationFacts } from '../upstream/index.js';
import { providerValue } from './values.js';

/** The rows as they are in the database now, as JSON text, by key. */
export type OldRows = ReadonlyMap<string, string>;

/**
 * The rows to send. A column that the API sets itself may be named by the statement only where that changes nothing:
 * DEFAULT or NULL in an insert, DEFAULT in an upsert, its old value in an update. Anything else is `read_only_column`.
 */
export function batchRows(
  table: SyncedTable,
  facts: MutationFacts,
  rows: readonly EvaluatedRow[],
  old: OldRows,
): readonly BatchRow[] {
  const statement = randomUUID();
  const columns = new Map(table.resource.columns.map((column) => [column.name, column]));
  return rows.map((row, index) => ({
    key: facts.verb === 'insert' || facts.verb === 'upsert' ? null : row.key,
    values: facts.verb === 'delete' ? {} : assignedValues(table, facts, columns, row, index, old),
    idempotencyKey: `${statement}-${index}`,
    ...(facts.verb === 'update' ? oldValues(columns, facts, old.get(row.key)) : {}),
  }));
}

/** What the assigned columns held before; numbers that JSON would round are left out. */
function oldValues(
  columns: ReadonlyMap<string, Column>,
  facts: MutationFacts,
  json: string | undefined,
): Pick<BatchRow, 'old'> {
  if (json === undefined) return {};
  const row = JSON.parse(json) as Record<string, JsonValue>;
  const known = facts.columns.filter((name) => {
    const type = columns.get(name)?.type;
    return type !== undefined && type !== 'bigint' && type !== 'numeric' && type !== 'bytea';
  });
  return { old: Object.fromEntries(known.map((name) => [name, row[name] ?? null])) };
}

function assignedValues(
  table: SyncedTable,
  facts: MutationFacts,
  columns: ReadonlyMap<string, Column>,
  row: EvaluatedRow,
  index: number,
  old: OldRows,
): Readonly<Record<string, JsonValue>> {
  const values: Record<string, JsonValue> = {};
  for (const [i, name] of facts.columns.entries()) {
    const column = columns.get(name);
    const text = row.values[i] ?? null;
    if (facts.defaults[index]?.[i] === true) continue;
    if (column !== undefined && isAssignable(facts, column)) {
      values[name] = providerValue(column.type, text);
    } else if (!changesNothing(table, facts, row, name, text, old)) {
      refuseColumn(table, facts, name);
    }
  }
  return values;
}

function isAssignable(facts: MutationFacts, { insertable, updatable }: Column): boolean {
  if (facts.verb === 'upsert') return insertable && updatable;
  return facts.verb === 'insert' ? insertable : updatable;
}

function changesNothing(
  table: SyncedTable,
  facts: MutationFacts,
  row: EvaluatedRow,
  name: string,
  text: string | null,
  old: OldRows,
): boolean {
  if (facts.verb === 'upsert') return false;
  if (facts.verb === 'insert') return text === null || (name === table.resource.key && isProvisionalKey(text));
  const before = old.get(row.key);
  return before !== undefined && member(before, name) === member(row.base, name);
}

function member(json: string, name: string): string {
  return JSON.stringify((JSON.parse(json) as Record<string, JsonValue>)[name] ?? null);
}

function refuseColumn(table: SyncedTable, facts: MutationFacts, column: string): never {
  return raise('read_only_column', {
    params: { column, table: table.name, verb: facts.verb.toUpperCase(), provider: table.provider },
    schema: table.schema,
    table: table.name,
    column,
  });
}

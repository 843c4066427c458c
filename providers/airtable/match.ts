/**
 * Which new record belongs to which row. Airtable documents no order of a batch's results, so they are told apart by what
 * they hold. Every record's own values are stored whichever row it is given to: only which key a row of RETURNING shows
 * depends on this.
 */
import type { Column, JsonValue, Rec, Resource, Values } from '../../src/provider/index.js';
import { fromApi, toApi } from './mapping.js';

function sameItems(a: readonly JsonValue[], b: readonly JsonValue[]): boolean {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && [...left].every((item) => right.has(item));
}

/**
 * Whether a JSON value that was sent can have become this one: Airtable adds to a collaborator or an attachment what it
 * knows of it, and fetches a file to an address of its own.
 */
function becomes(sent: JsonValue, found: JsonValue): boolean {
  if (Array.isArray(sent)) {
    if (!Array.isArray(found)) return sent.length === 0 && found === null;
    return sent.length === found.length && sent.every((item, index) => becomes(item, found[index] ?? null));
  }
  if (typeof sent !== 'object' || sent === null) {
    const id: unknown = typeof found === 'object' && found !== null ? Reflect.get(found, 'id') : found;
    return sent === id;
  }
  if (typeof found !== 'object' || found === null) return false;
  return Object.entries(sent).every(
    ([name, value]) => name === 'url' || JSON.stringify(Reflect.get(found, name)) === JSON.stringify(value),
  );
}

/** Whether a cell holds what was assigned, as Airtable keeps it. Rich text may get another end of line. */
function isKept(column: Column, assigned: JsonValue, found: JsonValue, isNew = true): boolean {
  const sent = toApi(column, assigned, isNew);
  if (column.type === 'jsonb') return becomes(sent, found);
  const wanted = fromApi(column, sent);
  if (Array.isArray(wanted)) return sameItems(wanted, Array.isArray(found) ? found : []);
  if (column.type === 'text' && typeof wanted === 'string' && typeof found === 'string') {
    return wanted.trimEnd() === found.trimEnd();
  }
  return wanted === found;
}

function isFile(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null && 'url' in value;
}

/** Whether files that were sent can have become these: Airtable leaves out those that it cannot fetch, now or later. */
function lacksFiles(sent: JsonValue, found: JsonValue): boolean {
  if (!Array.isArray(sent) || sent.length === 0 || !sent.every(isFile)) return false;
  const left = Array.isArray(found) ? [...found] : [];
  for (const file of sent) if (left[0] !== undefined && becomes(file, left[0])) left.shift();
  return left.length === 0;
}

/** Whether a new record has all that a row assigns, but for files, and something else than files. */
function isLackingFiles(columns: readonly Column[], values: Values, record: Rec): boolean {
  let others = 0;
  for (const column of columns) {
    const [assigned, found] = [values[column.name] ?? null, record.values[column.name] ?? null];
    if (isKept(column, assigned, found)) others += found === null || column.type === 'jsonb' ? 0 : 1;
    else if (!lacksFiles(toApi(column, assigned, true), found)) return false;
  }
  return others > 0;
}

/** Whether a record has the values of a row in these columns. */
export function sameValues(columns: readonly Column[], values: Values, record: Rec): boolean {
  return columns.every((column) =>
    isKept(column, values[column.name] ?? null, record.values[column.name] ?? null, false),
  );
}

/** How many of the columns that any row assigns differ; a row that does not assign one expects it to be empty. */
function differences(columns: readonly Column[], values: Values, record: Rec): number {
  return columns.filter((column) => {
    const found = record.values[column.name] ?? null;
    return !isKept(column, values[column.name] ?? null, found);
  }).length;
}

function assignedColumns(resource: Resource, rows: readonly Values[]): readonly Column[] {
  return resource.columns.filter((column) => rows.some((values) => values[column.name] !== undefined));
}

/**
 * A record for each row, each used once: those that hold all that was assigned first, then those that differ least, which
 * happens where an automation or a default was quicker. Rows that cannot be told apart, because they assign
 * the same, get their records in the order of the answer; either is right for either.
 */
export function pairRecords(resource: Resource, rows: readonly Values[], records: readonly Rec[]): readonly Rec[] {
  const columns = assignedColumns(resource, rows);
  const pairs = rows.flatMap((values, row) =>
    records.map((record, at) => ({
      row,
      at,
      record,
      differing: differences(columns, values, record),
    })),
  );
  pairs.sort((a, b) => a.differing - b.differing || a.row - b.row || a.at - b.at);
  const byRow = new Map<number, Rec>();
  const used = new Set<number>();
  for (const pair of pairs) {
    if (byRow.has(pair.row) || used.has(pair.at)) continue;
    byRow.set(pair.row, pair.record);
    used.add(pair.at);
  }
  return rows.flatMap((_, row) => byRow.get(row) ?? []);
}

/** Whether a record that was there before has the values that a write assigned. */
export function holds(resource: Resource, record: Rec, values: Values): boolean {
  return sameValues(assignedColumns(resource, [values]), values, record);
}

/** For each row a record that holds what it assigns, each used once, or null. Files may be missing from it. */
export function findEqual(
  resource: Resource,
  rows: readonly Values[],
  records: readonly Rec[],
): readonly (Rec | null)[] {
  const left = new Set(records);
  return rows.map((values) => {
    const columns = assignedColumns(resource, [values]);
    const match =
      [...left].find((record) => differences(columns, values, record) === 0) ??
      [...left].find((record) => isLackingFiles(columns, values, record));
    if (match !== undefined) left.delete(match);
    return match ?? null;
  });
}

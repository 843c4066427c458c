/**
 * INSERT … ON CONFLICT DO UPDATE of a synced table: whether it can be one upsert of its API, and what the database is
 * given in its place. The database has no unique index on the columns that the API keeps unique, and would refuse the
 * statement. It gets the client's own text with the table's key as the conflict target, and everything else, privileges,
 * types and the RETURNING list among it, is Postgres's own.
 */
import type { SyncedTable } from '../../catalog/index.js';
import { asciiIdentifier, type Change, type Mutation, quoteIdentifier, type Statement } from '../../sql/index.js';
import { namedColumns } from './evaluation-sql.js';
import { charactersBefore } from './notice-fields.js';
import type { Refused } from './work.js';

export interface Upsert {
  readonly kind: 'upsert';
  /** The columns of the conflict target, in the table's order. */
  readonly conflict: readonly string[];
}

export function isUpsert(mutation: Mutation): boolean {
  return mutation.insert?.onConflict?.action === 'update';
}

/** The upsert that a statement is, explains or prepares, or null. */
export function upsertWithin(statement: Statement): Mutation | null {
  const mutation =
    statement.kind === 'mutation'
      ? statement
      : statement.kind === 'explain' || statement.kind === 'prepare'
        ? statement.mutation
        : null;
  return mutation !== null && isUpsert(mutation) ? mutation : null;
}

/** The API's upsert that an INSERT … ON CONFLICT DO UPDATE is, or why it is none and what to write instead. */
export function planUpsert(mutation: Mutation, table: SyncedTable): Upsert | Refused {
  const refuse = (hint: string): Refused => ({
    kind: 'refused',
    what: 'INSERT … ON CONFLICT DO UPDATE',
    targets: [mutation.target],
    hint,
  });
  const { insert } = mutation;
  const clause = insert?.onConflict;
  const limit = table.resource.writes.upsert;
  if (insert === null || clause == null || limit === undefined || table.limits.upsert === undefined) {
    return refuse(
      `${table.provider} has no upsert for this table: UPDATE the row, and INSERT it where none was updated.`,
    );
  }
  const keys = table.resource.columns.filter((column) => column.upsertKey === true).map((column) => column.name);
  const advice = `ON CONFLICT (…) takes ${keyWords(keys, limit.keyColumns)}.`;
  if (keys.length === 0) return refuse(`${table.provider} has no column here that an upsert can find records by.`);
  if (clause.columns.length === 0) return refuse(`Name the column: ${advice}`);
  const wrong = clause.columns.find((name) => !keys.includes(name));
  if (wrong !== undefined) return refuse(`${table.provider} finds no records by "${wrong}": ${advice}`);
  const conflict = table.columnNames.filter((name) => clause.columns.includes(name));
  if (conflict.length > limit.keyColumns) return refuse(advice);
  if (clause.hasWhere) return refuse('Leave the WHERE out: the API decides which records there are.');
  const given = givenColumns(mutation, table);
  const missing = conflict.find((name) => !given.includes(name));
  if (missing !== undefined) return refuse(`Insert a value of "${missing}", by which the record is to be found.`);
  const wanted = given.filter((name) => !conflict.includes(name));
  const assigned = clause.set.filter(({ column }) => !conflict.includes(column));
  const fits =
    clause.set.every(({ excluded }) => excluded) &&
    assigned.length === wanted.length &&
    wanted.every((name) => assigned.some(({ column }) => column === name)) &&
    !hasDefaults(mutation, table, wanted.concat(conflict));
  return fits ? { kind: 'upsert', conflict } : refuse(setAdvice(wanted, conflict, table));
}

function keyWords(keys: readonly string[], most: number): string {
  const named = keys.slice(0, 10).map(quoteIdentifier).join(', ');
  const some = keys.length > 10 ? `${named} and others` : named;
  if (keys.length === 1) return some;
  return most === 1 ? `one of ${some}` : `up to ${most} of ${some}`;
}

/** Columns that any row gives a value; a column that is DEFAULT throughout counts as left out. */
function givenColumns(mutation: Mutation, table: SyncedTable): readonly string[] {
  const defaults = mutation.insert?.defaults ?? [];
  return namedColumns(mutation, table).filter(
    (_, i) => defaults.length === 0 || defaults.some((row) => row[i] !== true),
  );
}

/** DEFAULT is the API's own value for a new record, and none for an old one. */
function hasDefaults(mutation: Mutation, table: SyncedTable, columns: readonly string[]): boolean {
  const named = namedColumns(mutation, table);
  return (mutation.insert?.defaults ?? []).some((row) =>
    row.some((isDefault, i) => isDefault && columns.includes(named[i] ?? '')),
  );
}

function setAdvice(wanted: readonly string[], conflict: readonly string[], table: SyncedTable): string {
  const [first = ''] = conflict;
  const set = (wanted.length === 0 ? [first] : wanted).slice(0, 20).map((name) => {
    const quoted = quoteIdentifier(name);
    return `${quoted} = EXCLUDED.${quoted}`;
  });
  const list = `${set.join(', ')}${wanted.length > 20 ? ', …' : ''}`;
  return `${table.provider} takes the same values for a new and an existing record: give each inserted column a value in every row, and write DO UPDATE SET ${list}.`;
}

/**
 * The table's key in place of the conflict target. As many characters as there were, where it can be, so that the
 * positions in the database's errors are those of the client's own text.
 */
export function keyAsTarget(mutation: Mutation, table: SyncedTable, text: Buffer, utf8: boolean): Change | null {
  const span = mutation.insert?.onConflict?.target ?? null;
  if (span === null) return null;
  const { key } = table.resource;
  const plain = key === 'id' ? key : asciiIdentifier(key);
  const written = text.subarray(span.start, span.end);
  const length = charactersBefore(written, written.length, utf8);
  return { span, bytes: Buffer.from(`(${plain.padEnd(length - 2)})`, 'latin1') };
}

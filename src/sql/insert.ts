/** The parts of an INSERT of its own: its columns, its source of rows, ON CONFLICT. */
import type { InsertStmt, Node, OnConflictClause } from 'libpg-query';
import type { InsertParts, OnConflict, Span } from './statement.js';
import { columnRefParts, UnexpectedTree } from './tree.js';

/** Where ON CONFLICT and its arbiter's list stand; null where there is none. */
export interface ConflictPlaces {
  readonly clause: Span;
  readonly target: Span | null;
}

export function insertParts(statement: InsertStmt, places: ConflictPlaces | null): InsertParts {
  const rows = valuesRows(statement.selectStmt);
  return {
    columns: statement.cols === undefined ? null : assignedColumns(statement.cols),
    source: statement.selectStmt === undefined ? 'default values' : rows === null ? 'select' : 'values',
    defaults: rows === null ? [] : defaultsOf(rows),
    onConflict:
      statement.onConflictClause === undefined
        ? null
        : onConflictOf(statement.onConflictClause, places?.target ?? null),
    onConflictSpan: places?.clause ?? null,
  };
}

/** The names of a column list or of SET, in order. An element or a field (`a[1]`, `a.b`) is named by its column. */
export function assignedColumns(targets: readonly Node[]): readonly string[] {
  return targets.map((node) => {
    const name = 'ResTarget' in node ? node.ResTarget.name : undefined;
    if (name === undefined) throw new UnexpectedTree('an assignment without a column');
    return name;
  });
}

/** The rows of a plain VALUES; with ORDER BY, LIMIT or WITH of its own Postgres takes it for a SELECT, and so do we. */
function valuesRows(source: Node | undefined): readonly Node[] | null {
  if (source === undefined || !('SelectStmt' in source)) return null;
  const select = source.SelectStmt;
  const isGeneral =
    select.sortClause !== undefined ||
    select.limitCount !== undefined ||
    select.limitOffset !== undefined ||
    select.lockingClause !== undefined ||
    select.withClause !== undefined;
  return isGeneral ? null : (select.valuesLists ?? null);
}

/** Rows of one shape share one array, which keeps a bulk INSERT's description small. */
function defaultsOf(rows: readonly Node[]): readonly (readonly boolean[])[] {
  const shapes = new Map<string, readonly boolean[]>();
  return rows.map((row) => {
    const items = 'List' in row ? (row.List.items ?? []) : [];
    const shape = items.map((item) => 'SetToDefault' in item);
    const key = shape.map(Number).join('');
    const known = shapes.get(key);
    if (known !== undefined) return known;
    shapes.set(key, shape);
    return shape;
  });
}

function onConflictOf(clause: OnConflictClause, target: Span | null): OnConflict {
  return {
    action: clause.action === 'ONCONFLICT_UPDATE' ? 'update' : 'nothing',
    columns: arbiterColumns(clause.infer?.indexElems ?? []),
    constraint: clause.infer?.conname ?? null,
    target,
    set: conflictSet(clause.targetList ?? []),
    hasWhere: clause.whereClause !== undefined || clause.infer?.whereClause !== undefined,
  };
}

function arbiterColumns(elements: readonly Node[]): readonly string[] {
  const names = elements.flatMap((node) => {
    const name = 'IndexElem' in node ? node.IndexElem.name : undefined;
    return name === undefined ? [] : [name];
  });
  return names.length === elements.length ? names : [];
}

function conflictSet(targets: readonly Node[]): OnConflict['set'] {
  const columns = assignedColumns(targets);
  return targets.map((node, index) => {
    const column = columns[index] ?? '';
    const whole = 'ResTarget' in node && node.ResTarget.indirection === undefined;
    const value = whole ? assignedValue(node.ResTarget.val) : undefined;
    return { column, excluded: value !== undefined && isExcluded(value, column) };
  });
}

/** The value of one column, also out of `(a, b) = (x, y)`. */
function assignedValue(value: Node | undefined): Node | undefined {
  if (value === undefined || !('MultiAssignRef' in value)) return value;
  const { source, colno } = value.MultiAssignRef;
  if (source === undefined || colno === undefined || !('RowExpr' in source)) return undefined;
  return source.RowExpr.args?.[colno - 1];
}

function isExcluded(value: Node, column: string): boolean {
  if (!('ColumnRef' in value) || value.ColumnRef.fields?.length !== 2) return false;
  const [table, name] = columnRefParts(value.ColumnRef);
  return table === 'excluded' && name === column;
}

/** INSERT, UPDATE and DELETE: parse tree and text → `Mutation`. */
import type { DeleteStmt, InsertStmt, Node, RangeVar, ReturningClause, UpdateStmt, WithClause } from 'libpg-query';
import { type Extent, firstBrackets, type MutationClauses, mutationClauses } from './clauses.js';
import { fromItems } from './from-items.js';
import { assignedColumns, type ConflictPlaces, insertParts } from './insert.js';
import { returningListStart, returningOf } from './returning.js';
import type { Mutation, MutationVerb, Span } from './statement.js';
import { highestParameter, locationOf, relationName } from './tree.js';

/** The text that a tree was made from, and the way to the client's offsets. */
export interface Source {
  readonly bytes: Uint8Array;
  readonly span: (extent: Extent) => Span;
}

interface Parts {
  readonly verb: MutationVerb;
  readonly relation: RangeVar | undefined;
  readonly returning: ReturningClause | undefined;
  readonly with: WithClause | undefined;
  readonly from: readonly Node[];
  readonly where: Node | undefined;
  readonly assigned: readonly Node[];
  readonly insert: InsertStmt | null;
}

function insertStatement(node: InsertStmt): Parts {
  return {
    verb: 'insert',
    relation: node.relation,
    returning: node.returningClause,
    with: node.withClause,
    from: [],
    where: undefined,
    assigned: [],
    insert: node,
  };
}

function updateStatement(node: UpdateStmt): Parts {
  return {
    verb: 'update',
    relation: node.relation,
    returning: node.returningClause,
    with: node.withClause,
    from: node.fromClause ?? [],
    where: node.whereClause,
    assigned: node.targetList ?? [],
    insert: null,
  };
}

function deleteStatement(node: DeleteStmt): Parts {
  return {
    verb: 'delete',
    relation: node.relation,
    returning: node.returningClause,
    with: node.withClause,
    from: node.usingClause ?? [],
    where: node.whereClause,
    assigned: [],
    insert: null,
  };
}

function partsOf(node: Node): Parts | null {
  if ('InsertStmt' in node) return insertStatement(node.InsertStmt);
  if ('UpdateStmt' in node) return updateStatement(node.UpdateStmt);
  if ('DeleteStmt' in node) return deleteStatement(node.DeleteStmt);
  return null;
}

/**
 * The mutation that a node is, or null where it is none. `within` is the extent of the whole statement, which may have
 * EXPLAIN or PREPARE in front.
 */
export function mutationOf(node: Node, within: Extent, source: Source): Mutation | null {
  const parts = partsOf(node);
  if (parts === null) return null;
  const clauses = mutationClauses(source.bytes, within, {
    verb: parts.verb,
    target: locationOf(parts.relation ?? {}),
    returningList: parts.returning === undefined ? null : returningListStart(parts.returning),
  });
  return {
    kind: 'mutation',
    verb: parts.verb,
    ...targetOf(parts, clauses, within, source),
    insert:
      parts.insert === null ? null : insertParts(parts.insert, conflictPlaces(parts.insert, clauses, within, source)),
    assigned: [...new Set(assignedColumns(parts.assigned))],
    currentOf: currentOf(parts.where),
    parameters: highestParameter(node),
  };
}

function targetOf(
  parts: Parts,
  clauses: MutationClauses,
  within: Extent,
  source: Source,
): Pick<Mutation, 'span' | 'target' | 'targetAlias' | 'writtenAlias' | 'withClause' | 'from' | 'returning'> {
  const target = relationName(parts.relation);
  const writtenAlias = parts.relation?.alias?.aliasname ?? null;
  const targetAlias = writtenAlias ?? target.name;
  const from = fromItems(parts.from, cteNames(parts.with));
  const withStart = parts.with === undefined ? null : locationOf(parts.with);
  const scope = { ...source, target, targetAlias, writtenAlias, from, end: within.end };
  return {
    span: source.span({ start: withStart ?? clauses.verb, end: within.end }),
    target,
    targetAlias,
    writtenAlias,
    withClause: withStart === null ? null : source.span({ start: withStart, end: clauses.beforeVerb ?? clauses.verb }),
    from,
    returning:
      parts.returning === undefined || clauses.returning === null
        ? null
        : returningOf(parts.returning, clauses.returning, scope),
  };
}

function conflictPlaces(
  node: InsertStmt,
  clauses: MutationClauses,
  within: Extent,
  source: Source,
): ConflictPlaces | null {
  const clause = node.onConflictClause;
  if (clause === undefined) return null;
  const start = locationOf(clause);
  const isList = (clause.infer?.indexElems ?? []).length > 0;
  return {
    clause: source.span({ start, end: clauses.returning?.before ?? within.end }),
    target: isList ? source.span(firstBrackets(source.bytes, start)) : null,
  };
}

function cteNames(clause: WithClause | undefined): ReadonlySet<string> {
  const names = (clause?.ctes ?? []).flatMap((node) => {
    const name = 'CommonTableExpr' in node ? node.CommonTableExpr.ctename : undefined;
    return name === undefined ? [] : [name];
  });
  return new Set(names);
}

function currentOf(where: Node | undefined): string | null {
  return where !== undefined && 'CurrentOfExpr' in where ? (where.CurrentOfExpr.cursor_name ?? null) : null;
}

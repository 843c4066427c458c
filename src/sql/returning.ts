/** The RETURNING clause of a mutation. */
import type { ColumnRef, ReturningClause } from 'libpg-query';
import { afterDots, type Extent, type MutationClauses } from './clauses.js';
import type { FromItem, RelationName, Returning, Span } from './statement.js';
import { columnRefParts, columnRefs, locationOf, UnexpectedTree } from './tree.js';

/** System columns of every table (manual, "System Columns"). */
const systemColumnNames: ReadonlySet<string> = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);

export interface ReturningScope {
  readonly bytes: Uint8Array;
  readonly span: (extent: Extent) => Span;
  readonly target: RelationName;
  readonly targetAlias: string;
  readonly writtenAlias: string | null;
  readonly from: readonly FromItem[];
  /** The end of the mutation. */
  readonly end: number;
}

/** Where the first item of the list stands. */
export function returningListStart(clause: ReturningClause): number {
  const first = clause.exprs?.[0];
  if (first === undefined || !('ResTarget' in first)) throw new UnexpectedTree('RETURNING without a list');
  return locationOf(first.ResTarget);
}

export function returningOf(
  clause: ReturningClause,
  place: NonNullable<MutationClauses['returning']>,
  scope: ReturningScope,
): Returning {
  const refs = columnRefs(clause.exprs);
  const { oldAlias, newAlias } = rowAliases(clause);
  return {
    span: scope.span({ start: place.keyword, end: scope.end }),
    options: place.options === null ? null : scope.span(place.options),
    list: scope.span({ start: returningListStart(clause), end: scope.end }),
    oldAlias,
    newAlias,
    usesOldOrNew: usesRowAlias(refs, [oldAlias, newAlias], scope),
    schemaQualifiers: refs.flatMap((ref) => schemaQualifier(ref, scope)),
    systemColumns: systemColumns(refs, [oldAlias, newAlias, scope.targetAlias]),
  };
}

function rowAliases(clause: ReturningClause): { oldAlias: string; newAlias: string } {
  const aliases = { oldAlias: 'old', newAlias: 'new' };
  for (const node of clause.options ?? []) {
    if (!('ReturningOption' in node)) continue;
    const { option, value } = node.ReturningOption;
    if (value === undefined) continue;
    if (option === 'RETURNING_OPTION_NEW') aliases.newAlias = value;
    else aliases.oldAlias = value;
  }
  return aliases;
}

/**
 * A lone `old` may be the whole row or a column of that name; it counts, since Postgres prefers the column wherever
 * both are in scope. A table that goes by the name hides the row.
 */
function usesRowAlias(refs: readonly ColumnRef[], aliases: readonly string[], scope: ReturningScope): boolean {
  const tables = new Set([scope.targetAlias, ...scope.from.map((item) => item.alias)]);
  const rows = aliases.filter((alias) => !tables.has(alias));
  return refs.some((ref) => {
    const first = columnRefParts(ref)[0];
    return first !== undefined && rows.includes(first);
  });
}

/** `schema.table.column`, `schema.table.*`, and either with the database in front. */
function schemaQualifier(ref: ColumnRef, scope: ReturningScope): readonly Span[] {
  const fields = ref.fields?.length ?? 0;
  const parts = columnRefParts(ref);
  const schema = parts[fields - 3];
  const table = parts[fields - 2];
  if (fields < 3 || fields > 4 || schema === undefined || table === undefined) return [];
  if (!namesUnaliased(schema, table, scope)) return [];
  const start = locationOf(ref);
  return [scope.span({ start, end: afterDots(scope.bytes, start, fields - 2) })];
}

function namesUnaliased(schema: string, table: string, scope: ReturningScope): boolean {
  const unaliased = scope.from.flatMap((item) => (item.alias === item.relation?.name ? [item.relation] : []));
  if (scope.writtenAlias === null) unaliased.unshift(scope.target);
  // A relation written without its schema is found by the search path, in whichever schema that may be.
  return unaliased.some((one) => one.name === table && (one.schema === null || one.schema === schema));
}

function systemColumns(refs: readonly ColumnRef[], rows: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (const ref of refs) {
    const parts = columnRefParts(ref);
    const name = parts.at(-1);
    const qualifier = parts.at(-2);
    const isOurs = qualifier === undefined || rows.includes(qualifier);
    if (name !== undefined && parts.length === ref.fields?.length && isOurs && systemColumnNames.has(name)) {
      found.add(name);
    }
  }
  return [...found];
}

/** What FROM and USING bring into scope beside the target. */
import type { Node, RangeFunction, RangeVar } from 'libpg-query';
import type { FromItem } from './statement.js';
import { relationName, stringOf } from './tree.js';

/** The items in order; joins are taken apart unless an alias hides their parts. `ctes`: the names of the WITH clause. */
export function fromItems(nodes: readonly Node[], ctes: ReadonlySet<string>): readonly FromItem[] {
  return nodes.flatMap((node) => itemsOf(node, ctes));
}

function itemsOf(node: Node | undefined, ctes: ReadonlySet<string>): readonly FromItem[] {
  if (node === undefined) return [];
  if ('RangeVar' in node) return [tableItem(node.RangeVar, ctes)];
  if ('RangeTableSample' in node) return itemsOf(node.RangeTableSample.relation, ctes);
  if ('RangeSubselect' in node) return [derived(node.RangeSubselect.alias?.aliasname)];
  if ('RangeFunction' in node) return [derived(functionAlias(node.RangeFunction))];
  if ('RangeTableFunc' in node) return [derived(node.RangeTableFunc.alias?.aliasname ?? 'xmltable')];
  if ('JsonTable' in node) return [derived(node.JsonTable.alias?.aliasname ?? 'json_table')];
  if ('JoinExpr' in node) {
    const join = node.JoinExpr;
    if (join.alias?.aliasname !== undefined) return [derived(join.alias.aliasname)];
    const merged = join.join_using_alias?.aliasname;
    const parts = [...itemsOf(join.larg, ctes), ...itemsOf(join.rarg, ctes)];
    return merged === undefined ? parts : [...parts, derived(merged)];
  }
  return [derived(undefined)];
}

function tableItem(relation: RangeVar, ctes: ReadonlySet<string>): FromItem {
  const name = relationName(relation);
  const isCte = name.schema === null && ctes.has(name.name);
  return { alias: relation.alias?.aliasname ?? name.name, relation: isCte ? null : name };
}

function derived(alias: string | undefined): FromItem {
  return { alias: alias ?? null, relation: null };
}

/** A function in FROM goes by its own name where it has no alias (manual, "Table Functions"). */
function functionAlias(range: RangeFunction): string | undefined {
  if (range.alias?.aliasname !== undefined) return range.alias.aliasname;
  const first = range.functions?.[0];
  const call = first !== undefined && 'List' in first ? first.List.items?.[0] : undefined;
  if (call === undefined || !('FuncCall' in call)) return undefined;
  return stringOf(call.FuncCall.funcname?.at(-1)) ?? undefined;
}

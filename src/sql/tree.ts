/** Reading Postgres's parse tree (libpg-query's JSON form, where a field with its default value is left out). */
import type { ColumnRef, Node, RangeVar } from 'libpg-query';
import type { RelationName } from './statement.js';

/** A tree that Postgres's grammar cannot give: nothing is concluded from it. */
export class UnexpectedTree extends Error {
  constructor(what: string) {
    super(`unexpected parse tree: ${what}`);
    this.name = 'UnexpectedTree';
  }
}

/** A location of 0 is left out of the JSON form. */
export function locationOf(node: { readonly location?: number }): number {
  const location = node.location ?? 0;
  if (location < 0) throw new UnexpectedTree('a node without a location');
  return location;
}

export function relationName(relation: RangeVar | undefined): RelationName {
  if (relation?.relname === undefined) throw new UnexpectedTree('a relation without a name');
  return { catalog: relation.catalogname ?? null, schema: relation.schemaname ?? null, name: relation.relname };
}

export function sameRelation(a: RelationName, b: RelationName): boolean {
  return a.catalog === b.catalog && a.schema === b.schema && a.name === b.name;
}

/** The text of a `String` node. */
export function stringOf(node: Node | undefined): string | null {
  return node !== undefined && 'String' in node ? (node.String.sval ?? '') : null;
}

/** The parts of `a.b.c`; a star is left out, a part that is no name ends the list. */
export function columnRefParts(ref: ColumnRef): readonly string[] {
  const parts: string[] = [];
  for (const field of ref.fields ?? []) {
    const part = stringOf(field);
    if (part === null) break;
    parts.push(part);
  }
  return parts;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Visits every tagged node (`{ ColumnRef: { … } }`) under a value, itself included, in no particular order. Deep trees
 * are possible (`1+1+…`), so this does not recurse.
 */
export function walk(root: unknown, visit: (tag: string, node: Readonly<Record<string, unknown>>) => void): void {
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const value = pending.pop();
    if (Array.isArray(value)) {
      for (const item of value) pending.push(item);
    } else if (isRecord(value)) {
      for (const [key, child] of Object.entries(value)) {
        if (typeof child !== 'object' || child === null) continue;
        if (isTag(key) && isRecord(child)) visit(key, child);
        pending.push(child);
      }
    }
  }
}

/** Tags begin with a capital; fields do not. */
function isTag(key: string): boolean {
  const first = key.charCodeAt(0);
  return first >= 0x41 && first <= 0x5a;
}

/** Every column reference under a value, in order of its place. */
export function columnRefs(root: unknown): readonly ColumnRef[] {
  const found: ColumnRef[] = [];
  walk(root, (tag, node) => {
    if (tag === 'ColumnRef') found.push(node as ColumnRef);
  });
  return found.sort((a, b) => (a.location ?? 0) - (b.location ?? 0));
}

/** The highest `$n` under a value, 0 where there is none. */
export function highestParameter(root: unknown): number {
  let highest = 0;
  walk(root, (tag, node) => {
    const number = node['number'];
    if (tag === 'ParamRef' && typeof number === 'number' && number > highest) highest = number;
  });
  return highest;
}

/** The relations that the tree writes (INSERT, UPDATE, DELETE, MERGE at any depth), in order of their place. */
export function writtenRelations(root: unknown): readonly RelationName[] {
  const found: RangeVar[] = [];
  walk(root, (tag, node) => {
    const relation = node['relation'];
    if (isWrite(tag) && isRecord(relation)) found.push(relation as RangeVar);
  });
  found.sort((a, b) => (a.location ?? 0) - (b.location ?? 0));
  return distinctRelations(found.map(relationName));
}

/** How many INSERT, UPDATE, DELETE and MERGE the tree holds. */
export function countWrites(root: unknown): number {
  let count = 0;
  walk(root, (tag) => {
    if (isWrite(tag)) count++;
  });
  return count;
}

export function distinctRelations(all: readonly RelationName[]): readonly RelationName[] {
  return all.filter((one, index) => all.findIndex((other) => sameRelation(one, other)) === index);
}

function isWrite(tag: string): boolean {
  return tag === 'InsertStmt' || tag === 'UpdateStmt' || tag === 'DeleteStmt' || tag === 'MergeStmt';
}

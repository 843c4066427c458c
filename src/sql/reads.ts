/** What of a text matters to readers who want fresh data: the relations that it reads, and whether it sets the wish. */
import type { Node, ParseResult, RangeVar } from 'libpg-query';
import type { RelationName } from './statement.js';
import { relationName, walk } from './tree.js';

/** The setting by which a session asks for data that is not older than so much. */
export const stalenessSetting = 'upwrite.max_staleness';

const mention = /max_staleness/i;

/** Whether a text can have to do with the setting. `text`: decoded as latin1. */
export function mentionsStaleness(text: string): boolean {
  return mention.test(text);
}

/**
 * Every relation that a text reads, each once: those in FROM, USING and joins at any depth, COPY TO, TABLE. The target of a
 * write is none. Names of CTEs may be among them.
 */
export function readRelations(tree: ParseResult): readonly RelationName[] {
  const found = new Map<string, RelationName>();
  const add = (range: RangeVar | undefined): void => {
    if (range?.relname === undefined) return;
    const name = relationName(range);
    found.set(JSON.stringify(name), name);
  };
  for (const { stmt } of tree.stmts ?? []) {
    if (stmt === undefined || isDefinition(stmt)) continue;
    if ('CopyStmt' in stmt && stmt.CopyStmt.is_from !== true) add(stmt.CopyStmt.relation);
    walk(stmt, (tag, node) => {
      if (tag === 'RangeVar') add(node as RangeVar);
    });
  }
  return [...found.values()];
}

/** What is only written down reads nothing yet. */
function isDefinition(node: Node): boolean {
  return 'ViewStmt' in node || 'RuleStmt' in node || 'CreateFunctionStmt' in node || 'CreateStmt' in node;
}

/** Whether the text is a SET of the setting, and nothing else. */
export function isStalenessSet(tree: ParseResult): boolean {
  const [only, ...more] = tree.stmts ?? [];
  const node = only?.stmt;
  if (node === undefined || more.length > 0 || !('VariableSetStmt' in node)) return false;
  const { kind, name } = node.VariableSetStmt;
  return (kind === undefined || kind === 'VAR_SET_VALUE') && name?.toLowerCase() === stalenessSetting;
}

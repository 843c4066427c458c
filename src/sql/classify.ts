/** Parse tree and text → what each statement is for Upwrite. */
import type {
  CopyStmt,
  ExplainStmt,
  Node,
  ParseResult,
  PrepareStmt,
  RawStmt,
  TransactionStmt,
  TruncateStmt,
} from 'libpg-query';
import { type Extent, fromFirstBracket, trimmed } from './clauses.js';
import { mutationOf, type Source } from './mutation.js';
import type { RelationName, Span, Statement, TransactionControl, Unsplittable } from './statement.js';
import { countWrites, distinctRelations, relationName, stringOf, UnexpectedTree, writtenRelations } from './tree.js';

/** A statement's node with its place. */
interface Found {
  readonly node: Node;
  readonly extent: Extent;
  readonly span: Span;
  readonly source: Source;
}

/** Describes every statement of a text, in order; empty statements (`;;`) are none. */
export function classify(tree: ParseResult, source: Source): readonly Statement[] {
  return (tree.stmts ?? []).map((raw) => classifyOne(raw, source));
}

function classifyOne(raw: RawStmt, source: Source): Statement {
  if (raw.stmt === undefined) throw new UnexpectedTree('a statement without a node');
  const from = raw.stmt_location ?? 0;
  // A length of 0, which is left out, means up to the end of the text.
  const to = raw.stmt_len === undefined ? source.bytes.length : from + raw.stmt_len;
  const extent = trimmed(source.bytes, from, to);
  return describe({ node: raw.stmt, extent, span: source.span(extent), source });
}

function describe(found: Found): Statement {
  const { node, span } = found;
  if ('TransactionStmt' in node) return transaction(node.TransactionStmt, span);
  if ('CopyStmt' in node) return copy(node.CopyStmt, found);
  if ('TruncateStmt' in node) return truncate(node.TruncateStmt, span);
  if ('ExplainStmt' in node) return explain(node.ExplainStmt, found);
  if ('PrepareStmt' in node) return prepare(node.PrepareStmt, found);
  if ('ExecuteStmt' in node) {
    const { name, params } = node.ExecuteStmt;
    const list = params === undefined ? null : found.source.span(fromFirstBracket(found.source.bytes, found.extent));
    return { kind: 'execute', span, name: name ?? '', arguments: list };
  }
  if ('DeallocateStmt' in node) {
    const { name, isall } = node.DeallocateStmt;
    return { kind: 'deallocate', span, name: isall === true ? null : (name ?? null) };
  }
  if ('DiscardStmt' in node && node.DiscardStmt.target === 'DISCARD_ALL') {
    return { kind: 'deallocate', span, name: null };
  }
  return write(node, found) ?? { kind: 'other', span };
}

/** A mutation, or what writes without being one, or null where the node writes nothing. */
function write(node: Node, found: Found): Statement | null {
  return unsplittable(node, found.span) ?? mutationOf(node, found.extent, found.source);
}

function unsplittable(node: Node, span: Span): Unsplittable | null {
  const query = 'CreateTableAsStmt' in node ? node.CreateTableAsStmt.query : node;
  if (query === undefined) return null;
  if ('MergeStmt' in query) {
    const own = relationName(query.MergeStmt.relation);
    return { kind: 'unsplittable', span, what: 'MERGE', targets: withOwn(own, query) };
  }
  const own = ownTarget(query);
  // Only these run the writes that they hold; a rule's or a function's body is merely stored.
  if (own === null && !('SelectStmt' in query)) return null;
  if (countWrites(query) <= (own === null ? 0 : 1)) return null;
  return { kind: 'unsplittable', span, what: 'a data-modifying WITH', targets: withOwn(own, query) };
}

function ownTarget(node: Node): RelationName | null {
  if ('InsertStmt' in node) return relationName(node.InsertStmt.relation);
  if ('UpdateStmt' in node) return relationName(node.UpdateStmt.relation);
  if ('DeleteStmt' in node) return relationName(node.DeleteStmt.relation);
  return null;
}

function withOwn(own: RelationName | null, node: Node): readonly RelationName[] {
  return distinctRelations([...(own === null ? [] : [own]), ...writtenRelations(node)]);
}

function copy(node: CopyStmt, found: Found): Statement {
  const { span } = found;
  if (node.is_from === true) {
    const columns = node.attlist?.map((name) => stringOf(name) ?? '') ?? null;
    const stdin = node.filename === undefined && node.is_program !== true;
    return { kind: 'copyFrom', span, target: relationName(node.relation), columns, stdin };
  }
  const targets = writtenRelations(node.query);
  if (targets.length === 0) return { kind: 'other', span };
  return { kind: 'unsplittable', span, what: 'COPY of a data-modifying query', targets };
}

function truncate(node: TruncateStmt, span: Span): Statement {
  const targets = (node.relations ?? []).flatMap((one) => ('RangeVar' in one ? [relationName(one.RangeVar)] : []));
  return { kind: 'unsplittable', span, what: 'TRUNCATE', targets: distinctRelations(targets) };
}

function explain(node: ExplainStmt, found: Found): Statement {
  const { span } = found;
  const inner = node.query === undefined ? null : write(node.query, found);
  const analyze = isAnalyze(node.options ?? []);
  if (inner?.kind === 'mutation') return { kind: 'explain', span, analyze, mutation: inner };
  // Without ANALYZE nothing is run.
  return inner !== null && analyze ? inner : { kind: 'other', span };
}

/** The last ANALYZE among the options counts, as in Postgres; its values are those of a boolean option. */
function isAnalyze(options: readonly Node[]): boolean {
  let analyze = false;
  for (const node of options) {
    if (!('DefElem' in node) || node.DefElem.defname !== 'analyze') continue;
    const { arg } = node.DefElem;
    analyze = arg === undefined || isTrue(arg);
  }
  return analyze;
}

function isTrue(value: Node): boolean {
  if ('Integer' in value) return value.Integer.ival === 1;
  if ('Boolean' in value) return value.Boolean.boolval === true;
  const text = stringOf(value)?.toLowerCase();
  return text === 'true' || text === 'on';
}

function prepare(node: PrepareStmt, found: Found): Statement {
  const { span } = found;
  const inner = node.query === undefined ? null : write(node.query, found);
  if (inner?.kind === 'mutation') return { kind: 'prepare', span, name: node.name ?? '', mutation: inner };
  return inner ?? { kind: 'other', span };
}

type Command = TransactionControl['command'];

const commands: Readonly<Record<string, Command>> = {
  TRANS_STMT_BEGIN: 'begin',
  TRANS_STMT_START: 'begin',
  TRANS_STMT_COMMIT: 'commit',
  TRANS_STMT_ROLLBACK: 'rollback',
  TRANS_STMT_SAVEPOINT: 'savepoint',
  TRANS_STMT_RELEASE: 'release',
  TRANS_STMT_ROLLBACK_TO: 'rollback to',
  TRANS_STMT_PREPARE: 'prepare transaction',
  TRANS_STMT_COMMIT_PREPARED: 'commit prepared',
  TRANS_STMT_ROLLBACK_PREPARED: 'rollback prepared',
};

function transaction(node: TransactionStmt, span: Span): Statement {
  // BEGIN is the default value of its field, and may therefore be left out.
  const command = commands[node.kind ?? 'TRANS_STMT_BEGIN'];
  if (command === undefined) throw new UnexpectedTree('an unknown transaction command');
  return { kind: 'transaction', span, command };
}

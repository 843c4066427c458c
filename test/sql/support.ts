/** Reading texts without a thread, and comparing parse trees. */
import { loadModule, type Node, parseSync } from 'libpg-query';
import { read } from '../../src/sql/read.js';
import type { Mutation, RelationName, Statement } from '../../src/sql/statement.js';

await loadModule();

export function statementsOf(sql: string | Buffer): readonly Statement[] {
  const { analysis } = read(Buffer.from(sql), 'utf8');
  if (analysis.kind === 'opaque') throw new Error(`opaque: ${analysis.why}`);
  return analysis.statements;
}

export function statementOf(sql: string): Statement {
  const [statement, ...more] = statementsOf(sql);
  if (statement === undefined || more.length > 0) throw new Error('not one statement');
  return statement;
}

/** The mutation of a statement, also inside of EXPLAIN and PREPARE. */
export function innerMutation(statement: Statement): Mutation | null {
  if (statement.kind === 'mutation') return statement;
  return statement.kind === 'explain' || statement.kind === 'prepare' ? statement.mutation : null;
}

export function mutationOf(sql: string): Mutation {
  const mutation = innerMutation(statementOf(sql));
  if (mutation === null) throw new Error('not a mutation');
  return mutation;
}

/** One line a statement, in the notation of the fixtures. */
export function summary(statement: Statement, text: Buffer): string {
  switch (statement.kind) {
    case 'mutation':
      return mutationSummary(statement);
    case 'unsplittable':
      return `unsplittable ${statement.what}: ${statement.targets.map(relation).join(', ')}`;
    case 'explain':
      return `explain ${statement.analyze ? 'analyze ' : ''}${mutationSummary(statement.mutation)}`;
    case 'copyFrom': {
      const columns = statement.columns === null ? '' : `(${statement.columns.join(',')})`;
      return `copyFrom ${relation(statement.target)}${columns}${statement.stdin ? ' stdin' : ''}`;
    }
    case 'prepare':
      return `prepare "${statement.name}" ${mutationSummary(statement.mutation)}`;
    case 'execute': {
      const list = statement.arguments;
      return `execute "${statement.name}"${list === null ? '' : ` ${text.toString('utf8', list.start, list.end)}`}`;
    }
    case 'deallocate':
      return `deallocate ${statement.name === null ? 'all' : `"${statement.name}"`}`;
    case 'transaction':
      return statement.command;
    default:
      return 'other';
  }
}

function mutationSummary(mutation: Mutation): string {
  const alias = mutation.writtenAlias === null ? '' : ` as ${mutation.writtenAlias}`;
  return `${mutation.verb} ${relation(mutation.target)}${alias}`;
}

function relation(of: RelationName): string {
  return [of.catalog, of.schema, of.name]
    .filter((part) => part !== null)
    .map(identifier)
    .join('.');
}

function identifier(name: string): string {
  return /^[a-z_]+$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** The parse trees of a text, without their places: what Postgres would run. */
export function treesOf(sql: string | Buffer): readonly Node[] {
  const stmts = parseSync(sql.toString()).stmts ?? [];
  return stmts.flatMap((raw) => (raw.stmt === undefined ? [] : [placeless(raw.stmt)]));
}

function placeless<T>(node: T): T {
  return JSON.parse(JSON.stringify(node, (key, value) => (key === 'location' ? undefined : value)));
}

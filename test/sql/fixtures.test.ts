/** Every statement of the table: what it is found to be, and that its pieces and splices mean what they should. */
import { type Node, parseSync, scanSync } from 'libpg-query';
import { describe, expect, it } from 'vitest';
import { evaluationText, returningText, screen, slice } from '../../src/sql/index.js';
import { Lexer } from '../../src/sql/lexer.js';
import type { Fixture } from './fixture.js';
import { fixtures } from './statements.js';
import { innerMutation, statementsOf, summary, treesOf } from './support.js';

const ours = '"t"."a"::pg_catalog.text, pg_catalog.to_jsonb("t".*)';

/** The tree that a statement's RETURNING stands in, and its parts, from the parse tree alone. */
function writeNode(tree: Node): { withClause?: unknown; returningClause?: { exprs?: Node[] } } {
  if ('ExplainStmt' in tree && tree.ExplainStmt.query !== undefined) return writeNode(tree.ExplainStmt.query);
  if ('PrepareStmt' in tree && tree.PrepareStmt.query !== undefined) return writeNode(tree.PrepareStmt.query);
  if ('InsertStmt' in tree) return tree.InsertStmt;
  if ('UpdateStmt' in tree) return tree.UpdateStmt;
  if ('DeleteStmt' in tree) return tree.DeleteStmt;
  throw new Error('not a mutation');
}

function only(trees: readonly Node[]): Node {
  const [tree, ...more] = trees;
  if (tree === undefined || more.length > 0) throw new Error('not one statement');
  return tree;
}

/** Column references of three and four parts, as the splice leaves them over a derived table. */
function withoutSchemas(tree: unknown, tables: ReadonlySet<string>): unknown {
  return JSON.parse(JSON.stringify(tree), (key, value) => {
    if (key !== 'ColumnRef' || value.fields.length < 3) return value;
    const table = value.fields.at(-2)?.String?.sval;
    return tables.has(table) ? { ...value, fields: value.fields.slice(-2) } : value;
  });
}

function mutationsOf(fixture: Fixture) {
  const text = Buffer.from(fixture.sql);
  return statementsOf(text).flatMap((statement) => {
    const mutation = innerMutation(statement);
    return mutation === null ? [] : [{ text, mutation }];
  });
}

describe.each(fixtures)('$by: $sql', (fixture) => {
  const text = Buffer.from(fixture.sql);

  it('is found to be what it is', () => {
    expect(statementsOf(text).map((statement) => summary(statement, text))).toEqual(fixture.is);
  });

  it('is let through by the screen only if it holds no write', () => {
    const writes = fixture.is.some((one) =>
      /^(insert|update|delete|unsplittable|explain|copyFrom|prepare ")/.test(one),
    );
    const prepared = fixture.is.some((one) => /^(execute|deallocate)/.test(one));
    if (writes) expect(screen(text.toString('latin1'))).toBe(true);
    if (prepared) expect(screen(text.toString('latin1'), true)).toBe(true);
  });

  it('has spans that hold each statement and nothing else', () => {
    const pieces = statementsOf(text).map(({ span }) => slice(text, span));
    expect(pieces.flatMap((piece) => treesOf(piece))).toEqual(text.length === 0 ? [] : treesOf(text));
    for (const piece of pieces) {
      const tokens = scanSync(piece.toString()).tokens.map(({ tokenName }) => tokenName);
      expect([tokens.at(0), tokens.at(-1)]).not.toContain('SQL_COMMENT');
      expect([tokens.at(0), tokens.at(-1)]).not.toContain('C_COMMENT');
      expect(piece.toString()).toBe(piece.toString().trim());
    }
  });

  it('is lexed as by Postgres', () => {
    if (text.length === 0) return;
    const expected = scanSync(fixture.sql)
      .tokens.filter(({ tokenName }) => !tokenName.endsWith('COMMENT'))
      .flatMap(({ start, end, text: token }) => (/^[\p{L}_"'$([]/u.test(token) ? [{ start, end }] : []));
    const places = new Set<number>();
    const lexer = new Lexer(text, 0, text.length);
    const found: { start: number; end: number }[] = [];
    while (lexer.next()) {
      places.add(lexer.start);
      if (lexer.kind !== 'other' && lexer.kind !== 'close') found.push({ start: lexer.start, end: lexer.end });
    }
    // A parameter is `other` here; the rest of what begins like a word, a string or a bracket is told apart.
    const parameters = expected.filter(({ start, end }) => /^\$\d+$/.test(text.toString('utf8', start, end)));
    expect(found).toEqual(expected.filter((token) => !parameters.includes(token)));
    for (const { start } of parameters) expect(places).toContain(start);
  });

  for (const { mutation } of mutationsOf(fixture)) {
    it('has the whole statement and its own clauses in the spans', () => {
      const whole = writeNode(only(treesOf(slice(text, mutation.span))));
      const keyword = slice(text, mutation.span).toString().match(/^\w+/)?.[0]?.toLowerCase();
      expect(keyword).toBe(mutation.withClause === null ? mutation.verb : 'with');
      expect(mutation.returning === null).toBe(whole.returningClause === undefined);
      expect(mutation.withClause === null).toBe(whole.withClause === undefined);
      const conflict = mutation.insert?.onConflictSpan ?? null;
      if (conflict !== null) {
        const retry = treesOf(`INSERT INTO t VALUES (1) ${slice(text, conflict)}`);
        const found = retry.map((tree) => ('InsertStmt' in tree ? tree.InsertStmt.onConflictClause : undefined));
        expect(found).toEqual(['onConflictClause' in whole ? whole.onConflictClause : null]);
      }
    });

    it('evaluates the same statement, with our columns in front of the client’s', () => {
      const spliced = only(treesOf(evaluationText(text, mutation, ours)));
      const original = writeNode(only(treesOf(slice(text, mutation.span))));
      const { returningClause: returning, ...rest } = writeNode(spliced);
      const { returningClause: asked, ...expected } = original;
      expect(rest).toEqual(expected);
      const [first, second, ...clients] = returning?.exprs ?? [];
      expect([first, second]).toEqual(listOf(`SELECT ${ours}`));
      expect(clients).toEqual(asked?.exprs ?? []);
      expect({ ...returning, exprs: [] }).toEqual({ ...asked, exprs: [] });
    });

    if (mutation.returning === null) continue;
    it('reads the client’s list, with its WITH clause, over whatever it is given', () => {
      const spliced = only(treesOf(returningText(text, mutation, 'x AS y -- end')));
      const original = writeNode(only(treesOf(slice(text, mutation.span))));
      const names = [mutation.target.name, ...mutation.from.map((item) => item.relation?.name ?? '')];
      if (!('SelectStmt' in spliced)) throw new Error('not a SELECT');
      expect(spliced.SelectStmt.targetList).toEqual(withoutSchemas(original.returningClause?.exprs, new Set(names)));
      expect(spliced.SelectStmt.withClause).toEqual(original.withClause);
      expect(spliced.SelectStmt.fromClause).toEqual(fromOf('SELECT FROM x AS y'));
    });
  }
});

function listOf(select: string): readonly Node[] {
  const tree = only(treesOf(select));
  return 'SelectStmt' in tree ? (tree.SelectStmt.targetList ?? []) : [];
}

function fromOf(select: string): readonly Node[] {
  const tree = only(treesOf(select));
  return 'SelectStmt' in tree ? (tree.SelectStmt.fromClause ?? []) : [];
}

it('the parser is Postgres 18’s', () => {
  expect(String(parseSync('SELECT 1').version)).toMatch(/^18/);
});

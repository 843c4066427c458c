import fc from 'fast-check';
import { hasSqlDetails, loadModule, parseSync, type ScanToken, scanSync } from 'libpg-query';
import { beforeAll, describe, expect, it } from 'vitest';
import { Lexer } from './lexer.js';

beforeAll(loadModule);

interface Place {
  readonly start: number;
  readonly end: number;
}

function tokens(sql: string): readonly (Place & { kind: string; depth: number })[] {
  const bytes = Buffer.from(sql);
  const lexer = new Lexer(bytes, 0, bytes.length);
  const found = [];
  while (lexer.next()) found.push({ kind: lexer.kind, depth: lexer.depth, start: lexer.start, end: lexer.end });
  return found;
}

function postgresTokens(sql: string): readonly Place[] {
  return scanSync(sql)
    .tokens.filter(isClauseToken)
    .map(({ start, end }) => ({ start, end }));
}

/** Words, strings and opening brackets: what clauses are found by. Operators and numbers are cut up otherwise here. */
function isClauseToken(token: ScanToken): boolean {
  return !token.tokenName.endsWith('COMMENT') && token.tokenName !== 'PARAM' && /^[\p{L}_"'$([]/u.test(token.text);
}

const piece = fc.oneof(
  fc.constantFrom(
    'a',
    'returning',
    'Größe',
    '_x$1',
    '"q ""x"" ("',
    'U&"d\\0061" ',
    "'it''s ('",
    "E'\\'\\\\('",
    "U&'\\0061'",
  ),
  fc.constantFrom(
    "B'01',",
    "x'1F',",
    "n'x'",
    "$$ ( ' $$",
    '$t$ $$ " $t$',
    '$é$x$é$',
    '$1',
    '$12',
    '1.5e-3',
    '0x1F',
    '.5',
  ),
  fc.constantFrom('(', ')', '[', ']', ',', ';', '.', '::', ':=', '+', '-', '*', '/', '<>', '->>', '@>', '%'),
  fc.constantFrom('/* ( */', "/* a /* ' */ b */", "-- ' (\n", '--\n', "E'x'\n'\\'y'", '+-- x\n', '*/**/'),
);
const text = fc
  .array(fc.tuple(piece, fc.constantFrom(' ', '\n', '\t', '\f', '\v', '\r')), { maxLength: 40 })
  .map((all) => `a${all.map(([token, space]) => space + token).join('')}`);

describe('Lexer', () => {
  it('finds what Postgres’s scanner finds', () => {
    fc.assert(
      fc.property(text, (sql) => {
        const found = tokens(sql).filter(({ kind }) => kind !== 'other' && kind !== 'close');
        expect(found.map(({ start, end }) => ({ start, end }))).toEqual(postgresTokens(sql));
      }),
      { numRuns: 2000 },
    );
  });

  it('finds it with nothing between the tokens as well, where Postgres parses that', () => {
    const joined = fc.array(piece, { maxLength: 6 }).map((all) => `SELECT ${all.join('')}`);
    fc.assert(
      fc.property(joined, (sql) => {
        if (!parses(sql)) return;
        const found = tokens(sql).filter(({ kind }) => kind !== 'other' && kind !== 'close');
        expect(found.map(({ start, end }) => ({ start, end }))).toEqual(postgresTokens(sql));
      }),
      { numRuns: 5000 },
    );
  });

  it('counts brackets from the outside', () => {
    expect(tokens('a(b[c])d').map(({ depth }) => depth)).toEqual([0, 0, 1, 1, 2, 1, 0, 0]);
  });

  it('compares words without regard to case', () => {
    const lexer = new Lexer(Buffer.from('ReTurning "returning" returnings'), 0, 100);
    const found = [];
    while (lexer.next()) found.push(lexer.isWord('returning'));
    expect(found).toEqual([true, false, false]);
  });

  it.each(["'x", '"x', '$a$ x', '/* x', "E'x\\", '-- x', 'U&"', '(((', ')))', '$', 'é'])(
    'ends with the text, whatever is left open: %s',
    (sql) => {
      const bytes = Buffer.from(`a ${sql}`);
      expect(tokens(`a ${sql}`).every(({ start, end }) => start < end && end <= bytes.length)).toBe(true);
    },
  );
});

function parses(sql: string): boolean {
  try {
    parseSync(sql);
    return true;
  } catch (error) {
    if (!hasSqlDetails(error)) throw error;
    return false;
  }
}

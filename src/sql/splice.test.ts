import fc from 'fast-check';
import { loadModule, type Node, parseSync } from 'libpg-query';
import { beforeAll, describe, expect, it } from 'vitest';
import { FaultError } from '../errors/index.js';
import { read } from './read.js';
import { asciiIdentifier, evaluationText, quoteIdentifier, quoteLiteral, returningText } from './splice.js';
import type { Mutation } from './statement.js';

beforeAll(loadModule);

function mutation(sql: string): { text: Buffer; found: Mutation } {
  const text = Buffer.from(sql);
  const { analysis } = read(text, 'utf8');
  const found = analysis.kind === 'statements' ? analysis.statements[0] : undefined;
  if (found?.kind !== 'mutation') throw new Error('not a mutation');
  return { text, found };
}

function evaluated(sql: string, ours: string | Buffer): string {
  const { text, found } = mutation(sql);
  return evaluationText(text, found, ours).toString();
}

function returned(sql: string, from: string): string {
  const { text, found } = mutation(sql);
  return returningText(text, found, from).toString();
}

function firstTarget(sql: string): Node | undefined {
  const tree = parseSync(sql).stmts?.[0]?.stmt;
  const target = tree !== undefined && 'SelectStmt' in tree ? tree.SelectStmt.targetList?.[0] : undefined;
  return target !== undefined && 'ResTarget' in target ? target.ResTarget.val : undefined;
}

describe('evaluationText', () => {
  it('adds RETURNING on a line of its own', () => {
    expect(evaluated('DELETE FROM t WHERE a = 1 -- done', 'b')).toBe('DELETE FROM t WHERE a = 1\nRETURNING b');
  });

  it('keeps a comment that stands before the client’s RETURNING apart from ours', () => {
    expect(evaluated('DELETE FROM t -- x\nRETURNING a', 'b')).toBe('DELETE FROM t -- x\n\nRETURNING b,\na');
  });

  it('keeps the options of OLD and NEW in front', () => {
    expect(evaluated('DELETE FROM t RETURNING WITH (OLD AS o) o.a', 'b')).toBe(
      'DELETE FROM t \nRETURNING WITH (OLD AS o)\nb,\no.a',
    );
  });

  it('takes only the mutation’s own statement out of several', () => {
    const text = Buffer.from('SELECT 1; /* é */ DELETE FROM t; SELECT 2');
    const { analysis } = read(text, 'utf8');
    const found = analysis.kind === 'statements' ? analysis.statements[1] : undefined;
    if (found?.kind !== 'mutation') throw new Error('not a mutation');
    expect(evaluationText(text, found, 'b').toString()).toBe('DELETE FROM t\nRETURNING b');
  });

  it('passes bytes of ours through in the client’s encoding', () => {
    const { text, found } = mutation('DELETE FROM t');
    expect(evaluationText(text, found, Buffer.from([0x22, 0xf6, 0x22])).subarray(-3)).toEqual(
      Buffer.from([0x22, 0xf6, 0x22]),
    );
  });
});

describe('returningText', () => {
  it('puts the WITH clause in front and cuts the schema out', () => {
    expect(
      returned('WITH x AS (SELECT 1) -- é\nUPDATE s.t SET a = 1 RETURNING s.t.a, s . t.*, t.b -- end', 'u AS t'),
    ).toBe('WITH x AS (SELECT 1)\nSELECT t.a,  t.*, t.b\nFROM u AS t');
  });

  it('leaves other schemas and an aliased target alone', () => {
    expect(returned('UPDATE s.t SET a = 1 FROM x.t RETURNING x.t.a', 'u')).toBe('SELECT t.a\nFROM u');
    expect(returned('UPDATE s.t AS t SET a = 1 RETURNING s.t.a', 'u')).toBe('SELECT s.t.a\nFROM u');
    expect(returned('UPDATE t SET a = 1 RETURNING any_schema.t.a, d.s.t.b', 'u')).toBe('SELECT t.a, t.b\nFROM u');
  });

  it('refuses a statement that returns nothing', () => {
    const { text, found } = mutation('DELETE FROM t');
    expect(() => returningText(text, found, 'u')).toThrow(FaultError);
  });
});

describe('quoting', () => {
  const value = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0') && !/\p{Surrogate}/u.test(text));
  // Identifiers are cut at 63 bytes and cannot be empty.
  const name = value.filter((text) => text.length > 0 && Buffer.byteLength(text) < 64);

  it('gives a literal that Postgres reads as the value', () => {
    fc.assert(
      fc.property(value, (text) => {
        const node = firstTarget(`SELECT ${quoteLiteral(text)}`);
        expect(node !== undefined && 'A_Const' in node ? (node.A_Const.sval?.sval ?? '') : null).toBe(text);
      }),
    );
  });

  it('leaves no backslash to the setting of standard_conforming_strings', () => {
    expect(quoteLiteral("a'b")).toBe("'a''b'");
    expect(quoteLiteral("\\'")).toBe(" E'\\\\'''");
  });

  it('gives an identifier that Postgres reads as the name', () => {
    fc.assert(
      fc.property(name, (text) => {
        const node = firstTarget(`SELECT ${quoteIdentifier(text)}`);
        expect(node).toMatchObject({ ColumnRef: { fields: [{ String: { sval: text } }] } });
      }),
    );
  });

  it('gives an identifier of ASCII alone that Postgres reads as the name', () => {
    fc.assert(
      fc.property(name, (text) => {
        const identifier = asciiIdentifier(text);
        expect(identifier).toMatch(/^[ -~]*$/);
        expect(firstTarget(`SELECT ${identifier}`)).toMatchObject({
          ColumnRef: { fields: [{ String: { sval: text } }] },
        });
      }),
    );
    expect(asciiIdentifier('a"b\\c')).toBe('"a""b\\c"');
    expect(asciiIdentifier('ö"\\')).toBe('U&"\\+0000f6""\\\\"');
  });

  it('refuses NUL', () => {
    expect(() => quoteIdentifier('a\0')).toThrow(FaultError);
    expect(() => quoteLiteral('a\0')).toThrow(FaultError);
    expect(() => asciiIdentifier('a\0')).toThrow(FaultError);
  });
});

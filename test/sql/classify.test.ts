/** What a statement's description says in detail. */
import { describe, expect, it } from 'vitest';
import { clientEncoding, type InsertParts, slice } from '../../src/sql/index.js';
import { read } from '../../src/sql/read.js';
import { mutationOf, statementsOf } from './support.js';

function insertOf(sql: string): InsertParts {
  const { insert } = mutationOf(sql);
  if (insert === null) throw new Error('not an INSERT');
  return insert;
}

function returningOf(sql: string) {
  const { returning } = mutationOf(sql);
  if (returning === null) throw new Error('no RETURNING');
  const text = Buffer.from(sql);
  return {
    ...returning,
    span: slice(text, returning.span).toString(),
    list: slice(text, returning.list).toString(),
    options: returning.options === null ? null : slice(text, returning.options).toString(),
    schemaQualifiers: returning.schemaQualifiers.map((span) => slice(text, span).toString()),
  };
}

describe('INSERT', () => {
  it('tells the columns, folded and unquoted', () => {
    expect(insertOf('INSERT INTO t (A, "B c", d[1], e.f) VALUES (1, 2, 3, 4)').columns).toEqual(['a', 'B c', 'd', 'e']);
    expect(insertOf('INSERT INTO t VALUES (1)').columns).toBeNull();
  });

  it('tells where the rows come from', () => {
    expect(insertOf('INSERT INTO t VALUES (1)').source).toBe('values');
    expect(insertOf('INSERT INTO t DEFAULT VALUES').source).toBe('default values');
    expect(insertOf('INSERT INTO t SELECT 1').source).toBe('select');
    expect(insertOf('INSERT INTO t TABLE u').source).toBe('select');
    // Postgres takes no DEFAULT in these: they are queries.
    expect(insertOf('INSERT INTO t VALUES (1) ORDER BY 1').source).toBe('select');
    expect(insertOf('INSERT INTO t VALUES (1) UNION VALUES (2)').source).toBe('select');
    expect(insertOf('INSERT INTO t (WITH x AS (SELECT 1) VALUES (1))').source).toBe('select');
    expect(insertOf('WITH x AS (SELECT 1) INSERT INTO t VALUES (1)').source).toBe('values');
  });

  it('tells each DEFAULT', () => {
    expect(insertOf("INSERT INTO t VALUES (1, DEFAULT), (default, 'DEFAULT'), (NULL, DEFAULT)").defaults).toEqual([
      [false, true],
      [true, false],
      [false, true],
    ]);
    expect(insertOf('INSERT INTO t DEFAULT VALUES').defaults).toEqual([]);
    expect(insertOf('INSERT INTO t SELECT 1').defaults).toEqual([]);
  });

  it('tells ON CONFLICT', () => {
    expect(insertOf('INSERT INTO t VALUES (1)').onConflict).toBeNull();
    const nothing = { action: 'nothing', columns: [], constraint: null, target: null, set: [], hasWhere: false };
    expect(insertOf('INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING').onConflict).toEqual(nothing);
    expect(insertOf('INSERT INTO t VALUES (1) ON CONFLICT (a, "B") DO NOTHING').onConflict).toEqual({
      ...nothing,
      columns: ['a', 'B'],
      target: { start: 37, end: 45 },
    });
    expect(insertOf('INSERT INTO t VALUES (1) ON CONFLICT (a, lower(b)) DO NOTHING').onConflict).toEqual({
      ...nothing,
      target: { start: 37, end: 50 },
    });
    expect(insertOf('INSERT INTO t VALUES (1) ON CONFLICT (a) WHERE b DO NOTHING').onConflict).toEqual({
      ...nothing,
      columns: ['a'],
      target: { start: 37, end: 40 },
      hasWhere: true,
    });
    expect(insertOf('INSERT INTO t VALUES (1) ON CONFLICT ON CONSTRAINT "K" DO NOTHING').onConflict).toEqual({
      ...nothing,
      constraint: 'K',
    });
  });

  it('tells which columns DO UPDATE sets to the very value that was excluded', () => {
    const set = `a = excluded.a, b = EXCLUDED."b", c = excluded.b, d = d.d, e = excluded.e + 1, f[1] = excluded.f,
      (g, h, i) = (excluded.g, excluded.g, DEFAULT), (j, k) = (SELECT excluded.j, 1)`;
    const { onConflict } = insertOf(`INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET ${set} WHERE t.a = 1`);
    expect(onConflict?.hasWhere).toBe(true);
    expect(onConflict?.set.filter(({ excluded }) => excluded).map(({ column }) => column)).toEqual(['a', 'b', 'g']);
    expect(onConflict?.set.map(({ column }) => column).join('')).toBe('abcdefghijk');
  });
});

describe('UPDATE and DELETE', () => {
  it('tells the assigned columns once each, in order', () => {
    expect(mutationOf('UPDATE t SET b = 1, (c, a) = (2, 3), (e, d) = (SELECT 1, 2)').assigned).toEqual([
      'b',
      'c',
      'a',
      'e',
      'd',
    ]);
    expect(mutationOf('UPDATE t SET a[1] = 1, a[2] = 2, f.g = 3, "H" = DEFAULT').assigned).toEqual(['a', 'f', 'H']);
    expect(mutationOf('DELETE FROM t').assigned).toEqual([]);
  });

  it('tells the target as written', () => {
    expect(mutationOf('UPDATE Db."S".T AS "X y" SET a = 1')).toMatchObject({
      target: { catalog: 'db', schema: 'S', name: 't' },
      targetAlias: 'X y',
      writtenAlias: 'X y',
    });
    expect(mutationOf('DELETE FROM t')).toMatchObject({
      target: { catalog: null, schema: null, name: 't' },
      targetAlias: 't',
      writtenAlias: null,
    });
  });

  it('tells what FROM and USING bring in', () => {
    const from = (sql: string) => mutationOf(sql).from.map(({ alias, relation }) => [alias, relation?.name ?? null]);
    expect(from('UPDATE t SET a = 1 FROM s.b, c AS d, (SELECT 1) e, (SELECT 2), f(1), g(2) AS h(x)')).toEqual([
      ['b', 'b'],
      ['d', 'c'],
      ['e', null],
      [null, null],
      ['f', null],
      ['h', null],
    ]);
    expect(from('DELETE FROM t USING a JOIN b USING (x) AS j, (c CROSS JOIN d) AS k, (e JOIN f ON true)')).toEqual([
      ['a', 'a'],
      ['b', 'b'],
      ['j', null],
      ['k', null],
      ['e', 'e'],
      ['f', 'f'],
    ]);
    expect(from('WITH x AS (SELECT 1) DELETE FROM t USING x, s.x AS y, z TABLESAMPLE system (1)')).toEqual([
      ['x', null],
      ['y', 'x'],
      ['z', 'z'],
    ]);
    expect(from('DELETE FROM t USING ROWS FROM (generate_series(1, 2), now()), pg_catalog.now()')).toEqual([
      ['generate_series', null],
      ['now', null],
    ]);
  });

  it('tells the cursor', () => {
    expect(mutationOf('DELETE FROM t WHERE CURRENT OF "C d"').currentOf).toBe('C d');
    expect(mutationOf('UPDATE t SET a = 1 WHERE a = 1').currentOf).toBeNull();
  });

  it('tells the highest parameter, wherever it stands', () => {
    expect(
      mutationOf('WITH x AS (SELECT $7::int) UPDATE t SET a = $2 WHERE b = (SELECT $3) RETURNING $1').parameters,
    ).toBe(7);
    expect(mutationOf("DELETE FROM t WHERE a = '$9' AND $$ $8 $$ = $1").parameters).toBe(1);
    expect(mutationOf('DELETE FROM t').parameters).toBe(0);
  });
});

describe('RETURNING', () => {
  it('is cut into its parts', () => {
    expect(returningOf('DELETE FROM t Returning /* x */ WITH (OLD AS o) -- y\n (a) , b -- z')).toMatchObject({
      span: 'Returning /* x */ WITH (OLD AS o) -- y\n (a) , b',
      options: 'WITH (OLD AS o)',
      list: '(a) , b',
    });
  });

  it('tells what OLD and NEW are called, and whether they are named', () => {
    expect(returningOf('UPDATE t SET a = 1 RETURNING a, t.b')).toMatchObject({
      oldAlias: 'old',
      newAlias: 'new',
      usesOldOrNew: false,
    });
    expect(returningOf('UPDATE t SET a = 1 RETURNING (SELECT x + New.a FROM u)').usesOldOrNew).toBe(true);
    expect(returningOf('UPDATE t SET a = 1 RETURNING old').usesOldOrNew).toBe(true);
    expect(returningOf('UPDATE t SET a = 1 RETURNING WITH (NEW AS "N") "N".a, "N".*')).toMatchObject({
      oldAlias: 'old',
      newAlias: 'N',
      usesOldOrNew: true,
    });
    expect(returningOf('UPDATE t SET a = 1 RETURNING WITH (NEW AS "N", OLD AS o) new.a').usesOldOrNew).toBe(false);
    expect(returningOf('UPDATE t AS new SET a = 1 RETURNING new.a').usesOldOrNew).toBe(false);
    expect(returningOf('UPDATE t SET a = 1 FROM u AS old RETURNING old.a').usesOldOrNew).toBe(false);
  });

  it('finds qualifiers by a schema, also deep in an expression', () => {
    const list = 's.t.a, "s" . /* . */ t . b, f(s.t.c[1]), (s.t.d).x, s.t.*, x.t.e, t.f, s.u.g, db.s.t.h';
    expect(returningOf(`UPDATE s.t SET a = 1 RETURNING ${list}`).schemaQualifiers).toEqual([
      's.',
      '"s" .',
      's.',
      's.',
      's.',
      'db.s.',
    ]);
    expect(returningOf(`UPDATE t SET a = 1 FROM s.u RETURNING ${list}`).schemaQualifiers).toEqual([
      's.',
      '"s" .',
      's.',
      's.',
      's.',
      'x.',
      's.',
      'db.s.',
    ]);
    expect(returningOf('UPDATE s.t AS t SET a = 1 RETURNING s.t.a').schemaQualifiers).toEqual([]);
  });

  it('finds the target’s system columns', () => {
    expect(
      returningOf('DELETE FROM t USING u RETURNING ctid, t.xmin, u.xmax, "CTID", ctid::text, old.cmin').systemColumns,
    ).toEqual(['ctid', 'xmin', 'cmin']);
    expect(returningOf('DELETE FROM t RETURNING a.ctid.b, id AS tableoid').systemColumns).toEqual([]);
  });
});

describe('texts', () => {
  it('gives offsets in the client’s own bytes', () => {
    // In WIN1252: é is 0xe9, € is 0x80.
    const text = Buffer.from(
      "/* \xe9\x80 */ UPDATE s.gr\xf6\xdfe SET a = '\x80' RETURNING s.gr\xf6\xdfe.a, '\xe9'",
      'latin1',
    );
    const { analysis } = read(text, clientEncoding('WIN1252'));
    const found = analysis.kind === 'statements' ? analysis.statements[0] : undefined;
    if (found?.kind !== 'mutation' || found.returning === null) throw new Error('not a mutation with RETURNING');
    expect(found.target).toEqual({ catalog: null, schema: 's', name: 'größe' });
    expect(slice(text, found.span).toString('latin1')).toMatch(/^UPDATE .* '\xe9'$/);
    expect(slice(text, found.returning.list).toString('latin1')).toBe("s.gr\xf6\xdfe.a, '\xe9'");
    expect(found.returning.schemaQualifiers.map((span) => slice(text, span).toString('latin1'))).toEqual(['s.']);
  });

  it('cuts names where Postgres does', () => {
    expect(mutationOf(`DELETE FROM ${'x'.repeat(80)}`).target.name).toBe('x'.repeat(63));
  });

  it.each([
    ['syntax', 'INSERT INTO'],
    ['syntax', "DELETE FROM t WHERE a = 'unterminated"],
    ['syntax', 'DELETE FROM t /* unterminated'],
    ['syntax', 'DELETE FROM t; SELEC 1'],
    ['encoding', 'DELETE FROM t\0'],
  ])('is opaque (%s) where nothing can be said: %s', (why, sql) => {
    expect(read(Buffer.from(sql), 'utf8')).toEqual({ analysis: { kind: 'opaque', why }, corrupt: false });
  });

  it('describes a long text', () => {
    const long = `INSERT INTO t VALUES ('${'ü'.repeat(500_000)}') RETURNING a`;
    const [found] = statementsOf(long);
    if (found?.kind !== 'mutation' || found.returning === null) throw new Error('not a mutation with RETURNING');
    expect(slice(Buffer.from(long), found.returning.span).toString()).toBe('RETURNING a');
    expect(found.span.end).toBe(Buffer.byteLength(long));
  });

  it('gives rows of one shape one description', () => {
    const { defaults } = insertOf(`INSERT INTO t VALUES ${'(1, DEFAULT),'.repeat(20_000)}(DEFAULT, 1)`);
    expect(defaults).toHaveLength(20_001);
    expect(new Set(defaults).size).toBe(2);
  });
});

/** The parser's threads: limits, losses, and that no text harms another. */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { type Analyser, type AnalyserOptions, type Analysis, createAnalyser } from '../../src/sql/index.js';

const open: Analyser[] = [];

function analyser(options: AnalyserOptions = {}): Analyser {
  // Generous for machines under load; the tests that need the limit set their own.
  const created = createAnalyser({ timeLimit: 60_000, ...options });
  open.push(created);
  return created;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

const plain = Buffer.from('INSERT INTO salesforce.contacts (email) VALUES ($1) RETURNING id');

function expectInsert(analysis: Analysis | undefined): void {
  expect(analysis).toMatchObject({
    kind: 'statements',
    statements: [{ kind: 'mutation', verb: 'insert', target: { name: 'contacts' }, parameters: 1 }],
  });
}

/** A sum too deep for the parser's stack; Postgres refuses it as well (54001). */
const deep = Buffer.from(`SELECT ${'1+'.repeat(20_000)}1; DELETE FROM t`);

/** The scanner takes time in the square of the depth: minutes for this. */
const endless = Buffer.from(`${'/*'.repeat(400_000)}${'*/'.repeat(400_000)} DELETE FROM t`);

/** The parser's output doubles with each level. */
function nested(levels: number): string {
  if (levels === 0) return 'SELECT 1';
  return `SELECT 1 FROM (WITH x AS (UPDATE t SET (a, b) = (${nested(levels - 1)})) SELECT 1) y`;
}

describe('analyse', () => {
  it('describes a text, and remembers it', async () => {
    const one = analyser();
    expect(one.cached(plain)).toBeUndefined();
    expectInsert(await one.analyse(plain));
    expectInsert(one.cached(plain));
    expectInsert(one.cached(plain.toString('latin1')));
    expect(await one.analyse(plain)).toBe(one.cached(plain));
  });

  it('takes the text before the caller’s buffer changes', async () => {
    const one = analyser();
    const buffer = Buffer.concat([plain, Buffer.from(' garbage')]);
    const found = one.analyse(buffer.subarray(0, plain.length));
    buffer.fill('x');
    expectInsert(await found);
  });

  it('asks the parser once for a text that comes many times at once', async () => {
    const one = analyser();
    const all = await Promise.all(Array.from({ length: 100 }, () => one.analyse(plain)));
    expect(new Set(all).size).toBe(1);
    expectInsert(all[0]);
  });

  it('describes many texts in any order, each as its own', async () => {
    const one = analyser();
    const texts = Array.from({ length: 300 }, (_, i) => `DELETE FROM t${i} /* ${'x'.repeat((i % 7) * 5000)} */`);
    const all = await Promise.all(texts.map((text) => one.analyse(Buffer.from(text))));
    const names = all.map((found) => {
      const statement = found.kind === 'statements' ? found.statements[0] : undefined;
      return statement?.kind === 'mutation' ? statement.target.name : null;
    });
    expect(names).toEqual(texts.map((_, i) => `t${i}`));
  });

  it('keeps texts of different encodings apart', async () => {
    const one = analyser();
    const text = Buffer.from('DELETE FROM "\xc3\xa9"', 'latin1');
    const name = (found: Analysis) =>
      found.kind === 'statements' && found.statements[0]?.kind === 'mutation' ? found.statements[0].target.name : found;
    expect(name(await one.analyse(text))).toBe('é');
    expect(name(await one.analyse(text, 'LATIN1'))).toBe('Ã©');
    expect(await one.analyse(text, 'other')).toEqual({ kind: 'opaque', why: 'encoding' });
    expect(name(one.cached(text) ?? { kind: 'opaque', why: 'failure' })).toBe('é');
  });

  it('says nothing of a backslash where strings may end elsewhere', async () => {
    const one = analyser();
    const text = Buffer.from("DELETE FROM t WHERE a = 'x\\'");
    expect(await one.analyse(text)).toMatchObject({ kind: 'statements' });
    expect(await one.analyse(text, 'utf8', false)).toEqual({ kind: 'opaque', why: 'encoding' });
    expect(one.cached(text, 'utf8', false)).toEqual({ kind: 'opaque', why: 'encoding' });
    expectInsert(await one.analyse(plain, 'utf8', false));
  });

  it('remembers a syntax error', async () => {
    const one = analyser();
    const text = Buffer.from('INSERT INTO');
    expect(await one.analyse(text)).toEqual({ kind: 'opaque', why: 'syntax' });
    expect(one.cached(text)).toEqual({ kind: 'opaque', why: 'syntax' });
  });

  it('refuses what is longer than its limit', async () => {
    const one = analyser({ sizeLimit: plain.length });
    expectInsert(await one.analyse(plain));
    expect(await one.analyse(Buffer.concat([plain, Buffer.from(' ')]))).toEqual({ kind: 'opaque', why: 'size' });
  });
});

describe('hostile texts', () => {
  it('a stack overflow costs its own text only, time and again', async () => {
    const losses: string[] = [];
    const one = analyser({ onLoss: (reason) => losses.push(reason) });
    for (let i = 0; i < 3; i++) {
      const [overflown, long] = await Promise.all([
        one.analyse(deep),
        one.analyse(Buffer.concat([plain, Buffer.from(` -- ${i}${'x'.repeat(20_000)}`)])),
      ]);
      expect(overflown).toEqual({ kind: 'opaque', why: 'failure' });
      expectInsert(long);
    }
    expect(losses).toEqual(['failure', 'failure', 'failure']);
    expect(one.cached(deep)).toBeUndefined();
  });

  it('a text over the time limit is given up, while short ones go on and long ones follow', async () => {
    const losses: string[] = [];
    const one = analyser({ timeLimit: 8000, onLoss: (reason) => losses.push(reason) });
    // The thread of the short texts has begun, so that its start cannot last longer than the limit of the long one.
    await one.ready();
    let given = false;
    const slow = one.analyse(endless).then((found) => {
      given = true;
      return found;
    });
    const next = one.analyse(Buffer.concat([plain, Buffer.from(` -- ${'x'.repeat(20_000)}`)]));
    expectInsert(await one.analyse(plain));
    expect(given).toBe(false);
    expect(await slow).toEqual({ kind: 'opaque', why: 'time' });
    expectInsert(await next);
    expect(losses).toEqual(['time']);
  });

  it.each([
    ['a row assignment', `UPDATE t SET (${'a,'.repeat(20_000)}a) = (${'1,'.repeat(20_000)}1)`],
    ['nested row assignments', nested(40)],
    ['a million values', `INSERT INTO t VALUES ${'(1),'.repeat(1_000_000)}(1)`],
    ['a million statements', 'END;'.repeat(1_000_000)],
  ])('%s that would take any amount of memory is given up', async (_, sql) => {
    const one = analyser();
    expect(await one.analyse(Buffer.from(sql))).toEqual({ kind: 'opaque', why: 'failure' });
    expectInsert(await one.analyse(plain));
  });

  it.each([
    ['statements', 'DELETE FROM t;'.repeat(20_000)],
    ['columns', `INSERT INTO t (${'column_name,'.repeat(100_000)}a) SELECT 1`],
  ])('too many %s are not handed to the event loop', async (_, sql) => {
    expect(await analyser().analyse(Buffer.from(sql))).toEqual({ kind: 'opaque', why: 'size' });
  });

  it('garbage of ten megabytes is a syntax error', async () => {
    const one = analyser();
    const garbage: Buffer[] = [];
    for (let i = 0; i < 160_000; i++) garbage.push(createHash('sha512').update(String(i)).digest());
    const text = Buffer.from(Buffer.concat(garbage).toString('latin1').replaceAll('\0', '?'), 'utf8');
    expect(text.length).toBeGreaterThan(10_000_000);
    expect(await one.analyse(text)).toEqual({ kind: 'opaque', why: 'syntax' });
    expectInsert(await one.analyse(plain));
  });

  it('a bulk insert of a megabyte is described', async () => {
    const one = analyser();
    const rows = Array.from({ length: 20_000 }, (_, i) => `('Päul ${i}', 'Atreides', DEFAULT, 'it''s; ${i}')`);
    const text = Buffer.from(`INSERT INTO t (a, b, c, d) VALUES ${rows.join(', ')} RETURNING id`);
    expect(text.length).toBeGreaterThan(900_000);
    const found = await one.analyse(text);
    const statement = found.kind === 'statements' ? found.statements[0] : undefined;
    if (statement?.kind !== 'mutation') throw new Error('not a mutation');
    expect(statement.span.end).toBe(text.length);
    expect(statement.insert?.defaults).toHaveLength(20_000);
    expect(statement.insert?.defaults[19_999]).toEqual([false, false, true, false]);
  });
});

describe('close', () => {
  it('answers what waits, and what comes later', async () => {
    const one = analyser();
    const waiting = [one.analyse(endless), one.analyse(plain)];
    await one.close();
    expect(await Promise.all(waiting)).toEqual([
      { kind: 'opaque', why: 'failure' },
      { kind: 'opaque', why: 'failure' },
    ]);
    expect(await one.analyse(Buffer.from('DELETE FROM t'))).toEqual({ kind: 'opaque', why: 'failure' });
  });

  it('ready resolves once and again', async () => {
    const one = analyser();
    await one.ready();
    await one.ready();
    expectInsert(await one.analyse(plain));
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { screen } from './screen.js';

/** What Postgres's scanner takes for white space, comments included. */
const blank = fc.oneof(
  fc.constantFrom(' ', '\t', '\n', '\r', '\f', '\v', '\r\n'),
  fc.string().map((text) => `/*${text.replaceAll(/[*/]/g, '')}*/`),
  fc.constantFrom('/* for */', '/* a /* nested */ update */', '--\n', '-- for\n', '--for\r', '-- select for update\n'),
  fc.string().map((text) => `--${text.replaceAll(/[\r\n]/g, '')}\n`),
);
const blanks = fc.array(blank, { minLength: 1, maxLength: 4 }).map((all) => all.join(''));

function randomCase(word: string) {
  return fc
    .array(fc.boolean(), { minLength: word.length, maxLength: word.length })
    .map((upper) => Array.from(word, (letter, i) => (upper[i] ? letter.toUpperCase() : letter)).join(''));
}

/** The words of a statement, each in any case and with anything blank between them. */
function spelt(words: readonly string[]) {
  return fc
    .tuple(...words.map((word) => fc.tuple(blanks, randomCase(word))))
    .map((pieces) => pieces.map(([space, word]) => space + word).join(''));
}

const writes = fc.oneof(
  ...[
    ['insert', 'into', 't', 'default', 'values'],
    ['update', 't', 'set', 'a=1'],
    ['delete', 'from', 't'],
    ['merge', 'into', 't', 'using', 's', 'on', 'true'],
    ['truncate', 't'],
    ['copy', 't', 'from', 'stdin'],
    ['with', 'x', 'as', '(select', '1)update', 't', 'set', 'a=1'],
    ['explain', 'analyze', 'delete', 'from', 't'],
    ['prepare', 'p', 'as', 'update', 't', 'set', 'a=1'],
    ['select', '1', 'for', 'update;', 'update', 't', 'set', 'a=1'],
    ['copy', 't', 'to', 'stdout;', 'delete', 'from', 't'],
  ].map(spelt),
);

/** What may stand directly before a statement's first keyword. */
const before = fc.constantFrom('', ';', 'select 1;', "select 'x';", '$$for$$;', 'select 1 for update;', '\u00e9', ')');

describe('screen', () => {
  it('never misses a write, however it is spelt', () => {
    fc.assert(fc.property(before, writes, blanks, (front, text, back) => screen(front + text + back)));
  });

  it('never misses one behind bytes of any encoding', () => {
    const bytes = fc.uint8Array({ max: 255 }).map((all) => Buffer.from(all).toString('latin1'));
    fc.assert(fc.property(bytes, writes, bytes, (front, text, back) => screen(front + text + back)));
  });

  it.each([
    'SELECT * FROM jobs ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED',
    'select 1 from t for no key update',
    'SELECT 1 FROM t FOR  NO\tKEY  UPDATE OF t',
    'SELECT updated_at, deleted, inserts FROM copy_log',
    'COPY t TO STDOUT',
    'SELECT "date", category, certificate FROM t',
    'BEGIN',
    '',
    "SET TimeZone TO 'UTC'",
    'SELECT index_stats, max_stale FROM t',
  ])('lets %s pass', (text) => {
    expect(screen(text)).toBe(false);
    expect(screen(text, true)).toBe(false);
  });

  it.each([
    '-- wait for\nUPDATE t SET a = 1',
    '/* for */update t set a = 1',
    '"for"update t set a = 1',
    'x for update; update t set a = 1',
    '\u00e9for update t',
    '$for update t',
  ])('does not take %j for a lock', (text) => {
    expect(screen(text)).toBe(true);
  });

  it.each(["SET upwrite.max_staleness = '1s'", 'select set_config("upwrite.MAX_STALENESS")'])(
    'holds %s back',
    (text) => {
      expect(screen(text)).toBe(true);
    },
  );

  it.each(['EXECUTE p(1)', 'deallocate all', 'DISCARD ALL', 'explain execute p'])(
    'holds %s back only where the session has a prepared mutation',
    (text) => {
      expect(screen(text)).toBe(false);
      expect(screen(text, true)).toBe(true);
    },
  );

  it('takes time in proportion to the text', () => {
    expect(screen('copy '.repeat(1_000_000))).toBe(false);
    expect(screen('x for update '.repeat(500_000))).toBe(false);
    expect(screen(`x${' '.repeat(5_000_000)}update`)).toBe(true);
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { copyField, textForm } from './values.js';

test.each([
  ['text', 'Dune', 'Dune'],
  ['text', 7, '7'],
  ['text', '', ''],
  ['boolean', false, 'false'],
  ['integer', -7, '-7'],
  ['bigint', '9223372036854775807', '9223372036854775807'],
  ['double precision', 1e21, '1e+21'],
  ['date', '2024-02-29', '2024-02-29'],
  ['bytea', 'AAEC', '\\x000102'],
  ['bytea', '', '\\x'],
  ['jsonb', 'a"b', '"a\\"b"'],
  ['jsonb', { a: [1, null] }, '{"a":[1,null]}'],
  ['text[]', [], '{}'],
  ['text[]', ['a,b', 'NULL', null, '"\\', ''], '{"a,b","NULL",NULL,"\\"\\\\",""}'],
] as const)('%s %j is %s', (type, value, expected) => {
  expect(textForm(type, value)).toBe(expected);
});

test('nothing and null are NULL in every type', () => {
  for (const type of ['text', 'jsonb', 'bytea', 'text[]', 'numeric'] as const) {
    expect(textForm(type, null)).toBeNull();
    expect(textForm(type, undefined)).toBeNull();
  }
});

test('what text cannot hold is replaced, and pairs of surrogates are kept', () => {
  expect(textForm('text', 'a\0b\uD800c\u{1F41B}')).toBe('a\uFFFDb\uFFFDc\u{1F41B}');
  expect(textForm('jsonb', { x: 'a\0' })).toBe('{"x":"a\uFFFD"}');
  expect(textForm('text[]', ['\uDC00'])).toBe('{"\uFFFD"}');
});

test('a field of COPY never contains what ends a field or a row', () => {
  expect(copyField(null)).toBe('\\N');
  expect(copyField('\\N')).toBe('\\\\N');
  expect(copyField('a\tb\nc\rd\\')).toBe('a\\tb\\nc\\rd\\\\');
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(copyField(text)).not.toMatch(/[\t\n\r]/);
    }),
  );
});

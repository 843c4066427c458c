import { expect, it } from 'vitest';
import { withoutNul } from './nul.js';

it('leaves U+0000 out of text, lists and JSON, and everything else alone', () => {
  const values = {
    text: 'a\u0000b\u0000',
    list: ['x', '\u0000y'],
    json: { 'na\u0000me': [{ deep: '\u0000' }], n: 1 },
    number: 1,
    yes: true,
    none: null,
    fine: 'fine \\u0000',
  };
  expect(withoutNul({ key: '1', values })).toEqual({
    key: '1',
    values: {
      ...values,
      text: 'ab',
      list: ['x', 'y'],
      json: { name: [{ deep: '' }], n: 1 },
    },
  });
});

it('copies nothing that has nothing to leave out', () => {
  const record = { key: '1', values: { text: 'a', list: ['b'], json: { c: [null] } } };
  expect(withoutNul(record)).toBe(record);
  expect(withoutNul(null)).toBeNull();
});

import { expect, test } from 'vitest';
import { asideOf, mayBeAside } from './asides.js';

test.each([
  ['BEGIN', 'begins'],
  [' \t\n\u000b\f\r\u00a0begin isolation level serializable', 'begins'],
  ['Start  Transaction', 'begins'],
  ['DEALLOCATE ALL', 'frees'],
  ['\ndiscard all', 'frees'],
] as const)('%j %s', (text, aside) => {
  const bytes = Buffer.from(text, 'latin1');
  expect(asideOf(bytes)).toBe(aside);
  expect(mayBeAside(bytes, 0)).toBe(true);
});

test.each(['select 1', 'beginning', 'start', 'commit', '', ' '])('%j is none', (text) => {
  expect(asideOf(Buffer.from(text))).toBeNull();
});

test.each(['select 1', 'commit', 'SELECT begin', '', '  '])('%j cannot be one', (text) => {
  expect(mayBeAside(Buffer.from(text), 0)).toBe(false);
});

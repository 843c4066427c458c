import { expect, test } from 'vitest';
import { everyMillis } from './pace.js';

const pace = { requests: 14_400, perMillis: 86_400_000, share: 0.5, look: 2, leastMillis: 15_000 };

test.each([
  ['one table', 1, 24_000],
  ['ten tables', 10, 240_000],
])('%s of a connection share its quota', (_name, tables, expected) => {
  expect(everyMillis({ pace }, tables)).toBe(expected);
  const looks = (86_400_000 / expected) * tables;
  expect(looks * pace.look).toBeLessThanOrEqual(pace.requests * pace.share);
});

test('a quota without bounds does not mean without pause', () => {
  expect(everyMillis({ pace: { ...pace, requests: 1e9 } }, 3)).toBe(15_000);
});

test('the configuration goes first, and a table before all tables', () => {
  expect(everyMillis({ pace, interval: 1000 }, 3)).toBe(1000);
  expect(everyMillis({ pace, interval: 1000, maxAge: 500 }, 3)).toBe(500);
});

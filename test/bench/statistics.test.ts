import { expect, it } from 'vitest';
import { median, ratios, summary } from './statistics.js';

it('takes the middle', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
  expect(summary([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 });
});

it('compares round by round, and leaves out rounds without a base', () => {
  expect(ratios([10, 30, 5], [20, 10])).toEqual([0.5, 3]);
  expect(ratios([1], [0])).toEqual([]);
});

import { describe, expect, it } from 'vitest';
import { inexactNumber } from './values.js';

describe('a number within JSON that a double would round', () => {
  it.each([
    '1',
    '[0, -0, 1.50, 0.1, -12.75, 9007199254740992, 1000000000000000000000000]',
    '{"n": 0.30000000000000004, "m": 5e-324, "k": 1.7976931348623157e+308}',
    '"12345678901234567891"',
    '{"a \\" 12345678901234567891": "\\\\", "b": [], "c": null, "d": true}',
  ])('none in %s', (json) => {
    expect(inexactNumber(json)).toBe(null);
  });

  it.each([
    ['9007199254740993', '9007199254740993'],
    ['{"a": [1, 12345678901234567891]}', '12345678901234567891'],
    ['{"\\\\": 0.12345678901234567891}', '0.12345678901234567891'],
    ['[-1.00000000000000000001]', '-1.00000000000000000001'],
    [`[1${'0'.repeat(400)}]`, `1${'0'.repeat(400)}`],
    [`0.${'0'.repeat(400)}1`, `0.${'0'.repeat(400)}1`],
  ])('%s', (json, number) => {
    expect(inexactNumber(json)).toBe(number);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { glance } from './glance.js';
import { screen } from './screen.js';

const words = ['insert', 'Update', 'DELETE', 'mErGe', 'TRUNCATE', 'copy', 'FROM', 'max_staleness', 'for', 'no', 'key'];
const text = fc
  .array(fc.oneof(fc.constantFrom(...words, ' ', '\t', '\n', '(', ';', '\u00e9', '\0'), fc.string()), { maxLength: 12 })
  .map((pieces) => Buffer.from(pieces.join(''), 'latin1'));

describe('glance', () => {
  it('never misses what the screen stops at', () => {
    let stops = 0;
    fc.assert(
      fc.property(text, (bytes) => {
        const matters = screen(bytes.toString('latin1'));
        if (matters) stops++;
        return !matters || glance(bytes, 0, bytes.length);
      }),
      { numRuns: 2000 },
    );
    expect(stops).toBeGreaterThan(100);
  });

  it.each(words.slice(0, 6).concat('max_staleness'))('sees %s at either end, and no further', (word) => {
    const bytes = Buffer.from(`date ${word} copy`, 'latin1');
    const [from, to] = [5, 5 + word.length];
    expect(glance(bytes, from, to)).toBe(true);
    expect(glance(bytes, from, to - 1)).toBe(word === 'max_staleness');
    expect(glance(Buffer.from(word.toUpperCase(), 'latin1'), 0, word.length)).toBe(true);
  });

  it.each([
    'SELECT abalance FROM pgbench_accounts WHERE aid = 4711',
    'select 1',
    '',
    'BEGIN',
    "SELECT type, year FROM contacts WHERE city = 'Leicester' AND country IS NOT NULL",
  ])('passes by %s', (passing) => {
    const bytes = Buffer.from(passing, 'latin1');
    expect(glance(bytes, 0, bytes.length)).toBe(false);
  });
});

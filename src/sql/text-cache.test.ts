import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TextCache } from './text-cache.js';

describe('TextCache', () => {
  it('remembers what it was told', () => {
    const cache = new TextCache<number>(1_000_000);
    cache.set('a', 1, 10);
    expect(cache.get('a')).toBe(1);
    expect(cache.get('b')).toBeUndefined();
  });

  it('never holds more than its capacity, whatever comes', () => {
    const use = fc.record({ text: fc.string({ maxLength: 40 }), weight: fc.nat(400), read: fc.boolean() });
    fc.assert(
      fc.property(fc.array(use, { maxLength: 300 }), (uses) => {
        const cache = new TextCache<string>(20_000);
        for (const { text, weight, read } of uses) {
          if (!read) cache.set(text, text, weight);
          expect([undefined, text]).toContain(cache.get(text));
          expect(cache.used).toBeLessThanOrEqual(20_000);
        }
      }),
    );
  });

  it('keeps what is in use and forgets what is not', () => {
    const cache = new TextCache<number>(100_000);
    cache.set('hot', 1, 500);
    cache.set('cold', 2, 500);
    for (let i = 0; i < 1000; i++) {
      cache.set(`text ${i}`, i, 500);
      expect(cache.get('hot')).toBe(1);
    }
    expect(cache.get('cold')).toBeUndefined();
  });

  it('does not keep what would crowd out the rest', () => {
    const cache = new TextCache<number>(32_000);
    expect(cache.longest).toBe(1000);
    cache.set('x'.repeat(1000), 1, 0);
    cache.set('y', 1, 1000);
    expect(cache.used).toBe(0);
  });
});

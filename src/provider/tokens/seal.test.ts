import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Damaged, KeyRing, UnknownKey } from './seal.js';

const one = randomBytes(32);
const two = randomBytes(32);

describe('KeyRing', () => {
  it('opens what it sealed, for the same purpose only', () => {
    const ring = KeyRing.parse(one.toString('base64'));
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.string(), (plain, purpose, other) => {
        const sealed = ring.seal(plain, purpose);
        expect(ring.open(sealed, purpose)).toBe(plain);
        if (other !== purpose) expect(() => ring.open(sealed, other)).toThrow(Damaged);
        if (plain.length > 3) expect(sealed).not.toContain(plain);
      }),
      { numRuns: 30 },
    );
  });

  it('seals the same text differently each time', () => {
    const ring = KeyRing.parse(one.toString('hex'));
    expect(ring.seal('a', '')).not.toBe(ring.seal('a', ''));
  });

  it('finds every change of a sealed text', () => {
    const ring = KeyRing.parse(one.toString('base64url'));
    const sealed = ring.seal('secret', 'here');
    for (const [index, letter] of [...sealed].entries()) {
      // The last letter of base64 has bits that stand for nothing.
      if (letter === '.' || sealed[index + 1] === '.' || index === sealed.length - 1) continue;
      const changed = `${sealed.slice(0, index)}${letter === 'A' ? 'B' : 'A'}${sealed.slice(index + 1)}`;
      expect(() => ring.open(changed, 'here')).toThrow();
    }
    for (const text of ['', '1...', 'x', `${sealed}.`, `1.${ring.keyId}.AAAA.AAAA`]) {
      expect(() => ring.open(text, 'here')).toThrow();
    }
  });

  it('opens under an older key, and names a key that is not there', () => {
    const old = KeyRing.parse(one.toString('base64'));
    const sealed = old.seal('token', 'here');
    const both = KeyRing.parse(`${two.toString('base64')}, ${one.toString('hex')}`);
    expect(both.open(sealed, 'here')).toBe('token');
    expect(both.seal('x', '')).toContain(both.keyId);
    const next = KeyRing.parse(two.toString('base64'));
    expect(next.keyId).toBe(both.keyId);
    expect(() => next.open(sealed, 'here')).toThrow(UnknownKey);
    expect(() => next.open(sealed, 'here')).toThrow(old.keyId);
  });

  it.each([
    '',
    'short',
    one.toString('base64').slice(4),
    `${one.toString('hex')}0`,
    'z'.repeat(64),
    `,${'A'.repeat(43)}`,
  ])('refuses %j without repeating it', (text) => {
    expect(() => KeyRing.parse(text)).toThrow(/must be 32 bytes in base64 or hex/);
    if (text.length > 3) expect(() => KeyRing.parse(text)).not.toThrow(text);
  });
});

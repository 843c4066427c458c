import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { codesByMeaning, meanings } from './codes.js';

/** The codes in the SDK's type of a payment's last error: the list that it generates from Stripe's description. */
function sdkCodes(): readonly string[] {
  const entry = createRequire(import.meta.url).resolve('stripe');
  const file = path.join(path.dirname(entry), '..', 'esm', 'resources', 'PaymentIntents.d.ts');
  const text = readFileSync(file, 'utf8');
  const [, list = ''] = /namespace LastPaymentError \{[\s\S]*?type Code = ([^;]+);/.exec(text) ?? [];
  return [...list.matchAll(/'(\w+)'/g)].map((match) => match[1] ?? '');
}

describe('error codes', () => {
  it('all have their line', () => {
    const codes = sdkCodes();
    expect(codes.length).toBeGreaterThan(200);
    expect(codes.filter((code) => !meanings.has(code))).toEqual([]);
  });

  it('stand in one line only', () => {
    const all = Object.values(codesByMeaning).flat();
    expect(all.filter((code, index) => all.indexOf(code) !== index)).toEqual([]);
  });
});

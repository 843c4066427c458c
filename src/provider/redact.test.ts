import { describe, expect, it } from 'vitest';
import { describeError, Redactor } from './redact.js';

describe('Redactor', () => {
  it('takes registered secrets out, plain and URL-encoded', () => {
    const redactor = new Redactor();
    redactor.add('s3cr3t/value');
    expect(redactor.clean('a s3cr3t/value b s3cr3t%2Fvalue')).toBe('a [redacted] b [redacted]');
  });

  it.each([
    'Authorization: Bearer 00Dxx0000001gPz!AQEAQJ.abc',
    'POST body grant_type=password&password=hunter2&x=1',
    '{"access_token":"abcdefgh12345"}',
    'eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln',
    'key sk_live_abcdefghijkl and pat-na1-abcdefgh',
    'https://user:pass123@example.com/x',
    '-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----',
  ])('takes out what looks like a secret: %#', (text) => {
    const clean = new Redactor().clean(text);
    for (const secret of ['AQEAQJ', 'hunter2', 'abcdefgh', 'c2ln', 'pass123', 'MIIE']) {
      expect(clean).not.toContain(secret);
    }
    expect(clean).toContain('[redacted]');
  });

  it('bounds the length and removes control characters', () => {
    const clean = new Redactor().clean(`a\u001b[31m\n${'x'.repeat(10_000)}`);
    expect(clean.length).toBeLessThanOrEqual(500);
    expect(clean).not.toMatch(/\p{Cc}/u);
  });
});

describe('describeError', () => {
  it('tells code, message and causes, and nothing else of the error', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' });
    const error = Object.assign(new Error('fetch failed', { cause }), {
      config: { headers: { authorization: 'Bearer zzzzzzzzzz' } },
      response: { body: 'zzzzzzzzzz' },
    });
    expect(describeError(error)).toBe('fetch failed; caused by connect ECONNREFUSED 127.0.0.1:1');
  });

  it('survives what is no error', () => {
    expect(describeError(undefined)).toBe('unknown error');
    expect(describeError('boom')).toBe('boom');
    const loop: { message: string; cause?: unknown } = { message: 'loop' };
    loop.cause = loop;
    expect(describeError(loop)).toBe('loop');
  });
});

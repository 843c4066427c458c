import { describe, expect, it } from 'vitest';
import { isRestricted, parseConfig, requestsPerSecond } from './config.js';

const key = 'sk_test_0123456789';

describe('parseConfig', () => {
  it('fills in the address and takes the mode’s limit from the key', () => {
    const test = parseConfig({ auth: { api_key: key } });
    expect(test.base_url.href).toBe('https://api.stripe.com/');
    expect(requestsPerSecond(test)).toBe(25);
    expect(requestsPerSecond(parseConfig({ auth: { api_key: 'sk_live_0123456789' } }))).toBe(100);
    expect(requestsPerSecond(parseConfig({ auth: { api_key: key }, requests_per_second: 7 }))).toBe(7);
  });

  it('knows restricted keys', () => {
    expect(isRestricted(parseConfig({ auth: { api_key: 'rk_live_0123456789' } }))).toBe(true);
    expect(isRestricted(parseConfig({ auth: { api_key: key } }))).toBe(false);
  });

  it.each([
    [{}, 'auth is missing'],
    [{ auth: { kind: 'oauth', api_key: key } }, 'auth.kind must be api_key'],
    [{ auth: { api_key: 'whatever' } }, 'auth.api_key must be a secret key'],
    [{ auth: { api_key: 'pk_live_0123456789' } }, 'auth.api_key is a publishable key'],
    [{ auth: { api_key: key, account: '123' } }, 'auth.account must be the id of a connected account'],
    [{ auth: { api_key: key }, base_url: 'ftp://x' }, 'base_url must be an https:// address'],
    [{ auth: { api_key: key }, webhook_secret: 'x' }, 'webhook_secret must be the signing secret'],
    [{ auth: { api_key: key }, extra: 1 }, 'extra is not a known key'],
  ])('names the wrong key of %j', (input, message) => {
    expect(() => parseConfig(input)).toThrow(message);
  });

  it('never shows a value', () => {
    const parse = (): unknown => parseConfig({ auth: { api_key: 'hunter2hunter2' } });
    expect(parse).toThrow(/^(?!.*hunter2)/);
  });
});

import { describe, expect, it } from 'vitest';
import { parseConfig } from './config.js';

const auth = { kind: 'private_app', access_token: 'pat-na1-secret' };

describe('parseConfig', () => {
  it('fills in what is absent', () => {
    expect(parseConfig({ auth })).toEqual({
      auth,
      base_url: 'https://api.hubapi.com',
      objects: 'default',
      associations: 'default',
      requests_per_ten_seconds: 100,
      searches_per_second: 5,
    });
  });

  it('takes OAuth, names and pairs, and http on this machine', () => {
    const given = {
      auth: { kind: 'oauth', client_id: 'c', client_secret: 's', refresh_token: 'r' },
      base_url: 'http://127.0.0.1:8080/ignored',
      objects: ['contacts', '2-123', 'p_shipment'],
      associations: ['contacts/companies', '2-123/contacts'],
    };
    expect(parseConfig(given)).toEqual({
      ...given,
      base_url: 'http://127.0.0.1:8080',
      requests_per_ten_seconds: 100,
      searches_per_second: 5,
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', {}, /auth is missing; add it with a kind: private_app or oauth/],
    ['an unknown kind', { auth: { kind: 'api_key' } }, /auth\.kind must be private_app or oauth/],
    [
      'a missing key',
      { auth: { kind: 'oauth', client_id: 'c', client_secret: 's' } },
      /auth\.refresh_token is missing/,
    ],
    ['an empty key', { auth: { ...auth, access_token: ' ' } }, /auth\.access_token is empty/],
    ['a misspelt key', { auth, base_ulr: 'x' }, /base_ulr is not a known key; remove it/],
    ['plain http', { auth, base_url: 'http://api.hubapi.com' }, /base_url must be an https:/],
    ['wrong objects', { auth, objects: 'some' }, /objects must be default, or a list/],
    ['a wrong pair', { auth, associations: ['contacts'] }, /associations/],
    ['no object', null, /hubspot:/],
  ])('refuses %s by key and fix', (_, input, message) => {
    expect(() => parseConfig(input)).toThrow(message);
  });

  it('never shows a value', () => {
    expect(() => parseConfig({ auth: { ...auth, extra: 'hush' } })).toThrow(/^(?!.*(hush|pat-na1)).*auth\.extra/);
  });
});

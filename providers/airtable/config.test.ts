import { expect, it } from 'vitest';
import { parseConfig } from './config.js';

const personal = { kind: 'personal_access_token', token: 'patABC.def' };
const oauth = { kind: 'oauth', client_id: 'client', refresh_token: 'refresh' };

it('fills in the defaults', () => {
  expect(parseConfig({ auth: personal })).toEqual({
    auth: personal,
    endpoint_url: 'https://api.airtable.com',
    bases: 'all',
    requests_per_second: 5,
  });
  expect(parseConfig({ auth: oauth }).auth).toEqual({ ...oauth, token_url: 'https://airtable.com/oauth2/v1/token' });
});

it('takes bases by id or name, with words before their tables', () => {
  const { bases } = parseConfig({ auth: personal, bases: ['appA', { base: 'CRM', prefix: '' }, { base: 'appB' }] });
  expect(bases).toEqual([
    { base: 'appA', prefix: undefined },
    { base: 'CRM', prefix: '' },
    { base: 'appB', prefix: undefined },
  ]);
});

it.each<[unknown, string]>([
  [{}, 'auth is missing; add it with a kind: personal_access_token or oauth'],
  [{ auth: { kind: 'basic' } }, 'auth.kind must be personal_access_token or oauth'],
  [{ auth: { kind: 'personal_access_token' } }, 'auth.token is missing; add it'],
  [{ auth: { kind: 'personal_access_token', token: 'keyOLD' } }, 'auth.token is an API key, which Airtable no longer'],
  [{ auth: { kind: 'oauth', client_id: 'x' } }, 'auth.refresh_token is missing; add it'],
  [{ auth: { ...oauth, secret: 'x' } }, 'auth.secret is not a known key; remove it'],
  [{ auth: { ...oauth, token_url: 'http://airtable.com/x' } }, 'auth.token_url must be an https:// address'],
  [{ auth: personal, endpoint_url: 'ftp://x' }, 'endpoint_url must be an https:// address'],
  [{ auth: personal, bases: 'some' }, 'bases must be all, or a list of base ids or names'],
  [{ auth: personal, bases: [] }, 'bases'],
  [{ auth: personal, requests_per_second: 0 }, 'requests_per_second must be a whole number from 1 to 50'],
])('%o: %s', (config, message) => {
  expect(() => parseConfig(config)).toThrow(message);
});

it('never shows a value', () => {
  const secret = 'very-secret-value';
  const wrong = { auth: { kind: 'oauth', client_id: 5, refresh_token: [secret], client_secret: { secret } } };
  expect(() => parseConfig(wrong)).toThrow(expect.not.objectContaining({ message: expect.stringContaining(secret) }));
});

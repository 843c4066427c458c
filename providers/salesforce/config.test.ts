import { describe, expect, it } from 'vitest';
import { defaultApiVersion, parseConfig } from './config.js';

const token = { kind: 'access_token', access_token: 'secret-token', instance_url: 'https://acme.my.salesforce.com' };

describe('parseConfig', () => {
  it('fills in what is absent', () => {
    expect(parseConfig({ auth: { kind: 'refresh_token', client_id: 'c', refresh_token: 'r' } })).toEqual({
      auth: { kind: 'refresh_token', client_id: 'c', refresh_token: 'r', login_url: 'https://login.salesforce.com' },
      api_version: defaultApiVersion,
      objects: 'default',
    });
  });

  it('takes every kind of auth', () => {
    const rest = { client_id: 'c', client_secret: 's', username: 'u', password: 'p', login_url: 'https://a.b' };
    const { client_id, client_secret, login_url, username, password } = rest;
    const auths = [
      { kind: 'client_credentials', client_id, client_secret, login_url },
      { kind: 'jwt_bearer', client_id, username, private_key: '-----BEGIN PRIVATE KEY-----' },
      { kind: 'password', client_id, client_secret, username, password, security_token: 't' },
      token,
    ];
    expect(auths.map((auth) => parseConfig({ auth }).auth.kind)).toEqual(auths.map((auth) => auth.kind));
  });

  it.each([
    [61, '61.0'],
    ['v59.0', '59.0'],
    ['62.0', '62.0'],
  ])('takes api_version %s', (given, expected) => {
    expect(parseConfig({ auth: token, api_version: given }).api_version).toBe(expected);
  });

  it('keeps only the origin of addresses, and allows http on this machine', () => {
    const auth = { ...token, instance_url: 'http://127.0.0.1:8080/services/' };
    expect(parseConfig({ auth }).auth).toMatchObject({ instance_url: 'http://127.0.0.1:8080' });
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', {}, /auth is missing; add it with a kind: refresh_token/],
    ['no kind', { auth: { client_id: 'c' } }, /auth\.kind must be refresh_token, client_credentials/],
    ['an unknown kind', { auth: { kind: 'magic' } }, /auth\.kind must be/],
    ['a missing key', { auth: { kind: 'refresh_token', client_id: 'c' } }, /auth\.refresh_token is missing; add it/],
    ['an empty key', { auth: { ...token, access_token: ' ' } }, /auth\.access_token is empty/],
    ['a misspelt key', { auth: { ...token, acess: 1 } }, /auth\.acess is not a known key; remove it/],
    ['plain http', { auth: { ...token, instance_url: 'http://a.b' } }, /auth\.instance_url must be an https:/],
    [
      'a Lightning address',
      { auth: { ...token, instance_url: 'https://acme.lightning.force.com' } },
      /use https:\/\/acme\.my\.salesforce\.com/,
    ],
    ['an old version', { auth: token, api_version: '41.0' }, /api_version must be a version from '46\.0'/],
    ['wrong objects', { auth: token, objects: 'some' }, /objects must be default, all, or a list/],
    ['a wrong object', { auth: token, objects: ["x'; --"] }, /objects/],
    ['no object', null, /salesforce:/],
  ])('refuses %s by key and fix', (_, input, message) => {
    expect(() => parseConfig(input)).toThrow(message);
  });

  it('never shows a value', () => {
    const input = { auth: { kind: 'jwt_bearer', client_id: 'c', username: 'u', private_key: 'hush-hush' } };
    expect(() => parseConfig(input)).toThrow(/^(?!.*hush-hush).*private_key must be the PEM text/);
  });
});

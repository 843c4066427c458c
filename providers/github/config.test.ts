import { describe, expect, it } from 'vitest';
import { parseConfig } from './config.js';

const auth = { kind: 'token', token: 'secret-token' };

describe('parseConfig', () => {
  it('fills in what is absent', () => {
    expect(parseConfig({ auth, owners: ['octocat'] })).toEqual({
      auth,
      base_url: 'https://api.github.com',
      owners: ['octocat'],
      repositories: [],
      delete_repositories: false,
      page_size: 100,
    });
  });

  it('takes every kind of auth', () => {
    const auths = [
      auth,
      { kind: 'app', app_id: 1234, installation_id: 5678, private_key: '-----BEGIN RSA PRIVATE KEY-----\\nx' },
      { kind: 'refresh_token', client_id: 'c', client_secret: 's', refresh_token: 'r' },
    ];
    const parsed = auths.map((one) => parseConfig({ auth: one, repositories: ['o/n.js'] }).auth);
    expect(parsed).toEqual([
      auth,
      { kind: 'app', app_id: '1234', installation_id: '5678', private_key: '-----BEGIN RSA PRIVATE KEY-----\nx' },
      { ...auths[2], login_url: 'https://github.com' },
    ]);
  });

  it.each([
    ['https://ghe.example.com/api/v3/', 'https://ghe.example.com/api/v3'],
    ['https://api.acme.ghe.com', 'https://api.acme.ghe.com'],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
  ])('takes the base URL %s', (given, expected) => {
    expect(parseConfig({ auth, owners: ['o'], base_url: given }).base_url).toBe(expected);
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', {}, /auth is missing; add it with a kind: token, app or refresh_token/],
    ['an unknown kind', { auth: { kind: 'magic' }, owners: ['o'] }, /auth\.kind must be token, app or refresh_token/],
    ['no token', { auth: { kind: 'token' }, owners: ['o'] }, /auth\.token is missing; add it/],
    ['an empty token', { auth: { kind: 'token', token: ' ' }, owners: ['o'] }, /auth\.token is empty/],
    ['a misspelt key', { auth, owner: ['o'] }, /owner is not a known key; remove it/],
    ['nothing to sync', { auth }, /owners or repositories must name what is synced/],
    ['an owner with a slash', { auth, owners: ['o/n'] }, /owners\.0 must be the login/],
    ['a repository without owner', { auth, repositories: ['n'] }, /repositories\.0 must be an owner and a name/],
    ['plain http', { auth, owners: ['o'], base_url: 'http://a.b' }, /base_url must be an https:/],
    ['the web site', { auth, owners: ['o'], base_url: 'https://github.com' }, /use https:\/\/api\.github\.com/],
    ['too large pages', { auth, owners: ['o'], page_size: 101 }, /page_size/],
    [
      'a key that is none',
      { auth: { kind: 'app', app_id: 1, installation_id: 2, private_key: 'hush-hush' }, owners: ['o'] },
      /^(?!.*hush-hush).*private_key must be the PEM text/,
    ],
  ])('refuses %s by key and fix', (_, input, message) => {
    expect(() => parseConfig(input)).toThrow(message);
  });
});

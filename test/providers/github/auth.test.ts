/** Personal tokens, an App’s installation, a user through an App. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CREDENTIALS, type GitHubSandbox, startGitHubSandbox } from '../../../fixtures/github/index.js';
import { type Options, openOn, signal } from './support.js';

let sandbox: GitHubSandbox;

beforeAll(async () => {
  sandbox = await startGitHubSandbox({ issues: 4, pulls: 2, comments: 3 });
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

const open = (options: Options = {}) => openOn(sandbox, options);

describe('authorisation', () => {
  it.each([
    ['token', 'user paul-atreides'],
    ['app', 'user thufir[bot]'],
    ['refresh_token', 'user paul-atreides'],
  ])('%s', async (kind, who) => {
    const session = await open({ kind });
    expect(await session.check(signal)).toBe(who);
  });

  it.each(['app', 'refresh_token'])('%s: refused tokens are renewed, rotated refresh tokens are used', async (kind) => {
    const session = await open({ kind });
    for (let round = 0; round < 3; round += 1) {
      await session.check(signal);
      sandbox.expireTokens();
    }
    await session.check(signal);
  });

  it('an installation token is renewed before it expires', async () => {
    const short = await startGitHubSandbox({ issues: 0, tokenLifetimeMs: 30_000 });
    try {
      const session = await open({
        kind: 'app',
        config: { base_url: short.url },
        auth: { private_key: short.settings.privateKey },
      });
      await session.check(signal);
      await session.check(signal);
      const tokens = short.requests.list().filter(({ path }) => path.startsWith('/app/'));
      expect(tokens).toHaveLength(2);
      expect(short.requests.list().filter(({ status }) => status === 401)).toEqual([]);
    } finally {
      await short.close();
    }
  });

  it('one token, however many requests wait for it', async () => {
    const session = await open({ kind: 'app' });
    await Promise.all(Array.from({ length: 5 }, () => session.check(signal)));
    expect(sandbox.requests.list().filter(({ path }) => path.startsWith('/app/'))).toHaveLength(1);
  });

  const other = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  it.each<[string, Record<string, string>]>([
    ['token', { token: 'wrong-personal-token' }],
    ['app', { private_key: other.privateKey }],
    ['app', { private_key: '-----BEGIN RSA PRIVATE KEY-----\nbroken\n-----END RSA PRIVATE KEY-----' }],
    ['app', { app_id: '1' }],
    ['app', { installation_id: '1' }],
    ['refresh_token', { refresh_token: 'wrong-refresh-token' }],
    ['refresh_token', { client_secret: 'wrong-client-secret' }],
  ])('%s with %o is refused without showing a secret', async (kind, auth) => {
    const lines: string[] = [];
    const log = (fields: object, message: string): void => void lines.push(JSON.stringify(fields) + message);
    const session = await open({ kind, auth, log: { debug: log, info: log, warn: log } });
    const error: unknown = await session.check(signal).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      fault: { code: 'credentials_refused', context: expect.stringContaining('answered') },
    });
    const shown = JSON.stringify([Reflect.get(error as object, 'fault'), lines]);
    const secrets = ['token', 'refresh_token', 'client_secret', 'private_key'].flatMap((name) => auth[name] ?? []);
    for (const secret of [...secrets, CREDENTIALS.clientSecret, CREDENTIALS.token]) expect(shown).not.toContain(secret);
  });

  it('a revoked personal token is refused, once and finally', async () => {
    const session = await open();
    await session.check(signal);
    sandbox.revokePersonalToken();
    await expect(session.check(signal)).rejects.toMatchObject({ fault: { sqlstate: '58000' } });
  });
});

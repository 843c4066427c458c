/** The rest of the GitHub stand-in: tokens, webhooks, and records that outlive the process. */
import { createHmac, createSign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createComment, createIssue, createLabel, deleteRecord, updateIssue } from '../../fixtures/github/changes.js';
import { CREDENTIALS, type GitHubSandbox, startGitHubSandbox } from '../../fixtures/github/index.js';
import { object, send, text } from './client.js';

let sandbox: GitHubSandbox;

beforeAll(async () => {
  sandbox = await startGitHubSandbox({ issues: 3, pulls: 1, comments: 2 });
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

function user(token: string) {
  return send(`${sandbox.url}/user`, { headers: { authorization: `token ${token}`, 'user-agent': 'test' } });
}

describe('an App', () => {
  function jwt(over: Readonly<Record<string, unknown>> = {}, alg = 'RS256'): string {
    const now = Math.floor(Date.now() / 1000);
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg, typ: 'JWT' })}.${part({ iss: CREDENTIALS.appId, iat: now - 60, exp: now + 500, ...over })}`;
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(sandbox.settings.privateKey, 'base64url')}`;
  }
  const installation = (token: string, id: string = CREDENTIALS.installationId) =>
    send(`${sandbox.url}/app/installations/${id}/access_tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });

  it('gets a token for an hour, as its own user', async () => {
    const asked = Date.now();
    const { status, body } = await installation(jwt());
    expect(status).toBe(201);
    const { token, expires_at } = object(body);
    expect(text(token)).toMatch(/^ghs_/);
    expect(Date.parse(text(expires_at)) - asked).toBeGreaterThan(3_590_000);
    expect(object((await user(text(token))).body)).toMatchObject({ login: 'thufir[bot]', type: 'Bot' });
    sandbox.clock.advance(3_601_000);
    expect((await user(text(token))).status).toBe(401);
  });

  it.each<[string, () => string]>([
    ['expired', () => jwt({ exp: Math.floor(Date.now() / 1000) - 1 })],
    ['good for too long', () => jwt({ exp: Math.floor(Date.now() / 1000) + 3600 })],
    ['of another App', () => jwt({ iss: '1' })],
    ['of the future', () => jwt({ iat: Math.floor(Date.now() / 1000) + 600 })],
    ['of another algorithm', () => jwt({}, 'none')],
    ['with a broken signature', () => `${jwt().slice(0, -8)}AAAAAAAA`],
    ['none', () => 'x'],
  ])('is refused with a token that is %s', async (_, make) => {
    expect((await installation(make())).status).toBe(401);
  });

  it('has no other installation', async () => {
    expect((await installation(jwt(), '1')).status).toBe(404);
  });
});

describe('a user through an App', () => {
  const refresh = (refresh_token: string) =>
    send(`${sandbox.url}/login/oauth/access_token`, {
      method: 'POST',
      body: new URLSearchParams({
        client_id: CREDENTIALS.clientId,
        client_secret: CREDENTIALS.clientSecret,
        grant_type: 'refresh_token',
        refresh_token,
      }),
    });

  it('has a refresh token that is good once; a refusal has status 200', async () => {
    const first = object((await refresh(CREDENTIALS.refreshToken)).body);
    expect(first).toMatchObject({ expires_in: 28_800, refresh_token_expires_in: 15_811_200, token_type: 'bearer' });
    expect((await user(text(first['access_token']))).status).toBe(200);
    const again = await refresh(CREDENTIALS.refreshToken);
    expect(again.status).toBe(200);
    expect(object(again.body)).toMatchObject({ error: 'bad_refresh_token' });
    expect(object((await refresh(text(first['refresh_token']))).body)).toHaveProperty('access_token');
  });
});

describe('webhooks', () => {
  it('tell of changes by anyone, signed over the body’s bytes', async () => {
    interface Seen {
      readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
      readonly body: string;
    }
    const seen: Seen[] = [];
    const receiver = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        seen.push({ headers: request.headers, body: Buffer.concat(chunks).toString('utf8') });
        response.writeHead(202).end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const { port } = receiver.address() as AddressInfo;
    try {
      const secret = 'hook-secret';
      sandbox.addHook({ url: `http://127.0.0.1:${port}/hook`, secret, events: ['issues', 'issue_comment'] });
      const home = sandbox.hub.repository('caladan/harvester');
      if (home === undefined) throw new Error('there is no repository');
      const issue = createIssue(sandbox.colleague, home, 'Würmer 🐛', '', {});
      updateIssue(sandbox.colleague, issue, { title: 'Worms' });
      createLabel(sandbox.colleague, home, { name: 'unheard', color: 'ffffff' });
      createComment(sandbox.colleague, issue, 'hi');
      deleteRecord(sandbox.colleague, issue);
      await sandbox.delivered();
      expect(sandbox.deliveries.map(({ event, action, status }) => [event, action, status])).toEqual([
        ['issues', 'opened', 202],
        ['issues', 'edited', 202],
        ['issue_comment', 'created', 202],
        ['issues', 'deleted', 202],
      ]);
      for (const { headers, body } of seen) {
        const expected = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
        expect(headers['x-hub-signature-256']).toBe(expected);
        expect(headers['user-agent']).toMatch(/^GitHub-Hookshot\//);
        expect(headers['x-github-delivery']).toMatch(/^[0-9a-f-]{36}$/);
      }
      expect(JSON.parse(seen[0]?.body ?? '')).toMatchObject({
        action: 'opened',
        issue: { node_id: issue.id, title: 'Würmer 🐛', state: 'open' },
        repository: { full_name: 'caladan/harvester' },
        sender: { login: 'lady-jessica' },
      });
    } finally {
      await new Promise((resolve) => receiver.close(resolve));
    }
  });

  it('a receiver that is down is noted, and holds nothing up', async () => {
    sandbox.addHook({ url: 'http://127.0.0.1:9/', secret: 's' });
    const [issue] = sandbox.hub.issues;
    if (issue === undefined) throw new Error('there is no issue');
    deleteRecord(sandbox.colleague, issue);
    await sandbox.delivered();
    expect(sandbox.deliveries).toMatchObject([{ event: 'issues', action: 'deleted', status: 0 }]);
  });
});

describe('seed data', () => {
  it('is the same for every start', async () => {
    const other = await startGitHubSandbox({ issues: 3, pulls: 1, comments: 2 });
    try {
      const shown = (of: GitHubSandbox) =>
        of.hub.issues.map(({ id, number, title, body, state, updatedAt }) => ({
          id,
          number,
          title,
          body,
          state,
          updatedAt,
        }));
      expect(shown(other)).toEqual(shown(sandbox));
      expect(shown(other)).toHaveLength(3);
    } finally {
      await other.close();
    }
  });
});

describe('records in a file', () => {
  it('outlive the process, with everything that they refer to', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'github-sandbox-'));
    const stateFile = join(directory, 'github.json');
    const options = { issues: 5, pulls: 2, comments: 4, stateFile };
    try {
      const first = await startGitHubSandbox(options);
      const home = first.hub.repository('caladan/harvester');
      if (home === undefined) throw new Error('there is no repository');
      const labels = first.hub.labels.filter(({ name, repository }) => name === 'bug' && repository === home);
      const issue = createIssue(first.colleague, home, 'kept', 'b', { labelIds: labels.map(({ id }) => id) });
      // Any request writes what has changed.
      await fetch(`${first.url}/user`);
      await first.close();
      const second = await startGitHubSandbox(options);
      try {
        const found = second.hub.issues.find(({ id }) => id === issue.id);
        expect(found).toMatchObject({ title: 'kept', author: { login: 'lady-jessica' }, number: issue.number });
        const again = second.hub.repository('caladan/harvester');
        expect(found?.repository).toBe(again);
        expect(found?.labels[0]).toBe(second.hub.labels.find(({ id }) => id === labels[0]?.id));
        expect(again?.branches.has('main')).toBe(true);
        if (again === undefined) throw new Error('there is no repository');
        const next = createIssue(second.colleague, again, 'next', '', {});
        expect(next.number).toBe(issue.number + 1);
        expect(first.hub.find(next.id)).toBeUndefined();
        second.reset();
        expect(second.hub.issues).toHaveLength(5);
      } finally {
        await second.close();
      }
      await writeFile(stateFile, '{"form":0}');
      await expect(startGitHubSandbox(options)).rejects.toThrow('was not kept by this sandbox');
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

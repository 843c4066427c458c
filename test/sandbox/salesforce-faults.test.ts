import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Json } from '../../fixtures/kit/index.js';
import {
  DEFAULT_CREDENTIALS,
  type SalesforceSandbox,
  salesforceFaults,
  startSalesforceSandbox,
} from '../../fixtures/salesforce/index.js';
import { type Answer, Client, idsOf, list, object, send, text, tokenRequest } from './client.js';

const COLLECTIONS = '*/composite/sobjects';
const { clientId, clientSecret, refreshToken, username, password } = DEFAULT_CREDENTIALS;
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const LIFETIME_MS = 3_600_000;

let sandbox: SalesforceSandbox;
let client: Client;

beforeAll(async () => {
  sandbox = await startSalesforceSandbox({
    seed: false,
    dailyApiLimit: 100,
    tokenLifetimeMs: LIFETIME_MS,
    jwtPublicKey: keys.publicKey,
    logSize: 50,
  });
});
beforeEach(async () => {
  sandbox.reset();
  client = await Client.login(sandbox);
});
afterAll(() => sandbox.close());

function lastNames(): readonly unknown[] {
  return sandbox.records('Contact').map((record) => record['LastName']);
}

describe('tokens', () => {
  const good = { client_id: clientId, client_secret: clientSecret };
  test.each([
    ['refresh token', { ...good, grant_type: 'refresh_token', refresh_token: refreshToken }],
    [
      'refresh token of a public client',
      { client_id: clientId, grant_type: 'refresh_token', refresh_token: refreshToken },
    ],
    ['client credentials', { ...good, grant_type: 'client_credentials' }],
    ['password', { ...good, grant_type: 'password', username, password }],
  ])('%s', async (_, form) => {
    const answer = await tokenRequest(sandbox, form);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      access_token: expect.stringMatching(/^00D\w{12}!/),
      instance_url: sandbox.url,
      id: expect.stringMatching(/\/id\/00D\w{15}\/005\w{15}$/),
      token_type: 'Bearer',
      issued_at: expect.stringMatching(/^\d{13}$/),
      signature: expect.any(String),
      scope: expect.any(String),
    });
    const mine = new Client(sandbox, text(object(answer.body)['access_token']));
    expect((await mine.call('GET', '/limits')).status).toBe(200);
  });

  test.each([
    ['invalid_client_id', { ...good, client_id: 'x', grant_type: 'client_credentials' }],
    ['invalid_client', { ...good, client_secret: 'x', grant_type: 'client_credentials' }],
    ['invalid_client', { client_id: clientId, grant_type: 'client_credentials' }],
    ['invalid_grant', { ...good, grant_type: 'refresh_token', refresh_token: 'x' }],
    ['invalid_grant', { ...good, grant_type: 'password', username, password: 'x' }],
    ['unsupported_grant_type', { ...good, grant_type: 'magic' }],
  ])('%s', async (error, form) => {
    const answer = await tokenRequest(sandbox, form);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error, error_description: expect.any(String) });
  });

  function assertion(claims: Record<string, Json>, key: KeyObject = keys.privateKey, alg = 'RS256'): string {
    const exp = Math.floor(sandbox.clock.now() / 1000) + 120;
    const part = (value: Json): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg })}.${part({ iss: clientId, sub: username, aud: sandbox.url, exp, ...claims })}`;
    return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), key).toString('base64url')}`;
  }
  const bearerGrant = (token: string): Promise<Answer> =>
    tokenRequest(sandbox, { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: token });

  test('a JWT assertion, its signature and its claims', async () => {
    expect((await bearerGrant(assertion({}))).status).toBe(200);
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const refused = [
      assertion({}, stranger),
      assertion({ sub: 'somebody@else.example' }),
      assertion({ iss: 'other' }),
      assertion({ aud: 'https://elsewhere.example' }),
      assertion({ exp: Math.floor(sandbox.clock.now() / 1000) - 3_600 }),
      assertion({ exp: Math.floor(sandbox.clock.now() / 1000) + 3_600 }),
      assertion({}, keys.privateKey, 'none'),
      'a.b',
    ];
    for (const token of refused) {
      expect(await bearerGrant(token)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    }
  });

  const EXPIRED = { status: 401, body: [{ message: 'Session expired or invalid', errorCode: 'INVALID_SESSION_ID' }] };

  test('tokens end with time, on demand, and when revoked', async () => {
    sandbox.clock.advance(LIFETIME_MS - 60_000);
    expect((await client.call('GET', '/limits')).status).toBe(200);
    sandbox.clock.advance(60_000);
    expect(await client.call('GET', '/limits')).toMatchObject(EXPIRED);
    client = await Client.login(sandbox);
    sandbox.expireTokens();
    expect(await client.call('GET', '/limits')).toMatchObject(EXPIRED);
    const token = text(
      object((await tokenRequest(sandbox, { ...good, grant_type: 'client_credentials' })).body)['access_token'],
    );
    await send(`${sandbox.url}/services/oauth2/revoke`, { method: 'POST', body: new URLSearchParams({ token }) });
    expect(await new Client(sandbox, token).call('GET', '/limits')).toMatchObject(EXPIRED);
    expect(await send(`${sandbox.url}/services/data/v60.0/limits`)).toMatchObject(EXPIRED);
  });

  test('who the user is', async () => {
    const info = await client.call('GET', '/services/oauth2/userinfo');
    expect(info.body).toMatchObject({ preferred_username: username, organization_id: expect.stringMatching(/^00D/) });
  });
});

describe('limits and hostile input', () => {
  test('past the daily limit nothing is applied, until the day is over', async () => {
    sandbox.useCalls(99);
    expect((await client.create('Contact', [{ LastName: 'last' }])).headers.get('sforce-limit-info')).toBe(
      'api-usage=100/100',
    );
    const refused = await client.create('Contact', [{ LastName: 'late' }]);
    expect(refused).toMatchObject({
      status: 403,
      body: [{ message: 'TotalRequests Limit exceeded.', errorCode: 'REQUEST_LIMIT_EXCEEDED' }],
    });
    expect(lastNames()).toEqual(['last']);
    sandbox.clock.advance(24 * 60 * 60_000);
    client = await Client.login(sandbox);
    expect((await client.create('Contact', [{ LastName: 'next day' }])).status).toBe(200);
  });

  test.each([
    ['no JSON', '{"records": [', 'application/json', 400, 'JSON_PARSER_ERROR'],
    ['a list', '[]', 'application/json', 400, 'JSON_PARSER_ERROR'],
    ['records that are none', '{"records": [1]}', 'application/json', 400, 'JSON_PARSER_ERROR'],
    ['nothing', '', 'application/json', 400, 'JSON_PARSER_ERROR'],
    ['another type', 'a=b', 'text/plain', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['deep nesting', `${'['.repeat(100_000)}`, 'application/json', 400, 'JSON_PARSER_ERROR'],
  ])('a body with %s', async (_, body, type, status, errorCode) => {
    const answer = await client.call('POST', '/composite/sobjects', body, { 'content-type': type });
    expect(answer).toMatchObject({ status, body: [{ errorCode }] });
  });

  test('a body over six megabytes', async () => {
    const body = JSON.stringify({
      records: [{ attributes: { type: 'Contact' }, LastName: 'x'.repeat(6 * 1024 * 1024) }],
    });
    const answer = await client.call('POST', '/composite/sobjects', body);
    expect(answer).toMatchObject({ status: 413, body: [{ errorCode: 'REQUEST_ENTITY_TOO_LARGE' }] });
    expect((await client.call('GET', '/limits')).status).toBe(200);
  });

  test('names that every object inherits are no fields', async () => {
    const body =
      '{"records":[{"attributes":{"type":"Contact"},"LastName":"A","__proto__":{"IsDeleted":true},"constructor":1}]}';
    const answer = await client.call('POST', '/composite/sobjects', body);
    expect(list(answer.body)).toMatchObject([{ success: false, errors: [{ statusCode: 'INVALID_FIELD' }] }]);
    expect((await client.call('GET', '/constructor')).status).toBe(404);
    expect((await client.call('GET', '/%E0%A4%A')).status).toBe(404);
  });
});

describe('faults', () => {
  test('an answer instead of the request, as often as asked, after letting some through', async () => {
    const fault = sandbox.faults.add({
      method: 'POST',
      path: COLLECTIONS,
      skip: 1,
      times: 2,
      action: salesforceFaults.serverUnavailable,
    });
    const statuses: number[] = [];
    for (const name of ['a', 'b', 'c', 'd'])
      statuses.push((await client.create('Contact', [{ LastName: name }])).status);
    expect(statuses).toEqual([200, 503, 503, 200]);
    expect(lastNames()).toEqual(['a', 'd']);
    expect(fault.hits).toBe(2);
    await fault.reached;
  });

  test('other methods and paths are not met; a removed fault meets nothing', async () => {
    const fault = sandbox.faults.add({
      method: 'PATCH',
      path: COLLECTIONS,
      times: 'always',
      action: salesforceFaults.tooManyConcurrent,
    });
    expect((await client.create('Contact', [{ LastName: 'a' }])).status).toBe(200);
    expect(await client.update('Contact', [{ LastName: 'a' }])).toMatchObject({
      status: 403,
      body: [{ errorCode: 'REQUEST_LIMIT_EXCEEDED', message: expect.stringContaining('ConcurrentRequests') }],
    });
    fault.remove();
    expect((await client.update('Contact', [{ LastName: 'a' }])).status).toBe(200);
  });

  test('a cut before applying leaves nothing, a cut after applying leaves the record', async () => {
    sandbox.faults.add({ path: COLLECTIONS, action: { kind: 'cut', phase: 'before' } });
    await expect(client.create('Contact', [{ LastName: 'lost' }])).rejects.toThrow();
    expect(lastNames()).toEqual([]);
    sandbox.faults.add({ path: COLLECTIONS, action: { kind: 'cut', phase: 'after' } });
    await expect(client.create('Contact', [{ LastName: 'kept' }])).rejects.toThrow();
    expect(lastNames()).toEqual(['kept']);
    const ends = sandbox.requests.list().filter(({ path }) => path.endsWith('/composite/sobjects'));
    expect(ends.map(({ ended, status, apiCallsCounted }) => [ended, status, apiCallsCounted])).toEqual([
      ['cut-before', 0, 0],
      ['cut-after', 200, 1],
    ]);
  });

  test('a held request waits on the chosen side of being applied', async () => {
    const before = sandbox.faults.add({ path: COLLECTIONS, action: { kind: 'hold' } });
    const first = client.create('Contact', [{ LastName: 'held' }]);
    await before.reached;
    expect(lastNames()).toEqual([]);
    before.release();
    expect((await first).status).toBe(200);
    const after = sandbox.faults.add({ path: COLLECTIONS, action: { kind: 'hold', phase: 'after' } });
    const second = client.create('Contact', [{ LastName: 'applied' }]);
    await after.reached;
    await expect.poll(lastNames, { timeout: 20_000 }).toEqual(['held', 'applied']);
    after.release();
    expect(idsOf(await second)).toHaveLength(1);
  });

  test('a delay, then a cut: faults of one request add up', async () => {
    sandbox.faults.add({ path: COLLECTIONS, action: { kind: 'delay', ms: 1 } });
    sandbox.faults.add({ path: COLLECTIONS, action: { kind: 'cut', phase: 'after' } });
    await expect(client.create('Contact', [{ LastName: 'a' }])).rejects.toThrow();
    expect(lastNames()).toEqual(['a']);
  });

  test('closing lets go of held requests', async () => {
    const other = await startSalesforceSandbox({ seed: false });
    const fault = other.faults.add({ action: { kind: 'hold' }, path: '/services/data' });
    const held = send(`${other.url}/services/data`).catch(() => 'ended');
    await fault.reached;
    await other.close();
    expect(['ended', 200]).toContain(
      await held.then((answer) => (answer === 'ended' ? answer : (answer as Answer).status)),
    );
  });
});

describe('the request log', () => {
  test('is bounded, counts calls, and shows no secret', async () => {
    const token = text(
      object(
        (
          await tokenRequest(sandbox, {
            grant_type: 'client_credentials',
            client_id: clientId,
            client_secret: clientSecret,
          })
        ).body,
      )['access_token'],
    );
    await send(`${sandbox.url}/id/x/y?format=json&oauth_token=${encodeURIComponent(token)}`);
    await client.query('SELECT Id FROM Contact');
    const log = JSON.stringify(sandbox.requests.list());
    expect(log).toContain('oauth_token=***');
    expect(log).not.toContain(token);
    expect(log).not.toContain(clientSecret);
    const last = sandbox.requests.list().at(-1);
    expect(last).toMatchObject({ method: 'GET', status: 200, apiCallsCounted: 1, ended: 'answered' });
    expect(last?.path).toBe(`/services/data/v60.0/query?q=${encodeURIComponent('SELECT Id FROM Contact')}`);
    for (let index = 0; index < 120; index += 1) await send(`${sandbox.url}/services/data`);
    expect(sandbox.requests.list()).toHaveLength(50);
  });

  test('waits for a request to come', async () => {
    const seen = sandbox.requests.waitFor(({ path }) => path.endsWith('/limits'));
    await client.call('GET', '/limits');
    expect((await seen).status).toBe(200);
    await expect(sandbox.requests.waitFor(() => false, 1)).rejects.toThrow('no such request');
  });
});

describe('the control endpoint', () => {
  const control = async (method: string, path: string, body?: Json): Promise<Answer> =>
    send(`${sandbox.url}/__sandbox/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });

  test('faults from another process: added, reached, released, removed', async () => {
    const added = await control('POST', 'faults', { path: COLLECTIONS, action: { kind: 'hold' } });
    const id = text(object(added.body)['id']);
    const held = client.create('Contact', [{ LastName: 'a' }]);
    expect((await control('GET', `faults/${id}/reached`)).status).toBe(200);
    expect((await control('GET', 'faults')).body).toMatchObject([{ id, hits: 1, action: { kind: 'hold' } }]);
    expect(lastNames()).toEqual([]);
    await control('POST', `faults/${id}/release`);
    expect((await held).status).toBe(200);
    await control('DELETE', `faults/${id}`);
    expect((await control('GET', 'faults')).body).toEqual([]);
  });

  test.each([
    [{ action: { kind: 'explode' } }],
    [{ action: { kind: 'delay', ms: -1 } }],
    [{ action: { kind: 'respond', status: 42 } }],
    [{ action: { kind: 'cut', phase: 'before' }, times: 0 }],
    [{ path: 5, action: { kind: 'hold' } }],
    [[]],
  ])('a fault that is none: %j', async (spec) => {
    expect((await control('POST', 'faults', spec)).status).toBe(400);
  });

  test('records, clock, limits, locks, tokens, log and reset', async () => {
    const id = text(object((await control('POST', 'state/Contact', { LastName: 'A' })).body)['id']);
    expect((await control('GET', 'state/Contact')).body).toMatchObject([{ Id: id, LastName: 'A', IsDeleted: false }]);
    expect((await control('POST', 'state/Contact', { Id: id, Email: 'nonsense' })).body).toEqual({
      error: 'INVALID_EMAIL_ADDRESS: Email: invalid email address: nonsense',
    });
    await control('POST', 'locks', { ids: [id], times: 1 });
    expect((await client.update('Contact', [{ id, LastName: 'B' }])).body).toMatchObject([{ success: false }]);
    await control('POST', 'denied', { verbs: ['Contact.create'] });
    expect((await client.create('Contact', [{ LastName: 'B' }])).body).toMatchObject([{ success: false }]);
    await control('DELETE', `state/Contact/${id}`);
    expect((await control('GET', 'state/Contact')).body).toMatchObject([{ IsDeleted: true }]);
    await control('POST', `state/Contact/${id}/undelete`);
    await control('DELETE', `state/Contact/${id}`);
    expect((await control('DELETE', `state/Contact/${id}?purge=true`)).body).toEqual({ purged: true });
    await control('POST', 'usage', { used: 100 });
    expect((await client.call('GET', '/limits')).status).toBe(403);
    await control('POST', 'tokens/expire');
    expect((await client.call('GET', '/limits')).status).toBe(401);
    const moved = text(object((await control('POST', 'clock', { advanceMs: 3_600_000 })).body)['now']);
    expect(Date.parse(moved) - Date.now()).toBeGreaterThan(3_000_000);
    expect(list((await control('GET', 'log')).body).length).toBeGreaterThan(3);
    await control('POST', 'reset');
    expect((await control('GET', 'log')).body).toEqual([]);
    expect((await control('GET', 'nonsense')).status).toBe(404);
    expect((await control('GET', 'health')).status).toBe(200);
  });

  test('a cross-site form cannot steer it', async () => {
    const sent = await send(`${sandbox.url}/__sandbox/clock`, {
      method: 'POST',
      body: '{"advanceMs": 1}',
      headers: { 'content-type': 'text/plain' },
    });
    expect(sent.status).toBe(415);
  });
});

test('a client that goes away in the middle of its body harms nobody', async () => {
  const gone = new Promise<void>((resolve) => {
    const half = httpRequest(`${sandbox.url}/services/oauth2/token`, {
      method: 'POST',
      headers: { 'content-length': '1000' },
    });
    half.on('error', () => resolve());
    half.write('grant_type=', () => half.destroy(new Error('enough')));
  });
  await gone;
  expect((await client.call('GET', '/limits')).status).toBe(200);
});

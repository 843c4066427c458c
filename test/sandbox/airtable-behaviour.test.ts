/** What Airtable does over time: limits, tokens, webhooks; and the sandbox's own steering. */
import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Airtable from 'airtable';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AirtableSandbox, DEFAULT_CREDENTIALS, startAirtableSandbox } from '../../fixtures/airtable/index.js';
import { AirtableClient, idsOf } from './airtable-client.js';
import { list, object, send, text } from './client.js';

const { clientId, clientSecret, refreshToken, personalAccessToken } = DEFAULT_CREDENTIALS;

let sandbox: AirtableSandbox;
let client: AirtableClient;

beforeAll(async () => {
  sandbox = await startAirtableSandbox({ contacts: 3, companies: 1, others: 1, rateLimits: false });
  client = new AirtableClient(sandbox);
});
beforeEach(() => sandbox.reset());
afterAll(() => sandbox.close());

it('lets five requests a second to a base, and then none for half a minute', async () => {
  const rateLimits = { perBase: 5, perUser: 1000 };
  const strict = await startAirtableSandbox({ contacts: 1, companies: 1, others: 1, rateLimits });
  try {
    const limited = new AirtableClient(strict);
    const status = async () => (await limited.call('GET', limited.table())).status;
    // Far more than could be sent slowly enough by accident.
    const answers = await Promise.all(Array.from({ length: 60 }, () => limited.call('GET', limited.table())));
    expect(answers.filter((answer) => answer.status === 200).length).toBeGreaterThanOrEqual(5);
    expect(answers.find((answer) => answer.status === 429)?.body).toEqual({
      error: { type: 'RATE_LIMIT_REACHED', message: 'Rate limit exceeded. Please try again later' },
    });
    expect((await limited.call('GET', limited.table('Archive', 'Old deals'))).status).toBe(200);
    strict.clock.advance(15_000);
    expect(await status()).toBe(429);
    strict.clock.advance(30_000);
    expect(await status()).toBe(200);
  } finally {
    await strict.close();
  }
});

describe('tokens', () => {
  const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

  function exchange(token: string, headers: Record<string, string> = { authorization: basic(clientId, clientSecret) }) {
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token });
    return send(`${sandbox.url}/oauth2/v1/token`, { method: 'POST', headers, body });
  }

  it('rotate: a refresh token is good once, an access token for an hour', async () => {
    const first = await exchange(refreshToken);
    expect(first).toMatchObject({
      status: 200,
      body: { token_type: 'Bearer', expires_in: 3600, refresh_expires_in: 5_184_000, scope: expect.any(String) },
    });
    const { access_token: access, refresh_token: next } = object(first.body);
    const session = new AirtableClient(sandbox, text(access));
    expect(await session.call('GET', 'meta/whoami')).toMatchObject({ body: { scopes: expect.any(Array) } });
    expect(await exchange(refreshToken)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    sandbox.clock.advance(3_601_000);
    expect((await session.call('GET', 'meta/whoami')).status).toBe(401);
    expect((await exchange(text(next))).status).toBe(200);
  });

  it('are refused to whoever is not the client', async () => {
    for (const headers of [{}, { authorization: basic(clientId, 'wrong') }, { authorization: 'Basic !' }]) {
      expect(await exchange(refreshToken, headers)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    }
  });
});

describe('webhooks', () => {
  interface Ping {
    readonly headers: IncomingHttpHeaders;
    readonly body: string;
  }

  async function receiver(status: number) {
    const pings: Ping[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => {
        body += chunk;
      });
      request.on('end', () => {
        pings.push({ headers: request.headers, body });
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return { pings, url: `http://127.0.0.1:${port}/airtable`, close: () => void server.close() };
  }

  const everything = { options: { filters: { dataTypes: ['tableData'] } } };

  it('ping with a signature and no data; the payloads are fetched by cursor', async () => {
    const { pings, url, close } = await receiver(204);
    try {
      const { base, table } = sandbox.ids('Caladan CRM', 'Contacts');
      const hooks = `bases/${base}/webhooks`;
      const made = object((await client.call('POST', hooks, { notificationUrl: url, specification: everything })).body);
      expect(made['id']).toMatch(/^ach\w{14}$/);
      const [id = ''] = idsOf(await client.create({ Name: 'Jane', Status: 'Lead' }));
      await client.call('PATCH', client.table(), { records: [{ id, fields: { Name: 'June' } }] });
      await client.call('DELETE', `${client.table()}?records[]=${id}`);
      await sandbox.pingsSettled();
      expect(pings).toHaveLength(3);
      for (const { headers, body } of pings) {
        const secret = Buffer.from(text(made['macSecretBase64']), 'base64');
        const mac = createHmac('sha256', secret).update(body).digest('hex');
        expect(headers['x-airtable-content-mac']).toBe(`hmac-sha256=${mac}`);
        expect(JSON.parse(body)).toEqual({
          base: { id: base },
          webhook: { id: made['id'] },
          timestamp: expect.any(String),
        });
      }
      const payloads = `${hooks}/${made['id']}/payloads`;
      const page = object((await client.call('GET', `${payloads}?cursor=1&limit=2`)).body);
      expect(page).toMatchObject({ cursor: 3, mightHaveMore: true });
      const [created, changed] = list(page['payloads']).map(object);
      const name = sandbox.fieldId('Caladan CRM', 'Contacts', 'Name');
      expect(created).toMatchObject({
        payloadFormat: 'v0',
        baseTransactionNumber: expect.any(Number),
        changedTablesById: { [table]: { createdRecordsById: { [id]: { cellValuesByFieldId: { [name]: 'Jane' } } } } },
      });
      const status = sandbox.fieldId('Caladan CRM', 'Contacts', 'Status');
      const cells = JSON.stringify(created);
      expect(cells).toContain(`"${status}":{"id":"sel`);
      expect(changed).toMatchObject({
        changedTablesById: {
          [table]: { changedRecordsById: { [id]: { current: { cellValuesByFieldId: { [name]: 'June' } } } } },
        },
      });
      const rest = object((await client.call('GET', `${payloads}?cursor=3`)).body);
      expect(rest).toMatchObject({
        cursor: 4,
        mightHaveMore: false,
        payloads: [{ changedTablesById: { [table]: { destroyedRecordIds: [id] } } }],
      });
      const listed = object((await client.call('GET', hooks)).body);
      expect(list(listed['webhooks'])).toMatchObject([
        { id: made['id'], cursorForNextPayload: 4, isHookEnabled: true, lastNotificationResult: { success: true } },
      ]);
    } finally {
      close();
    }
  });

  it('end after seven days, unless they are refreshed or read', async () => {
    const { base } = sandbox.ids('Caladan CRM', 'Contacts');
    const hooks = `bases/${base}/webhooks`;
    const { id } = object((await client.call('POST', hooks, { specification: everything })).body);
    const day = 86_400_000;
    sandbox.clock.advance(6 * day);
    expect((await client.call('POST', `${hooks}/${id}/refresh`)).status).toBe(200);
    sandbox.clock.advance(6 * day);
    expect((await client.call('GET', `${hooks}/${id}/payloads`)).status).toBe(200);
    sandbox.clock.advance(8 * day);
    expect(list(object((await client.call('GET', hooks)).body)['webhooks'])).toMatchObject([{ isHookEnabled: false }]);
    await client.create({ Name: 'unseen' });
    expect(object((await client.call('GET', `${hooks}/${id}/payloads`)).body)).toMatchObject({ payloads: [] });
    expect((await client.call('POST', `${hooks}/${id}/refresh`)).status).toBe(422);
    expect((await client.call('DELETE', `${hooks}/${id}`)).status).toBe(204);
    expect((await client.call('GET', `${hooks}/${id}/payloads`)).status).toBe(404);
  });

  it('tell of the changes that they were made for', async () => {
    const { base, table } = sandbox.ids('Caladan CRM', 'Companies');
    const hooks = `bases/${base}/webhooks`;
    const filters = { dataTypes: ['tableData'], recordChangeScope: table, changeTypes: ['remove'] };
    const { id } = object((await client.call('POST', hooks, { specification: { options: { filters } } })).body);
    await client.create({ Name: 'elsewhere' });
    const company = sandbox.save('Caladan CRM', 'Companies', { Name: 'x' });
    sandbox.delete('Caladan CRM', 'Companies', company);
    expect(object((await client.call('GET', `${hooks}/${id}/payloads`)).body)).toMatchObject({
      payloads: [{ changedTablesById: { [table]: { destroyedRecordIds: [company] } } }],
    });
    expect((await client.call('POST', hooks, { specification: {} })).status).toBe(422);
  });

  it('that cannot be delivered say so', async () => {
    const { url, close } = await receiver(500);
    try {
      const { base } = sandbox.ids('Caladan CRM', 'Contacts');
      await client.call('POST', `bases/${base}/webhooks`, { notificationUrl: url, specification: everything });
      await client.create({ Name: 'x' });
      await sandbox.pingsSettled();
      const listed = object((await client.call('GET', `bases/${base}/webhooks`)).body);
      expect(list(listed['webhooks'])).toMatchObject([{ lastNotificationResult: { success: false } }]);
    } finally {
      close();
    }
  });
});

describe('the official SDK', () => {
  function table() {
    const { base, table: id } = sandbox.ids('Caladan CRM', 'Contacts');
    return new Airtable({ apiKey: personalAccessToken, endpointUrl: sandbox.url }).base(base)(id);
  }

  it('creates, selects page by page, finds, updates, replaces and deletes', async () => {
    const contacts = table();
    const made = await contacts.create([{ fields: { Name: 'a', Score: 1 } }, { fields: { Name: 'b', Score: 2 } }]);
    expect(made.map((record) => record.get('Name'))).toEqual(['a', 'b']);
    const found = await contacts.find(made[0]?.id ?? '');
    expect(found.fields).toMatchObject({ Name: 'a', Score: 1 });
    const all = await contacts.select({ pageSize: 2, filterByFormula: '{Score} > 0', fields: ['Name'] }).all();
    expect(all.map((record) => record.id)).toEqual(expect.arrayContaining(made.map((record) => record.id)));
    await contacts.update([{ id: found.id, fields: { Phone: '1' } }]);
    const replaced = await contacts.replace([{ id: found.id, fields: { Name: 'c' } }]);
    expect(replaced[0]?.fields).not.toHaveProperty('Phone');
    expect((await contacts.destroy(made.map((record) => record.id))).map((record) => record.id)).toEqual(
      made.map((record) => record.id),
    );
  });

  it('gets the errors that it expects', async () => {
    await expect(table().create([{ fields: { Status: 'Naib' } }])).rejects.toMatchObject({
      error: 'INVALID_MULTIPLE_CHOICE_OPTIONS',
      statusCode: 422,
    });
    await expect(table().find('recAAAAAAAAAAAAAA')).rejects.toMatchObject({ error: 'NOT_FOUND', statusCode: 404 });
  });
});

describe('steering', () => {
  const control = (method: string, path: string, body?: object) =>
    send(`${sandbox.url}/__sandbox/${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });

  it('is possible from another process', async () => {
    const state = `state/${encodeURIComponent('Caladan CRM')}/Contacts`;
    const saved = object((await control('POST', state, { fields: { Name: 'Steered' } })).body);
    const id = text(saved['id']);
    expect(list((await control('GET', state)).body)).toHaveLength(4);
    expect((await control('POST', state, { id, fields: { Name: 'Again' } })).status).toBe(200);
    expect((await control('DELETE', `${state}/${id}`)).status).toBe(200);
    expect((await control('DELETE', `${state}/${id}`)).status).toBe(400);
    expect((await control('POST', 'readonly', { base: sandbox.ids('Caladan CRM', 'Contacts').base })).status).toBe(200);
    expect((await client.create({ Name: 'x' })).status).toBe(403);
    await control('POST', 'tokens/revoke');
    expect((await client.call('GET', 'meta/whoami')).status).toBe(401);
    await control('POST', 'reset');
    expect((await client.create({ Name: 'x' })).status).toBe(200);
  });

  it('keeps its records in a file, where it is told to', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'airtable-sandbox-'));
    const options = { contacts: 2, companies: 1, others: 1, stateFile: join(directory, 'state.json') };
    try {
      const first = await startAirtableSandbox(options);
      await new AirtableClient(first).create({ Name: 'Kept', Birthday: '2024-02-29' });
      const before = first.records('Caladan CRM', 'Contacts');
      await first.close();
      const second = await startAirtableSandbox(options);
      expect(second.records('Caladan CRM', 'Contacts')).toEqual(before);
      const [id] = idsOf(await new AirtableClient(second).create({ Name: 'Another' }));
      expect(before.map((record) => record['id'])).not.toContain(id);
      second.reset();
      expect(second.records('Caladan CRM', 'Contacts')).toHaveLength(2);
      await second.close();
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

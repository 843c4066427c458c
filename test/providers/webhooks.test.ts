/** What each provider makes of a delivery: which secret counts, which records it names, and what tells it from others. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { contentMac } from '../../fixtures/airtable/webhooks.js';
import { signatureOf } from '../../fixtures/github/index.js';
import { signatureV3 } from '../../fixtures/hubspot/index.js';
import { signature } from '../../fixtures/stripe/index.js';
import { createKit, createRegistry, type HookRequest, silentLog, type Webhooks } from '../../src/provider/index.js';

const now = Date.UTC(2024, 4, 1);
const registry = createRegistry();

async function webhooksOf(name: string, settings: object): Promise<Webhooks> {
  const provider = await registry.load(name);
  const kit = createKit({ connection: 'c', provider: name, log: silentLog, now: () => now });
  const { webhooks } = provider.configure(settings).open(kit);
  if (webhooks === undefined) throw new Error(`${name} has no webhooks`);
  return webhooks;
}

function request(
  body: string,
  headers: Readonly<Record<string, string>>,
  over: Partial<HookRequest> = {},
): HookRequest {
  return { method: 'POST', url: 'https://hooks.example/webhooks/c', headers, body: Buffer.from(body), now, ...over };
}

describe('Stripe', () => {
  const settings = { auth: { api_key: 'sk_test_12345678' } };
  const body = JSON.stringify({
    id: 'evt_1',
    type: 'customer.deleted',
    data: { object: { id: 'cus_1', object: 'customer' } },
  });
  const headers = { 'stripe-signature': signature('whsec_b', body, now / 1000) };
  const secrets = [
    { hook: 'we_a', secret: 'whsec_a' },
    { hook: 'we_b', secret: 'whsec_b' },
  ];

  test('the secret that fits says which hook it was', async () => {
    const { receive } = await webhooksOf('stripe', settings);
    expect(receive(request(body, headers), secrets)).toEqual({
      id: 'evt_1',
      hook: 'we_b',
      news: [{ kind: 'record', object: 'customer', key: 'cus_1', state: 'gone' }],
    });
    expect(receive(request(body, headers), [{ hook: 'we_a', secret: 'whsec_a' }])).toBeNull();
    expect(receive(request(body, {}), secrets)).toBeNull();
  });

  test('a configured secret counts as well', async () => {
    const webhooks = await webhooksOf('stripe', { ...settings, webhook_secret: 'whsec_b' });
    expect(webhooks.hasSecret).toBe(true);
    expect(webhooks.receive(request(body, headers), [])).toMatchObject({ id: 'evt_1' });
  });

  test('hooks listen to what the tables need', async () => {
    const { registrar } = await webhooksOf('stripe', settings);
    expect(registrar?.wants(['product'])).toMatch(/^\S+ product\.created product\.deleted product\.updated$/);
    const signal = new AbortController().signal;
    expect(await registrar?.scopes(['product'], signal)).toEqual(['']);
    expect(await registrar?.scopes([], signal)).toEqual([]);
  });
});

describe('GitHub', () => {
  const settings = { auth: { kind: 'token', token: 't' }, owners: ['o'] };
  const body = JSON.stringify({ action: 'edited', issue: { node_id: 'I_1', updated_at: '2024-05-01T00:00:00Z' } });
  const headers = (more: Readonly<Record<string, string>> = {}, text = body) => ({
    'x-hub-signature-256': signatureOf(text, 'right'),
    'x-github-event': 'issues',
    'x-github-delivery': 'one',
    'x-github-hook-id': '7',
    ...more,
  });
  const right = [{ hook: '7', secret: 'right' }];

  test('the hook’s own secret, or that of one which is being made', async () => {
    const { receive } = await webhooksOf('github', settings);
    const delivery = receive(request(body, headers()), right);
    expect(delivery).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      hook: '7',
      news: [{ kind: 'record', object: 'Issue', key: 'I_1', state: 'present', version: '2024-05-01T00:00:00.000Z' }],
    });
    expect(receive(request(body, headers()), [{ hook: '', secret: 'right' }])).toEqual(delivery);
    expect(receive(request(body, headers()), [{ hook: '8', secret: 'right' }])).toBeNull();
    expect(receive(request(body, headers()), [{ hook: '7', secret: 'wrong' }])).toBeNull();
  });

  test('a delivery is known by its body and its id', async () => {
    const { receive } = await webhooksOf('github', settings);
    const idOf = (text: string, more?: Readonly<Record<string, string>>) =>
      receive(request(text, headers(more, text)), right)?.id;
    expect(idOf(body)).toBe(idOf(body));
    expect(idOf(body, { 'x-github-delivery': 'two' })).not.toBe(idOf(body));
    expect(idOf(`${body} `)).not.toBe(idOf(body));
  });

  test('a ping says nothing', async () => {
    const { receive } = await webhooksOf('github', settings);
    const ping = JSON.stringify({ zen: 'Design for failure.', hook_id: 7 });
    expect(receive(request(ping, headers({ 'x-github-event': 'ping' }, ping)), right)).toMatchObject({ news: [] });
  });

  test('a signed body that is no JSON cannot be read', async () => {
    const { receive } = await webhooksOf('github', settings);
    expect(() => receive(request('payload=%7B', headers({}, 'payload=%7B')), right)).toThrow();
  });
});

describe('HubSpot', () => {
  const auth = { kind: 'oauth', client_id: 'i', client_secret: 's', refresh_token: 'r' };
  const body = JSON.stringify([{ subscriptionType: 'contact.deletion', objectId: 5 }]);
  const url = 'https://hooks.example/webhooks/c?x=%2F';
  const headers = (secret: string, at = now) => ({
    'x-hubspot-request-timestamp': String(at),
    'x-hubspot-signature-v3': signatureV3(secret, 'POST', url.replace('%2F', '/'), body, at),
  });

  test('the app’s secret, over the public address', async () => {
    const { receive, registrar } = await webhooksOf('hubspot', { auth });
    expect(registrar).toBeUndefined();
    const delivery = receive(request(body, headers('s'), { url }), []);
    expect(delivery).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{64}$/),
      news: [{ kind: 'record', object: 'contacts', key: '5', state: 'gone' }],
    });
    const twice = { ...headers('s'), 'x-hubspot-signature-v3': `${headers('s')['x-hubspot-signature-v3']}==` };
    expect(receive(request(body, twice, { url }), [])?.id).toBe(delivery?.id);
    expect(receive(request(body, headers('s')), [])).toBeNull();
    expect(receive(request(body, headers('t'), { url }), [])).toBeNull();
    expect(receive(request(body, headers('s', now - 301_000), { url }), [])).toBeNull();
  });

  test('a private app has it in webhook_secret, or takes nothing', async () => {
    const privateApp = { auth: { kind: 'private_app', access_token: 'x' } };
    const without = await webhooksOf('hubspot', privateApp);
    expect([without.hasSecret, without.receive(request(body, headers(''), { url }), [])]).toEqual([false, null]);
    const withSecret = await webhooksOf('hubspot', { ...privateApp, webhook_secret: 's' });
    expect(withSecret.receive(request(body, headers('s'), { url }), [])).not.toBeNull();
  });
});

describe('Airtable', () => {
  const settings = { auth: { kind: 'personal_access_token', token: 'pat1' } };
  const body = JSON.stringify({ base: { id: 'appA' }, webhook: { id: 'achA' }, timestamp: '2024-05-01T00:00:00.000Z' });
  const secret = Buffer.from('secret of achA');
  const secrets = [{ hook: 'achA', secret: secret.toString('base64') }];
  const mac = (text: string) => ({ 'x-airtable-content-mac': contentMac(secret, text) });

  test('the secret of the webhook that the ping names', async () => {
    const { receive } = await webhooksOf('airtable', settings);
    expect(receive(request(body, mac(body)), secrets)).toEqual({
      id: mac(body)['x-airtable-content-mac'],
      hook: 'achA',
      news: [{ kind: 'payloads', hook: 'achA' }],
    });
    expect(receive(request(body, mac(body)), [{ hook: 'achB', secret: secrets[0]?.secret ?? '' }])).toBeNull();
    expect(receive(request(body, mac(`${body} `)), secrets)).toBeNull();
    expect(receive(request(body, {}), secrets)).toBeNull();
    expect(receive(request('<html>', mac('<html>')), secrets)).toBeNull();
  });

  test('a webhook for each base', async () => {
    const { registrar } = await webhooksOf('airtable', settings);
    const objects = ['appA/tbl1', 'appA/tbl2', 'appB/tbl3'];
    expect(await registrar?.scopes(objects, new AbortController().signal)).toEqual(['appA', 'appB']);
  });
});

test('Salesforce has none', async () => {
  await expect(
    webhooksOf('salesforce', {
      auth: {
        kind: 'client_credentials',
        client_id: 'i',
        client_secret: 's',
        login_url: 'https://x.my.salesforce.com',
      },
    }),
  ).rejects.toThrow('has no webhooks');
});

test('digests are compared whole', async () => {
  const { receive } = await webhooksOf('github', { auth: { kind: 'token', token: 't' }, owners: ['o'] });
  const digest = createHmac('sha256', 'right').update('{}').digest('hex');
  for (const given of [digest, `sha256=${digest.slice(0, 63)}`, `sha1=${digest}`, `sha256=${digest}0`, '']) {
    expect(receive(request('{}', { 'x-hub-signature-256': given }), [{ hook: '', secret: 'right' }])).toBeNull();
  }
});

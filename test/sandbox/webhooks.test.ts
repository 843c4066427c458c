/** The stand-ins' ways to register webhooks, held to the vendors' documented answers, and what they deliver. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { Octokit } from '@octokit/rest';
import Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLabel } from '../../fixtures/github/changes.js';
import { CREDENTIALS, type GitHubSandbox, signatureOf, startGitHubSandbox } from '../../fixtures/github/index.js';
import { type HubspotSandbox, signatureV3, startHubspotSandbox } from '../../fixtures/hubspot/index.js';
import { type StripeSandbox, startStripeSandbox } from '../../fixtures/stripe/index.js';

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let server: Server;
let url = '';
const received: Received[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      received.push({ path: request.url ?? '', headers: request.headers, body });
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
});
beforeEach(() => {
  received.length = 0;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('Stripe', () => {
  let sandbox: StripeSandbox;
  let sdk: Stripe;

  beforeAll(async () => {
    sandbox = await startStripeSandbox({ customers: 3 });
    const { hostname: host, port } = new URL(sandbox.url);
    sdk = new Stripe(sandbox.settings.secretKey, { host, port: Number(port), protocol: 'http' });
  });
  afterAll(() => sandbox.close());

  test('an endpoint shows its secret once, and signs with it', async () => {
    const made = await sdk.webhookEndpoints.create({
      url: `${url}/stripe`,
      enabled_events: ['customer.created'],
      description: 'mine',
      metadata: { a: 'b' },
    });
    expect(made).toMatchObject({
      id: expect.stringMatching(/^we_/),
      object: 'webhook_endpoint',
      api_version: null,
      application: null,
      description: 'mine',
      enabled_events: ['customer.created'],
      livemode: false,
      metadata: { a: 'b' },
      secret: expect.stringMatching(/^whsec_\w{32}$/),
      status: 'enabled',
      url: `${url}/stripe`,
    });
    expect(await sdk.webhookEndpoints.retrieve(made.id)).not.toHaveProperty('secret');
    const { data } = await sdk.webhookEndpoints.list({ limit: 1 });
    expect(data.map(({ id, secret }) => [id, secret])).toEqual([[made.id, undefined]]);

    const { id } = sandbox.create('customers', { name: 'Leto' });
    sandbox.create('products', { name: 'Not told' });
    await sandbox.delivered();
    expect(received).toHaveLength(1);
    const [delivery] = received;
    const header = delivery?.headers['stripe-signature'] ?? '';
    const event = sdk.webhooks.constructEvent(delivery?.body ?? '', header, made.secret ?? '');
    expect(event).toMatchObject({ type: 'customer.created', data: { object: { id } } });

    expect(await sdk.webhookEndpoints.update(made.id, { disabled: true })).toMatchObject({ status: 'disabled' });
    sandbox.create('customers', { name: 'Not told' });
    await sandbox.delivered();
    expect(received).toHaveLength(1);
    expect(await sdk.webhookEndpoints.del(made.id)).toEqual(
      expect.objectContaining({ id: made.id, object: 'webhook_endpoint', deleted: true }),
    );
    await expect(sdk.webhookEndpoints.retrieve(made.id)).rejects.toMatchObject({ code: 'resource_missing' });
  });

  test('what cannot be registered is refused, and so is a seventeenth', async () => {
    const create = (parameters: { url: string; enabled_events: Stripe.WebhookEndpointCreateParams.EnabledEvent[] }) =>
      sdk.webhookEndpoints.create(parameters);
    await expect(create({ url: 'nowhere', enabled_events: ['*'] })).rejects.toMatchObject({ param: 'url' });
    await expect(create({ url, enabled_events: [] })).rejects.toMatchObject({ param: 'enabled_events' });
    for (let i = 0; i < 16; i += 1) await create({ url: `${url}/${i}`, enabled_events: ['*'] });
    await expect(create({ url, enabled_events: ['*'] })).rejects.toThrow('maximum of 16');
    const first = await sdk.webhookEndpoints.list({ limit: 10 });
    expect([first.data.length, first.has_more, first.data[0]?.url]).toEqual([10, true, `${url}/15`]);
    const last = first.data.at(-1)?.id ?? '';
    const second = await sdk.webhookEndpoints.list({ limit: 10, starting_after: last });
    expect([second.data.length, second.has_more]).toEqual([6, false]);
    sandbox.reset();
    expect((await sdk.webhookEndpoints.list()).data).toEqual([]);
  });
});

describe('GitHub', () => {
  let sandbox: GitHubSandbox;
  let octokit: Octokit;
  const target = { owner: 'caladan', repo: 'harvester' };

  beforeAll(async () => {
    sandbox = await startGitHubSandbox({ issues: 3, pulls: 1, comments: 2 });
    octokit = new Octokit({
      baseUrl: sandbox.url,
      auth: CREDENTIALS.token,
      log: { debug() {}, info() {}, warn() {}, error() {} },
    });
  });
  afterAll(() => sandbox.close());

  test('a hook of a repository pings, and tells what it listens to', async () => {
    const config = { url: `${url}/github`, content_type: 'json', secret: 'a secret', insecure_ssl: '0' };
    const { data: hook, status } = await octokit.rest.repos.createWebhook({
      ...target,
      name: 'web',
      events: ['label'],
      config,
    });
    expect(status).toBe(201);
    expect(hook).toMatchObject({
      type: 'Repository',
      id: expect.any(Number),
      name: 'web',
      active: true,
      events: ['label'],
      config: { url: `${url}/github`, content_type: 'json', insecure_ssl: '0', secret: '********' },
      ping_url: expect.stringContaining(`/repos/caladan/harvester/hooks/${hook.id}/pings`),
    });
    const [harvester, stillsuit] = ['caladan/harvester', 'caladan/stillsuit'].map((name) =>
      sandbox.hub.repository(name),
    );
    if (harvester === undefined || stillsuit === undefined) throw new Error('no repositories');
    createLabel(sandbox.colleague, harvester, { name: 'spice', color: 'aabbcc', description: '' });
    createLabel(sandbox.colleague, stillsuit, { name: 'not told', color: 'aabbcc', description: '' });
    await sandbox.delivered();
    expect(received.map(({ headers }) => headers['x-github-event'])).toEqual(['ping', 'label']);
    for (const { headers, body } of received) {
      expect(headers).toMatchObject({
        'content-type': 'application/json',
        'x-github-delivery': expect.stringMatching(/^[0-9a-f-]{36}$/),
        'x-github-hook-id': String(hook.id),
        'x-github-hook-installation-target-type': 'repository',
        'x-hub-signature-256': signatureOf(body, 'a secret'),
      });
    }
    expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({ zen: expect.any(String), hook_id: hook.id });
    const { data: listed } = await octokit.rest.repos.listWebhooks(target);
    expect(listed.map(({ id }) => id)).toEqual([hook.id]);
    await expect(
      octokit.rest.repos.createWebhook({ ...target, name: 'web', events: ['label'], config }),
    ).rejects.toMatchObject({
      status: 422,
      response: { data: { errors: [{ resource: 'Hook', message: 'Hook already exists on this repository' }] } },
    });
    await octokit.rest.repos.updateWebhook({ ...target, hook_id: hook.id, active: false });
    createLabel(sandbox.colleague, harvester, { name: 'also not told', color: 'aabbcc', description: '' });
    await sandbox.delivered();
    expect(received).toHaveLength(2);
    expect((await octokit.rest.repos.deleteWebhook({ ...target, hook_id: hook.id })).status).toBe(204);
    await expect(octokit.rest.repos.getWebhook({ ...target, hook_id: hook.id })).rejects.toMatchObject({ status: 404 });
  });

  test('who may not administer a repository finds no hooks there; an archived one takes none', async () => {
    const hook = { name: 'web', config: { url } };
    await expect(octokit.rest.repos.createWebhook({ ...target, repo: 'archive', ...hook })).rejects.toMatchObject({
      status: 403,
    });
    sandbox.deny('Repository.hooks');
    await expect(octokit.rest.repos.listWebhooks(target)).rejects.toMatchObject({ status: 404 });
  });
});

describe('HubSpot', () => {
  let sandbox: HubspotSandbox;

  beforeAll(async () => {
    sandbox = await startHubspotSandbox({ contacts: 3, companies: 2, others: 1 });
    sandbox.subscribe(`${url}/hubspot`);
  });
  afterAll(() => sandbox.close());

  async function eventsOf(change: () => void): Promise<readonly Record<string, unknown>[]> {
    received.length = 0;
    change();
    await sandbox.delivered();
    return received.flatMap(({ headers, body }): Record<string, unknown>[] => {
      const at = Number(headers['x-hubspot-request-timestamp']);
      const secret = sandbox.settings.clientSecret;
      expect(headers['x-hubspot-signature-v3']).toBe(signatureV3(secret, 'POST', `${url}/hubspot`, body, at));
      return JSON.parse(body);
    });
  }

  test('subscriptions tell of every kind of change', async () => {
    let id = '';
    const [created] = await eventsOf(() => {
      id = sandbox.upsert('contacts', { email: 'rabban@giedi.example' });
    });
    expect(created).toMatchObject({
      subscriptionType: 'contact.creation',
      objectId: Number(id),
      portalId: expect.any(Number),
      appId: expect.any(Number),
      occurredAt: expect.any(Number),
      attemptNumber: 0,
      changeSource: 'CRM',
    });
    expect(await eventsOf(() => sandbox.upsert('contacts', { firstname: 'Glossu' }, id))).toContainEqual(
      expect.objectContaining({
        subscriptionType: 'contact.propertyChange',
        propertyName: 'firstname',
        propertyValue: 'Glossu',
      }),
    );
    expect(await eventsOf(() => sandbox.archive('contacts', id))).toMatchObject([
      { subscriptionType: 'contact.deletion', objectId: Number(id) },
    ]);
    expect(await eventsOf(() => sandbox.restore('contacts', id))).toMatchObject([
      { subscriptionType: 'contact.restore', objectId: Number(id) },
    ]);
    expect(await eventsOf(() => sandbox.purge('contacts', id))).toMatchObject([
      { subscriptionType: 'contact.deletion', objectId: Number(id) },
    ]);
  });
});

/** Two Upwrite processes on one database, and the tokens of every API that gives any by OAuth. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { DEFAULT_CREDENTIALS as airtable, startAirtableSandbox } from '../../fixtures/airtable/index.js';
import { CREDENTIALS as github, startGitHubSandbox } from '../../fixtures/github/index.js';
import { DEFAULT_CREDENTIALS as hubspot, startHubspotSandbox } from '../../fixtures/hubspot/index.js';
import { startSalesforceSandbox } from '../../fixtures/salesforce/index.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { startUpwrite, type UpwriteProcess } from './upwrites.js';

// Each starts processes, one after the other, which take their time on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

interface Api {
  readonly connection: Readonly<Record<string, unknown>>;
  /** An INSERT of one row, with a mark in it. */
  readonly insert: (mark: string) => string;
  /** Token requests so far. */
  renewals(): number;
  expire(): void;
  close(): Promise<void>;
}

interface Sandbox {
  readonly requests: { list(): readonly { readonly path: string; readonly method: string }[] };
  expireTokens(): void;
  close(): Promise<void>;
}

function api(sandbox: Sandbox, tokenPath: RegExp, connection: Api['connection'], insert: Api['insert']): Api {
  const isRenewal = ({ method, path }: { readonly method: string; readonly path: string }): boolean =>
    method === 'POST' && tokenPath.test(path);
  return {
    connection,
    insert,
    renewals: () => sandbox.requests.list().filter(isRenewal).length,
    expire: () => sandbox.expireTokens(),
    close: () => sandbox.close(),
  };
}

async function salesforceApi(): Promise<Api> {
  const sandbox = await startSalesforceSandbox({ seed: false });
  const { clientId: client_id, clientSecret: client_secret, refreshToken: refresh_token } = sandbox.settings;
  return api(
    sandbox,
    /^\/services\/oauth2\/token/,
    {
      provider: 'salesforce',
      auth: { kind: 'refresh_token', client_id, client_secret, refresh_token, login_url: sandbox.url },
      tables: ['contacts'],
    },
    (mark) => `INSERT INTO salesforce.contacts (last_name) VALUES ('${mark}')`,
  );
}

async function hubspotApi(): Promise<Api> {
  const sandbox = await startHubspotSandbox({ contacts: 1, companies: 1, others: 1 });
  const { clientId: client_id, clientSecret: client_secret, refreshToken: refresh_token } = hubspot;
  return api(
    sandbox,
    /^\/oauth\/2026-03\/token/,
    {
      provider: 'hubspot',
      auth: { kind: 'oauth', client_id, client_secret, refresh_token },
      base_url: sandbox.url,
      objects: ['contacts'],
      associations: 'none',
    },
    (mark) => `INSERT INTO hubspot.contacts (email) VALUES ('${mark}@example.com')`,
  );
}

async function airtableApi(): Promise<Api> {
  const sandbox = await startAirtableSandbox({ contacts: 1, companies: 1, others: 1, rateLimits: false });
  const { clientId: client_id, clientSecret: client_secret, refreshToken: refresh_token } = airtable;
  return api(
    sandbox,
    /^\/oauth2\/v1\/token/,
    {
      provider: 'airtable',
      auth: { kind: 'oauth', client_id, client_secret, refresh_token, token_url: `${sandbox.url}/oauth2/v1/token` },
      endpoint_url: sandbox.url,
      bases: [{ base: 'Caladan CRM', prefix: '' }],
      tables: ['contacts'],
    },
    (mark) => `INSERT INTO airtable.contacts (name) VALUES ('${mark}')`,
  );
}

async function githubApi(kind: 'app' | 'refresh_token'): Promise<Api> {
  const sandbox = await startGitHubSandbox({ issues: 1, pulls: 1, comments: 1 });
  const auth =
    kind === 'app'
      ? {
          kind,
          app_id: github.appId,
          installation_id: github.installationId,
          private_key: sandbox.settings.privateKey,
        }
      : {
          kind,
          client_id: github.clientId,
          client_secret: github.clientSecret,
          refresh_token: github.refreshToken,
          login_url: sandbox.url,
        };
  const schema = kind === 'app' ? 'app' : 'person';
  return api(
    sandbox,
    /^\/app\/installations\/|^\/login\/oauth\/access_token/,
    { provider: 'github', auth, base_url: sandbox.url, owners: ['caladan'], schema, tables: ['issues'] },
    (mark) => `INSERT INTO ${schema}.issues (repository, title) VALUES ('caladan/harvester', '${mark}')`,
  );
}

const makers: Readonly<Record<string, () => Promise<Api>>> = {
  salesforce: salesforceApi,
  hubspot: hubspotApi,
  airtable: airtableApi,
  app: () => githubApi('app'),
  person: () => githubApi('refresh_token'),
};
const names = Object.keys(makers);

const key = randomBytes(32).toString('base64');
const apis = new Map<string, Api>();
let server: TestPostgres;
let one: UpwriteProcess;
let two: UpwriteProcess;
let database: pg.Client;

function start(): Promise<UpwriteProcess> {
  const connections = Object.fromEntries([...apis].map(([name, { connection }]) => [name, connection]));
  return startUpwrite({
    server,
    settings: { connections, sync: { interval: '1h' } },
    environment: { UPWRITE_ENCRYPTION_KEY: key },
  });
}

beforeAll(async () => {
  server = await startTestPostgres();
  for (const name of names) apis.set(name, (await makers[name]?.()) as Api);
  one = await start();
  two = await start();
  database = new pg.Client(server.superuserUrl);
  await database.connect();
});
afterAll(async () => {
  await database.end();
  await Promise.all([one.stop(), two.stop()]);
  await Promise.all([...apis.values()].map((each) => each.close()));
});

function apiOf(name: string): Api {
  const found = apis.get(name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

let count = 0;
async function write(through: UpwriteProcess, name: string): Promise<void> {
  count += 1;
  await through.client.query(apiOf(name).insert(`mark${count}`));
}

test.each(names)('%s: one renewal for both processes, before the first request and after an expiry', async (name) => {
  const { renewals, expire } = apiOf(name);
  expect(renewals()).toBe(1);
  const writing = [one, two].map(async (through) => {
    for (let round = 0; round < 3; round += 1) await write(through, name);
  });
  expire();
  await Promise.all(writing);
  expect(renewals()).toBe(2);
});

test('a process that is killed and started again goes on with the tokens that there are', async () => {
  await one.stop('SIGKILL');
  const before = names.map((name) => apiOf(name).renewals());
  one = await start();
  for (const name of names) await write(one, name);
  expect(names.map((name) => apiOf(name).renewals())).toEqual(before);
  for (const name of names) {
    apiOf(name).expire();
    await write(one, name);
    await write(two, name);
  }
  expect(names.map((name) => apiOf(name).renewals())).toEqual(before.map((number) => number + 1));
});

test('the database holds no secret that can be read, and clients cannot look', async () => {
  const { rows } = await database.query<{ all: string; sealed: string }>(
    'SELECT t::text AS all, sealed FROM upwrite.tokens t',
  );
  expect(rows).toHaveLength(names.length);
  const known = [airtable.refreshToken, github.refreshToken, hubspot.refreshToken, 'sandbox', 'oaa', 'ghu_', 'ghr_'];
  for (const { all } of rows) for (const secret of known) expect(all).not.toContain(secret);
  const client = new pg.Client(server.url());
  await client.connect();
  for (const table of ['tokens', 'budgets']) {
    await expect(client.query(`TABLE upwrite.${table}`)).rejects.toMatchObject({ code: '42501' });
  }
  await client.end();
});

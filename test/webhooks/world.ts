/** A whole Upwrite whose tables learn of changes by webhooks alone, and the sandboxes that send them. */
import pg from 'pg';
import { type AirtableSandbox, startAirtableSandbox } from '../../fixtures/airtable/index.js';
import { CREDENTIALS, type GitHubSandbox, startGitHubSandbox } from '../../fixtures/github/index.js';
import { type HubspotSandbox, startHubspotSandbox } from '../../fixtures/hubspot/index.js';
import { type StripeSandbox, startStripeSandbox } from '../../fixtures/stripe/index.js';
import { parseConfig, parseDatabaseUrl } from '../../src/config/index.js';
import { type Running, serve } from '../../src/main/serve.js';
import { createRegistry, KeyRing } from '../../src/provider/index.js';
import { createLog } from '../../src/telemetry/index.js';
import { freePort } from '../support/ports.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';

export interface Sandboxes {
  readonly stripe: StripeSandbox;
  readonly github: GitHubSandbox;
  readonly hubspot: HubspotSandbox;
  readonly airtable: AirtableSandbox;
}

export type Name = keyof Sandboxes;

export async function startSandboxes(): Promise<Sandboxes> {
  const [stripe, github, hubspot, airtable] = await Promise.all([
    startStripeSandbox({ customers: 12 }),
    startGitHubSandbox({ issues: 8, pulls: 2, comments: 8 }),
    startHubspotSandbox({ contacts: 10, companies: 5, others: 3 }),
    startAirtableSandbox({ contacts: 10, companies: 5, others: 3, rateLimits: false }),
  ]);
  return { stripe, github, hubspot, airtable };
}

/** Connections that reach the sandboxes, with few tables each. */
export function connectionsOf({ stripe, github, hubspot, airtable }: Sandboxes) {
  const { clientId, clientSecret, refreshToken } = hubspot.settings;
  return {
    stripe: {
      provider: 'stripe',
      auth: { kind: 'api_key', api_key: stripe.settings.secretKey },
      base_url: stripe.url,
      requests_per_second: 500,
      tables: ['customers', 'products'],
    },
    github: {
      provider: 'github',
      auth: { kind: 'token', token: CREDENTIALS.token },
      base_url: github.url,
      owners: ['caladan'],
      tables: ['issues', 'issue_comments', 'labels'],
    },
    hubspot: {
      provider: 'hubspot',
      auth: { kind: 'oauth', client_id: clientId, client_secret: clientSecret, refresh_token: refreshToken },
      base_url: hubspot.url,
      tables: ['contacts', 'companies', 'contacts_companies'],
    },
    airtable: {
      provider: 'airtable',
      auth: { kind: 'personal_access_token', token: airtable.settings.personalAccessToken },
      endpoint_url: airtable.url,
      bases: [{ base: 'Caladan CRM', prefix: '' }],
      tables: ['contacts', 'companies'],
    },
  };
}

export const keys = KeyRing.parse(Buffer.alloc(32, 7).toString('base64'));

export interface UpwriteOptions {
  readonly database: string;
  readonly connections: Readonly<Record<string, unknown>>;
  /** Where deliveries are taken; null: no webhooks. */
  readonly port: number | null;
  /** The port of the public address, where it is another one. */
  readonly publicPort?: number;
  readonly keys?: KeyRing | undefined;
  /** Milliseconds between looks at the registered hooks; an hour where absent. */
  readonly keepInterval?: number;
  /** Health and metrics are on the listener of the deliveries. */
  readonly oneListener?: boolean;
  /** Whether the first listing is waited for; true where absent. */
  readonly listed?: boolean;
}

export function addressOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** It looks for changes by itself once an hour. */
export async function startUpwrite(options: UpwriteOptions): Promise<Running> {
  const { port, connections } = options;
  const text = JSON.stringify({
    listen: '127.0.0.1:0',
    sync: { interval: '1h' },
    connections,
    ...(options.oneListener === true ? { admin: { listen: `127.0.0.1:${port}` } } : {}),
    ...(port === null ? {} : { webhooks: { url: addressOf(options.publicPort ?? port), listen: `127.0.0.1:${port}` } }),
  });
  const upwrite = await serve({
    config: parseConfig(text, { file: 'test', environment: {} }).config,
    database: parseDatabaseUrl(options.database, '/'),
    registry: createRegistry(),
    log: createLog({ level: 'error', format: 'json' }),
    keys: 'keys' in options ? options.keys : keys,
    grant: { write: ['app'] },
    webhookTimings: { keepInterval: options.keepInterval ?? 3_600_000, keepRetry: 200, expectDelays: [100, 500, 1000] },
  });
  if (options.listed !== false) await upwrite.sync.firstSync;
  return upwrite;
}

export interface World {
  readonly server: TestPostgres;
  readonly sandboxes: Sandboxes;
  readonly upwrite: Running;
  readonly port: number;
  /** Logged in through Upwrite. */
  readonly client: pg.Client;
  /** Upwrite's own role, past Upwrite. */
  readonly own: pg.Client;
  url(name: string): string;
  stop(): Promise<void>;
}

export async function startWorld(names: readonly Name[], options: Partial<UpwriteOptions> = {}): Promise<World> {
  const [server, sandboxes, port] = await Promise.all([startTestPostgres(), startSandboxes(), freePort()]);
  const all = Object.entries(connectionsOf(sandboxes));
  const connections = Object.fromEntries(all.filter(([name]) => names.some((each) => each === name)));
  const url = (name: string): string => `http://127.0.0.1:${port}/webhooks/${name}`;
  sandboxes.hubspot.subscribe(url('hubspot'));
  const upwrite = await startUpwrite({ database: server.upwriteUrl, connections, port, ...options });
  const client = new pg.Client(`postgres://app:app@127.0.0.1:${upwrite.proxy.port}/upwrite`);
  await client.connect();
  const own = new pg.Client(server.upwriteUrl);
  await own.connect();
  return {
    server,
    sandboxes,
    upwrite,
    port,
    client,
    own,
    url,
    stop: async () => {
      await client.end();
      await own.end();
      await upwrite.stop();
      await Promise.all(Object.values(sandboxes).map((sandbox) => sandbox.close()));
    },
  };
}

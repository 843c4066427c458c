/** Upwrite as `upwrite start` runs it, in this process: a throwaway Postgres, the Salesforce sandbox, the real provider. */
import { afterAll } from 'vitest';
import {
  type SalesforceSandbox,
  type SalesforceSandboxOptions,
  startSalesforceSandbox,
} from '../../fixtures/salesforce/index.js';
import { parseConfig, parseDatabaseUrl } from '../../src/config/index.js';
import { type Running, serve, type Timings } from '../../src/main/serve.js';
import { createRegistry } from '../../src/provider/index.js';
import { createLog } from '../../src/telemetry/index.js';
import { startTestPostgres, type TestPostgres } from './postgres.js';

export interface SalesforceUpwrite {
  readonly server: TestPostgres;
  readonly sandbox: SalesforceSandbox;
  readonly running: Running;
  /** A URL through the proxy, for role `app` unless given. */
  url(user?: string): string;
  /** Writing requests that the sandbox has got since the number; the latest number. */
  writesSince(number: number): readonly string[];
  lastRequest(): number;
  /** Lines that were logged at warning level or above. */
  readonly log: string[];
}

const running: { stop(): Promise<unknown> }[] = [];

export async function startSalesforceUpwrite(
  options: SalesforceSandboxOptions = {},
  settings: Readonly<Record<string, unknown>> = {},
  timings: Partial<Timings> = {},
): Promise<SalesforceUpwrite> {
  const server = await startTestPostgres();
  const sandbox = await startSalesforceSandbox(options);
  running.push({ stop: () => sandbox.close() });
  const text = JSON.stringify({
    listen: '127.0.0.1:0',
    ...settings,
    connections: {
      salesforce: {
        provider: 'salesforce',
        auth: {
          kind: 'refresh_token',
          client_id: sandbox.settings.clientId,
          client_secret: sandbox.settings.clientSecret,
          refresh_token: sandbox.settings.refreshToken,
          login_url: sandbox.url,
        },
      },
    },
  });
  const log: string[] = [];
  const upwrite = await serve({
    config: parseConfig(text, { file: 'test', environment: {} }).config,
    database: parseDatabaseUrl(server.upwriteUrl, '/'),
    registry: createRegistry(),
    log: createLog({ level: 'warn', format: 'json', sink: { write: (line) => log.push(line) } }),
    grant: { write: ['app'] },
    timings,
  });
  running.push(upwrite);
  await upwrite.sync.firstSync;
  return {
    server,
    sandbox,
    running: upwrite,
    url: (user = 'app') => `postgres://${user}:${user}@127.0.0.1:${upwrite.proxy.port}/upwrite`,
    writesSince: (number) =>
      sandbox.requests
        .list()
        .filter((entry) => entry.id > number && entry.method !== 'GET' && entry.path.includes('/sobjects'))
        .map((entry) => `${entry.method} ${entry.path.replace(/\?.*/, '')}`),
    lastRequest: () => sandbox.requests.list().at(-1)?.id ?? 0,
    log,
  };
}

afterAll(async () => {
  for (const each of running.splice(0).reverse()) await each.stop();
});

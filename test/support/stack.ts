/** A whole Upwrite in this process: a throwaway Postgres, a scripted API, the write path and the proxy. */
import type pg from 'pg';
import { afterAll } from 'vitest';
import { installCatalog, type LiveCatalog, type TableChoice } from '../../src/catalog/index.js';
import type { Resource } from '../../src/provider/index.js';
import { type FreshnessPort, type ProxyOptions, startProxy } from '../../src/proxy/index.js';
import { createAnalyser } from '../../src/sql/index.js';
import { type Journal, migrate, openJournal, tables, takeLease } from '../../src/store/index.js';
import { startSettler, WritePath, type WritePathOptions } from '../../src/write/index.js';
import { ownPool } from './database.js';
import { startTestPostgres, type TestPostgres, type TestPostgresOptions } from './postgres.js';
import { waitFor } from './wait.js';
import { type WritableApi, writableApi } from './writable-api.js';

export interface Stack {
  readonly server: TestPostgres;
  readonly api: WritableApi;
  readonly catalog: LiveCatalog;
  readonly port: number;
  /** A URL through the proxy. */
  url(user?: string): string;
  connections(): number;
  readonly writes: WritePath;
  readonly journal: Journal;
  /** Upwrite's own connections. */
  readonly pool: pg.Pool;
  /** What the proxy logged as warning or error. */
  readonly complaints: string[];
  /** Settles what is due until the condition holds; an entry as old as `certainAfter` milliseconds is certain. */
  settle(certainAfter: number, until: () => Promise<boolean>): Promise<void>;
}

export interface StackOptions {
  readonly resources: readonly Resource[];
  readonly postgres?: TestPostgresOptions;
  readonly write?: Partial<WritePathOptions>;
  readonly proxy?: Partial<ProxyOptions>;
  readonly transactions?: 'escape' | 'reject';
  readonly freshness?: FreshnessPort;
  /** What a configuration would choose of the tables. */
  readonly tables?: readonly TableChoice[];
}

const closers: (() => Promise<unknown>)[] = [];

export async function startStack(options: StackOptions): Promise<Stack> {
  const server = await startTestPostgres(options.postgres);
  const pool = ownPool(server.upwriteUrl, 20);
  await migrate(pool);
  const api = writableApi(options.resources);
  const catalog = await installCatalog({
    pool,
    registry: tables,
    connections: [
      {
        name: 'salesforce',
        provider: 'salesforce',
        session: api.session,
        grant: { write: ['public'] },
        ...(options.tables === undefined ? {} : { tables: options.tables }),
      },
    ],
    signal: AbortSignal.timeout(120_000),
    onNote: () => {},
  });
  const complaints: string[] = [];
  const complain = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    complaints.push(`${message} ${JSON.stringify(fields)}`);
  };
  const log = { debug: () => {}, info: () => {}, warn: complain, error: complain };
  const lease = await takeLease(pool, { kind: 'test', onError: () => {} });
  const journal = openJournal(pool, lease.id);
  const writes = new WritePath({
    pool,
    catalog,
    journal,
    session: () => api.session,
    log,
    maxInFlight: 10,
    // Time enough for a machine that stalls: a test that is about one of these limits gives its own.
    queueTimeout: 60_000,
    lockTimeout: 60_000,
    timeout: 120_000,
    stopGrace: 500,
    ...options.write,
  });
  // A parser that the machine holds up is not one that a text has lost.
  const analyser = createAnalyser({ timeLimit: 60_000 });
  const proxy = await startProxy({
    host: '127.0.0.1',
    port: 0,
    database: {
      host: server.host,
      port: server.port,
      database: 'upwrite',
      user: 'upwrite',
      tls: { mode: 'disable' },
      connectTimeout: 60_000,
    },
    tls: null,
    maxConnections: 200,
    startupTimeout: 60_000,
    grace: 1000,
    maxInspected: 16 * 1024 * 1024,
    mutations: {
      catalog,
      analyser,
      transactions: options.transactions ?? 'escape',
      lockTimeout: options.write?.lockTimeout ?? 60_000,
      freshness: options.freshness ?? null,
      run: (session) => writes.run(session),
      explain: (oid, verb, conflict) => writes.explain(oid, verb, conflict),
    },
    log,
    ...options.proxy,
  });
  closers.push(async () => {
    await proxy.close();
    await analyser.close();
    await lease.release().catch(() => undefined);
  });
  return {
    server,
    api,
    catalog,
    port: proxy.port,
    url: (user = 'app') => `postgres://${user}:${user}@127.0.0.1:${proxy.port}/upwrite`,
    connections: () => proxy.connections(),
    writes,
    journal,
    pool,
    complaints,
    settle: async (certainAfter, until) => {
      const settler = startSettler({
        pool,
        catalog,
        journal,
        session: () => api.session,
        known: writes.known,
        log,
        interval: 20,
        timeout: 30_000,
        lockTimeout: 30_000,
        certainAfter,
        giveUpAfter: 3_600_000,
      });
      try {
        await waitFor('the journal to be settled', until, 60_000);
      } finally {
        await settler.stop();
      }
    },
  };
}

afterAll(async () => {
  for (const close of closers.splice(0)) await close();
});

/** Synced tables of a scripted API, the sync, and the feed of records tables, on a throwaway Postgres. */
import type pg from 'pg';
import { installCatalog, type LiveCatalog, type SyncedTable } from '../../src/catalog/index.js';
import { registerFeed } from '../../src/main/records.js';
import type { Resource } from '../../src/provider/index.js';
import {
  createTableSql,
  type FeedOptions,
  type RecordTarget,
  startFeed,
  type TargetChange,
  targetName,
} from '../../src/records/index.js';
import { migrate, tables, takeLease } from '../../src/store/index.js';
import { openJobs } from '../../src/sync/index.js';
import { connect, eventually, ownPool } from '../support/database.js';
import { contacts, type FakeApi, fakeApi } from '../support/fake-api.js';
import type { TestPostgres } from '../support/postgres.js';
import { startTestSync } from '../support/test-sync.js';

/**
 * Milliseconds: longer than a machine stalls. A job of one whose lease has run out is given to others, and is lost for a
 * minute where it ends all the same.
 */
const leaseMs = 30_000;

const quiet = { debug: () => {}, info: () => {}, warn: () => {} };

export interface TargetOptions {
  readonly provider?: string;
  readonly connection?: string;
  /** A URL; the synced database unless given. */
  readonly url?: string;
}

export class World {
  readonly server: TestPostgres;
  readonly pool: pg.Pool;
  /** By the connection's name. */
  readonly apis = new Map<string, FakeApi>();
  catalog!: LiveCatalog;
  readonly #jobPool: pg.Pool;
  #stopSync: () => Promise<void> = async () => {};
  /** Changes of targets' states that were told. */
  readonly changes: TargetChange[] = [];
  #stopFeed: () => Promise<void> = async () => {};

  private constructor(server: TestPostgres) {
    this.server = server;
    this.pool = ownPool(server.upwriteUrl, 20);
    this.#jobPool = ownPool(server.upwriteUrl, 4);
  }

  /** With a schema of the operator's, in which Upwrite's role has no more than the rights that the README asks for. */
  static async start(server: TestPostgres): Promise<World> {
    const world = new World(server);
    await world.#othersEnded();
    await world.admin(`DROP SCHEMA IF EXISTS upwrite, upwrite_jobs, salesforce, other, third, my_schema CASCADE;
      CREATE SCHEMA my_schema; GRANT USAGE ON SCHEMA my_schema TO upwrite`);
    await migrate(world.pool);
    return world;
  }

  /** A session outlives a client that was killed by the statement that it is at, whose locks are in the way. */
  async #othersEnded(): Promise<void> {
    const admin = await connect(this.server.superuserUrl);
    await eventually(async () => {
      const found = await admin.query(
        "SELECT FROM pg_stat_activity WHERE usename = 'upwrite' AND datname = current_database()",
      );
      return found.rowCount === 0 ? true : undefined;
    });
    await admin.end();
  }

  async admin(sql: string, url = this.server.superuserUrl): Promise<void> {
    const client = await connect(url);
    await client.query(sql);
    await client.end();
  }

  /** The operator creates a table and grants the rights. */
  async createTable(name: string, url = this.server.superuserUrl): Promise<void> {
    const table = { schema: 'my_schema', name };
    await this.admin(
      `${createTableSql(table)} GRANT SELECT, INSERT, UPDATE, DELETE ON my_schema.${name} TO upwrite`,
      url,
    );
  }

  /** Installs and syncs a connection for each name. */
  async connections(names: readonly string[], resources: readonly Resource[] = [contacts()]): Promise<void> {
    await this.#stopSync();
    for (const name of names) if (!this.apis.has(name)) this.apis.set(name, fakeApi(resources));
    this.catalog = await installCatalog({
      pool: this.pool,
      registry: tables,
      connections: names.map((name) => ({ name, provider: 'salesforce', session: this.api(name).session })),
      signal: AbortSignal.timeout(30_000),
    });
    const lease = await takeLease(this.pool, { kind: 'test', onError: () => {} });
    const sessions = new Map(names.map((name) => [name, this.api(name).session]));
    const sync = await startTestSync(this.pool, this.#jobPool, this.catalog, sessions, lease.id);
    this.#stopSync = async () => {
      this.#stopSync = async () => {};
      await sync.stop();
      await lease.release();
    };
  }

  api(name: string): FakeApi {
    const api = this.apis.get(name);
    if (api === undefined) throw new Error(`no connection ${name}`);
    return api;
  }

  table(schema: string, name = 'contacts'): SyncedTable {
    const table = this.catalog.find(schema, name);
    if (table === undefined) throw new Error('the table is missing');
    return table;
  }

  target(name: string, { provider, connection, url = this.server.upwriteUrl }: TargetOptions): RecordTarget {
    const table = { schema: 'my_schema', name };
    return {
      name: targetName(table, url === this.server.upwriteUrl ? null : 'elsewhere'),
      table,
      filters: [
        { ...(provider === undefined ? {} : { provider }), ...(connection === undefined ? {} : { connection }) },
      ],
      connection: async () => ({ connectionString: url }),
    };
  }

  /** In place of the one before, feeds as a process with this configuration does. */
  async feed(
    targets: readonly RecordTarget[],
    connections: readonly string[],
    details: { readonly externalId?: string; readonly metadata?: string } & Partial<FeedOptions> = {},
  ): Promise<void> {
    await this.unfeed();
    const { externalId, metadata, ...options } = details;
    const feed = startFeed({
      pool: this.pool,
      catalog: this.catalog,
      connections: connections.map((name) => ({
        name,
        provider: 'salesforce',
        externalId: externalId ?? null,
        metadata: metadata ?? '{}',
      })),
      targets,
      log: quiet,
      intervalMs: 10,
      retryMs: [10, 50],
      checkMs: 50,
      onStateChange: async (change) => void this.changes.push(change),
      ...options,
    });
    const lease = await takeLease(this.pool, { kind: 'test', leaseMs, onError: () => {} });
    const pool = ownPool(this.server.upwriteUrl, 4);
    const jobs = await openJobs({ pool, lease, leaseMs, concurrency: 4, log: quiet });
    const standing = registerFeed({ jobs, feed, pool: this.pool, log: quiet });
    await jobs.start();
    this.#stopFeed = async () => {
      await standing.stop();
      await jobs.stop();
      await feed.stop();
      await pool.end();
      await lease.release();
    };
  }

  /** Ends the feed, and leaves what it was at. */
  async unfeed(): Promise<void> {
    const stop = this.#stopFeed;
    this.#stopFeed = async () => {};
    await stop();
  }

  async stop(): Promise<void> {
    await this.unfeed();
    await this.#stopSync();
    await this.pool.end();
    await this.#jobPool.end();
  }

  /** What a records table has of a connection's collection, by upstream id. */
  async held(name: string, sync: string, pool: Pick<pg.Pool, 'query'> = this.pool): Promise<Record<string, unknown>> {
    const found = await pool.query<{ key: string; email: unknown }>(
      `SELECT upstream_id AS key, payload -> 'Email' AS email FROM my_schema.${name}
       WHERE sync_id = $1 AND collection_id = 'Contact' ORDER BY upstream_id COLLATE "C"`,
      [sync],
    );
    return Object.fromEntries(found.rows.map((row) => [row.key, row.email]));
  }

  /** What the API has, in the same form. */
  upstream(connection: string): Record<string, unknown> {
    return Object.fromEntries(
      [...this.api(connection).live('Contact')]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, values]) => [key, values['email'] ?? null]),
    );
  }

  async converged(name: string, sync: string, connection: string, pool?: Pick<pg.Pool, 'query'>): Promise<void> {
    await eventually(async () => {
      const [here, there] = [await this.held(name, sync, pool), this.upstream(connection)];
      return JSON.stringify(here) === JSON.stringify(there) ? true : undefined;
    });
  }

  async health(name: string): Promise<{ state: string; reason: string | null }> {
    const found = await this.pool.query<{ state: string; reason: string | null }>(
      'SELECT state, reason FROM upwrite.record_targets WHERE name = $1',
      [name],
    );
    return found.rows[0] ?? { state: 'unknown', reason: null };
  }

  async becomes(name: string, state: string, reason: RegExp | null = null): Promise<void> {
    await eventually(async () => {
      const health = await this.health(name);
      return health.state === state && (reason === null ? health.reason === null : reason.test(health.reason ?? ''))
        ? true
        : undefined;
    });
  }
}

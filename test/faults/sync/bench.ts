/** Two processes that sync, a database and an API, each of which can be killed, and relays between them that cut. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { internalPool } from '../../../src/store/index.js';
import { freePort } from '../../support/ports.js';
import { startTestPostgres, type TestPostgres } from '../../support/postgres.js';
import { waitFor } from '../../support/wait.js';
import { TalkingChild } from '../child.js';
import { Relay } from '../relay.js';
import type { Item, PagedConfig } from './api-process.js';
import type { SyncProcessConfig } from './sync-process.js';

interface Worker {
  readonly config: SyncProcessConfig;
  readonly database: Relay;
  child: TalkingChild;
}

export class SyncBench {
  readonly server: TestPostgres;
  readonly workers: Worker[] = [];
  readonly log: string[] = [];
  readonly #api: PagedConfig;
  readonly #relay: Relay;
  #apiChild: TalkingChild;
  #databaseIsDown = false;

  private constructor(server: TestPostgres, api: PagedConfig, relay: Relay, child: TalkingChild) {
    this.server = server;
    this.#api = api;
    this.#relay = relay;
    this.#apiChild = child;
  }

  static async start(pace = 1): Promise<SyncBench> {
    const api = { port: await freePort(), directory: mkdtempSync(join(tmpdir(), 'upwrite-sync-faults-')) };
    const [server, relay, child] = await Promise.all([
      startTestPostgres({ settings: { synchronous_commit: 'on' } }),
      Relay.open(api.port),
      TalkingChild.start('test/faults/sync/api-process.js', api, () => {}),
    ]);
    const bench = new SyncBench(server, api, relay, child);
    for (let i = 0; i < 2; i += 1) {
      const database = await Relay.open(server.port);
      const config = {
        pace,
        database: `postgres://upwrite:upwrite@127.0.0.1:${database.port}/upwrite?sslmode=disable`,
        url: `http://127.0.0.1:${relay.port}`,
      };
      bench.workers.push({ config, database, child: await bench.#startWorker(config) });
    }
    return bench;
  }

  #startWorker(config: SyncProcessConfig): Promise<TalkingChild> {
    return TalkingChild.start('test/faults/sync/sync-process.js', config, (message) => {
      if (message.kind !== 'log') return;
      this.log.push(message.line);
      if (this.log.length > 500) this.log.splice(0, 250);
    });
  }

  /** Changes records upstream; null deletes. */
  async change(changes: Readonly<Record<string, string | null>>): Promise<void> {
    await fetch(`http://127.0.0.1:${this.#api.port}/`, { method: 'POST', body: JSON.stringify(changes) });
  }

  async upstream(): Promise<readonly Item[]> {
    const answer = await fetch(`http://127.0.0.1:${this.#api.port}/state`);
    return (await answer.json()) as readonly Item[];
  }

  /** Where each page of a full listing began that the API has given so far. */
  pages(): readonly string[] {
    const file = join(this.#api.directory, 'pages.log');
    try {
      return readFileSync(file, 'utf8').split('\n').slice(0, -1);
    } catch {
      return [];
    }
  }

  async query<Row extends pg.QueryResultRow>(
    sql: string,
    parameters: readonly unknown[] = [],
  ): Promise<readonly Row[]> {
    const client = new pg.Client(this.server.superuserUrl);
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(sql, [...parameters])).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Removes every row, as only Upwrite's own sessions can. */
  async empty(): Promise<void> {
    const pool = internalPool({ connectionString: this.server.upwriteUrl, max: 1 }, () => undefined);
    await pool.query('DELETE FROM paged.items');
    await pool.end();
  }

  /** Whether a listing runs that keeps notes of what it has seen; false while the database is down. */
  async noting(): Promise<boolean> {
    if (this.#databaseIsDown) return false;
    const [details] = await this.query<{ noting: boolean }>(
      'SELECT swept_rows IS NOT NULL AS noting FROM upwrite.table_details',
    );
    return details?.noting === true;
  }

  /** SIGKILL to the postmaster, if it runs. */
  killDatabase(): void {
    if (this.#databaseIsDown) return;
    this.#databaseIsDown = true;
    process.kill(this.server.pid(), 'SIGKILL');
  }

  async startDatabase(): Promise<void> {
    await waitFor('Postgres to start again', () =>
      this.server.start().then(
        () => true,
        () => false,
      ),
    );
    this.#databaseIsDown = false;
  }

  async killWorker(index: number): Promise<void> {
    await this.workers[index]?.child.kill();
  }

  async killApi(): Promise<void> {
    await this.#apiChild.kill();
  }

  cut(what: 'api' | 0 | 1): void {
    if (what === 'api') this.#relay.cut();
    else this.workers[what]?.database.cut();
  }

  /** Whatever is down is started, and whatever is cut is healed. */
  async recover(): Promise<void> {
    this.#relay.heal();
    for (const { database } of this.workers) database.heal();
    if (this.#apiChild.gone) {
      this.#apiChild = await TalkingChild.start('test/faults/sync/api-process.js', this.#api, () => {});
    }
    if (this.#databaseIsDown) await this.startDatabase();
    for (const worker of this.workers) {
      if (worker.child.gone) worker.child = await this.#startWorker(worker.config);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map(({ child }) => child.kill()));
    await this.#apiChild.kill();
    await this.server.destroy();
    await Promise.all([this.#relay, ...this.workers.map(({ database }) => database)].map((relay) => relay.close()));
    rmSync(this.#api.directory, { recursive: true, force: true });
  }
}

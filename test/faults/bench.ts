/**
 * Everything that a fault can strike, each in a process of its own: Postgres, the APIs, one or two Upwrites; between
 * them relays that cut.
 *
 *     client → relay → Upwrite → relay → Postgres
 *                         └────→ relay → Salesforce sandbox, partial API
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { DEFAULT_CREDENTIALS } from '../../fixtures/salesforce/index.js';
import { wakeTable } from '../../src/sync/index.js';
import type { Boundary } from '../../src/write/index.js';
import { freePort } from '../support/ports.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { waitFor } from '../support/wait.js';
import { TalkingChild } from './child.js';
import type { ApiConfig, FromChild, UpwriteConfig } from './messages.js';
import { Relay } from './relay.js';

/** Milliseconds that a write may take, and beyond which an API is not working on it any more; on a machine that is free. */
const writeTimeout = 1500;
const settleAfter = 2500;
/**
 * The pace of tests that share a machine with others: what is held at a place, and what a test writes to set its scene,
 * must not run out of time although the machine stalls for seconds.
 */
export const sharedPace = 5;

export interface BenchOptions {
  /** As in the configuration. */
  readonly syncInterval: string;
  /** Settings of `writes` besides the bench's own. */
  readonly writes?: object;
  /** How many times slower than a free machine this one is taken to be: every time limit is so many times as long. */
  readonly pace?: number;
}

/** One Upwrite, and the relays in front of it and behind. */
export interface Upwrite {
  readonly clients: Relay;
  readonly database: Relay;
  child: TalkingChild;
  readonly config: UpwriteConfig;
}

export type Api = 'salesforce' | 'partial';

export class Bench {
  readonly server: TestPostgres;
  readonly upwrites: Upwrite[] = [];
  readonly relays: Readonly<Record<Api, Relay>>;
  /** What the Upwrites logged last. */
  readonly log: string[] = [];
  /** Boundaries at which a write waits now, by the Upwrite's index. */
  readonly waiting: { readonly upwrite: number; readonly id: number; readonly name: Boundary }[] = [];
  #onBoundary: (upwrite: number, id: number, name: Boundary) => void = () => {};
  #onArmed: () => void = () => {};
  readonly #apiConfig: ApiConfig;
  #api: TalkingChild;
  #databaseIsDown = false;
  readonly #direct: pg.Pool;
  readonly pace: number;

  private constructor(
    server: TestPostgres,
    relays: Readonly<Record<Api, Relay>>,
    config: ApiConfig,
    api: TalkingChild,
    pace: number,
  ) {
    this.pace = pace;
    this.server = server;
    this.relays = relays;
    this.#apiConfig = config;
    this.#api = api;
    this.#direct = new pg.Pool({ connectionString: server.superuserUrl, max: 4 });
    this.#direct.on('error', () => undefined);
    this.#direct.on('connect', (client) => client.on('error', () => undefined));
  }

  static async start(upwrites: number, options: BenchOptions): Promise<Bench> {
    const { pace = 1 } = options;
    const directory = mkdtempSync(join(tmpdir(), 'upwrite-faults-'));
    const [salesforcePort, partialPort] = [await freePort(), await freePort()];
    const [salesforce, partial] = await Promise.all([Relay.open(salesforcePort), Relay.open(partialPort)]);
    const config = { salesforcePort, partialPort, directory, salesforceUrl: `http://127.0.0.1:${salesforce.port}` };
    const [server, api] = await Promise.all([
      startTestPostgres({ settings: { synchronous_commit: 'on', max_connections: 300 } }),
      TalkingChild.start('test/faults/api-process.js', config, () => {}),
    ]);
    const bench = new Bench(server, { salesforce, partial }, config, api, pace);
    for (let i = 0; i < upwrites; i++) await bench.#add(i, options);
    return bench;
  }

  /** Milliseconds that a write may take. */
  get writeTimeout(): number {
    return writeTimeout * this.pace;
  }

  #writes(): object {
    return {
      timeout: `${this.writeTimeout}ms`,
      settleAfter: `${settleAfter * this.pace}ms`,
      lockTimeout: `${this.pace}s`,
      queueTimeout: `${2 * this.pace}s`,
      maxInFlight: 32,
    };
  }

  async #add(index: number, options: BenchOptions): Promise<void> {
    const port = await freePort();
    const [clients, database] = await Promise.all([Relay.open(port), Relay.open(this.server.port)]);
    const config: UpwriteConfig = {
      port,
      database: `postgres://upwrite:upwrite@127.0.0.1:${database.port}/upwrite?sslmode=disable`,
      pace: this.pace,
      settings: {
        writes: { ...this.#writes(), ...options.writes },
        sync: { interval: options.syncInterval },
        connections: this.#connections(),
      },
    };
    this.upwrites.push({ clients, database, config, child: await this.#startUpwrite(index, config) });
  }

  #connections(): Readonly<Record<string, unknown>> {
    const { salesforce, partial } = this.relays;
    return {
      salesforce: {
        provider: 'salesforce',
        tables: ['contacts'],
        auth: {
          kind: 'refresh_token',
          client_id: DEFAULT_CREDENTIALS.clientId,
          client_secret: DEFAULT_CREDENTIALS.clientSecret,
          refresh_token: DEFAULT_CREDENTIALS.refreshToken,
          login_url: `http://127.0.0.1:${salesforce.port}`,
        },
      },
      partial: { provider: 'partial', url: `http://127.0.0.1:${partial.port}` },
    };
  }

  #startUpwrite(index: number, config: UpwriteConfig): Promise<TalkingChild> {
    return TalkingChild.start('test/faults/upwrite-process.js', config, (message) => this.#hear(index, message));
  }

  #hear(upwrite: number, message: FromChild): void {
    if (message.kind === 'armed') this.#onArmed();
    else if (message.kind === 'boundary') {
      const { id, name } = message;
      this.waiting.push({ upwrite, id, name });
      this.#onBoundary(upwrite, id, name);
    } else if (message.kind === 'log') {
      this.log.push(message.line);
      if (this.log.length > 2000) this.log.splice(0, 1000);
    }
  }

  /** From now on writes through this Upwrite wait at these boundaries; each is told. */
  async arm(
    upwrite: number,
    names: readonly Boundary[],
    onBoundary: (upwrite: number, id: number, name: Boundary) => void = () => {},
  ): Promise<void> {
    this.waiting.splice(0);
    this.#onBoundary = onBoundary;
    const armed = new Promise<void>((resolve) => {
      this.#onArmed = resolve;
    });
    this.upwrites[upwrite]?.child.tell({ kind: 'arm', names });
    await armed;
  }

  /** Lets one write go on, or all, and then nothing waits any more. */
  go(upwrite: number, id: number | 'all'): void {
    this.upwrites[upwrite]?.child.tell({ kind: 'go', id });
  }

  /** A client of Upwrite, through the relay. The caller ends it. */
  async client(upwrite = 0): Promise<pg.Client> {
    const port = this.upwrites[upwrite]?.clients.port ?? 0;
    const client = new pg.Client({
      connectionString: `postgres://app:app@127.0.0.1:${port}/upwrite?sslmode=disable`,
      connectionTimeoutMillis: 5000 * this.pace,
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** Asks the database itself, without Upwrite. */
  async direct<Row extends pg.QueryResultRow>(
    sql: string,
    parameters: readonly unknown[] = [],
  ): Promise<readonly Row[]> {
    try {
      return (await this.#direct.query<Row>(sql, [...parameters])).rows;
    } catch (error) {
      // A connection of before a kill may still have been in the pool: once is enough to find out.
      if (error instanceof pg.DatabaseError && error.code?.startsWith('57P') !== true) throw error;
      return (await this.#direct.query<Row>(sql, [...parameters])).rows;
    }
  }

  /** Has the sync look at every table now, whatever its interval. */
  async wakeSync(): Promise<void> {
    const tables = await this.direct<{ oid: number }>('SELECT table_oid AS oid FROM upwrite.tables');
    for (const { oid } of tables) await wakeTable(this.#direct, oid);
  }

  async killUpwrite(upwrite: number): Promise<void> {
    await this.upwrites[upwrite]?.child.kill();
  }

  async startUpwrite(upwrite: number): Promise<void> {
    const known = this.upwrites[upwrite];
    if (known === undefined || !known.child.gone) return;
    known.child = await this.#startUpwrite(upwrite, known.config);
  }

  /** SIGKILL to the postmaster; its children follow by themselves. */
  killDatabase(): void {
    this.#databaseIsDown = true;
    process.kill(this.server.pid(), 'SIGKILL');
  }

  async startDatabase(): Promise<void> {
    // What is left of the killed one holds its shared memory for a moment.
    const startsAgain = (): Promise<boolean> =>
      this.server.start().then(
        () => true,
        () => false,
      );
    await waitFor('Postgres to start again', startsAgain, 60_000);
    this.#databaseIsDown = false;
  }

  async killApi(): Promise<void> {
    await this.#api.kill();
  }

  async startApi(): Promise<void> {
    if (!this.#api.gone) return;
    this.#api = await TalkingChild.start('test/faults/api-process.js', this.#apiConfig, () => {});
  }

  /** A control call of an API, around the relay. */
  async control(api: Api, method: string, path: string, body?: unknown): Promise<unknown> {
    const port = api === 'salesforce' ? this.#apiConfig.salesforcePort : this.#apiConfig.partialPort;
    const response = await fetch(`http://127.0.0.1:${port}/__sandbox/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    if (!response.ok) throw new Error(`${method} ${path} of ${api}: ${response.status}`);
    return response.json();
  }

  /** Whatever is down is started, whatever is cut is healed, and nothing waits any more. */
  async recover(): Promise<void> {
    for (const { clients, database } of this.upwrites) {
      clients.heal();
      database.heal();
    }
    for (const relay of Object.values(this.relays)) relay.heal();
    await this.startApi();
    if (this.#databaseIsDown) await this.startDatabase();
    for (const [i, { child }] of this.upwrites.entries()) {
      if (child.gone) await this.startUpwrite(i);
      else this.go(i, 'all');
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.upwrites.map(({ child }) => child.kill()));
    await this.killApi();
    await this.#direct.end();
    await this.server.destroy();
    const relays = this.upwrites.flatMap(({ clients, database }) => [clients, database]);
    await Promise.all([...relays, ...Object.values(this.relays)].map((relay) => relay.close()));
    rmSync(this.#apiConfig.directory, { recursive: true, force: true });
  }
}

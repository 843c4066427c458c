/** Proxies of every kind in front of one Postgres with TLS, and raw connections to them. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { type Proxy as Listener, type ProxyOptions, startProxy } from '../../src/proxy/index.js';
import { RawConnection } from '../protocol/raw/connection.js';
import * as fe from '../protocol/raw/frontend.js';
import { logIn, startupOf } from '../protocol/raw/login.js';
import { mechanism, scramClient } from '../protocol/raw/scram.js';
import { errorFields } from '../protocol/raw/transcript.js';
import { type Cluster, roles, startCluster } from '../support/cluster.js';
import type { SeenError } from './case.js';

export interface ProxyChoice {
  readonly database?: Partial<ProxyOptions['database']>;
  readonly tls?: 'require';
  readonly maxConnections?: number;
  /** Milliseconds. */
  readonly startupTimeout?: number;
}

export class ConnectionWorld {
  readonly #cluster: Cluster;
  readonly #proxies: Listener[] = [];
  readonly #connections: RawConnection[] = [];

  private constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  static async start(): Promise<ConnectionWorld> {
    return new ConnectionWorld(await startCluster());
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.vanish('FIN');
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    await this.#cluster.stop();
  }

  async proxy(choice: ProxyChoice): Promise<Listener> {
    const { host, port, tls } = this.#cluster;
    const context = createSecureContext({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) });
    const silent = (): void => undefined;
    const proxy = await startProxy({
      host: '127.0.0.1',
      port: 0,
      tls: { mode: choice.tls ?? 'allow', context: () => context },
      maxConnections: choice.maxConnections ?? 100,
      startupTimeout: choice.startupTimeout ?? 30_000,
      grace: 1000,
      maxInspected: 1024 * 1024,
      mutations: null,
      log: { debug: silent, info: silent, warn: silent, error: silent },
      database: {
        host,
        port,
        database: 'battery',
        user: 'postgres',
        tls: { mode: 'disable' },
        connectTimeout: 10_000,
        ...choice.database,
      },
    });
    this.#proxies.push(proxy);
    return proxy;
  }

  async connection(proxy: Listener): Promise<RawConnection> {
    const connection = await RawConnection.open(proxy);
    this.#connections.push(connection);
    return connection;
  }

  /** A connection that has logged in. */
  async loggedIn(proxy?: Listener): Promise<RawConnection> {
    const connection = await this.connection(proxy ?? (await this.proxy({})));
    if (!(await logIn(connection))) throw new Error(`no login: ${connection.transcript.join(' | ')}`);
    return connection;
  }

  startup(): Buffer {
    return startupOf();
  }

  /** Sends, and reads the error that follows and that ends the connection. */
  async lastError(connection: RawConnection, bytes: Buffer = Buffer.alloc(0)): Promise<SeenError> {
    await connection.send(bytes);
    const message = await connection.until('E');
    if (message === null) throw new Error(`no error: ${connection.transcript.join(' | ')}`);
    await connection.untilClosed();
    const { S, C, M, D, H, W, s, t, c, n, R } = errorFields(message.body);
    return {
      severity: S,
      code: C,
      message: M,
      detail: D,
      hint: H,
      where: W,
      schema: s,
      table: t,
      column: c,
      constraint: n,
      routine: R,
    };
  }

  /** The error that a SCRAM login with this GS2 header (RFC 5802) ends with. */
  async lastErrorOfScram(connection: RawConnection, header: string): Promise<SeenError> {
    const { user, password } = roles.scram;
    await connection.send(startupOf({ user, password }));
    await connection.until('R');
    return this.lastError(connection, fe.saslInitial(mechanism, scramClient(password, header).first));
  }
}

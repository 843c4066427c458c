/** The TCP server: accepts, greets, relays the login, runs sessions, routes cancels, drains. */
import net from 'node:net';
import { FaultError, fault } from '../errors/index.js';
import { adoptSocket, connectDatabase, forwardCancel, type SocketLink, useDirectIo } from '../upstream/index.js';
import { errorResponse } from '../wire/index.js';
import { greet, refuseWith } from './greeting.js';
import { relayLogin } from './login.js';
import type { ProxyOptions } from './options.js';
import { Session } from './session.js';

export interface Proxy {
  readonly host: string;
  readonly port: number;
  /** Client sessions at this moment, logging-in ones included. */
  connections(): number;
  /** Takes no new sessions, lets running statements end within the grace, then ends the rest. */
  close(): Promise<void>;
}

/** Starts listening. Rejects with an Error that says what to do when the address cannot be bound. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  if (options.directIo !== 'off') {
    const isDirect = await useDirectIo();
    options.log.debug({ isDirect }, isDirect ? 'busy connections are read directly' : 'connections are read by Node');
  }
  const acceptor = new Acceptor(options);
  const server = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true, keepAlive: true });
  server.on('connection', (socket) => void acceptor.accept(socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(unbindable(error, options)));
    server.listen({ host: options.host, port: options.port, backlog: 1024 }, () => {
      server.removeAllListeners('error');
      server.on('error', (error) => options.log.error({ error: error.message }, 'the listener failed'));
      resolve();
    });
  });
  const address = server.address();
  return {
    host: options.host,
    port: address !== null && typeof address === 'object' ? address.port : options.port,
    connections: () => acceptor.count,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await acceptor.drain();
      await closed;
    },
  };
}

function unbindable(error: Error, { host, port }: ProxyOptions): Error {
  const code = 'code' in error ? error.code : undefined;
  const address = `${host}:${port}`;
  if (code === 'EADDRINUSE') {
    return new Error(`${address} is taken by another program: stop that one, or choose another address with "listen"`, {
      cause: error,
    });
  }
  return new Error(`cannot listen on ${address}: ${error.message}`, { cause: error });
}

class Acceptor {
  readonly #options: ProxyOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #anonymous = new Set<Session>();
  /** Every accepted socket until its session has ended. */
  readonly #sockets = new Set<net.Socket>();
  /** Sessions, from the start-up packet on. */
  #running = 0;
  #draining = false;
  #emptied: () => void = () => undefined;

  constructor(options: ProxyOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#sockets.size;
  }

  async accept(socket: net.Socket): Promise<void> {
    socket.on('error', (error) => this.#options.log.debug({ error: error.message }, 'a client connection failed'));
    this.#sockets.add(socket);
    try {
      await this.#serve(socket);
    } catch (error) {
      this.#options.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a connection failed');
      socket.destroy();
    } finally {
      this.#sockets.delete(socket);
      if (this.count === 0) this.#emptied();
    }
  }

  /** Nothing of the greeting and the login is held any more while the session runs. */
  async #serve(accepted: net.Socket): Promise<void> {
    const session = await this.#open(accepted);
    if (session === null) return;
    const key = session.keyData.toString('hex');
    if (key === '') this.#anonymous.add(session);
    else this.#sessions.set(key, session);
    if (this.#draining) session.drain();
    try {
      await session.run();
    } finally {
      this.#running--;
      this.#anonymous.delete(session);
      if (this.#sessions.get(key) === session) this.#sessions.delete(key);
    }
  }

  /** From an accepted connection to a session, which counts as running; null where it does not come to one. */
  async #open(accepted: net.Socket): Promise<Session | null> {
    const options = this.#options;
    let answered: net.Socket = accepted;
    const deadline = setTimeout(() => {
      if (!answered.destroyed && answered.writable) answered.end(errorResponse(fault('login_timeout'), 'FATAL'));
      answered.destroySoon();
    }, options.startupTimeout);
    accepted.once('close', () => clearTimeout(deadline));
    const greeting = await greet(accepted, options);
    if (greeting.kind === 'gone') return null;
    if (greeting.kind === 'cancel') {
      clearTimeout(deadline);
      await this.#cancel(greeting.socket, greeting.packet);
      return null;
    }
    const client = greeting.socket;
    answered = client;
    if (this.#draining) {
      refuseWith(client, fault('shutting_down'));
      return null;
    }
    if (this.#running >= options.maxConnections) {
      refuseWith(client, fault('too_many_connections', { params: { limit: options.maxConnections } }));
      return null;
    }
    this.#running++;
    let session: Session | null = null;
    try {
      session = await this.#logIn(client, greeting, () => clearTimeout(deadline));
    } finally {
      if (session === null) this.#running--;
    }
    return session;
  }

  async #logIn(
    client: net.Socket,
    greeting: {
      readonly packet: Buffer;
      readonly parameters: ReadonlyMap<string, string> | null;
      readonly rest: Buffer;
    },
    loggedIn: () => void,
  ): Promise<Session | null> {
    const options = this.#options;
    const link = await this.#connect(client);
    if (link === null) return null;
    const backend = link.socket;
    backend.on('error', (error) => options.log.debug({ error: error.message }, 'a database connection failed'));
    const login = await relayLogin(client, link, greeting.packet, greeting.rest);
    loggedIn();
    if (login === null) {
      backend.destroy();
      client.destroySoon();
      return null;
    }
    return new Session({
      clientLink: adoptSocket(client),
      link,
      login,
      options,
      intercepts: this.#intercepts(greeting.parameters),
      startup: greeting.parameters,
    });
  }

  async #connect(client: net.Socket): Promise<SocketLink | null> {
    try {
      const link = await connectDatabase(this.#options.database);
      if (!client.destroyed) return link;
      link.socket.destroy();
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      this.#options.log.warn({ error: error.message }, 'the database cannot be reached');
      refuseWith(client, error.fault);
    }
    return null;
  }

  /** Only the synced database has synced tables; a replication connection speaks another language. */
  #intercepts(parameters: ReadonlyMap<string, string> | null): boolean {
    if (parameters === null) return false;
    const replication = (parameters.get('replication') ?? 'off').toLowerCase();
    if (!['off', 'false', 'no', '0', 'f', 'n'].includes(replication)) return false;
    return (parameters.get('database') ?? parameters.get('user')) === this.#options.database.database;
  }

  /** Another process may own the session, so the database is asked in any case. */
  async #cancel(socket: net.Socket, packet: Buffer): Promise<void> {
    this.#sessions.get(packet.subarray(8).toString('hex'))?.cancel();
    await forwardCancel(this.#options.database, packet);
    socket.end();
    socket.resume();
  }

  async drain(): Promise<void> {
    this.#draining = true;
    if (this.count === 0) return;
    const emptied = new Promise<void>((resolve) => {
      this.#emptied = resolve;
    });
    for (const session of this.#all()) session.drain();
    const timer = setTimeout(() => {
      for (const session of this.#all()) session.terminate();
      for (const socket of this.#sockets) socket.destroySoon();
    }, this.#options.grace);
    await emptied;
    clearTimeout(timer);
  }

  #all(): Session[] {
    return [...this.#sessions.values(), ...this.#anonymous];
  }
}

/** One client session on one database session: two pumps, and the interception between them. */
import type { Socket } from 'node:net';
import { type Fault, fault } from '../errors/index.js';
import { mentionsStaleness } from '../sql/index.js';
import { cancelPacket, forwardCancel, SessionGone, type SocketLink, type StopReason } from '../upstream/index.js';
import { errorResponse } from '../wire/index.js';
import { BackendPump } from './backend-pump.js';
import { ClientPump } from './client-pump.js';
import { Dialogue } from './interception/dialogue.js';
import { ClientSettings, Intercepted } from './interception/intercepted.js';
import { type InterceptedSession, Interception } from './interception/interception.js';
import type { LoggedIn } from './login.js';
import type { ProxyOptions } from './options.js';
import { Pipeline } from './pipeline.js';

/** How long the database may go on with a statement whose client has closed its sending side, in milliseconds. */
const orphanGrace = 2000;

/** How long the answers to what preceded a protocol violation are waited for, in milliseconds. */
const answersGrace = 10_000;

export interface SessionParts {
  readonly clientLink: SocketLink;
  readonly link: SocketLink;
  readonly login: LoggedIn;
  readonly options: ProxyOptions;
  /** Whether mutations are looked for: the synced database, and no replication connection. */
  readonly intercepts: boolean;
  /** The parameters of the start-up packet. */
  readonly startup: ReadonlyMap<string, string> | null;
}

export class Session {
  readonly keyData: Buffer;
  readonly #options: ProxyOptions;
  readonly #link: SocketLink;
  readonly #clientLink: SocketLink;
  /** What came behind the login, of each side, until it has been forwarded. */
  #rests: { readonly client: Buffer; readonly backend: Buffer } | null;
  readonly #client: Socket;
  readonly #backend: Socket;
  readonly #pipeline = new Pipeline();
  readonly #backendPump: BackendPump;
  readonly #clientPump: ClientPump;
  readonly #dialogue: Dialogue | null = null;
  readonly #interception: Interception | null = null;
  #stop = new AbortController();
  readonly #settings: ClientSettings;
  #waiters: (() => void)[] = [];
  #draining = false;
  #closed = false;
  #onClosed: () => void = () => undefined;

  constructor(parts: SessionParts) {
    const { clientLink, link, login, options } = parts;
    this.#options = options;
    this.#link = link;
    this.#clientLink = clientLink;
    this.#rests = { client: login.clientRest, backend: login.backendRest };
    const client = clientLink.socket;
    const backend = link.socket;
    this.#client = client;
    this.#backend = backend;
    this.keyData = login.keyData;
    this.#settings = new ClientSettings(login.parameters);
    this.#backendPump = new BackendPump(clientLink, this.#pipeline, {
      parameter: (name, value) => this.#settings.changed(name, value),
      ready: () => this.#ready(),
      progress: () => this.#progress(),
    });
    if (parts.intercepts && options.mutations !== null) {
      this.#dialogue = new Dialogue({
        client,
        backend,
        pump: this.#backendPump,
        pipeline: this.#pipeline,
        copy: {
          start: (ended) => this.#clientPump.startCopy(ended),
          stop: () => this.#clientPump.stopCopy(),
        },
      });
      this.#interception = new Interception(
        this.#intercepted(this.#dialogue, options.mutations),
        freshnessAtStart(parts.startup, options.mutations),
      );
    }
    this.#clientPump = new ClientPump({
      client: clientLink,
      backend: link,
      pipeline: this.#pipeline,
      interceptor: this.#interception,
      maxInspected: options.maxInspected,
      events: {
        violation: (what, unfinished) => this.#violated(what, unfinished),
        broken: (error) => this.#broken(error),
      },
    });
  }

  /** Starts both directions; resolves when both sides are gone. */
  run(): Promise<void> {
    const link = this.#link;
    const clientLink = this.#clientLink;
    const client = this.#client;
    const backend = this.#backend;
    const rests = this.#rests;
    this.#rests = null;
    return new Promise((resolve) => {
      this.#onClosed = resolve;
      link.receive((chunk) => {
        const { engaged } = this.#backendPump;
        const flowing = this.#backendPump.push(chunk);
        if (!clientLink.copies && client.writableLength > 0) link.keep();
        if (engaged || this.#draining) link.yield();
        return flowing;
      });
      client.on('drain', () => link.resume());
      clientLink.receive((chunk) => {
        const flowing = this.#clientPump.push(chunk);
        if (this.#clientPump.holding || (!link.copies && backend.writableLength > 0)) clientLink.keep();
        if (this.#clientPump.deciding) clientLink.yield();
        return flowing;
      });
      const { directIo = 'auto' } = this.#options;
      if (directIo !== 'off') {
        for (const each of [link, clientLink]) each.allowDirect(directIo);
      }
      backend.on('drain', () => {
        if (this.#interception?.busy !== true || this.#clientPump.copying) client.resume();
      });
      client.once('end', () => this.#clientEnded());
      backend.once('end', () => client.end());
      client.once('close', () => this.#lost());
      backend.once('close', () => this.#lost());
      if (client.destroyed || backend.destroyed) {
        this.#lost();
        return;
      }
      if (rests !== null && rests.client.length > 0) this.#clientPump.push(rests.client);
      if (client.readableEnded) this.#clientEnded();
      if (backend.readableEnded) client.end();
      if (rests !== null && rests.backend.length > 0) this.#backendPump.push(rests.backend);
      link.resume();
      client.resume();
    });
  }

  /** A CancelRequest for this session: stops a write that waits for the API, and whatever the database runs. */
  cancel(reason: StopReason = 'cancelled'): void {
    if (this.#interception?.busy === true) this.#stop.abort(reason);
  }

  /** Ends the session as soon as nothing runs in it. */
  drain(): void {
    this.#draining = true;
    this.#endIfIdle();
  }

  /** Ends the session now. */
  terminate(): void {
    this.#stop.abort('shutdown' satisfies StopReason);
    this.#end(fault('shutting_down'));
  }

  #intercepted(dialogue: Dialogue, port: NonNullable<ProxyOptions['mutations']>): InterceptedSession {
    return new Intercepted({
      dialogue,
      port,
      pipeline: this.#pipeline,
      log: this.#options.log,
      client: this.#client,
      settings: this.#settings,
      quiet: () => this.#quiet(),
      signal: () => this.#freshSignal(),
    });
  }

  /** A cancel stops one statement, not the next one. */
  #freshSignal(): AbortSignal {
    if (this.#stop.signal.aborted && !this.#closed) this.#stop = new AbortController();
    return this.#stop.signal;
  }

  /** Resolves once every message sent to the backend has been answered. */
  #quiet(): Promise<void> {
    if (this.#pipeline.quiet) return Promise.resolve();
    this.#backend.write(flush);
    this.#backendPump.watching = true;
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #progress(): void {
    if (!this.#pipeline.quiet && !this.#closed) return;
    this.#backendPump.watching = false;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  #ready(): void {
    if (!this.#pipeline.plain) this.#interception?.ready();
    if (this.#draining) setImmediate(() => this.#endIfIdle());
  }

  #endIfIdle(): void {
    const { pipeline, interception } = { pipeline: this.#pipeline, interception: this.#interception };
    const between = pipeline.idle && pipeline.asked === 0 && pipeline.status === 'I' && interception?.busy !== true;
    if (this.#draining && between) this.#end(fault('shutting_down'));
  }

  /** The client has closed its sending side: it may still read, but not for ever. */
  #clientEnded(): void {
    const backend = this.#backend;
    if (this.#interception?.busy === true) this.#stop.abort('vanished' satisfies StopReason);
    backend.end();
    if (this.#pipeline.idle && this.#interception?.busy !== true) return;
    const timer = setTimeout(() => this.#cancelStatement(), orphanGrace);
    backend.once('close', () => clearTimeout(timer));
  }

  /** Has the database give up what it runs for this session. */
  #cancelStatement(): void {
    if (this.keyData.length > 0) void forwardCancel(this.#options.database, cancelPacket(this.keyData));
  }

  #lost(): void {
    if (this.#closed) return;
    this.#closed = true;
    const client = this.#client;
    const backend = this.#backend;
    // What is evaluated for a write is rolled back in any case, and may hold locks until then.
    if (this.#interception?.busy === true && !backend.destroyed) this.#cancelStatement();
    this.#stop.abort('vanished' satisfies StopReason);
    this.#dialogue?.abandon();
    this.#progress();
    backend.destroy();
    if (!client.destroyed) client.destroySoon();
    this.#onClosed();
  }

  /** The database's answers to what came before go to the client first, unless they keep it waiting. */
  #violated(what: string, unfinished: boolean): void {
    const end = (): void => this.#end(fault('protocol_violation', { params: { what } }));
    this.#clientLink.yield();
    if (this.#pipeline.copyIn || (!unfinished && this.#pipeline.idle)) {
      end();
      return;
    }
    const timer = setTimeout(end, answersGrace);
    void this.#quiet().then(() => {
      clearTimeout(timer);
      setImmediate(end);
    });
  }

  #broken(error: unknown): void {
    if (!(error instanceof SessionGone)) {
      this.#options.log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a session broke');
    }
    this.#end(fault('internal', { params: { what: 'the session cannot go on' } }));
  }

  #end(why: Fault): void {
    const client = this.#client;
    const backend = this.#backend;
    this.#link.yield();
    if (!client.destroyed && client.writable) client.end(errorResponse(why, 'FATAL'));
    backend.destroy();
  }
}

const flush = Buffer.from([0x48, 0, 0, 0, 4]);

/** Whether the session can have been given `upwrite.max_staleness` before its first statement. */
function freshnessAtStart(
  startup: ReadonlyMap<string, string> | null,
  port: NonNullable<ProxyOptions['mutations']>,
): 'given' | 'preset' | 'plain' {
  for (const [name, value] of startup ?? []) {
    if (mentionsStaleness(name) || (name === 'options' && mentionsStaleness(value))) return 'given';
  }
  return port.freshness?.preset(startup?.get('user') ?? '') === true ? 'preset' : 'plain';
}

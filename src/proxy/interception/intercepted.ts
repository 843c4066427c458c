/**
 * A session as its interception sees it. A class, because every session has one: a literal with getters takes 800 bytes
 * more, as V8 keeps it.
 */
import type { Socket } from 'node:net';
import { type ClientEncoding, clientEncoding } from '../../sql/index.js';
import type { InterceptedSession } from './interception.js';

/** Parameters of the client's session that say how its statements are to be read, as the database reports them. */
export class ClientSettings {
  encoding: string;
  textEncoding: ClientEncoding;
  standardStrings: boolean;

  /** From the parameters that the database reported at the login. */
  constructor(parameters: ReadonlyMap<string, string>) {
    this.encoding = parameters.get('client_encoding') ?? 'UTF8';
    this.standardStrings = parameters.get('standard_conforming_strings') !== 'off';
    this.textEncoding = clientEncoding(this.encoding);
  }

  /** A ParameterStatus. */
  changed(name: string, value: string): void {
    if (name === 'client_encoding') this.encoding = value;
    else if (name === 'standard_conforming_strings') this.standardStrings = value !== 'off';
    this.textEncoding = clientEncoding(this.encoding);
  }
}

export interface InterceptedParts extends Pick<InterceptedSession, 'dialogue' | 'port' | 'pipeline' | 'log'> {
  readonly client: Socket;
  readonly settings: ClientSettings;
  readonly quiet: () => Promise<void>;
  /** Of the statement that runs now. */
  readonly signal: () => AbortSignal;
}

export class Intercepted implements InterceptedSession {
  readonly dialogue: InterceptedSession['dialogue'];
  readonly port: InterceptedSession['port'];
  readonly pipeline: InterceptedSession['pipeline'];
  readonly log: InterceptedSession['log'];
  readonly quiet: () => Promise<void>;
  readonly #client: Socket;
  readonly #settings: ClientSettings;
  readonly #signal: () => AbortSignal;

  constructor(parts: InterceptedParts) {
    this.dialogue = parts.dialogue;
    this.port = parts.port;
    this.pipeline = parts.pipeline;
    this.log = parts.log;
    this.quiet = parts.quiet;
    this.#client = parts.client;
    this.#settings = parts.settings;
    this.#signal = parts.signal;
  }

  toClient(message: Buffer): void {
    this.#client.write(message);
  }

  get utf8(): boolean {
    return this.#settings.encoding === 'UTF8';
  }

  get encoding(): ClientEncoding {
    return this.#settings.textEncoding;
  }

  get standardStrings(): boolean {
    return this.#settings.standardStrings;
  }

  get signal(): AbortSignal {
    return this.#signal();
  }
}

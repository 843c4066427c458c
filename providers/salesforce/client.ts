/** Calls through jsforce: a connection of its own for each attempt, with the kit's transport and the current token. */
import { Connection } from 'jsforce/lib/core.js';
import { FaultError, fault } from '../../src/errors/index.js';
import { CallFailure, type Kit, type Lane, type RequestNote, type Token } from '../../src/provider/index.js';
import { fetchToken } from './auth.js';
import type { SalesforceConfig } from './config.js';
import { type ApiError, contextOf, parseErrors } from './errors.js';
import { CallTransport } from './transport.js';

/** A whole request that Salesforce refused: a malformed query, an unknown object or field, a missing permission. */
export class RequestRefused extends Error {
  readonly errors: readonly ApiError[];
  readonly status: number;

  constructor(errors: readonly ApiError[], status: number, words: string) {
    super(words);
    this.name = 'RequestRefused';
    this.errors = errors;
    this.status = status;
  }
}

export interface ClientCall {
  readonly verb: 'read' | 'write';
  readonly signal: AbortSignal;
  /** Epoch milliseconds; default two minutes from now, Salesforce's own limit for a query. */
  readonly deadline?: number;
  readonly lane?: Lane;
  readonly notes?: RequestNote[];
}

/** An answer and when Salesforce gave it, by its own clock. */
export interface Answered<T> {
  readonly value: T;
  /** Epoch milliseconds of the Date header. */
  readonly at: number;
}

const defaultPatience = 120_000;
const tokenPatience = 30_000;

export class SalesforceClient {
  private readonly config: SalesforceConfig;
  private readonly kit: Kit;

  constructor(config: SalesforceConfig, kit: Kit) {
    this.config = config;
    this.kit = kit;
    for (const [name, value] of Object.entries(config.auth)) {
      if (/token|secret|password|key/.test(name) && typeof value === 'string') kit.secret(value);
    }
  }

  /** The path of a REST resource, from the root of the host. */
  path(resource: string): string {
    return `/services/data/v${this.config.api_version}${resource}`;
  }

  /**
   * Runs one request through jsforce, with the kit's retries and one renewal of the token after a 401, which Salesforce
   * gives before it acts. Throws a RequestRefused or a FaultError.
   */
  async call<T>(call: ClientCall, use: (connection: Connection) => Promise<T>): Promise<Answered<T>> {
    const deadline = call.deadline ?? this.kit.now() + defaultPatience;
    let used: Token | undefined;
    return this.kit.call(
      {
        verb: call.verb,
        deadline,
        signal: call.signal,
        ...(call.lane === undefined ? {} : { lane: call.lane }),
        ...(this.config.auth.kind === 'access_token'
          ? {}
          : { renew: async () => void (await this.token(used, call.signal)) }),
      },
      async (attempt) => {
        used = await this.token(undefined, attempt.signal);
        const transport = new CallTransport({
          kit: this.kit,
          deadline: attempt.deadline,
          signal: attempt.signal,
          ...(call.notes === undefined ? {} : { notes: call.notes }),
        });
        const value = await this.run(used, transport, use);
        const date = Date.parse(transport.answer?.headers['date'] ?? '');
        return { value, at: Number.isNaN(date) ? this.kit.now() : date };
      },
    );
  }

  private async run<T>(
    token: Token,
    transport: CallTransport,
    use: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const connection = new Connection({
      accessToken: token.value,
      instanceUrl: this.config.auth.instance_url ?? token.extra?.['instance_url'] ?? '',
      version: this.config.api_version,
    });
    connection._transport = transport;
    try {
      return await use(connection);
    } catch (error) {
      const { answer } = transport;
      if (error instanceof CallFailure || error instanceof FaultError || answer === undefined) throw error;
      if (answer.status < 400) throw error;
      throw this.refusal(answer.status, answer.body);
    }
  }

  private refusal(status: number, body: string): RequestRefused {
    let parsed: unknown;
    try {
      parsed = JSON.parse(body);
    } catch {
      parsed = undefined;
    }
    const errors = parseErrors(parsed);
    const given = errors.length > 0 ? errors : [{ code: `HTTP_${status}`, message: 'no reason was given', fields: [] }];
    return new RequestRefused(given, status, contextOf(given, this.kit));
  }

  /** The token to use, renewed when it is the refused one. Failures on the way are those of a request not sent. */
  private async token(refused: Token | undefined, signal: AbortSignal): Promise<Token> {
    const { auth } = this.config;
    if (auth.kind === 'access_token') return { value: auth.access_token, extra: { instance_url: auth.instance_url } };
    try {
      return await this.kit.tokens.current(async (last) => {
        // Its own time limit and no signal: other calls may be waiting for the same renewal.
        const transport = new CallTransport({
          kit: this.kit,
          deadline: this.kit.now() + tokenPatience,
          signal: new AbortController().signal,
        });
        return fetchToken(auth, transport, last, this.kit);
      }, refused);
    } catch (error) {
      if (signal.aborted) throw new CallFailure({ kind: 'cancelled', fate: 'unsent', cause: error });
      if (error instanceof FaultError) throw error;
      const { kind, words } = error instanceof CallFailure ? error : { kind: 'network' as const, words: undefined };
      if (refused === undefined && kind !== 'request') {
        throw new CallFailure({ kind, fate: 'unsent', cause: error, ...(words === undefined ? {} : { words }) });
      }
      const context = this.kit.describe(error);
      throw new FaultError(fault('upstream_unavailable', { params: { provider: this.kit.provider }, context }), {
        cause: error,
      });
    }
  }
}

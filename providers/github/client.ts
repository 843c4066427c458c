/** Calls through Octokit: an instance for each attempt, with the kit's transport and the current token. */
import { GraphqlResponseError } from '@octokit/graphql';
import { Octokit } from '@octokit/rest';
import { z } from 'zod';
import { FaultError, fault } from '../../src/errors/index.js';
import { CallFailure, type Kit, type Lane, type RequestNote, type Token } from '../../src/provider/index.js';
import { fetchToken, sdkLog, userAgent } from './auth.js';
import type { GitHubConfig } from './config.js';
import { Quotas } from './quota.js';
import { CallTransport, messageOf, secondaryPause, waitOf } from './transport.js';

export interface ClientCall {
  readonly verb: 'read' | 'write';
  readonly signal: AbortSignal;
  /** Epoch milliseconds; default two minutes from now. */
  readonly deadline?: number;
  readonly lane?: Lane;
  readonly notes?: RequestNote[];
}

/** One entry of a GraphQL answer's `errors`. */
export interface GraphError {
  /** GitHub's own classes: NOT_FOUND, FORBIDDEN, UNPROCESSABLE, RATE_LIMITED …; empty where it gives none. */
  readonly type: string;
  readonly message: string;
  /** From the top: the alias, then fields and indices below it. */
  readonly path: readonly (string | number)[];
}

/** A GraphQL answer: what was applied or found, and what was not. */
export interface GraphAnswer {
  readonly data: Readonly<Record<string, unknown>>;
  readonly errors: readonly GraphError[];
}

/** An answer and when GitHub gave it, by its own clock. */
export interface Answered<T> {
  readonly value: T;
  /** Epoch milliseconds of the Date header. */
  readonly at: number;
}

/** A whole request that GitHub refused. Nothing of it was applied. */
export class RequestRefused extends Error {
  readonly status: number;
  readonly errors: readonly GraphError[];
  /** The body of a REST answer. */
  readonly body: unknown;

  constructor(status: number, words: string, errors: readonly GraphError[], body?: unknown) {
    super(words);
    this.name = 'RequestRefused';
    this.status = status;
    this.errors = errors;
    this.body = body;
  }
}

/** Characters of a message that are looked at. */
export const longestMessage = 2000;

const graphErrors = z.array(
  z.object({
    type: z.string().default(''),
    code: z.string().optional(),
    message: z.string().default(''),
    path: z.array(z.union([z.string(), z.number()])).default([]),
  }),
);

const defaultPatience = 120_000;
const tokenPatience = 30_000;

/** Both spellings are seen; the documentation has the first. */
const limitTypes = new Set(['RATE_LIMITED', 'RATE_LIMIT']);

/** Whether GitHub refused this part of a request only because of a limit, so that it can be sent again later. */
export function isLimit(error: GraphError): boolean {
  return limitTypes.has(error.type) || /secondary rate limit|^(?:\w+ )?was submitted too quickly/i.test(error.message);
}

/** GitHub gave up while it worked: what the request asked for may have been done. Such errors have no type. */
export function isBreakdown(error: GraphError): boolean {
  const types = ['INTERNAL', 'INTERNAL_SERVER_ERROR', 'SERVICE_UNAVAILABLE', 'TIMEOUT', 'LOADING'];
  return types.includes(error.type) || (error.type === '' && /something went wrong|timed? ?out/i.test(error.message));
}

function parseErrors(errors: unknown): readonly GraphError[] {
  const parsed = graphErrors.safeParse(errors);
  if (!parsed.success) return [{ type: '', message: 'errors of an unknown form', path: [] }];
  return parsed.data.map(({ type, code, message, path }) => ({
    type: type === '' && code === 'graphql_rate_limit' ? 'RATE_LIMIT' : type,
    message: message.slice(0, longestMessage),
    path,
  }));
}

export class GitHubClient {
  readonly config: GitHubConfig;
  readonly kit: Kit;
  /** How much GitHub gave at once of what it would not give more of, by what it is. */
  readonly sizes = new Map<string, number>();
  private readonly quotas: Quotas;

  constructor(config: GitHubConfig, kit: Kit) {
    this.config = config;
    this.kit = kit;
    this.quotas = new Quotas(kit);
    for (const [name, value] of Object.entries(config.auth)) {
      if (/token|secret|key/.test(name) && typeof value === 'string') kit.secret(value);
    }
    kit.secret(config.webhook_secret);
  }

  /**
   * Sends one GraphQL document. Errors below the top level come back beside the data; a request of which nothing was
   * done is a RequestRefused, or is sent again where that is right. Throws a RequestRefused or a FaultError.
   */
  async graphql(
    call: ClientCall,
    document: string,
    variables: Readonly<Record<string, unknown>>,
  ): Promise<Answered<GraphAnswer>> {
    return this.run(call, async (octokit, transport) => {
      try {
        const data: unknown = await octokit.graphql(document, { ...variables });
        if (typeof data === 'object' && data !== null) return { data: { ...data }, errors: [] };
      } catch (error) {
        if (!(error instanceof GraphqlResponseError)) throw error;
        return this.partial(error, transport);
      }
      const words = `${this.kit.provider} answered in a form that is not GraphQL`;
      throw new CallFailure({ kind: 'busy', fate: 'unknown', words });
    });
  }

  /** One REST request. Throws a RequestRefused or a FaultError. */
  async rest<T>(call: ClientCall, use: (octokit: Octokit) => Promise<T>): Promise<Answered<T>> {
    return this.run(call, (octokit) => use(octokit));
  }

  /** Octokit throws for any error; what was applied is in `error.data`. */
  private partial(error: GraphqlResponseError<unknown>, transport: CallTransport): GraphAnswer {
    const errors = parseErrors(error.errors);
    const given = error.data;
    const data: Record<string, unknown> = typeof given === 'object' && given !== null ? { ...given } : {};
    if (Object.values(data).some((value) => value !== null)) return { data, errors };
    const words = this.words(errors);
    if (errors.some(isBreakdown)) throw new CallFailure({ kind: 'busy', fate: 'unknown', words });
    if (errors.length > 0 && errors.every(isLimit)) {
      const retryAfter = waitOf(transport.answer?.headers ?? {}, this.kit.now()) ?? secondaryPause;
      throw new CallFailure({ kind: 'rate', fate: 'refused', words, retryAfter });
    }
    const isPlaced = errors.some(({ path }) => path[0] !== undefined && path[0] in data);
    if (isPlaced) return { data, errors };
    throw new RequestRefused(200, words, errors);
  }

  /** GitHub's own words for the CONTEXT line. */
  words(errors: readonly GraphError[]): string {
    const texts = errors.map(({ type, message }) => (type === '' ? message : `${type}: ${message}`));
    return this.kit.describe(`${this.kit.provider} answered ${[...new Set(texts)].join('; ')}`);
  }

  /** With the kit's retries and one renewal of the token after a 401, which GitHub gives before it acts. */
  private async run<T>(
    call: ClientCall,
    use: (octokit: Octokit, transport: CallTransport) => Promise<T>,
  ): Promise<Answered<T>> {
    const deadline = call.deadline ?? this.kit.now() + defaultPatience;
    let used: Token | undefined;
    this.quotas.refresh();
    return this.kit.call(
      {
        verb: call.verb,
        deadline,
        signal: call.signal,
        ...(call.lane === undefined ? {} : { lane: call.lane }),
        ...(this.config.auth.kind === 'token' ? {} : { renew: async () => void (await this.token(used, call.signal)) }),
      },
      async (attempt) => {
        used = await this.token(undefined, attempt.signal);
        const transport = this.transport(attempt.deadline, attempt.signal, call.notes);
        const octokit = new Octokit({
          auth: used.value,
          baseUrl: this.config.base_url,
          userAgent,
          log: sdkLog(this.kit),
          request: { fetch: transport.fetch },
        });
        const value = await use(octokit, transport).catch((error: unknown) => this.rethrow(error, transport));
        const date = Date.parse(transport.answer?.headers['date'] ?? '');
        return { value, at: Number.isNaN(date) ? this.kit.now() : date };
      },
    );
  }

  private transport(deadline: number, signal: AbortSignal, notes?: RequestNote[]): CallTransport {
    const { kit, quotas } = this;
    return new CallTransport({ kit, quotas, deadline, signal, ...(notes === undefined ? {} : { notes }) });
  }

  /** Octokit wraps what its fetch throws, and makes its own error of a status from 400 on. */
  private rethrow(error: unknown, transport: CallTransport): never {
    const { failure, answer } = transport;
    if (failure !== undefined) throw failure;
    if (error instanceof CallFailure || error instanceof RequestRefused || answer === undefined) throw error;
    if (answer.status < 400) throw error;
    const message = messageOf(answer.body) ?? 'no reason was given';
    const words = this.kit.describe(`${this.kit.provider} answered HTTP ${answer.status}: ${message}`);
    let body: unknown;
    try {
      body = JSON.parse(answer.body);
    } catch {
      body = undefined;
    }
    throw new RequestRefused(answer.status, words, [], body);
  }

  /** The token to use, renewed when it is the refused one. Failures on the way are those of a request not sent. */
  private async token(refused: Token | undefined, signal: AbortSignal): Promise<Token> {
    const { auth } = this.config;
    if (auth.kind === 'token') return { value: auth.token };
    try {
      return await this.kit.tokens.current(async (last) => {
        // Its own time limit and no signal: other calls may be waiting for the same renewal.
        const transport = this.transport(this.kit.now() + tokenPatience, new AbortController().signal);
        return fetchToken(auth, this.config, transport, last, this.kit);
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

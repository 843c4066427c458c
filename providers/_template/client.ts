/**
 * Calls of the API: the token, the pace, and what a failed answer stands for. An API with an official SDK is called through
 * that, with `kit.http` in place of the SDK's own transport and its retries switched off.
 */
import { z } from 'zod';
import { FaultError, fault } from '../../src/errors/index.js';
import {
  CallFailure,
  failureOfStatus,
  type Grant,
  type HttpAnswer,
  type Kit,
  parseRetryAfter,
  type RequestNote,
  type Token,
} from '../../src/provider/index.js';
import type { Config } from './config.js';
import { type ApiErrors, errorsSchema, wordsOf } from './errors.js';

export interface Call {
  readonly verb: 'read' | 'write';
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: object;
  readonly signal: AbortSignal;
  /** Epoch milliseconds; default two minutes from now. */
  readonly deadline?: number;
  /** Gets a note for each request, for the journal. */
  readonly notes?: RequestNote[];
}

/** The API refused the request as it is: the provider translates it. */
export class RequestRefused extends Error {
  readonly errors: ApiErrors;

  constructor(errors: ApiErrors, words: string) {
    super(words);
    this.name = 'RequestRefused';
    this.errors = errors;
  }
}

const defaultPatience = 120_000;
const tokenPatience = 30_000;
const tokenSchema = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() });

/** How access tokens are come by: what identifies the grant, and whether a renewal replaces a refresh token. */
export function grant({ auth, base_url: base }: Config): Grant {
  return { identity: [base, auth.client_id], rotates: 'never' };
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

export class Client {
  private readonly config: Config;
  private readonly kit: Kit;

  constructor(config: Config, kit: Kit) {
    this.config = config;
    this.kit = kit;
    kit.secret(config.auth.client_secret);
  }

  /**
   * Sends one request; the kit decides whether it is sent again. Throws a RequestRefused or a FaultError, and nothing else:
   * an answer that cannot be read is a request of unknown outcome.
   */
  async call<T>(call: Call, schema: z.ZodType<T>): Promise<T> {
    const deadline = call.deadline ?? this.kit.now() + defaultPatience;
    let used: Token | undefined;
    return this.kit.call(
      {
        verb: call.verb,
        deadline,
        signal: call.signal,
        renew: async () => void (await this.token(used)),
      },
      async (attempt) => {
        used = await this.token(undefined);
        await this.turn(call, attempt.deadline, attempt.signal);
        const answer = await this.send(call, used, attempt.deadline, attempt.signal);
        const parsed = schema.safeParse(jsonOf(answer.body));
        if (parsed.success) return parsed.data;
        const words = `${this.kit.provider} answered in a form that is not documented`;
        throw new CallFailure({ kind: 'busy', fate: 'unknown', status: answer.status, words });
      },
    );
  }

  /** Waits for a turn in the API's window, which all Upwrite processes share. */
  private async turn({ verb }: Call, deadline: number, signal: AbortSignal): Promise<void> {
    const pace = this.kit.pace('second', { perWindow: this.config.requests_per_second, windowMillis: 1100 });
    (await pace.take({ lane: verb === 'write' ? 'write' : 'sync', deadline, signal }))();
  }

  private async send(call: Call, token: Token, deadline: number, signal: AbortSignal): Promise<HttpAnswer> {
    const answer = await this.kit.http({
      method: call.method,
      url: `${this.config.base_url}${call.path}`,
      headers: {
        authorization: `Bearer ${token.value}`,
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      deadline,
      signal,
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    });
    const { status, millis } = answer;
    const requestId = answer.headers['x-request-id'];
    const path = call.path.replace(/\?.*/, '');
    call.notes?.push({ method: call.method, path, status, millis, ...(requestId === undefined ? {} : { requestId }) });
    if (status < 200 || status > 299) throw this.failure(answer);
    return answer;
  }

  /** A refusal of the request is the provider's to translate; everything else is the kit's to decide on. */
  private failure(answer: HttpAnswer): CallFailure | RequestRefused {
    const { status } = answer;
    const parsed = errorsSchema.safeParse(jsonOf(answer.body));
    const words = this.kit.describe(wordsOf(this.kit.provider, status, parsed.data));
    if (parsed.success && status < 500 && ![401, 408, 423, 425, 429].includes(status)) {
      return new RequestRefused(parsed.data, words);
    }
    const retryAfter = parseRetryAfter(answer.headers['retry-after'], this.kit.now());
    return failureOfStatus(status, {
      words,
      ...(retryAfter === undefined ? {} : { retryAfter }),
      // What the API documents: it answers 503 before it has looked at the request.
      ...(status === 503 && parsed.success ? { fate: 'refused' as const } : {}),
    });
  }

  /** The token to use, renewed when it is the refused one. */
  private token(refused: Token | undefined): Promise<Token> {
    return this.kit.tokens.current(() => this.fetchToken(), refused);
  }

  private async fetchToken(): Promise<Token> {
    const { auth, base_url: base } = this.config;
    const { provider, connection } = this.kit;
    const asked = this.kit.now();
    // Its own time limit and no signal: other calls, and other processes, may be waiting for the same renewal.
    const answer = await this.kit.http({
      method: 'POST',
      url: `${base}/token`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_id: auth.client_id, client_secret: auth.client_secret }),
      deadline: asked + tokenPatience,
      signal: new AbortController().signal,
    });
    if (answer.status === 429 || answer.status >= 500) throw failureOfStatus(answer.status, { fate: 'refused' });
    const parsed = tokenSchema.safeParse(jsonOf(answer.body));
    if (answer.status !== 200 || !parsed.success) {
      const context = `${provider} answered HTTP ${answer.status} to the token request`;
      throw new FaultError(fault('credentials_refused', { params: { provider, connection }, context }));
    }
    this.kit.secret(parsed.data.access_token);
    return { value: parsed.data.access_token, expiresAt: asked + parsed.data.expires_in * 1000 };
  }
}

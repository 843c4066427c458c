/** Calls through the SDK: clients of their own for each attempt, with the kit's transport and the current token. */
import type { z } from 'zod';
import { FaultError, fault } from '../../src/errors/index.js';
import { CallFailure, type Kit, type Lane, type RequestNote, type Token } from '../../src/provider/index.js';
import { tokenSchema } from './answers.js';
import type { Auth, HubspotConfig } from './config.js';
import { RequestRefused } from './errors.js';
import { type Sdk, sdkOf } from './sdk.js';
import { CallTransport, jsonOf } from './transport.js';

export interface ClientCall {
  readonly verb: 'read' | 'write';
  readonly signal: AbortSignal;
  /** Epoch milliseconds; default two minutes from now. */
  readonly deadline?: number;
  readonly lane?: Lane;
  /** A search, which has a limit of its own. */
  readonly isSearch?: boolean;
  readonly notes?: RequestNote[];
}

/** An answer's body and when HubSpot gave it, by its own clock. */
export interface Answered<T> {
  readonly value: T;
  /** Epoch milliseconds of the Date header, in whole seconds. */
  readonly at: number;
}

/** The answer was a success, and of another form than the documented one. */
export class Unreadable extends Error {
  constructor() {
    super('hubspot answered in a form that is not documented');
    this.name = 'Unreadable';
  }
}

const defaultPatience = 120_000;
const tokenPatience = 30_000;
/** HubSpot's windows, and a little more for the coarseness of clocks. */
const generalWindow = { windowMillis: 10_050, windowFrom: 'answer' } as const;
const searchWindow = { windowMillis: 1050, windowFrom: 'answer' } as const;

type OAuth = Extract<Auth, { kind: 'oauth' }>;

export class HubspotClient {
  private readonly config: HubspotConfig;
  private readonly kit: Kit;

  constructor(config: HubspotConfig, kit: Kit) {
    this.config = config;
    this.kit = kit;
    const { auth } = config;
    if (auth.kind === 'private_app') kit.secret(auth.access_token);
    else for (const secret of [auth.client_secret, auth.refresh_token]) kit.secret(secret);
    kit.secret(config.webhook_secret);
  }

  /**
   * Runs one request through the SDK, with the kit's retries and one renewal of the token after a 401, which HubSpot
   * gives before it acts. The answer is read from its text, not from the SDK, which drops what its version does not
   * know. Throws a RequestRefused, an Unreadable or a FaultError.
   */
  async call<T>(call: ClientCall, schema: z.ZodType<T>, use: (sdk: Sdk) => Promise<unknown>): Promise<Answered<T>> {
    const answer = await this.send(call, use);
    const parsed = schema.safeParse(jsonOf(answer.body));
    if (!parsed.success) throw new Unreadable();
    return { value: parsed.data, at: answer.at };
  }

  /** As `call`, of a request whose answer has no body that matters. */
  async send(
    call: ClientCall,
    use: (sdk: Sdk) => Promise<unknown>,
  ): Promise<{ readonly body: string; readonly at: number }> {
    const deadline = call.deadline ?? this.kit.now() + defaultPatience;
    let used: Token | undefined;
    return this.kit.call(
      {
        verb: call.verb,
        deadline,
        signal: call.signal,
        ...(call.lane === undefined ? {} : { lane: call.lane }),
        ...(this.config.auth.kind === 'private_app'
          ? {}
          : { renew: async () => void (await this.token(used, call.signal)) }),
      },
      async (attempt) => {
        used = await this.token(undefined, attempt.signal);
        const giveBack = await this.turn(call, attempt.deadline, attempt.signal);
        const transport = new CallTransport({
          kit: this.kit,
          deadline: attempt.deadline,
          signal: attempt.signal,
          accessToken: used.value,
          ...(call.notes === undefined ? {} : { notes: call.notes }),
        });
        await this.run(transport, use).finally(giveBack);
        const date = Date.parse(transport.answer?.headers['date'] ?? '');
        return { body: transport.answer?.body ?? '', at: Number.isNaN(date) ? this.kit.now() : date };
      },
    );
  }

  /** Waits for a turn in HubSpot's windows, which count a request until it is answered, however unevenly they travel. */
  private async turn(call: ClientCall, deadline: number, signal: AbortSignal): Promise<() => void> {
    const { requests_per_ten_seconds: perTenSeconds, searches_per_second: perSecond } = this.config;
    const request = { lane: call.lane ?? (call.verb === 'write' ? 'write' : 'sync'), deadline, signal } as const;
    const paces = [this.kit.pace('ten seconds', { ...generalWindow, perWindow: perTenSeconds })];
    if (call.isSearch === true) paces.push(this.kit.pace('search', { ...searchWindow, perWindow: perSecond }));
    const taken: (() => void)[] = [];
    const giveBack = (): void => {
      for (const each of taken) each();
    };
    try {
      for (const pace of paces) taken.push(await pace.take(request));
    } catch (error) {
      giveBack();
      throw error;
    }
    return giveBack;
  }

  /** An answer that was a success stays one, even when the SDK cannot read it. */
  private async run(transport: CallTransport, use: (sdk: Sdk) => Promise<unknown>): Promise<void> {
    try {
      await use(sdkOf(transport, this.config.base_url));
    } catch (error) {
      const status = transport.answer?.status ?? 0;
      if (status < 200 || status >= 300) throw error;
      this.kit.log.debug({ status }, 'the SDK could not read an answer; its text is read instead');
    }
  }

  /** The token to use, renewed when it is the refused one. Failures on the way are those of a request not sent. */
  private async token(refused: Token | undefined, signal: AbortSignal): Promise<Token> {
    const { auth } = this.config;
    if (auth.kind === 'private_app') return { value: auth.access_token };
    try {
      return await this.kit.tokens.current((last) => this.fetchToken(auth, last), refused);
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

  /** Asks for a new access token, once. Source: OAuth guide, "Refresh an access token". */
  private async fetchToken(auth: OAuth, last: Token | null): Promise<Token> {
    // Its own time limit and no signal: other calls may be waiting for the same renewal.
    const transport = new CallTransport({
      kit: this.kit,
      deadline: this.kit.now() + tokenPatience,
      signal: new AbortController().signal,
    });
    const refreshToken = last?.extra?.['refresh_token'] ?? auth.refresh_token;
    const asked = this.kit.now();
    try {
      await this.run(transport, (sdk) =>
        sdk.token({
          grant_type: 'refresh_token',
          client_id: auth.client_id,
          client_secret: auth.client_secret,
          refresh_token: refreshToken,
        }),
      );
    } catch (error) {
      if (error instanceof CallFailure && error.kind !== 'credentials') throw error;
      throw this.refusedCredentials(error);
    }
    const parsed = tokenSchema.safeParse(jsonOf(transport.answer?.body ?? ''));
    if (!parsed.success) throw this.refusedCredentials(new Error('the answer holds no access token'));
    const { access_token, refresh_token, expires_in } = parsed.data;
    this.kit.secret(access_token);
    this.kit.secret(refresh_token ?? undefined);
    return {
      value: access_token,
      expiresAt: asked + expires_in * 1000,
      extra: { refresh_token: refresh_token ?? refreshToken },
    };
  }

  private refusedCredentials(error: unknown): FaultError {
    const { provider, connection } = this.kit;
    const known = error instanceof RequestRefused || error instanceof CallFailure || error instanceof Error;
    const context = this.kit.describe(known ? error.message : 'the token endpoint refused');
    return new FaultError(fault('credentials_refused', { params: { provider, connection }, context }), {
      cause: error,
    });
  }
}

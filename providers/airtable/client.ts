/** Calls through the SDK: a base of its own for each attempt, with the kit's transport, the current token and the pace. */
import { FaultError, fault } from '../../src/errors/index.js';
import {
  CallFailure,
  type HttpAnswer,
  type Kit,
  type Lane,
  type RequestNote,
  type Token,
} from '../../src/provider/index.js';
import { fetchToken } from './auth.js';
import type { AirtableConfig } from './config.js';
import { KitBase, type PlainRequest, sendPlain, type TransportOptions } from './transport.js';

export interface ClientCall {
  readonly verb: 'read' | 'write';
  readonly signal: AbortSignal;
  /** Epoch milliseconds; default two minutes from now. */
  readonly deadline?: number;
  readonly lane?: Lane;
  readonly notes?: RequestNote[];
}

/** An answer and when Airtable gave it, by its own clock. */
export interface Answered<T> {
  readonly value: T;
  /** Epoch milliseconds of the Date header, in whole seconds. */
  readonly at: number;
}

const defaultPatience = 120_000;
const tokenPatience = 30_000;
/** Requests a second of one user over all bases (Web API documentation, "Rate limits"). */
const perUser = 50;
/** The second that Airtable counts, and a little for the coarseness of clocks. */
const windowMillis = 1050;

export class AirtableClient {
  private readonly config: AirtableConfig;
  private readonly kit: Kit;

  constructor(config: AirtableConfig, kit: Kit) {
    this.config = config;
    this.kit = kit;
    const { auth } = config;
    if (auth.kind === 'personal_access_token') kit.secret(auth.token);
    else for (const secret of [auth.client_secret, auth.refresh_token]) kit.secret(secret);
  }

  /** Runs one request of the SDK to a base, with the kit's retries. Throws a RequestRefused or a FaultError. */
  call<T>(baseId: string, call: ClientCall, use: (base: KitBase) => Promise<T>): Promise<Answered<T>> {
    return this.attempts(baseId, call, async (options) => {
      const base = new KitBase(this.config.endpoint_url, baseId, options);
      const value = await use(base);
      return { value, at: this.timeOf(base.answer) };
    });
  }

  /** One GET of an address that the SDK has no call for. `baseId` is the base that it counts against, if any. */
  get(path: string, baseId: string | undefined, call: ClientCall): Promise<Answered<unknown>> {
    return this.send({ method: 'GET', path }, baseId, call);
  }

  /** As `get`, with another method and a body in JSON. */
  send(
    request: { readonly method: PlainRequest['method']; readonly path: string; readonly body?: object },
    baseId: string | undefined,
    call: ClientCall,
  ): Promise<Answered<unknown>> {
    return this.attempts(baseId, call, async (options) => {
      const { answer, body } = await sendPlain(options, {
        method: request.method,
        url: `${this.config.endpoint_url}/v0${request.path}`,
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      });
      return { value: body, at: this.timeOf(answer) };
    });
  }

  private timeOf(answer: HttpAnswer | undefined): number {
    const date = Date.parse(answer?.headers['date'] ?? '');
    return Number.isNaN(date) ? this.kit.now() : date;
  }

  private attempts<T>(
    baseId: string | undefined,
    call: ClientCall,
    attempt: (options: TransportOptions) => Promise<T>,
  ): Promise<T> {
    const deadline = call.deadline ?? this.kit.now() + defaultPatience;
    const lane = call.lane ?? (call.verb === 'write' ? 'write' : 'sync');
    let used: Token | undefined;
    const renewable = this.config.auth.kind === 'oauth';
    return this.kit.call(
      {
        verb: call.verb,
        deadline,
        signal: call.signal,
        lane,
        ...(renewable ? { renew: async () => void (await this.token(used, call.signal)) } : {}),
      },
      async ({ deadline: until, signal }) => {
        used = await this.token(undefined, signal);
        const token = used.value;
        const giveBack = await this.turn(baseId, { lane, deadline: until, signal });
        try {
          const notes = call.notes === undefined ? {} : { notes: call.notes };
          return await attempt({ kit: this.kit, token, deadline: until, signal, ...notes });
        } finally {
          giveBack();
        }
      },
    );
  }

  /** Waits for a turn among the requests of the user, and of the base. */
  private async turn(
    baseId: string | undefined,
    request: { readonly lane: Lane; readonly deadline: number; readonly signal: AbortSignal },
  ): Promise<() => void> {
    const window = { windowMillis, windowFrom: 'answer' as const };
    const paces = [this.kit.pace('user', { ...window, perWindow: perUser })];
    if (baseId !== undefined) {
      paces.push(this.kit.pace(`base ${baseId}`, { ...window, perWindow: this.config.requests_per_second }));
    }
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

  /** The token to use, renewed when it is the refused one. Failures on the way are those of a request not sent. */
  private async token(refused: Token | undefined, signal: AbortSignal): Promise<Token> {
    const { auth } = this.config;
    if (auth.kind === 'personal_access_token') return { value: auth.token };
    try {
      // Its own time limit and no signal: other calls may be waiting for the same renewal, and an answer that is not
      // waited for would be the end of the refresh token.
      return await this.kit.tokens.current(
        (last) => fetchToken(auth, last, this.kit, this.kit.now() + tokenPatience, new AbortController().signal),
        refused,
      );
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

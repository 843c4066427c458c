/** Calls through the SDK: one request each, with the kit's retries, the rate limit and the pinned version. */
import Stripe from 'stripe';
import { z } from 'zod';
import {
  type Budget,
  CallFailure,
  type JsonValue,
  type Kit,
  type Lane,
  type RequestNote,
} from '../../src/provider/index.js';
import { requestsPerSecond, type StripeConfig } from './config.js';
import type { Refused } from './failures.js';
import { type Exchange, Transport } from './transport.js';

/** The version of the API that the tables are written for; the SDK's own. */
export const apiVersion = '2026-10-28.endive';

/** Parameters of a request; objects and arrays nest. */
export type Params = { readonly [name: string]: JsonValue };

export interface StripeCall {
  readonly verb: 'read' | 'write';
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Behind the host, with its query. */
  readonly path: string;
  readonly params?: Params;
  readonly idempotencyKey?: string;
  readonly signal: AbortSignal;
  /** Epoch milliseconds; default two minutes from now. */
  readonly deadline?: number;
  readonly lane?: Lane;
  readonly notes?: RequestNote[];
  /** Called when an attempt may have been applied and is not known to be. */
  readonly onLost?: () => void;
}

export type ApiObject = Readonly<Record<string, unknown>>;

export interface Answered {
  readonly value: ApiObject;
  /** Epoch milliseconds, by Stripe's own clock, in whole seconds. */
  readonly at: number;
}

const defaultPatience = 120_000;

/** A little more than a second, since requests do not arrive as evenly as they leave; in milliseconds. */
const paceWindow = 1100;
const objectSchema = z.record(z.string(), z.unknown());

export class StripeClient {
  private readonly kit: Kit;
  private readonly sdk: Stripe;
  private readonly transport: Transport;
  private readonly pace: Budget;

  constructor(config: StripeConfig, kit: Kit) {
    const { auth, base_url: base } = config;
    kit.secret(auth.api_key);
    kit.secret(config.webhook_secret);
    this.kit = kit;
    this.transport = new Transport(kit);
    this.pace = kit.pace('second', { perWindow: requestsPerSecond(config), windowMillis: paceWindow });
    const secure = base.protocol === 'https:';
    this.sdk = new Stripe(auth.api_key, {
      apiVersion,
      httpClient: this.transport,
      maxNetworkRetries: 0,
      telemetry: false,
      host: base.hostname,
      port: base.port === '' ? (secure ? 443 : 80) : Number(base.port),
      protocol: secure ? 'https' : 'http',
      appInfo: { name: 'upwrite' },
      ...(auth.account === undefined ? {} : { stripeAccount: auth.account }),
    });
  }

  /**
   * Sends one request, again where the kit's table says so: every write has an idempotency key, or is a DELETE, which
   * has the same effect twice. Throws a Refused or a FaultError.
   */
  async call(call: StripeCall): Promise<Answered> {
    const deadline = call.deadline ?? this.kit.now() + defaultPatience;
    const lane = call.lane ?? (call.verb === 'write' ? 'write' : 'sync');
    return this.kit.call(
      { verb: call.verb, idempotent: true, deadline, signal: call.signal, lane },
      async (attempt) => {
        const start = await this.pace.take({ lane, deadline: attempt.deadline, signal: attempt.signal });
        start();
        try {
          return await this.attempt(call, {
            verb: call.verb,
            deadline: attempt.deadline,
            signal: attempt.signal,
            ...(call.notes === undefined ? {} : { notes: call.notes }),
          });
        } catch (error) {
          if (error instanceof CallFailure && error.fate === 'unknown') call.onLost?.();
          throw error;
        }
      },
    );
  }

  private async attempt(call: StripeCall, exchange: Exchange): Promise<Answered> {
    const options = call.idempotencyKey === undefined ? {} : { idempotencyKey: call.idempotencyKey };
    const params = call.method === 'POST' ? { ...call.params } : undefined;
    let value: unknown;
    try {
      value = await this.transport.run(exchange, () => this.sdk.rawRequest(call.method, call.path, params, options));
    } catch (error) {
      if (exchange.failure !== undefined) throw exchange.failure;
      if (exchange.answer === undefined) throw error;
      // A success in a form that is not JSON.
      throw new CallFailure({ kind: 'busy', fate: 'unknown', words: this.kit.describe(error), cause: error });
    }
    const date = Date.parse(exchange.answer?.headers['date'] ?? '');
    return { value: objectSchema.parse(value), at: Number.isNaN(date) ? this.kit.now() : date };
  }
}

/** Whether Stripe said that what the address names is not there. */
export function isMissing(refused: Refused): boolean {
  return refused.status === 404 && refused.error.code === 'resource_missing';
}

/** A query with the parameters in Stripe's form; lists are `name[0]`, `name[1]` … */
export function query(params: Readonly<Record<string, string | number | readonly string[]>>): string {
  const pairs = Object.entries(params).flatMap(([name, value]) =>
    Array.isArray(value)
      ? value.map((item: string, index) => `${name}[${index}]=${encodeURIComponent(item)}`)
      : [`${name}=${encodeURIComponent(String(value))}`],
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/**
 * The HTTP client that the SDK sends through. The SDK's own asks again by itself after a closed connection, even with no
 * retries allowed, and takes an answer of 404 without an `error` for a success; this one sends one request by the kit
 * and gives the SDK successes only.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type Stripe from 'stripe';
import type { HttpAnswer, Kit, RequestNote } from '../../src/provider/index.js';
import { failureOfAnswer } from './failures.js';

/** What one attempt of a call brings along, and what becomes of it. */
export interface Exchange {
  readonly verb: 'read' | 'write';
  readonly deadline: number;
  readonly signal: AbortSignal;
  readonly notes?: RequestNote[];
  answer?: HttpAnswer;
  /** Thrown by the transport; the SDK wraps it in an error of its own. */
  failure?: unknown;
}

type HttpClient = Stripe.HttpClient;
type Response = Stripe.HttpClientResponse;

function responseOf(answer: HttpAnswer): Response {
  // The SDK prints this header as a warning of the process.
  const { 'stripe-notice': _notice, ...headers } = answer.headers;
  return {
    getStatusCode: () => answer.status,
    getHeaders: () => ({ ...headers }),
    getRawResponse: () => ({}),
    toStream: () => {
      throw new Error('answers are not streamed');
    },
    toJSON: async () => JSON.parse(answer.body) as unknown,
  };
}

export class Transport implements HttpClient {
  private readonly kit: Kit;
  private readonly exchanges = new AsyncLocalStorage<Exchange>();

  constructor(kit: Kit) {
    this.kit = kit;
  }

  getClientName(): string {
    return 'upwrite';
  }

  /** Runs `work`, whose one request belongs to this exchange. */
  run<T>(exchange: Exchange, work: () => Promise<T>): Promise<T> {
    return this.exchanges.run(exchange, work);
  }

  async makeRequest(...request: Parameters<HttpClient['makeRequest']>): Promise<Response> {
    const exchange = this.exchanges.getStore();
    if (exchange === undefined) throw new Error('a request outside a call');
    try {
      const answer = await this.send(exchange, request);
      exchange.answer = answer;
      const failure = failureOfAnswer(answer, exchange.verb, this.kit);
      if (failure !== undefined) throw failure;
      return responseOf(answer);
    } catch (error) {
      exchange.failure = error;
      throw error;
    }
  }

  private async send(exchange: Exchange, request: Parameters<HttpClient['makeRequest']>): Promise<HttpAnswer> {
    const [host, port, path, method, headers, body, protocol] = request;
    const url = `${protocol}://${host}:${port}${path}`;
    const plain: Record<string, string> = {};
    for (const [name, value] of Object.entries(headers)) {
      if (name.toLowerCase() !== 'content-length') plain[name] = String(value);
    }
    const answer = await this.kit.http({
      method,
      url,
      headers: plain,
      deadline: exchange.deadline,
      signal: exchange.signal,
      ...(method === 'POST' ? { body } : {}),
    });
    const requestId = answer.headers['request-id'];
    exchange.notes?.push({
      method,
      path: new URL(url).pathname,
      status: answer.status,
      millis: answer.millis,
      ...(requestId === undefined ? {} : { requestId }),
    });
    return answer;
  }
}

/**
 * The fetch that Octokit sends through: one request by the kit, without retries, whose failures say what became of it.
 * Source: GitHub Docs, "Rate limits for the REST API", "Rate limits and query limits for the GraphQL API",
 * "Best practices for using the REST API" (redirects, retry-after).
 */
import {
  CallFailure,
  failureOfStatus,
  type HttpAnswer,
  type Kit,
  parseRetryAfter,
  type RequestNote,
} from '../../src/provider/index.js';
import type { Quotas } from './quota.js';

/** "Wait for at least one minute before retrying": a secondary limit that names no time. */
export const secondaryPause = 60_000;

const redirects = new Set([301, 302, 307, 308]);
const mostRedirects = 3;

/** The `message` of GitHub's error body, or undefined where the body is something else. */
export function messageOf(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    const message: unknown = typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, 'message') : undefined;
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}

/** How long an answer asks to wait, in milliseconds: Retry-After, or until an exhausted window's reset. */
export function waitOf(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  const after = parseRetryAfter(headers['retry-after'], now);
  if (after !== undefined) return after;
  const reset = Number(headers['x-ratelimit-reset']);
  if (headers['x-ratelimit-remaining'] !== '0' || !Number.isFinite(reset)) return undefined;
  return Math.max(1000, reset * 1000 - now);
}

/** A limit has no status of its own: 403 or 429, with one of these signs. */
function isRateLimit(answer: HttpAnswer, message: string): boolean {
  if (answer.status === 429) return true;
  if (answer.status !== 403) return false;
  return (
    answer.headers['retry-after'] !== undefined ||
    answer.headers['x-ratelimit-remaining'] === '0' ||
    /rate limit|abuse detection/i.test(message)
  );
}

/** The failure that an answer stands for, or undefined where Octokit and the caller are to read it. */
export function failureOfAnswer(answer: HttpAnswer, kit: Kit): CallFailure | undefined {
  const { status } = answer;
  if (status < 400) return undefined;
  const message = messageOf(answer.body) ?? '';
  const words = kit.describe(`${kit.provider} answered HTTP ${status}${message === '' ? '' : `: ${message}`}`);
  if (isRateLimit(answer, message)) {
    const retryAfter = waitOf(answer.headers, kit.now()) ?? secondaryPause;
    return new CallFailure({ kind: 'rate', fate: 'refused', status, words, retryAfter });
  }
  if (status === 401 || status === 408 || status === 423 || status >= 500) {
    const retryAfter = waitOf(answer.headers, kit.now());
    return failureOfStatus(status, { words, ...(retryAfter === undefined ? {} : { retryAfter }) });
  }
  return undefined;
}

export interface TransportOptions {
  readonly kit: Kit;
  readonly quotas: Quotas;
  readonly deadline: number;
  readonly signal: AbortSignal;
  /** Gets a note for each request. */
  readonly notes?: RequestNote[];
}

/** Octokit's fetch for one attempt of one call. */
export class CallTransport {
  /** The last answer, for its headers, which Octokit's graphql does not give on. */
  answer: HttpAnswer | undefined;
  /** The failure that was thrown into Octokit, which wraps it in an error of its own. */
  failure: unknown;
  private readonly options: TransportOptions;

  constructor(options: TransportOptions) {
    this.options = options;
  }

  readonly fetch = async (input: string, init: RequestInit = {}): Promise<Response> => {
    try {
      const answer = await this.send(input, init);
      const empty = answer.status === 204 || answer.status === 205 || answer.status === 304;
      return new Response(empty ? null : answer.body, { status: answer.status, headers: { ...answer.headers } });
    } catch (error) {
      this.failure = error;
      throw error;
    }
  };

  private async send(input: string, init: RequestInit): Promise<HttpAnswer> {
    const { kit, deadline, signal } = this.options;
    const { body } = init;
    if (body !== undefined && body !== null && typeof body !== 'string') throw new TypeError('only text can be sent');
    const method = init.method ?? 'GET';
    let url = input;
    for (let hop = 0; ; hop += 1) {
      const answer = await kit.http({
        method,
        url,
        deadline,
        signal,
        headers: Object.fromEntries(new Headers(init.headers)),
        ...(typeof body === 'string' ? { body } : {}),
      });
      this.answer = answer;
      this.note(method, url, answer);
      this.options.quotas.report(answer);
      const failure = failureOfAnswer(answer, kit);
      if (failure !== undefined) throw failure;
      if (!redirects.has(answer.status)) return answer;
      const next = this.redirect(url, answer);
      // A renamed repository answers a read with its new address; a write to the old one is refused.
      if (next === undefined || method !== 'GET' || hop >= mostRedirects) {
        const words = `${kit.provider} answered HTTP ${answer.status}: what was asked for has moved`;
        throw new CallFailure({ kind: 'request', fate: 'refused', status: answer.status, words });
      }
      url = next;
    }
  }

  /** Only to the same host: a redirect must not carry the token elsewhere. */
  private redirect(from: string, answer: HttpAnswer): string | undefined {
    const location = answer.headers['location'];
    if (location === undefined || !URL.canParse(location, from)) return undefined;
    const target = new URL(location, from);
    return target.origin === new URL(from).origin ? target.href : undefined;
  }

  private note(method: string, url: string, answer: HttpAnswer): void {
    const requestId = answer.headers['x-github-request-id'];
    this.options.notes?.push({
      method,
      path: new URL(url).pathname,
      status: answer.status,
      millis: answer.millis,
      ...(requestId === undefined ? {} : { requestId }),
    });
  }
}

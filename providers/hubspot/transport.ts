/**
 * The transport that the SDK's generated clients send through. The SDK's own has no time limit, no bound on an answer
 * and no word on whether a request had left; this one sends one request by the kit, and reads refusals before the SDK
 * does: its error carries headers and body in its message.
 */
import {
  CallFailure,
  type Fate,
  failureOfStatus,
  type HttpAnswer,
  type Kit,
  parseRetryAfter,
  type RequestNote,
} from '../../src/provider/index.js';
import { type ErrorBody, errorSchema } from './answers.js';
import { contextOf, RequestRefused } from './errors.js';

/** How long the search's limit and the general one are closed for at most a while, in milliseconds. */
const searchPause = 1000;
const rollingPause = 2000;
/** A used-up daily limit comes back at midnight of the account's own time zone, which no answer tells. */
const dailyPause = 60_000;
/** Source: API guide, "Error handling": a lock lasts two seconds. */
const lockPause = 2000;

/** Answers of the proxy in front of HubSpot that could not hand the request on: 521, 523 and 525. */
const notHandedOn = new Set([521, 523, 525]);

export function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function errorOf(answer: HttpAnswer): ErrorBody | undefined {
  const body = jsonOf(answer.body);
  const parsed = typeof body === 'object' && body !== null ? errorSchema.safeParse(body) : undefined;
  return parsed?.success === true ? parsed.data : undefined;
}

function pauseOf(error: ErrorBody | undefined): number {
  return error?.policyName === 'DAILY' ? dailyPause : rollingPause;
}

/**
 * What an answer that is no success stands for: a CallFailure for the kit to decide on, or a RequestRefused for the
 * provider to translate. HubSpot documents 423, 429 and 477 as given before it acts. A 5xx leaves the effect open.
 */
export function failureOfAnswer(answer: HttpAnswer, kit: Kit): CallFailure | RequestRefused | undefined {
  const { status } = answer;
  if (status >= 200 && status < 300) return undefined;
  const error = errorOf(answer);
  const retryAfter = parseRetryAfter(answer.headers['retry-after'], kit.now());
  const words = contextOf(error ?? { message: '' }, status, kit);
  const said = { status, words, fate: 'refused' as Fate };
  if (status === 401) return new CallFailure({ ...said, kind: 'credentials' });
  if (status === 429) {
    // The search has a limit of its own: waiting for it must not close the connection to writes, as `rate` would.
    const isSearch = error?.policyName == null && error?.category === 'RATE_LIMITS';
    if (isSearch) return new CallFailure({ ...said, kind: 'busy', retryAfter: retryAfter ?? searchPause });
    return new CallFailure({ ...said, kind: 'rate', retryAfter: retryAfter ?? pauseOf(error) });
  }
  if (status === 423) return new CallFailure({ ...said, kind: 'busy', retryAfter: retryAfter ?? lockPause });
  if (status === 477) return new CallFailure({ ...said, kind: 'busy', retryAfter: retryAfter ?? dailyPause });
  if (notHandedOn.has(status)) return new CallFailure({ ...said, kind: 'busy' });
  if (status >= 500 || status === 408) {
    return failureOfStatus(status, { words, ...(retryAfter === undefined ? {} : { retryAfter }) });
  }
  return new RequestRefused(error ?? { message: `HTTP ${status}` }, status, words);
}

function headerNumber(answer: HttpAnswer, name: string): number | undefined {
  const value = answer.headers[name];
  return value !== undefined && /^\d{1,12}$/.test(value) ? Number(value) : undefined;
}

/**
 * Reports the daily quota, and a used-up one of ten seconds: its window rolls, so that a place comes free soon.
 * Source: API guide, "Usage guidelines and limits", "X-HubSpot-RateLimit" headers.
 */
function reportQuota(answer: HttpAnswer, kit: Kit): void {
  const limit = headerNumber(answer, 'x-hubspot-ratelimit-daily');
  const remaining = headerNumber(answer, 'x-hubspot-ratelimit-daily-remaining');
  if (limit !== undefined && remaining !== undefined) kit.budget.report({ limit, used: limit - remaining });
  const left = headerNumber(answer, 'x-hubspot-ratelimit-remaining');
  if (left === 0) kit.budget.report({ closedUntil: kit.now() + searchPause });
}

/** What the SDK would send. */
export interface SdkRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface TransportOptions {
  readonly kit: Kit;
  readonly deadline: number;
  readonly signal: AbortSignal;
  /** Absent for the token endpoint. */
  readonly accessToken?: string;
  /** Gets a note for each request. */
  readonly notes?: RequestNote[];
}

/** One attempt's way to the API. */
export class CallTransport {
  /** The last answer. */
  answer: HttpAnswer | undefined;
  private readonly options: TransportOptions;

  constructor(options: TransportOptions) {
    this.options = options;
  }

  /** Sends one request. Throws a CallFailure or a RequestRefused unless the answer is a success. */
  async send(request: SdkRequest): Promise<HttpAnswer> {
    const { kit, deadline, signal, accessToken } = this.options;
    const answer = await kit.http({
      method: request.method,
      url: request.url,
      deadline,
      signal,
      headers: {
        ...request.headers,
        ...(accessToken === undefined ? {} : { Authorization: `Bearer ${accessToken}` }),
      },
      ...bodyOf(request.body),
    });
    this.answer = answer;
    this.options.notes?.push({
      method: request.method,
      path: new URL(request.url).pathname,
      status: answer.status,
      millis: answer.millis,
      ...requestId(answer),
    });
    reportQuota(answer, kit);
    const failure = failureOfAnswer(answer, kit);
    if (failure !== undefined) throw failure;
    return answer;
  }
}

function bodyOf(body: unknown): { readonly body?: string } {
  if (body === undefined || body === null) return {};
  if (typeof body === 'string') return { body };
  if (body instanceof URLSearchParams) return { body: body.toString() };
  throw new TypeError('only text can be sent');
}

/** Errors carry a correlation id; every answer has one in a header. */
function requestId(answer: HttpAnswer): { readonly requestId?: string } {
  const id = answer.headers['x-hubspot-correlation-id'];
  return id === undefined ? {} : { requestId: id };
}

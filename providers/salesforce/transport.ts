/**
 * The transport that jsforce sends through. jsforce's own retries by itself, waits up to half an hour, follows
 * redirects and never ends when an answer is cut in the middle; this one sends one request by the kit.
 */
import { PassThrough } from 'node:stream';
import { StreamPromise } from 'jsforce/lib/core.js';
import { Transport } from 'jsforce/lib/transport.js';
import {
  CallFailure,
  type Fate,
  failureOfStatus,
  type HttpAnswer,
  type Kit,
  parseRetryAfter,
  type RequestNote,
} from '../../src/provider/index.js';
import { meaningOf } from './codes.js';
import { contextOf, parseErrors } from './errors.js';

type JsforceRequest = Parameters<Transport['httpRequest']>[0];

/** What jsforce takes for an HTTP answer. */
interface JsforceAnswer {
  statusCode: number;
  headers: { [name: string]: string };
  body: string;
}

/** A used-up quota of requests in 24 hours comes back bit by bit: there is no time to name, so it is asked again after this. */
const quotaPause = 60_000;

/** "Salesforce Edge doesn't have routing information available" (REST API Developer Guide, "Status Codes"). */
const notRouted = 420;

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/**
 * The failure that an answer stands for, or undefined where jsforce and the caller are to read it. Salesforce documents
 * 503 as a server that cannot take the request on; in front of it stand gateways whose 503 says nothing of the kind, so
 * that only one with Salesforce's own error body counts as refused. A 500 may have been applied.
 */
export function failureOfAnswer(answer: HttpAnswer, kit: Kit): CallFailure | undefined {
  const { status } = answer;
  if (status < 300) return undefined;
  const errors = parseErrors(jsonOf(answer.body));
  const [first] = errors;
  const meaning = first === undefined ? undefined : meaningOf(first.code);
  const retryAfter = parseRetryAfter(answer.headers['retry-after'], kit.now());
  const said = {
    status,
    words: first === undefined ? `salesforce answered HTTP ${status}` : contextOf(errors, kit),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
  if (status === 401) return new CallFailure({ ...said, kind: 'credentials', fate: 'refused' });
  if (meaning === 'rate_limited') {
    return new CallFailure({ ...said, kind: 'rate', fate: 'refused', retryAfter: retryAfter ?? quotaPause });
  }
  if (status < 400) return new CallFailure({ ...said, kind: 'request', fate: 'refused' });
  // Salesforce's own gateway does not know, for the moment, where the organization is.
  if (status === notRouted) return new CallFailure({ ...said, kind: 'busy', fate: 'refused' });
  if (status < 500 && meaning === 'credentials_refused') {
    return new CallFailure({ ...said, kind: 'credentials', fate: 'refused' });
  }
  if (meaning === 'upstream_unavailable' && (status < 500 || status === 503)) {
    return new CallFailure({ ...said, kind: 'busy', fate: 'refused' });
  }
  if (status >= 500 || status === 408 || status === 423 || status === 429) {
    const fate: Fate | undefined = status === 503 && first !== undefined ? 'refused' : undefined;
    return failureOfStatus(status, fate === undefined ? said : { ...said, fate });
  }
  return undefined;
}

/** Refusals of the token endpoint that pass by themselves; every other one is final. */
const passingTokenErrors: ReadonlyMap<unknown, 'rate' | 'busy'> = new Map([
  ['rate_limit_exceeded', 'rate'],
  ['unknown_error', 'busy'],
  ['server_error', 'busy'],
  ['temporarily_unavailable', 'busy'],
]);

/**
 * The same of the token endpoint, which answers in OAuth's own form: jsforce reads its refusals. Now and then it says
 * `unknown_error: retry your request`, which is to be taken at its word.
 * Sources: Salesforce Help, "OAuth 2.0 Authorization Errors"; RFC 6749, section 4.1.2.1.
 */
export function failureOfTokenAnswer(answer: HttpAnswer, kit: Kit): CallFailure | undefined {
  const { status } = answer;
  if (status >= 500 || status === 429) return failureOfAnswer(answer, kit);
  const body = jsonOf(answer.body);
  const said: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'error') : undefined;
  const kind = status < 400 ? undefined : passingTokenErrors.get(said);
  if (kind === undefined) return undefined;
  return new CallFailure({ kind, fate: 'refused', status, words: kit.describe(`salesforce answered ${String(said)}`) });
}

/**
 * The quota in `Sforce-Limit-Info: api-usage=25/5000; per-app-api-usage=17/250(appName=x)`: of the organization's and the
 * connected app's own, where it has one, the one that is nearer to its end.
 * Source: REST API Developer Guide, "Limit Info Header".
 */
export function quotaOf(header: string | undefined): { readonly used: number; readonly limit: number } | undefined {
  const quotas = [...(header ?? '').matchAll(/api-usage=(\d+)\/(\d+)/g)].map(([, used, limit]) => ({
    used: Number(used),
    limit: Number(limit),
  }));
  return quotas.filter(({ limit }) => limit > 0).sort((a, b) => b.used / b.limit - a.used / a.limit)[0];
}

function reportQuota(answer: HttpAnswer, kit: Kit): void {
  const quota = quotaOf(answer.headers['sforce-limit-info']);
  if (quota !== undefined) kit.budget.report(quota);
}

export interface TransportOptions {
  readonly kit: Kit;
  readonly deadline: number;
  readonly signal: AbortSignal;
  /** Gets a note for each request. */
  readonly notes?: RequestNote[];
}

/** jsforce's transport for one attempt of one call. */
export class CallTransport extends Transport {
  /** The last answer, for its headers: jsforce gives only the body on. */
  answer: HttpAnswer | undefined;
  private readonly options: TransportOptions;

  constructor(options: TransportOptions) {
    super();
    this.options = options;
  }

  override httpRequest(request: JsforceRequest): StreamPromise<JsforceAnswer> {
    return StreamPromise.create(() => ({ stream: new PassThrough(), promise: this.send(request) }));
  }

  private async send(request: JsforceRequest): Promise<JsforceAnswer> {
    const { kit, deadline, signal } = this.options;
    const { body } = request;
    if (body !== undefined && body !== null && typeof body !== 'string') throw new TypeError('only text can be sent');
    const answer = await kit.http({
      method: request.method,
      url: request.url,
      deadline,
      signal,
      ...(request.headers === undefined ? {} : { headers: request.headers }),
      ...(typeof body === 'string' ? { body } : {}),
    });
    this.answer = answer;
    this.note(request, answer);
    reportQuota(answer, kit);
    const isToken = request.url.includes('/services/oauth2/token');
    const failure = isToken ? failureOfTokenAnswer(answer, kit) : failureOfAnswer(answer, kit);
    if (failure !== undefined) throw failure;
    return { statusCode: answer.status, headers: { ...answer.headers }, body: answer.body };
  }

  private note(request: JsforceRequest, answer: HttpAnswer): void {
    const requestId = answer.headers['x-request-id'] ?? answer.headers['sfdc-request-id'];
    this.options.notes?.push({
      method: request.method,
      path: new URL(request.url).pathname,
      status: answer.status,
      millis: answer.millis,
      ...(requestId === undefined ? {} : { requestId }),
    });
  }
}

/**
 * The SDK's `Base` with the kit's HTTP under it. The SDK's own request function cannot be made safe: it has no signal and
 * no deadline for the answer's body, throws the API's error code away for most statuses, and on a success whose body is cut
 * short it raises an error inside its own promise, so that the caller waits for ever. Its tables send through
 * `Base.runAction`, which is public, and its newer calls through `Base.makeRequest`: these two are replaced.
 */
import Airtable from 'airtable';
import {
  CallFailure,
  failureOfStatus,
  type HttpAnswer,
  type Kit,
  parseRetryAfter,
  type RequestNote,
} from '../../src/provider/index.js';
import { type ApiError, contextOf, meaningOf, parseError } from './errors.js';

/** After a 429 nothing is let through for this long (Web API documentation, "Rate limits"). */
const penalty = 30_000;
/** A month's used-up quota comes back with a new month or another plan: it is asked for again after this. */
const quotaPause = 600_000;

/** An answer that refuses the request as it is. */
export class RequestRefused extends Error {
  readonly error: ApiError;
  readonly status: number;

  constructor(error: ApiError, status: number, words: string) {
    super(words);
    this.name = 'RequestRefused';
    this.error = error;
    this.status = status;
  }
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/**
 * What a failed answer stands for. A 502 is documented as safe to repeat; since gateways on the way answer 502 too, only one
 * with Airtable's own error body counts. So is a 503 of the type RETRIABLE_ERROR, whose words say so; another one may have
 * been worked on, and so may a 500.
 */
export function failureOfAnswer(answer: HttpAnswer, kit: Kit): CallFailure | RequestRefused {
  const { status } = answer;
  const error = parseError(jsonOf(answer.body));
  const retryAfter = parseRetryAfter(answer.headers['retry-after'], kit.now());
  const words = error === undefined ? `airtable answered HTTP ${status}` : contextOf(error, kit);
  if (status === 429) {
    const wait = error?.type === 'PUBLIC_API_BILLING_LIMIT_EXCEEDED' ? quotaPause : penalty;
    return new CallFailure({ kind: 'rate', fate: 'refused', status, words, retryAfter: retryAfter ?? wait });
  }
  const known = error ?? { type: `HTTP_${status}`, message: 'no reason was given' };
  if (status === 401 || (status < 500 && meaningOf(known.type) === 'credentials_refused')) {
    return new CallFailure({ kind: 'credentials', fate: 'refused', status, words });
  }
  if (status >= 500 || status === 408 || status === 423 || status === 425) {
    const details = { words, ...(retryAfter === undefined ? {} : { retryAfter }) };
    const isRefused = error !== undefined && (status === 502 || meaningOf(error.type) === 'upstream_unavailable');
    return failureOfStatus(status, isRefused ? { ...details, fate: 'refused' } : details);
  }
  return new RequestRefused(known, status, words);
}

export interface TransportOptions {
  readonly kit: Kit;
  readonly token: string;
  readonly deadline: number;
  readonly signal: AbortSignal;
  /** Gets a note for each request. */
  readonly notes?: RequestNote[];
}

/** One request, answered with a JSON object. Throws a CallFailure or a RequestRefused. */
async function exchange(
  options: TransportOptions,
  request: { readonly method: string; readonly url: string; readonly body?: string },
): Promise<{ readonly answer: HttpAnswer; readonly body: object }> {
  const { kit, token, deadline, signal, notes } = options;
  const answer = await kit.http({
    method: request.method,
    url: request.url,
    headers: {
      authorization: `Bearer ${token}`,
      'user-agent': 'upwrite',
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    deadline,
    signal,
    ...(request.body === undefined ? {} : { body: request.body }),
  });
  const requestId = answer.headers['x-airtable-request-id'];
  notes?.push({
    method: request.method,
    path: new URL(request.url).pathname,
    status: answer.status,
    millis: answer.millis,
    ...(requestId === undefined ? {} : { requestId }),
  });
  if (answer.status < 200 || answer.status > 299) throw failureOfAnswer(answer, kit);
  const body = answer.status === 204 ? {} : jsonOf(answer.body);
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { answer, body };
  // Applied or not: a success that cannot be read says nothing of its rows.
  throw new CallFailure({
    kind: 'busy',
    fate: 'unknown',
    status: answer.status,
    words: 'airtable answered in a form that is not its own',
  });
}

/** A request to an address of the API that the SDK has no call for: metadata, webhooks. */
export interface PlainRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly body?: string;
}

export async function sendPlain(options: TransportOptions, request: PlainRequest) {
  return exchange(options, request);
}

type RunAction = InstanceType<typeof Airtable.Base>['runAction'];
type ActionCallback = Parameters<RunAction>[4];

/** The SDK's base for one attempt of one call. */
export class KitBase extends Airtable.Base {
  /** The last answer, for its headers and what its body has beside records: the SDK gives only these on. */
  answer: HttpAnswer | undefined;
  body: object | undefined;
  private readonly options: TransportOptions;

  constructor(endpointUrl: string, baseId: string, options: TransportOptions) {
    super(new Airtable({ apiKey: options.token, endpointUrl, noRetryIfRateLimited: true }), baseId);
    this.options = options;
  }

  override runAction(...[method, path, queryParams, bodyData, callback]: Parameters<RunAction>): void {
    const given: unknown = bodyData;
    const query: unknown = queryParams;
    this.run({ method, path, query, body: given }, callback);
  }

  override async makeRequest(options: Parameters<InstanceType<typeof Airtable.Base>['makeRequest']>[0] = {}) {
    const body: unknown = options.body;
    const done = await this.send({
      method: options.method ?? 'GET',
      path: options.path ?? '/',
      query: options.qs,
      body,
    });
    return { statusCode: done.answer.status, headers: new Headers({ ...done.answer.headers }), body: done.body };
  }

  private run(request: SdkRequest, callback: ActionCallback): void {
    this.send(request).then(
      ({ body }) => {
        try {
          callback(null, undefined, body);
        } catch (error) {
          // The SDK reads `records` without looking whether they are there.
          callback(
            new CallFailure({
              kind: 'busy',
              fate: 'unknown',
              words: 'airtable answered in a form that is not its own',
              cause: error,
            }),
          );
        }
      },
      (error: unknown) => callback(error),
    );
  }

  private async send(request: SdkRequest) {
    const method = request.method.toUpperCase();
    const hasBody = method !== 'GET' && method !== 'DELETE' && request.body !== undefined && request.body !== null;
    const query = queryText(request.query);
    const path = request.path.replace(/\/$/, '');
    const address = `${this._airtable._endpointUrl}/v${this._airtable._apiVersionMajor}/${this._id}${path}`;
    const done = await exchange(this.options, {
      method,
      url: query === '' ? address : `${address}?${query}`,
      ...(hasBody ? { body: JSON.stringify(request.body) } : {}),
    });
    this.answer = done.answer;
    this.body = done.body;
    return done;
  }
}

interface SdkRequest {
  readonly method: string;
  readonly path: string;
  readonly query: unknown;
  readonly body: unknown;
}

/** Parameters as the API reads them: a list as `name[]`. Its deletions are the only call that has any. */
function queryText(query: unknown): string {
  const parameters = new URLSearchParams();
  if (typeof query !== 'object' || query === null) return '';
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value))
      for (const each of value as readonly unknown[]) parameters.append(`${name}[]`, String(each));
    else if (value !== undefined && value !== null) parameters.append(name, String(value));
  }
  return parameters.toString();
}

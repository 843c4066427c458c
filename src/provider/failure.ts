/**
 * What became of one request to an API, and the failures that a provider throws out of an attempt.
 * The retry policy (`call.ts`) reads nothing else: never a message text, never an SDK's own error class.
 */

/**
 * What is known of the request's effect: `unsent` means that not all of it left this machine, so the API cannot have
 * acted on it; `refused` means that the API answered that it did nothing; `unknown` means that it may have been applied.
 */
export type Fate = 'unsent' | 'refused' | 'unknown';

/**
 * Why it failed: `network` covers connections, TLS and time-outs; `rate` is a used-up quota; `busy` an overloaded,
 * locked or failing server; `credentials` an access token that was not accepted; `request` anything that the same
 * request will meet again, which is the provider's own to translate; `cancelled` the caller's signal.
 */
export type FailureKind = 'network' | 'rate' | 'busy' | 'credentials' | 'request' | 'cancelled';

export interface FailureDetails {
  readonly fate: Fate;
  readonly kind: FailureKind;
  /** HTTP status, where there was an answer. */
  readonly status?: number;
  /** Milliseconds that the API asked to wait. */
  readonly retryAfter?: number;
  /** The API's own code and message, without headers, bodies or secrets. */
  readonly words?: string;
  readonly cause?: unknown;
}

/** A request that did not succeed. */
export class CallFailure extends Error {
  readonly fate: Fate;
  readonly kind: FailureKind;
  readonly status: number | undefined;
  readonly retryAfter: number | undefined;
  readonly words: string | undefined;

  constructor(details: FailureDetails) {
    super(details.words ?? `${details.kind} failure, request ${details.fate}`, { cause: details.cause });
    this.name = 'CallFailure';
    this.fate = details.fate;
    this.kind = details.kind;
    this.status = details.status;
    this.retryAfter = details.retryAfter;
    this.words = details.words;
  }
}

/**
 * Milliseconds of a Retry-After header: seconds or an HTTP date (RFC 9110, section 10.2.3). Undefined when absent,
 * malformed or beyond a day; a moment in the past is 0.
 */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  const text = value.trim();
  const millis = /^\d{1,6}(\.\d+)?$/.test(text) ? Number(text) * 1000 : Math.max(0, Date.parse(text) - now);
  return Number.isFinite(millis) && millis <= 86_400_000 ? millis : undefined;
}

/** Statuses that say that the server did not take the request on: it can be sent again as it is. */
const notTaken = new Set([423, 425, 429]);

/**
 * The failure that a bare HTTP status stands for when a provider knows nothing better. A 5xx leaves the effect open: a
 * gateway can lose the answer of a server that has acted. A provider whose API documents more passes its own `fate`.
 */
export function failureOfStatus(
  status: number,
  details: { readonly retryAfter?: number; readonly words?: string; readonly fate?: Fate } = {},
): CallFailure {
  const rest = {
    status,
    ...(details.retryAfter === undefined ? {} : { retryAfter: details.retryAfter }),
    ...(details.words === undefined ? {} : { words: details.words }),
  };
  if (status === 401) return new CallFailure({ ...rest, kind: 'credentials', fate: 'refused' });
  if (notTaken.has(status)) {
    return new CallFailure({ ...rest, kind: status === 429 ? 'rate' : 'busy', fate: 'refused' });
  }
  if (status === 408 || status >= 500) {
    return new CallFailure({ ...rest, kind: 'busy', fate: details.fate ?? 'unknown' });
  }
  return new CallFailure({ ...rest, kind: 'request', fate: details.fate ?? 'refused' });
}

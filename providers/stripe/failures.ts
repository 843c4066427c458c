/**
 * What an answer that is no success means for the request: whether it took effect, and whether to ask again.
 * Sources: docs pages "Error handling", "Error codes", "Rate limits", "Low-level error handling"; API reference,
 * "Errors" and "Idempotent requests".
 */
import { CallFailure, type HttpAnswer, type Kit, parseRetryAfter } from '../../src/provider/index.js';
import { type ApiError, contextOf, meaningOf, parseError } from './errors.js';

/** A request that Stripe refused and will refuse again, or one that failed for good. */
export class Refused extends CallFailure {
  readonly error: ApiError;

  constructor(details: ConstructorParameters<typeof CallFailure>[0], error: ApiError) {
    super(details);
    this.name = 'Refused';
    this.error = error;
  }
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** An error in another form than Stripe's own comes from something in front of it. */
function errorOf(answer: HttpAnswer): { readonly error: ApiError; readonly isOwn: boolean } {
  const own = parseError(jsonOf(answer.body));
  if (own !== undefined) return { error: { ...own, status: answer.status }, isOwn: true };
  const { status } = answer;
  return { error: { type: `HTTP_${status}`, message: 'no reason was given', status }, isOwn: false };
}

/** Which limit a 429 is of: the account's, the endpoint's, one resource's (docs page "Rate limits"). */
function limitOf(headers: HttpAnswer['headers']): string {
  const reason = headers['stripe-rate-limited-reason'];
  return reason === undefined || !/^[a-z-]{1,40}$/.test(reason) ? '' : ` (${reason})`;
}

/**
 * The failure that an answer stands for; undefined for a success. A write carries an idempotency key, so that it can be
 * asked for again whenever its outcome is open, except where Stripe says that it would only repeat itself: it keeps the
 * answer, failures included, under the key (`stripe-should-retry: false`).
 */
export function failureOfAnswer(answer: HttpAnswer, verb: 'read' | 'write', kit: Kit): CallFailure | undefined {
  const { status, headers } = answer;
  if (status >= 200 && status < 300) return undefined;
  const { error, isOwn } = errorOf(answer);
  const retryAfter = parseRetryAfter(headers['retry-after'], kit.now());
  const said = {
    status,
    words: `${isOwn ? contextOf(error, kit) : `stripe answered HTTP ${status}`}${limitOf(headers)}`,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
  const meaning = meaningOf(error);
  if (status === 401 || (status < 500 && meaning === 'credentials_refused')) {
    return new CallFailure({ ...said, kind: 'credentials', fate: 'refused' });
  }
  if (error.code === 'lock_timeout') return new CallFailure({ ...said, kind: 'busy', fate: 'refused' });
  if (status === 429) return new CallFailure({ ...said, kind: 'rate', fate: 'refused' });
  // The request that has the key is ours, and still at work.
  if (status === 409) return new CallFailure({ ...said, kind: 'busy', fate: 'unknown' });
  if (status >= 500 || status === 408) {
    const isFinal = verb === 'write' && headers['stripe-should-retry'] === 'false';
    return isFinal
      ? new Refused({ ...said, kind: 'request', fate: 'unknown' }, error)
      : new CallFailure({ ...said, kind: 'busy', fate: 'unknown' });
  }
  // The key was used for something else: what that did is not known here.
  const fate = error.type === 'idempotency_error' || status < 300 ? 'unknown' : 'refused';
  return new Refused({ ...said, kind: 'request', fate }, error);
}

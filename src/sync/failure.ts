/** What a failed cycle means for its table, in words that any role may read. */
import { catalogue, FaultError } from '../errors/index.js';
import { isDatabaseAway, NotWorker, sqlstateOf } from '../store/index.js';

export type Failure =
  /** The database is away, or the API's quota is used up: the sync waits for it, at least so many milliseconds. */
  | { readonly kind: 'paused'; readonly reason: string; readonly waitMs?: number }
  | { readonly kind: 'unhealthy'; readonly reason: string }
  /** Another process has taken the table over. */
  | { readonly kind: 'elsewhere' };

/**
 * Only a fault's text may be shown: it was made for clients. A database's message can quote a value, and any other
 * error's can hold anything; those go to the log.
 */
export function failureOf(error: unknown, provider: string): Failure {
  if (error instanceof NotWorker) return { kind: 'elsewhere' };
  if (isDatabaseAway(error)) return { kind: 'paused', reason: 'the database cannot be reached' };
  if (error instanceof FaultError) {
    const { code, message, detail } = error.fault;
    if (code === 'rate_limited') {
      // The seconds change every time; the reason stays the same as long as the pause lasts.
      const waitMs = (error.fault.retryAfter ?? 1) * 1000;
      return { kind: 'paused', reason: `the quota of ${provider} is used up`, waitMs };
    }
    // The catalogue's own detail is about a write.
    const known = catalogue[code].detail === undefined ? detail : undefined;
    return { kind: 'unhealthy', reason: known === undefined ? message : `${message}: ${known}` };
  }
  const sqlstate = sqlstateOf(error);
  if (sqlstate !== undefined) {
    return { kind: 'unhealthy', reason: `the database refused a page (SQLSTATE ${sqlstate}); the log has more` };
  }
  return { kind: 'unhealthy', reason: `reading from ${provider} failed; the log has more` };
}

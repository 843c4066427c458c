/**
 * The one place that decides whether a request is sent again. The table that it follows:
 *
 * | what happened             | read, or idempotent write        | write that is not idempotent      |
 * |---------------------------|----------------------------------|-----------------------------------|
 * | not sent                  | again until the deadline         | again until the deadline          |
 * | refused: rate, busy       | again after Retry-After, in time | again after Retry-After, in time  |
 * | refused: credentials      | renew, once more                 | renew, once more                  |
 * | refused: the request      | the provider translates it       | the provider translates it        |
 * | may have been applied     | again until the deadline         | never again: outcome_unknown      |
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type Fault, FaultError, fault } from '../errors/index.js';
import type { Budget, Lane } from './budget.js';
import { CallFailure } from './failure.js';
import { waitUntil } from './wait.js';

export interface Call {
  readonly verb: 'read' | 'write';
  /** Whether sending it twice has the effect of sending it once. Reads always are. */
  readonly idempotent?: boolean;
  /** Epoch milliseconds by which an answer is needed. */
  readonly deadline: number;
  readonly signal: AbortSignal;
  /** Default: `write` for writes, `sync` for reads. */
  readonly lane?: Lane;
  /** Makes the next attempt use new credentials; without it a refusal of the credentials is final. */
  readonly renew?: () => Promise<void>;
}

/** What an attempt is told. */
export interface Attempt {
  /** 1 for the first. */
  readonly number: number;
  readonly deadline: number;
  readonly signal: AbortSignal;
}

export interface CallContext {
  readonly provider: string;
  readonly connection: string;
  readonly now: () => number;
  readonly budget: Budget;
  readonly log: { warn(fields: Readonly<Record<string, unknown>>, message: string): void };
}

/** Whether anything may have reached the API within `trackSending`, and what ends the wait of who has not sent yet. */
interface Sending {
  mayBeApplied: boolean;
  readonly stopped: AbortSignal | undefined;
}

const sending = new AsyncLocalStorage<Sending>();

/**
 * Runs `work` and tells afterwards, also after a throw, whether a request of it may have been applied. `stopped` ends
 * every wait within it, with its reason, until a request may have been.
 */
export async function trackSending<T>(
  work: () => Promise<T>,
  stopped?: AbortSignal,
): Promise<{ result: T } | { error: unknown; mayBeApplied: boolean }> {
  const track: Sending = { mayBeApplied: false, stopped };
  try {
    return { result: await sending.run(track, work) };
  } catch (error) {
    return { error, mayBeApplied: track.mayBeApplied };
  }
}

const firstBackoff = 250;
const longestBackoff = 8000;
/** Left for the answer when a wait is weighed against the deadline, in milliseconds. */
const leastAttempt = 50;

/** How long to wait before attempt `number` + 1: what the API asks for, or a doubling delay with jitter. */
function backoff(failure: CallFailure, number: number): number {
  const doubled = Math.min(longestBackoff, firstBackoff * 2 ** (number - 1));
  const own = doubled / 2 + (doubled / 2) * Math.random();
  return failure.retryAfter === undefined ? own : Math.max(failure.retryAfter, 10);
}

function isRepeatable(failure: CallFailure, call: Call): boolean {
  if (failure.kind === 'request' || failure.kind === 'credentials' || failure.kind === 'cancelled') return false;
  return failure.fate !== 'unknown' || call.verb === 'read' || call.idempotent === true;
}

/** The fault that a client gets when there is no further attempt; `doubt` when any attempt may have been applied. */
function finalFault(failure: CallFailure, doubt: boolean, context: CallContext): Fault {
  const { provider, connection } = context;
  const words = failure.words === undefined ? {} : { context: failure.words };
  if (doubt) return fault('outcome_unknown', { params: { provider }, ...words });
  if (failure.kind === 'credentials') {
    return fault('credentials_refused', { params: { provider, connection }, ...words });
  }
  if (failure.kind === 'rate') {
    const seconds = Math.max(1, Math.ceil((failure.retryAfter ?? 1000) / 1000));
    return fault('rate_limited', { params: { provider, seconds }, ...words });
  }
  return fault('upstream_unavailable', { params: { provider }, ...words });
}

/**
 * What an aborted signal means for the client: its own reason where that is a fault, otherwise a cancelled statement.
 * A write that may already have been applied stays an unknown outcome.
 */
function cancelFault(signal: AbortSignal, context: CallContext): FaultError {
  if (signal.reason instanceof FaultError) return signal.reason;
  return new FaultError(fault('write_cancelled', { params: { provider: context.provider } }), { cause: signal.reason });
}

/** What ends a wait of the call now: as long as nothing was sent, also that the statement was stopped. */
function waitSignal(call: Call): AbortSignal {
  const track = sending.getStore();
  if (call.verb !== 'write' || track?.stopped === undefined || track.mayBeApplied) return call.signal;
  return AbortSignal.any([call.signal, track.stopped]);
}

/** Sends once, within the budget; a thrown error that is no CallFailure passes as it is. */
async function attemptOnce<T>(
  call: Call,
  context: CallContext,
  number: number,
  attempt: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const { deadline, signal } = call;
  const lane = call.lane ?? (call.verb === 'write' ? 'write' : 'sync');
  const giveBack = await context.budget.take({ lane, deadline, signal: waitSignal(call) });
  const track = call.verb === 'write' ? sending.getStore() : undefined;
  const before = track?.mayBeApplied ?? false;
  try {
    // From here on an error of whatever kind may hide a request that arrived.
    if (track !== undefined) track.mayBeApplied = true;
    return await attempt({ number, deadline, signal });
  } catch (error) {
    if (track !== undefined && error instanceof CallFailure && error.fate !== 'unknown') track.mayBeApplied = before;
    throw error;
  } finally {
    giveBack();
  }
}

/** Waits before the next attempt, or throws the fault that ends the call. */
async function pause(failure: CallFailure, number: number, doubt: boolean, call: Call, context: CallContext) {
  const resumeAt = context.now() + backoff(failure, number);
  if (failure.kind === 'rate') context.budget.report({ closedUntil: resumeAt });
  if (!isRepeatable(failure, call) || resumeAt + leastAttempt > call.deadline) {
    throw new FaultError(finalFault(failure, doubt, context), { cause: failure });
  }
  const { status, fate, words } = failure;
  context.log.warn({ attempt: number, status, fate, words }, 'trying again');
  const signal = waitSignal(call);
  try {
    await waitUntil(resumeAt, context.now, signal);
  } catch {
    throw doubt ? new FaultError(finalFault(failure, doubt, context)) : cancelFault(signal, context);
  }
}

/**
 * Runs attempts by the table above until one succeeds. Throws a FaultError (rate_limited, upstream_unavailable,
 * outcome_unknown, credentials_refused, write_cancelled) when there is no further attempt, and passes on, unchanged, a
 * CallFailure of kind `request` and whatever else an attempt throws.
 */
export async function runCall<T>(
  call: Call,
  context: CallContext,
  attempt: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  let renewed = false;
  // Once an attempt of a write may have been applied, no later answer takes that back.
  let doubt = false;
  for (let number = 1; ; number += 1) {
    try {
      call.signal.throwIfAborted();
      return await attemptOnce(call, context, number, attempt);
    } catch (error) {
      if (!(error instanceof CallFailure)) {
        if (doubt && error instanceof FaultError) {
          throw new FaultError(fault('outcome_unknown', { params: { provider: context.provider } }), { cause: error });
        }
        throw call.signal.aborted && error === call.signal.reason ? cancelFault(call.signal, context) : error;
      }
      if (error.kind === 'request') throw error;
      doubt ||= call.verb === 'write' && error.fate === 'unknown';
      if (error.kind === 'credentials' && call.renew !== undefined && !renewed) {
        renewed = true;
        await call.renew();
        continue;
      }
      if (error.kind === 'cancelled' && !doubt) throw cancelFault(call.signal, context);
      await pause(error, number, doubt, call, context);
    }
  }
}

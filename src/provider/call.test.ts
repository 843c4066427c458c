import { describe, expect, it, vi } from 'vitest';
import { FaultError, fault } from '../errors/index.js';
import { LocalBudget } from './budget.js';
import { type Call, runCall, trackSending } from './call.js';
import { CallFailure, type FailureDetails } from './failure.js';

const budget = () => new LocalBudget({ provider: 'acme', now: Date.now });
const context = () => ({
  provider: 'acme',
  connection: 'main',
  now: Date.now,
  budget: budget(),
  log: { warn: () => {} },
});

function call(over: Partial<Call> = {}): Call {
  return { verb: 'write', deadline: Date.now() + 30_000, signal: new AbortController().signal, ...over };
}

/** Fails with each of the failures in turn, then succeeds. */
function scripted(...failures: readonly (Partial<FailureDetails> | Error)[]) {
  let number = 0;
  return vi.fn(async () => {
    const failure = failures[number];
    number += 1;
    if (failure === undefined) return 'done';
    if (failure instanceof Error) throw failure;
    throw new CallFailure({ kind: 'network', fate: 'unknown', retryAfter: 1, ...failure });
  });
}

async function code(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FaultError)) throw error ?? new Error('it succeeded');
  return error.fault.code;
}

describe('what is sent again', () => {
  it.each<[string, Partial<Call>, Partial<FailureDetails>]>([
    ['a write that was not sent', {}, { fate: 'unsent' }],
    ['a write that was refused as too fast', {}, { fate: 'refused', kind: 'rate' }],
    ['a write that was refused as busy', {}, { fate: 'refused', kind: 'busy' }],
    ['a read of unknown fate', { verb: 'read' }, { fate: 'unknown' }],
    ['an idempotent write of unknown fate', { idempotent: true }, { fate: 'unknown' }],
  ])('%s', async (_, over, failure) => {
    const attempt = scripted(failure);
    await expect(runCall(call(over), context(), attempt)).resolves.toBe('done');
    expect(attempt).toHaveBeenCalledTimes(2);
  });

  it('never a write that may have been applied', async () => {
    const attempt = scripted({ fate: 'unknown' });
    expect(await code(runCall(call(), context(), attempt))).toBe('outcome_unknown');
    expect(attempt).toHaveBeenCalledTimes(1);
  });

  it('not past the deadline', async () => {
    const attempt = scripted({ fate: 'refused', kind: 'rate', retryAfter: 7_500 });
    const error = await runCall(call({ deadline: Date.now() + 1000 }), context(), attempt).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(FaultError);
    expect(error).toMatchObject({ fault: { sqlstate: '53400', message: 'acme rate limit reached, retry in 8 s' } });
    expect(attempt).toHaveBeenCalledTimes(1);
  });

  it('not what the API refused for good: the provider translates it', async () => {
    const attempt = scripted({ fate: 'refused', kind: 'request' });
    await expect(runCall(call(), context(), attempt)).rejects.toBeInstanceOf(CallFailure);
  });
});

describe('what the client gets', () => {
  it.each<[Partial<FailureDetails>, string]>([
    [{ fate: 'unsent' }, 'upstream_unavailable'],
    [{ fate: 'refused', kind: 'busy' }, 'upstream_unavailable'],
    [{ fate: 'refused', kind: 'rate' }, 'rate_limited'],
    [{ fate: 'refused', kind: 'credentials' }, 'credentials_refused'],
    [{ fate: 'unknown', kind: 'busy' }, 'outcome_unknown'],
  ])('%o → %s', async (failure, expected) => {
    const attempt = scripted({ retryAfter: 60_000, ...failure });
    expect(await code(runCall(call(), context(), attempt))).toBe(expected);
  });

  it('a read of unknown fate is an unavailable API', async () => {
    const attempt = scripted({ fate: 'unknown', retryAfter: 60_000 });
    expect(await code(runCall(call({ verb: 'read' }), context(), attempt))).toBe('upstream_unavailable');
  });

  it('an unknown outcome stays one, whatever later attempts answer', async () => {
    const attempt = scripted({ fate: 'unknown' }, { fate: 'refused', kind: 'rate', retryAfter: 60_000 });
    expect(await code(runCall(call({ idempotent: true }), context(), attempt))).toBe('outcome_unknown');
  });
});

describe('credentials', () => {
  it('are renewed once', async () => {
    const renew = vi.fn(async () => {});
    const refusal = { fate: 'refused', kind: 'credentials' } as const;
    await expect(runCall(call({ renew }), context(), scripted(refusal))).resolves.toBe('done');
    expect(await code(runCall(call({ renew }), context(), scripted(refusal, refusal)))).toBe('credentials_refused');
    expect(renew).toHaveBeenCalledTimes(2);
  });
});

describe('cancelling', () => {
  it('before sending is a cancelled statement', async () => {
    const attempt = scripted();
    expect(await code(runCall(call({ signal: AbortSignal.abort() }), context(), attempt))).toBe('write_cancelled');
    expect(attempt).not.toHaveBeenCalled();
  });

  it('during the wait for another attempt too', async () => {
    const abort = new AbortController();
    const attempt = scripted({ fate: 'unsent', retryAfter: 60_000 });
    const running = runCall(call({ signal: abort.signal, deadline: Date.now() + 120_000 }), context(), attempt);
    await vi.waitFor(() => expect(attempt).toHaveBeenCalled());
    abort.abort();
    expect(await code(running)).toBe('write_cancelled');
  });

  it('gives the reason where that is a fault', async () => {
    const reason = new FaultError(fault('write_timed_out', { params: { provider: 'acme' } }));
    expect(await code(runCall(call({ signal: AbortSignal.abort(reason) }), context(), scripted()))).toBe(
      'write_timed_out',
    );
  });
});

describe('trackSending', () => {
  const tracked = async (...failures: readonly (Partial<FailureDetails> | Error)[]) => {
    const end = call({ deadline: Date.now() + 30_000 });
    return trackSending(() => runCall(end, context(), scripted(...failures)));
  };

  it('knows what may have been applied', async () => {
    expect(await tracked(new Error('defect'))).toMatchObject({ mayBeApplied: true });
    expect(await tracked({ fate: 'unknown' })).toMatchObject({ mayBeApplied: true });
    expect(await tracked({ fate: 'unsent', retryAfter: 60_000 })).toMatchObject({ mayBeApplied: false });
    expect(await tracked({ fate: 'refused', kind: 'request' })).toMatchObject({ mayBeApplied: false });
    expect(await trackSending(() => Promise.reject(new Error('before')))).toMatchObject({ mayBeApplied: false });
    expect(await tracked()).toEqual({ result: 'done' });
  });

  it('lets a stopped statement go as long as nothing of it was sent', async () => {
    const reason = new FaultError(fault('write_cancelled', { params: { provider: 'acme' } }));
    const stop = new AbortController();
    const closed = context();
    closed.budget.report({ closedUntil: Date.now() + 60_000 });
    const long = call({ deadline: Date.now() + 120_000 });
    const waiting = trackSending(() => runCall(long, closed, scripted()), stop.signal);
    stop.abort(reason);
    expect(await waiting).toEqual({ error: reason, mayBeApplied: false });
    const again = new AbortController();
    const refused = scripted({ fate: 'refused', kind: 'rate', retryAfter: 60_000 });
    const retrying = trackSending(() => runCall(long, context(), refused), again.signal);
    await vi.waitFor(() => expect(refused).toHaveBeenCalled());
    again.abort(reason);
    expect(await retrying).toEqual({ error: reason, mayBeApplied: false });
  });

  it('does not let it go once something may have been applied', async () => {
    const stop = new AbortController();
    const attempt = vi.fn(async () => {
      stop.abort(new Error('stopped'));
      return 'done';
    });
    expect(await trackSending(() => runCall(call(), context(), attempt), stop.signal)).toEqual({ result: 'done' });
    const doubtful = scripted({ fate: 'unknown', retryAfter: 20 });
    const repeated = trackSending(
      () => runCall(call({ idempotent: true }), context(), doubtful),
      AbortSignal.timeout(5),
    );
    expect(await repeated).toEqual({ result: 'done' });
  });
});

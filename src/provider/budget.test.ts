import { describe, expect, it } from 'vitest';
import type { Lane } from './budget.js';
import { LocalBudget } from './budget.js';

const signal = new AbortController().signal;
const request = (lane: Lane, patience = 30_000) => ({ lane, deadline: Date.now() + patience, signal });
const make = (options: { concurrency?: number; perWindow?: number; windowMillis?: number } = {}) =>
  new LocalBudget({ provider: 'acme', now: Date.now, ...options });

describe('LocalBudget', () => {
  it('lets writes go before the sync, and each in order', async () => {
    const budget = make({ concurrency: 1 });
    const first = await budget.take(request('sync'));
    const order: string[] = [];
    const queued = (['sync', 'write', 'sync', 'write'] as const).map(async (lane, index) => {
      const giveBack = await budget.take(request(lane));
      order.push(`${lane}${index}`);
      giveBack();
    });
    first();
    await Promise.all(queued);
    expect(order).toEqual(['write1', 'write3', 'sync0', 'sync2']);
  });

  it('counts a request from its answer on, when told so', async () => {
    let now = 0;
    const budget = new LocalBudget({
      provider: 'acme',
      now: () => now,
      concurrency: 2,
      perWindow: 2,
      windowMillis: 1000,
      windowFrom: 'answer',
    });
    const within = (millis: number) => ({ lane: 'write' as const, deadline: now + millis, signal });
    const first = await budget.take(within(100));
    const second = await budget.take(within(100));
    // Both were on their way for longer than the window, and the first has only just been answered.
    now = 5000;
    first();
    await expect(budget.take(within(900))).rejects.toMatchObject({ fault: { code: 'rate_limited' } });
    now = 6001;
    const third = await budget.take(within(100));
    second();
    third();
    await expect(budget.take(within(900))).rejects.toMatchObject({ fault: { code: 'rate_limited' } });
  });

  it('counts a place given back twice once', async () => {
    const budget = make({ concurrency: 1 });
    const giveBack = await budget.take(request('write'));
    giveBack();
    giveBack();
    await budget.take(request('write'));
    await expect(budget.take(request('write', 20))).rejects.toMatchObject({ fault: { sqlstate: '53400' } });
  });

  it('refuses at once when the API is closed for longer than the deadline', async () => {
    const budget = new LocalBudget({ provider: 'acme', now: () => 1000 });
    budget.report({ closedUntil: 61_000 });
    await expect(budget.take({ lane: 'write', deadline: 6000, signal })).rejects.toMatchObject({
      fault: { sqlstate: '53400', message: expect.stringMatching(/retry in 60 s/) },
    });
  });

  it('waits until the API opens again', async () => {
    const budget = make();
    const opens = Date.now() + 40;
    budget.report({ closedUntil: opens });
    await budget.take(request('write'));
    expect(Date.now()).toBeGreaterThanOrEqual(opens);
  });

  it('keeps the reserve of the quota for writes', async () => {
    const budget = make();
    budget.report({ limit: 100, used: 95 });
    await expect(budget.take(request('sync'))).rejects.toMatchObject({ fault: { code: 'rate_limited' } });
    (await budget.take(request('write')))();
    budget.report({ limit: 100, used: 50 });
    (await budget.take(request('sync')))();
  });

  it('spreads starts over windows', async () => {
    const budget = make({ perWindow: 2, windowMillis: 60_000 });
    (await budget.take(request('write')))();
    (await budget.take(request('write')))();
    await expect(budget.take(request('write'))).rejects.toMatchObject({ fault: { code: 'rate_limited' } });
  });

  it('lets go of a waiter that is cancelled', async () => {
    const budget = make({ concurrency: 1 });
    const giveBack = await budget.take(request('write'));
    const abort = new AbortController();
    const waiting = budget.take({ ...request('write'), signal: abort.signal });
    abort.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    giveBack();
    await budget.take(request('sync'));
  });
});

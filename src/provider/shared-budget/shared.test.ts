import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Lane } from '../budget.js';
import { type BoardStep, type BudgetBoards, SharedBudget } from './shared.js';

/** Boards in memory, whose changes and notices take a while. */
class Boards {
  readonly states = new Map<string, unknown>();
  readonly dead = new Set<string>();
  readonly #listeners: { readonly holder: string; readonly look: () => void }[] = [];
  changes = 0;

  of(holder: string, delay = 2): BudgetBoards {
    return {
      holder,
      isAlive: () => !this.dead.has(holder),
      change: async <T>(
        name: string,
        step: (state: unknown, now: number, alive: ReadonlySet<string>) => BoardStep<T>,
      ): Promise<T> => {
        await wait(delay);
        this.changes += 1;
        const alive = new Set(this.#listeners.map((each) => each.holder).filter((each) => !this.dead.has(each)));
        const { state, tell, result } = step(this.states.get(name), Date.now(), alive);
        this.states.set(name, JSON.parse(JSON.stringify(state)));
        if (tell) for (const { holder: other, look } of this.#listeners) if (other !== holder) void wait(1).then(look);
        await wait(delay);
        return result;
      },
    };
  }

  listen(holder: string, look: () => void): void {
    this.#listeners.push({ holder, look });
  }
}

function wait(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}

interface Limits {
  readonly perWindow?: number;
  readonly windowMillis?: number;
  readonly windowFrom?: 'start' | 'answer';
  readonly concurrency?: number;
}

function make(boards: Boards, holder: string, limits: Limits, delay?: number): SharedBudget {
  const budget = new SharedBudget({
    provider: 'acme',
    name: 'crm/requests',
    now: Date.now,
    boards: boards.of(holder, delay),
    onError: (error) => {
      throw error;
    },
    ...limits,
  });
  boards.listen(holder, () => budget.look());
  return budget;
}

const request = (lane: Lane, patience = 60_000) => ({
  lane,
  deadline: Date.now() + patience,
  signal: new AbortController().signal,
});

/** The largest number of spans that touch any window of so many milliseconds. */
function most(spans: readonly (readonly [number, number])[], windowMillis: number): number {
  return Math.max(
    0,
    ...spans.map(([from]) => spans.filter(([start, end]) => start <= from && end + windowMillis > from).length),
  );
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('SharedBudget', () => {
  it('never passes the limit, however many processes send how much', async () => {
    const load = fc.record({
      process: fc.nat({ max: 3 }),
      lane: fc.constantFrom<Lane>('write', 'sync'),
      after: fc.nat({ max: 3000 }),
      takes: fc.integer({ min: 1, max: 400 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.constantFrom<'start' | 'answer' | 'under way'>('start', 'answer', 'under way'),
        fc.array(load, { minLength: 1, maxLength: 40 }),
        async (size, kind, loads) => {
          const boards = new Boards();
          const limits: Limits =
            kind === 'under way'
              ? { concurrency: size }
              : { perWindow: size, windowMillis: 500, windowFrom: kind, concurrency: Number.POSITIVE_INFINITY };
          const budgets = [0, 1, 2, 3].map((index) => make(boards, `p${index}`, limits, 1 + index));
          const spans: [number, number][] = [];
          const work = loads.map(async ({ process, lane, after, takes }) => {
            await wait(after);
            const giveBack = await budgets[process]?.take(request(lane));
            const start = Date.now();
            if (kind !== 'start') await wait(takes);
            giveBack?.();
            spans.push([start, Date.now()]);
          });
          const done = Promise.all(work);
          await vi.advanceTimersByTimeAsync(65_000);
          await done;
          expect(spans).toHaveLength(loads.length);
          expect(most(spans, kind === 'under way' ? 0 : 500)).toBeLessThanOrEqual(size);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('asks the others for nothing while its permits do', async () => {
    const boards = new Boards();
    const budget = make(boards, 'a', { perWindow: 8, windowMillis: 100 });
    const work = (async () => {
      for (let index = 0; index < 200; index += 1) {
        (await budget.take(request('sync')))();
        await wait(100);
      }
    })();
    await vi.advanceTimersByTimeAsync(30_000);
    await work;
    expect(boards.changes).toBe(1);
  });

  it('lets a write overtake the sync of another process', async () => {
    const boards = new Boards();
    const sync = make(boards, 'sync', { perWindow: 5, windowMillis: 1000, windowFrom: 'answer' });
    const write = make(boards, 'write', { perWindow: 5, windowMillis: 1000, windowFrom: 'answer' });
    const order: string[] = [];
    const use = async (budget: SharedBudget, lane: Lane, name: string): Promise<void> => {
      const giveBack = await budget.take(request(lane));
      order.push(name);
      await wait(50);
      giveBack();
    };
    const backlog = Array.from({ length: 40 }, (_, index) => use(sync, 'sync', `sync ${index}`));
    await vi.advanceTimersByTimeAsync(100);
    expect(order).toHaveLength(5);
    const writes = [use(write, 'write', 'write'), use(write, 'write', 'write')];
    await vi.advanceTimersByTimeAsync(1200);
    expect(order.slice(0, 7).filter((name) => name === 'write')).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(20_000);
    await Promise.all([...backlog, ...writes]);
  });

  it('serves every process where there are fewer permits than processes', async () => {
    const boards = new Boards();
    const served = [0, 0, 0, 0];
    const ends = Date.now() + 30_000;
    const budgets = served.map((_, index) => make(boards, `p${index}`, { perWindow: 2, windowMillis: 200 }));
    const work = budgets.map(async (budget, index) => {
      while (Date.now() < ends) {
        (await budget.take(request('sync')))();
        served[index] = (served[index] ?? 0) + 1;
      }
    });
    await vi.advanceTimersByTimeAsync(40_000);
    await Promise.all(work);
    expect(Math.min(...served)).toBeGreaterThan(10);
  });

  it('takes over from the dead and from those that leave', async () => {
    const boards = new Boards();
    const limits = { perWindow: 3, windowMillis: 1000 };
    const first = make(boards, 'first', limits);
    const start = Promise.all([1, 2, 3].map(async () => (await first.take(request('sync')))()));
    await vi.advanceTimersByTimeAsync(20);
    await start;
    boards.dead.add('first');
    const second = make(boards, 'second', limits);
    const taken = Promise.all([1, 2, 3].map(async () => (await second.take(request('write', 5000)))()));
    await vi.advanceTimersByTimeAsync(3000);
    await taken;
    const closing = second.close();
    await vi.advanceTimersByTimeAsync(20);
    await closing;
    const third = make(boards, 'third', limits);
    const after = third.take(request('write', 1500));
    await vi.advanceTimersByTimeAsync(1500);
    (await after)();
    // Whoever was taken for dead begins with nothing.
    await expect(first.take(request('write', 0))).rejects.toMatchObject({ fault: { sqlstate: '53400' } });
  });

  it('closes for all when one is told to wait, and keeps the reserve for writes in all', async () => {
    const boards = new Boards();
    const one = make(boards, 'one', {});
    const two = make(boards, 'two', {});
    const begin = Promise.all([one, two].map(async (budget) => (await budget.take(request('write')))()));
    await vi.advanceTimersByTimeAsync(20);
    await begin;
    one.report({ closedUntil: Date.now() + 30_000 });
    await vi.advanceTimersByTimeAsync(20);
    await expect(two.take(request('write', 5000))).rejects.toMatchObject({
      fault: { message: expect.stringMatching(/retry in (29|30) s/) },
    });
    await vi.advanceTimersByTimeAsync(31_000);
    one.report({ limit: 100, used: 95 });
    await vi.advanceTimersByTimeAsync(20);
    await expect(two.take(request('sync', 5000))).rejects.toMatchObject({ fault: { code: 'rate_limited' } });
    const writing = two.take(request('write'));
    await vi.advanceTimersByTimeAsync(20);
    (await writing)();
    // After a while one request of the sync may find out whether the quota has come back.
    await vi.advanceTimersByTimeAsync(300_000);
    const probe = two.take(request('sync', 5000));
    await vi.advanceTimersByTimeAsync(20);
    (await probe)();
  });
});

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createWaker, type Waker } from './waker.js';

const woken: number[] = [];
let waker: Waker;

beforeEach(() => {
  vi.useFakeTimers();
  woken.length = 0;
  waker = createWaker(async (oid) => {
    woken.push(oid);
  });
});
afterEach(() => vi.useRealTimers());

it('reads at once, and what follows together', async () => {
  await waker.wake([1, 1, 2]);
  expect(woken).toEqual([1, 2]);
  vi.advanceTimersByTime(100);
  for (let i = 0; i < 50; i += 1) await waker.wake([1]);
  vi.advanceTimersByTime(399);
  expect(woken).toEqual([1, 2]);
  vi.advanceTimersByTime(1);
  expect(woken).toEqual([1, 2, 1]);
  await waker.wake([1]);
  expect(woken).toHaveLength(3);
  vi.advanceTimersByTime(10_000);
  expect(woken).toHaveLength(4);
  await waker.wake([1]);
  expect(woken).toHaveLength(5);
});

it('puts nothing off past its end', async () => {
  await waker.wake([1]);
  await waker.wake([1]);
  waker.stop();
  vi.advanceTimersByTime(10_000);
  expect(woken).toEqual([1]);
});

it('puts nothing off once it is stopped', async () => {
  await waker.wake([1]);
  waker.stop();
  await waker.wake([1]);
  vi.advanceTimersByTime(10_000);
  expect(woken).toEqual([1]);
});

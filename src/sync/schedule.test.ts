import pg from 'pg';
import { afterEach, expect, test, vi } from 'vitest';
import { firstListings } from './schedule.js';

afterEach(() => vi.useRealTimers());

const quiet = { debug: () => {}, info: () => {}, warn: () => {} };

/** Looks that are answered when the test says so. */
function begin(isUnderWay: boolean) {
  const answers: ((listed: readonly number[]) => void)[] = [];
  const pool = Object.assign(new pg.Pool(), {
    query: () => new Promise((resolve) => answers.push((listed) => resolve({ rows: listed.map((oid) => ({ oid })) }))),
  });
  vi.useFakeTimers();
  const first = firstListings(pool, quiet, () => isUnderWay);
  first.await([1]);
  vi.advanceTimersByTime(1000);
  expect(answers).toHaveLength(1);
  return { first, answer: (...listed: number[]) => answers.at(-1)?.(listed) };
}

test('its end waits for the look that is under way', async () => {
  const { first, answer } = begin(false);
  let isOver = false;
  const stopped = first.stop().then(() => {
    isOver = true;
  });
  await vi.advanceTimersByTimeAsync(5000);
  expect(isOver).toBe(false);
  answer();
  await stopped;
  await expect(first.promise).rejects.toThrow('the sync was stopped');
});

test('what others have listed is over, and what is under way here says so itself', async () => {
  const elsewhere = begin(false);
  elsewhere.answer(1);
  await elsewhere.first.promise;
  vi.useRealTimers();
  const here = begin(true);
  let isOver = false;
  void here.first.promise.then(() => {
    isOver = true;
  });
  here.answer(1);
  await vi.advanceTimersByTimeAsync(5000);
  expect(isOver).toBe(false);
  here.first.listed(1);
  await here.first.promise;
});

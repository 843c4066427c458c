import { expect, it } from 'vitest';
import { createWaker } from './waker.js';

it('reads at once, and what follows together', async () => {
  const woken: (readonly [number, number])[] = [];
  let now = 10_000;
  const waker = createWaker(
    async (oid, delay) => {
      woken.push([oid, delay]);
    },
    () => now,
  );
  await waker.wake([1, 1, 2]);
  now += 100;
  for (let i = 0; i < 50; i += 1) await waker.wake([1]);
  expect(woken).toEqual([
    [1, 0],
    [2, 0],
    [1, 400],
  ]);
  now += 400;
  await waker.wake([1]);
  now += 10_000;
  await waker.wake([1]);
  expect(woken.slice(3)).toEqual([
    [1, 500],
    [1, 0],
  ]);
});

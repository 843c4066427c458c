import { expect, it } from 'vitest';
import { guardedPages } from './pages.js';

const named = async <T>(work: Promise<T>): Promise<T> => {
  try {
    return await work;
  } catch (error) {
    throw new Error(`as a fault: ${String(error)}`);
  }
};

it('gives the pages on, and what is made of their errors', async () => {
  async function* pages() {
    yield 1;
    yield 2;
    throw new Error('lost');
  }
  const seen: number[] = [];
  const all = async () => {
    for await (const page of guardedPages(pages(), named)) seen.push(page);
  };
  await expect(all()).rejects.toThrow('as a fault: Error: lost');
  expect(seen).toEqual([1, 2]);
});

it('ends the listing of whoever stops early', async () => {
  let ended = false;
  async function* pages() {
    try {
      yield 1;
      yield 2;
    } finally {
      ended = true;
    }
  }
  for await (const page of guardedPages(pages(), named)) {
    expect(page).toBe(1);
    break;
  }
  expect(ended).toBe(true);
});

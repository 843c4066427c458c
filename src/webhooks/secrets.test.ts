import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { silentLog } from '../provider/index.js';
import type { Queryable } from '../store/index.js';
import { HookSecrets } from './secrets.js';

const sealer = { seal: (plain: string) => plain, open: (sealed: string) => sealed };
/** What the database has, and how often it was asked. */
let stored: string[] = [];
let asked = 0;
let secrets: HookSecrets;

const query = async (): Promise<unknown> => {
  asked += 1;
  return { rows: stored.map((secret) => ({ connection: 'stripe', scope: '', hook: secret, secret, deliveries: '0' })) };
};

function isQueryable(value: unknown): value is Queryable {
  return typeof value === 'object' && value !== null && 'query' in value;
}

beforeEach(() => {
  vi.useFakeTimers();
  stored = ['one'];
  asked = 0;
  const pool: unknown = { query };
  if (!isQueryable(pool)) throw new Error('no query');
  secrets = new HookSecrets({ pool, sealer, log: silentLog });
});
afterEach(() => vi.useRealTimers());

const namesOf = async (read: Promise<readonly { readonly secret: string }[]>): Promise<readonly string[]> =>
  (await read).map(({ secret }) => secret);

it('a hook that is registered a moment after a look is known to the delivery that waits for the next one', async () => {
  expect(await namesOf(secrets.of('stripe'))).toEqual(['one']);
  stored.push('two');
  expect(await namesOf(secrets.of('stripe'))).toEqual(['one']);
  const again = Promise.all([namesOf(secrets.again('stripe')), namesOf(secrets.again('stripe'))]);
  await vi.advanceTimersByTimeAsync(250);
  expect(await again).toEqual([
    ['one', 'two'],
    ['one', 'two'],
  ]);
  expect(asked).toBe(2);
});

it('few wait for it, and the others are answered at once', async () => {
  await secrets.of('stripe');
  stored.push('two');
  const answered: number[] = [];
  const all = Array.from({ length: 100 }, async () => answered.push((await secrets.again('stripe')).length));
  await vi.advanceTimersByTimeAsync(0);
  expect(answered).toEqual(Array.from({ length: 92 }, () => 1));
  await vi.advanceTimersByTimeAsync(250);
  await Promise.all(all);
  expect(answered.slice(92)).toEqual(Array.from({ length: 8 }, () => 2));
  expect(asked).toBe(2);
});

it('much later they are read at once', async () => {
  await secrets.of('stripe');
  stored.push('two');
  vi.advanceTimersByTime(10_000);
  expect(await namesOf(secrets.again('stripe'))).toEqual(['one', 'two']);
});

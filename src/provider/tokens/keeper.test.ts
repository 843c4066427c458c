import { describe, expect, it, vi } from 'vitest';
import { LocalTokenKeeper } from './keeper.js';

describe('LocalTokenKeeper', () => {
  it('renews once for all who ask, and again for a refused one', async () => {
    const keeper = new LocalTokenKeeper(() => 0);
    let number = 0;
    const renew = vi.fn(async () => {
      number += 1;
      return { value: `token${number}` };
    });
    const all = await Promise.all(Array.from({ length: 20 }, () => keeper.current(renew)));
    expect(new Set(all.map((token) => token.value))).toEqual(new Set(['token1']));
    const again = await Promise.all(all.map((token) => keeper.current(renew, token)));
    expect(new Set(again.map((token) => token.value))).toEqual(new Set(['token2']));
    // A slow caller reports the first token when the second is in use: it is not renewed again.
    expect((await keeper.current(renew, { value: 'token1' })).value).toBe('token2');
    expect(renew).toHaveBeenCalledTimes(2);
  });

  it('renews before the expiry', async () => {
    let now = 0;
    const keeper = new LocalTokenKeeper(() => now);
    await keeper.current(async () => ({ value: 'a', expiresAt: 100_000 }));
    now = 39_000;
    expect((await keeper.current(async () => ({ value: 'b' }))).value).toBe('a');
    now = 41_000;
    expect((await keeper.current(async () => ({ value: 'b' }))).value).toBe('b');
  });

  it('does not keep a failure, and hands the last token to the next try', async () => {
    const keeper = new LocalTokenKeeper(() => 0);
    const first = await keeper.current(async () => ({ value: 'a', extra: { refresh_token: 'r2' } }));
    await expect(keeper.current(() => Promise.reject(new Error('down')), first)).rejects.toThrow('down');
    await keeper.current(async (last) => ({ value: `after ${last?.extra?.['refresh_token']}` }), first);
    expect((await keeper.current(() => Promise.reject(new Error('unused')))).value).toBe('after r2');
  });
});

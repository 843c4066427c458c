import { randomBytes } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { FaultError, fault } from '../../errors/index.js';
import { CallFailure } from '../failure.js';
import type { Token } from './keeper.js';
import { KeyRing } from './seal.js';
import { grantName, type SealedToken, SharedTokenKeeper, type TokenShelf, type TokenState } from './shared.js';

type Kept = { -readonly [key in keyof TokenState]: TokenState[key] };

/** A shelf in memory: one lock, states by grant, and failures on demand. */
class Shelf implements TokenShelf {
  readonly states = new Map<string, Kept>();
  failSaves = 0;
  #turn: Promise<unknown> = Promise.resolve();

  exclusive: TokenShelf['exclusive'] = (connection, grant, work) => {
    const run = this.#turn.then(async () => {
      const key = `${connection} ${grant}`;
      const state = this.states.get(key) ?? { token: null, generation: '0', renewal: null };
      this.states.set(key, state);
      return work({
        read: async () => ({ ...state }),
        beginRenewal: async () => {
          state.renewal ??= { since: '2024-01-01T00:00:00Z', by: 'process 1' };
        },
        cancelRenewal: async () => {
          state.renewal = null;
        },
        save: async (token: SealedToken) => {
          if (this.failSaves > 0) {
            this.failSaves -= 1;
            throw new Error('the database is away');
          }
          Object.assign(state, { token, generation: String(Number(state.generation) + 1), renewal: null });
        },
      });
    });
    this.#turn = run.catch(() => undefined);
    return run;
  };

  get only(): Kept {
    const [state] = this.states.values();
    if (state === undefined) throw new Error('nothing is stored');
    return state;
  }
}

const keys = KeyRing.parse(randomBytes(32).toString('base64'));
const grant = { identity: ['client', 'first'], rotates: 'always' } as const;
const refused = new FaultError(fault('credentials_refused', { params: { provider: 'acme', connection: 'crm' } }));

function keeper(shelf: Shelf, options: Partial<ConstructorParameters<typeof SharedTokenKeeper>[0]> = {}) {
  return new SharedTokenKeeper({
    provider: 'acme',
    connection: 'crm',
    grant,
    shelf,
    keys,
    now: Date.now,
    secret: () => undefined,
    ...options,
  });
}

/** An API whose refresh tokens are good once. */
function rotating() {
  let good = 'first';
  let count = 0;
  return vi.fn(async (last: Token | null): Promise<Token> => {
    if ((last?.extra?.['refresh_token'] ?? 'first') !== good) throw refused;
    count += 1;
    good = `refresh${count}`;
    return { value: `access${count}`, expiresAt: Date.now() + 3_600_000, extra: { refresh_token: good } };
  });
}

describe('SharedTokenKeeper', () => {
  it('renews once for all keepers, before the first and after a refused token', async () => {
    const shelf = new Shelf();
    const renew = rotating();
    const keepers = Array.from({ length: 5 }, () => keeper(shelf));
    const all = await Promise.all(keepers.flatMap((each) => [each.current(renew), each.current(renew)]));
    expect(new Set(all.map(({ value }) => value))).toEqual(new Set(['access1']));
    const again = await Promise.all(keepers.map((each) => each.current(renew, all[0])));
    expect(new Set(again.map(({ value }) => value))).toEqual(new Set(['access2']));
    expect(renew).toHaveBeenCalledTimes(2);
  });

  it('goes on with the rotated token after a restart, and keeps nothing that can be read', async () => {
    const shelf = new Shelf();
    const renew = rotating();
    await keeper(shelf).current(renew);
    const secrets = new Set<string>();
    const next = keeper(shelf, { secret: (value) => secrets.add(value) });
    expect((await next.current(renew)).value).toBe('access1');
    expect((await next.current(renew, { value: 'access1' })).value).toBe('access2');
    expect([...secrets]).toEqual(['access1', 'refresh1']);
    expect(JSON.stringify([...shelf.states])).not.toMatch(/access\d|refresh\d|first|client/);
  });

  it('takes another grant for another one, and finds the first again', async () => {
    const shelf = new Shelf();
    const renew = rotating();
    await keeper(shelf).current(renew);
    const other = keeper(shelf, { grant: { ...grant, identity: ['client', 'second'] } });
    const fresh = vi.fn(async () => ({ value: 'other' }));
    expect((await other.current(fresh)).value).toBe('other');
    expect(fresh).toHaveBeenCalledWith(null);
    expect((await keeper(shelf).current(renew)).value).toBe('access1');
    expect(grantName(grant)).not.toBe(grantName({ ...grant, identity: ['clientfirst'] }));
  });

  it('renews before the expiry, by the clock of the shelf', async () => {
    const shelf = new Shelf();
    const now = () => 1_000_000;
    await keeper(shelf, { now }).current(async () => ({ value: 'a', expiresAt: now() + 100_000 }));
    expect(shelf.only.token?.expiresIn).toBe(100_000);
    shelf.only.token = { ...(shelf.only.token ?? { sealed: '', keyId: '', rotated: false }), expiresIn: 59_000 };
    expect((await keeper(shelf).current(async () => ({ value: 'b' }))).value).toBe('b');
  });

  it('stores before anybody uses, and keeps what it could not store', async () => {
    const shelf = new Shelf();
    const renew = rotating();
    const first = keeper(shelf);
    shelf.failSaves = 1;
    await expect(first.current(renew)).rejects.toMatchObject({ kind: 'network', fate: 'unsent' });
    expect(shelf.only.token).toBeNull();
    expect((await first.current(renew)).value).toBe('access1');
    expect(renew).toHaveBeenCalledTimes(1);
    expect(shelf.only.token?.rotated).toBe(true);
  });

  it('tries the old refresh token after a renewal that never ended, and says so where it is refused', async () => {
    const shelf = new Shelf();
    const renew = rotating();
    // The process died after the API had answered.
    const dying = keeper(shelf);
    shelf.failSaves = 1;
    await dying.current(renew).catch(() => undefined);
    const lost = await keeper(shelf)
      .current(renew)
      .catch((error: unknown) => error);
    expect(lost).toMatchObject({
      fault: {
        code: 'credentials_refused',
        context: expect.stringMatching(/began at 2024-01-01T00:00:00Z in process 1 never ended.*Authorize again/s),
      },
    });
    // The request of another one had never arrived.
    const other = new Shelf();
    await other.exclusive('crm', grantName(grant), (slot) => slot.beginRenewal());
    expect((await keeper(other).current(rotating())).value).toBe('access1');
    expect(other.only.renewal).toBeNull();
  });

  it('leaves no trace of a renewal that certainly changed nothing, and one of any other', async () => {
    const failures: readonly [unknown, boolean][] = [
      [refused, false],
      [new CallFailure({ kind: 'network', fate: 'unsent' }), false],
      [new CallFailure({ kind: 'busy', fate: 'unknown' }), true],
      [new Error('unexpected'), true],
    ];
    for (const [failure, leaves] of failures) {
      const shelf = new Shelf();
      await expect(keeper(shelf).current(() => Promise.reject(failure))).rejects.toBe(failure);
      expect(shelf.only.renewal !== null).toBe(leaves);
    }
  });

  it('says which key is missing, where the configured refresh token is of no use any more', async () => {
    const shelf = new Shelf();
    const renew = rotating();
    await keeper(shelf).current(renew);
    const others = KeyRing.parse(randomBytes(32).toString('base64'));
    await expect(keeper(shelf, { keys: others }).current(renew)).rejects.toMatchObject({
      fault: { code: 'credentials_refused', context: expect.stringContaining(keys.keyId) },
    });
    // Where it is still the configured one that counts, the stored token is no loss.
    const plain = new Shelf();
    await keeper(plain).current(async () => ({ value: 'a' }));
    expect((await keeper(plain, { keys: others }).current(async () => ({ value: 'b' }))).value).toBe('b');
  });

  it('does not open what was sealed for another connection', async () => {
    const shelf = new Shelf();
    await keeper(shelf).current(rotating());
    const { token } = shelf.only;
    await shelf.exclusive('erp', grantName(grant), (slot) => (token === null ? Promise.resolve() : slot.save(token)));
    await expect(keeper(shelf, { connection: 'erp' }).current(rotating())).rejects.toMatchObject({
      fault: { context: expect.stringContaining('belongs to another connection') },
    });
  });
});

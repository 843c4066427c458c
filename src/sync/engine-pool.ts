/**
 * The pool as graphile-worker gets it. The client that it listens with, and only that, it asks for by a callback. It gives
 * it back twice where its LISTEN fails while it stops; pg throws for the second time, where nobody hears it, and the process
 * would end.
 */
import type pg from 'pg';

type Connected = Parameters<pg.Pool['connect']>[0];

/** The same pool, but the client that it listens with holds a lock before, and can be given back more than once. */
export function enginePool(pool: pg.Pool, lock: bigint): pg.Pool {
  const connect = (callback?: Connected): Promise<pg.PoolClient> | undefined => {
    if (callback === undefined) return pool.connect();
    pool.connect((error, client, release) => {
      if (client === undefined) {
        callback(error, client, release);
        return;
      }
      let isBack = false;
      const giveBack = (destroy?: Error | boolean): void => {
        if (isBack) return;
        isBack = true;
        release(destroy);
      };
      client.query('SELECT pg_advisory_lock_shared($1)', [lock.toString()]).then(
        () => callback(undefined, client, giveBack),
        (failure: unknown) => {
          giveBack(true);
          callback(failure instanceof Error ? failure : new Error(String(failure)), undefined, () => undefined);
        },
      );
    });
    return undefined;
  };
  return new Proxy(pool, {
    get(target, name) {
      if (name === 'connect') return connect;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

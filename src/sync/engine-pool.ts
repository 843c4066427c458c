/**
 * The pool as graphile-worker gets it. The client that it listens with, it gives back twice where its LISTEN fails while it
 * stops; pg throws for the second time, where nobody hears it, and the process would end.
 */
import type pg from 'pg';

type Connected = Parameters<pg.Pool['connect']>[0];

/** The same pool, but a client that was asked for by a callback can be given back more than once. */
export function enginePool(pool: pg.Pool): pg.Pool {
  const connect = (callback?: Connected): Promise<pg.PoolClient> | undefined => {
    if (callback === undefined) return pool.connect();
    pool.connect((error, client, release) => {
      if (client === undefined) {
        callback(error, client, release);
        return;
      }
      let isBack = false;
      callback(error, client, (destroy) => {
        if (isBack) return;
        isBack = true;
        release(destroy);
      });
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

/** What the processes on one database share of each connection: its access tokens and its budgets. */
import type pg from 'pg';
import {
  type ConfiguredProvider,
  KeyRing,
  type KitOptions,
  LocalTokenKeeper,
  rotatedToken,
  SharedBudget,
  SharedTokenKeeper,
} from '../provider/index.js';
import { internalOptions, internalPool, type Lease, openBoards, tokenShelf } from '../store/index.js';
import type { Log } from '../telemetry/index.js';

/** The environment variable with the keys that access tokens are encrypted under. */
export const keyVariable = 'UPWRITE_ENCRYPTION_KEY';

/**
 * A renewal has its connection for as long as the API takes, and so has a write: were they of one pool, writes that wait for
 * a token could keep its renewal from beginning.
 */
const tokenConnections = 3;
const budgetConnections = 2;

/** The key ring of the environment; undefined where there is none. Throws an Error that names the variable. */
export function encryptionKeys(text: string | undefined): KeyRing | undefined {
  if (text === undefined || text.trim() === '') return undefined;
  try {
    return KeyRing.parse(text);
  } catch (error) {
    throw new Error(`${keyVariable} ${error instanceof Error ? error.message : ''}`);
  }
}

/** What to do where tokens have to be kept and there is no key. */
export function keyAdvice(provider: string): string {
  return (
    `${provider} replaces the refresh token with each renewal, so that Upwrite has to keep the next one, encrypted: set ` +
    `${keyVariable} to 32 random bytes (openssl rand -base64 32), the same for every process on this database, and keep them`
  );
}

export type ConnectionKit = Pick<KitOptions, 'tokens' | 'budgets'>;

export interface SharedOptions {
  /** Of connections to the database. */
  readonly own: pg.ClientConfig;
  readonly lease: Lease;
  readonly log: Log;
  readonly keys: KeyRing | undefined;
}

export interface Shared {
  /** Throws an Error with what to do where tokens have to be kept and cannot be. */
  kitOf(connection: string, provider: ConfiguredProvider): ConnectionKit;
  /** Gives permits back. */
  close(): Promise<void>;
}

/** A keeper for one process, which says when it is given what ought to be kept. */
export function unsharedTokens(
  provider: ConfiguredProvider,
  onRotated: () => void,
): NonNullable<ConnectionKit['tokens']> {
  return () =>
    new LocalTokenKeeper(Date.now, (token) => {
      if (provider.grant !== undefined && rotatedToken(token, provider.grant) !== undefined) onRotated();
    });
}

/** A keeper whose tokens are in the database. */
export function sharedTokens(
  pool: pg.Pool,
  connection: string,
  { name: provider, grant }: ConfiguredProvider,
  keys: KeyRing,
): ConnectionKit['tokens'] {
  if (grant === undefined) return undefined;
  const shelf = tokenShelf(pool);
  return (secret) => new SharedTokenKeeper({ provider, connection, grant, shelf, keys, now: Date.now, secret });
}

export function openShared({ own, lease, log, keys }: SharedOptions): Shared {
  const onError = (error: unknown): void => log.debug({ error }, 'a connection for tokens and budgets was lost');
  const tokenPool = internalPool({ ...own, max: tokenConnections }, onError);
  const budgetPool = internalPool({ ...own, max: budgetConnections }, onError);
  const budgets = new Map<string, SharedBudget>();
  const boards = openBoards({
    pool: budgetPool,
    connection: { ...own, options: internalOptions },
    lease,
    onTold: (name) => budgets.get(name)?.look(),
    onListening: () => {
      for (const budget of budgets.values()) budget.look();
    },
    onError,
  });

  const tokensOf = (connection: string, provider: ConfiguredProvider): ConnectionKit['tokens'] => {
    const { grant, name } = provider;
    if (grant === undefined) return undefined;
    if (keys !== undefined) return sharedTokens(tokenPool, connection, provider, keys);
    if (grant.rotates === 'always') throw new Error(`connections.${connection}: ${keyAdvice(name)}`);
    return unsharedTokens(provider, () =>
      log.warn({ connection }, `${keyAdvice(name)}; without it this connection ends with the process`),
    );
  };

  return {
    kitOf(connection, provider) {
      const tokens = tokensOf(connection, provider);
      return {
        ...(tokens === undefined ? {} : { tokens }),
        budgets: (limit, options) => {
          const name = `${connection}/${limit}`;
          const made = new SharedBudget({
            ...options,
            name,
            boards,
            onError: (error) => log.debug({ error, budget: name }, 'sharing a budget'),
          });
          budgets.set(name, made);
          return made;
        },
      };
    },
    async close() {
      await Promise.all([...budgets.values()].map((budget) => budget.close()));
      await boards.stop();
      await Promise.all([tokenPool.end(), budgetPool.end()]);
    },
  };
}

/** `upwrite check` of one connection: proves its credentials without using up what it cannot keep. */
import pg from 'pg';
import type { ConnectionConfig, DatabaseTarget, LoadedConfig } from '../config/index.js';
import { SettingError } from '../errors/index.js';
import {
  type ConfiguredProvider,
  createKit,
  type KeyRing,
  type Registry,
  type Session,
  silentLog,
} from '../provider/index.js';
import { internalPool } from '../store/index.js';
import { ownConnections } from './own-connections.js';
import { type ConnectionKit, encryptionKeys, keyAdvice, keyVariable, sharedTokens, unsharedTokens } from './shared.js';

/** What the work found out, or why it was not done. */
export type Looked<T> = { readonly result: T } | { readonly untried: string };

type Work<T> = (session: Session) => Promise<T>;

type Look = <T>(connection: ConnectionConfig, loaded: LoadedConfig, work: Work<T>) => Promise<Looked<T>>;

/** `environment` holds the keys that tokens are encrypted under. What a provider says of a setting gets its line. */
export function connectionLook(registry: Registry, environment: Readonly<Record<string, string | undefined>>): Look {
  return async (connection, loaded, work) => {
    const provider = await configured(registry, connection, loaded);
    const keys = encryptionKeys(environment[keyVariable]);
    try {
      if (provider.grant === undefined || provider.grant.rotates === 'never') {
        return await withSession(connection, provider, {}, work);
      }
      if (keys === undefined) return await withoutKeys(connection, provider, work);
      return await withStore(connection, provider, keys, loaded.config.database, work);
    } catch (error) {
      throw error instanceof SettingError ? loaded.errorAt(error.path, error.reason) : error;
    }
  };
}

async function configured(registry: Registry, { name, provider, settings }: ConnectionConfig, loaded: LoadedConfig) {
  const found = await registry.load(provider);
  try {
    return found.configure(settings);
  } catch (error) {
    throw error instanceof Error && error.name === 'Error' ? loaded.connectionError(name, error) : error;
  }
}

async function withSession<T>(
  { name }: ConnectionConfig,
  provider: ConfiguredProvider,
  kit: ConnectionKit,
  work: Work<T>,
): Promise<Looked<T>> {
  const session = provider.open(createKit({ connection: name, provider: provider.name, log: silentLog, ...kit }));
  return { result: await work(session) };
}

async function withoutKeys<T>(
  connection: ConnectionConfig,
  provider: ConfiguredProvider,
  work: Work<T>,
): Promise<Looked<T>> {
  if (provider.grant?.rotates === 'always') throw new Error(keyAdvice(provider.name));
  let isLost = false;
  const tokens = unsharedTokens(provider, () => {
    isLost = true;
  });
  const looked = await withSession(connection, provider, { tokens }, work);
  if (!isLost) return looked;
  throw new Error(`${keyAdvice(provider.name)}. The configured refresh token is used up now: authorize again`);
}

/** The next refresh token goes where `upwrite start` looks for it, or the configured one is left alone. */
async function withStore<T>(
  connection: ConnectionConfig,
  provider: ConfiguredProvider,
  keys: KeyRing,
  database: DatabaseTarget | undefined,
  work: Work<T>,
): Promise<Looked<T>> {
  const untried = (why: string) => ({ untried: `not tried: its refresh token is good once, and ${why}` });
  if (database === undefined) return untried('the embedded Postgres, which keeps the next one, runs only with Upwrite');
  const pool = await openPool(database);
  if (pool === null) return untried('the database, which keeps the next one, cannot be reached');
  try {
    const found = await pool.query<{ there: boolean }>("SELECT to_regclass('upwrite.tokens') IS NOT NULL AS there");
    if (found.rows[0]?.there !== true) return untried('the database, which keeps the next one, is not set up yet');
    const tokens = sharedTokens(pool, connection.name, provider, keys);
    return await withSession(connection, provider, tokens === undefined ? {} : { tokens }, work);
  } finally {
    await pool.end();
  }
}

async function openPool(database: DatabaseTarget): Promise<pg.Pool | null> {
  const own = await ownConnections(database);
  const client = new pg.Client(own);
  try {
    await client.connect();
  } catch {
    return null;
  } finally {
    await client.end().catch(() => undefined);
  }
  return internalPool({ ...own, max: 2 }, () => undefined);
}

/** `upwrite check` of one connection: proves its credentials without using up what it cannot keep. */
import pg from 'pg';
import type { ConnectionConfig, DatabaseTarget, LoadedConfig } from '../config/index.js';
import { type ConfiguredProvider, createKit, type KeyRing, type Registry, silentLog } from '../provider/index.js';
import { internalPool } from '../store/index.js';
import { ownConnections } from './own-connections.js';
import { type ConnectionKit, encryptionKeys, keyAdvice, keyVariable, sharedTokens, unsharedTokens } from './shared.js';

type CheckConnection = (connection: ConnectionConfig, loaded: LoadedConfig, signal: AbortSignal) => Promise<string>;

/** `environment` holds the keys that tokens are encrypted under. */
export function connectionCheck(
  registry: Registry,
  environment: Readonly<Record<string, string | undefined>>,
): CheckConnection {
  return async (connection, loaded, signal) => {
    const provider = await configured(registry, connection, loaded);
    const keys = encryptionKeys(environment[keyVariable]);
    if (provider.grant === undefined || provider.grant.rotates === 'never')
      return prove(connection, provider, {}, signal);
    if (keys === undefined) return withoutKeys(connection, provider, signal);
    return withStore(connection, provider, keys, loaded.config.database, signal);
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

function prove({ name }: ConnectionConfig, provider: ConfiguredProvider, kit: ConnectionKit, signal: AbortSignal) {
  return provider.open(createKit({ connection: name, provider: provider.name, log: silentLog, ...kit })).check(signal);
}

async function withoutKeys(connection: ConnectionConfig, provider: ConfiguredProvider, signal: AbortSignal) {
  if (provider.grant?.rotates === 'always') throw new Error(keyAdvice(provider.name));
  let isLost = false;
  const tokens = unsharedTokens(provider, () => {
    isLost = true;
  });
  const who = await prove(connection, provider, { tokens }, signal);
  if (!isLost) return who;
  throw new Error(`${keyAdvice(provider.name)}. The configured refresh token is used up now: authorize again`);
}

/** The next refresh token goes where `upwrite start` looks for it, or the configured one is left alone. */
async function withStore(
  connection: ConnectionConfig,
  provider: ConfiguredProvider,
  keys: KeyRing,
  database: DatabaseTarget | undefined,
  signal: AbortSignal,
): Promise<string> {
  const untried = (why: string): string => `not tried: its refresh token is good once, and ${why}`;
  if (database === undefined) return untried('the embedded Postgres, which keeps the next one, runs only with Upwrite');
  const pool = await openPool(database);
  if (pool === null) return untried('the database, which keeps the next one, cannot be reached');
  try {
    const found = await pool.query<{ there: boolean }>("SELECT to_regclass('upwrite.tokens') IS NOT NULL AS there");
    if (found.rows[0]?.there !== true) return untried('the database, which keeps the next one, is not set up yet');
    const tokens = sharedTokens(pool, connection.name, provider, keys);
    return await prove(connection, provider, tokens === undefined ? {} : { tokens }, signal);
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

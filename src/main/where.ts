/** Tables with a `where`: what the sync reads goes through their conditions, and what an API makes of them is told. */
import type pg from 'pg';
import { chooseTables, filteredSession, type LiveCatalog } from '../catalog/index.js';
import type { Config, ConnectionConfig } from '../config/index.js';
import type { Session } from '../provider/index.js';
import { internalPool } from '../store/index.js';
import type { Log } from '../telemetry/index.js';
import { choiceOf } from './open-catalog.js';

export interface ConditionOptions {
  readonly config: Config;
  readonly log: Log;
  /** How the database is reached. */
  readonly own: pg.ClientConfig;
  readonly sessions: ReadonlyMap<string, Session>;
  readonly catalog: LiveCatalog;
}

/** Connections to the database for asking which records belong; whoever reads may hold others meanwhile. */
const connections = 2;

/** What a full listing of a table with a condition reads, in words. */
export function narrowingWords(provider: string, narrowing: string | null): string {
  return narrowing === null
    ? `${provider} cannot express the condition: it is applied locally, every record is read`
    : `a full listing asks ${provider} for ${narrowing}; every record that comes is checked again here`;
}

/** What the API of a connection makes of the conditions of its tables. Throws a SettingError for one that is wrong. */
export async function conditionsOf(
  connection: ConnectionConfig,
  session: Session,
  signal: AbortSignal,
): Promise<readonly { readonly table: string; readonly words: string }[]> {
  const chosen = chooseTables(choiceOf(connection, session), await session.describe(signal));
  return chosen.flatMap(({ schema, name, resource }) => {
    if (resource.filter === undefined) return [];
    const words = narrowingWords(connection.provider, session.narrowing?.(resource) ?? null);
    return [{ table: `${schema}.${name}`, words }];
  });
}

/** The sessions to sync with: those given, where no table has a condition. */
export function conditionSessions(
  { config, log, own, sessions, catalog }: ConditionOptions,
  cleanup: (() => Promise<unknown>)[],
): ReadonlyMap<string, Session> {
  if (!config.connections.some(({ tables }) => tables?.some(({ where }) => where !== undefined))) return sessions;
  const pool = internalPool({ ...own, max: connections }, (error) =>
    log.debug({ error }, 'an idle connection was lost'),
  );
  cleanup.push(() => pool.end());
  for (const { schema, name, connection, provider, resource } of catalog.all()) {
    const session = sessions.get(connection);
    if (resource.filter === undefined || session === undefined) continue;
    const what = narrowingWords(provider, session.narrowing?.(resource) ?? null);
    log.info({ table: `${schema}.${name}`, what }, 'a table with a condition');
  }
  return new Map([...sessions].map(([name, session]) => [name, filteredSession(session, pool)]));
}

/** The tables at the start: brought up to date, read, and watched from then on. */
import type pg from 'pg';
import {
  bringUpToDate,
  type ConnectionChoice,
  createCatalog,
  type Grants,
  type LiveCatalog,
  readTables,
  watchCatalog,
} from '../catalog/index.js';
import type { Config, ConnectionConfig } from '../config/index.js';
import type { Session } from '../provider/index.js';
import { forgetDescribed, internalOptions, noteDescribed, sqlstateOf, tables } from '../store/index.js';
import type { Log } from '../telemetry/index.js';

export interface OpenCatalogOptions {
  readonly config: Config;
  readonly log: Log;
  readonly pool: pg.Pool;
  /** How the database is reached. */
  readonly own: pg.ClientConfig;
  readonly sessions: ReadonlyMap<string, Session>;
  readonly grant?: Grants;
}

/** Throws where the tables of a connection cannot be had at all. What has to be ended is added to `cleanup`. */
export async function openCatalog(
  options: OpenCatalogOptions,
  cleanup: (() => Promise<unknown>)[],
): Promise<LiveCatalog> {
  const { config, log, pool } = options;
  const connections = connectionChoices(config, options.sessions, options.grant);
  const ddl = config.schemaChanges === 'auto';
  const outcomes = await bringUpToDate({
    pool,
    registry: tables,
    connections,
    ddl,
    signal: AbortSignal.timeout(config.writes.timeout * 4),
    onNote: (table, note) => log.info({ table, note }, 'a note on a synced table'),
    onFailure: (connection, error) =>
      log.warn({ connection, error }, 'an API could not be asked for its description: its tables stay as they are'),
  });
  // What waits for a lock is looked at again as soon as jobs are done.
  const waiting = new Set(outcomes.flatMap(({ connection, waiting: why }) => (why === null ? [] : [connection])));
  const names = connections.map(({ name }) => name);
  await noteDescribed(
    pool,
    names.filter((name) => !waiting.has(name)),
  );
  if (ddl) await forgetDescribed(pool, [...waiting]);
  const catalog = createCatalog(await readTables(pool, tables));
  const watch = watchCatalog({
    connection: { ...options.own, options: internalOptions },
    pool,
    registry: tables,
    catalog,
    onError: (error) => log.debug({ error, sqlstate: sqlstateOf(error) }, 'watching the catalog'),
  });
  cleanup.push(() => watch.stop());
  return catalog;
}

/** The configuration's connections with their sessions. */
export function connectionChoices(
  config: Config,
  sessions: ReadonlyMap<string, Session>,
  grant?: Grants,
): readonly ConnectionChoice[] {
  return config.connections.flatMap((connection) => {
    const session = sessions.get(connection.name);
    return session === undefined ? [] : [choiceOf(connection, session, grant)];
  });
}

/** One of them. */
export function choiceOf(connection: ConnectionConfig, session: Session, grant?: Grants): ConnectionChoice {
  const { name, provider, schema, limits } = connection;
  const chosen = connection.tables?.map((table) => ({
    resource: table.resource,
    ...(table.table === undefined ? {} : { name: table.table }),
    columns: table.columns,
    ...(table.where === undefined ? {} : { where: table.where }),
  }));
  return {
    name,
    provider,
    session,
    schema,
    limits,
    ...(chosen === undefined ? {} : { tables: chosen }),
    ...(grant === undefined ? {} : { grant }),
  };
}

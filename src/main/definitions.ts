/** What `upwrite plan`, `apply`, `drop` and `release` do to the definitions of synced tables. */
import { join } from 'node:path';
import type pg from 'pg';
import {
  bringUpToDate,
  dropStatements,
  type Grants,
  isChosen,
  parseResource,
  planCatalog,
  qualified,
  type RegisteredTable,
  releaseStatements,
  removeTable,
} from '../catalog/index.js';
import { type CommandContext, embeddedUrl, FolderInUse, hasChanges, showPlan, startEmbedded } from '../cli/index.js';
import { type Config, parseDatabaseUrl } from '../config/index.js';
import { createKit, type KeyRing, type Registry, type Session } from '../provider/index.js';
import { internalPool, migrate, tables } from '../store/index.js';
import { createLog } from '../telemetry/index.js';
import { connectionChoices } from './open-catalog.js';
import { ownConnections } from './own-connections.js';
import { encryptionKeys, keyAdvice, keyVariable, sharedTokens } from './shared.js';

/** Exit code of `upwrite plan` where there is something to do. */
const changesCode = 2;
/** Milliseconds for all descriptions. */
const describeTimeout = 300_000;
/** Milliseconds that `upwrite apply` waits for the lock on one table. */
const patience = 30_000;

interface Opened {
  readonly config: Config;
  readonly pool: pg.Pool;
  readonly grant?: Grants;
}

/** The embedded database: as another process runs it in this folder, or started for the moment. */
async function reachEmbedded({ io }: CommandContext): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const directory = join(io.directory, '.upwrite');
  try {
    const { upwriteUrl: url, stop } = await startEmbedded({ directory, log: io.err });
    return { url, stop };
  } catch (error) {
    const url = error instanceof FolderInUse ? embeddedUrl(directory) : null;
    if (url === null) throw error;
    return { url, stop: async () => undefined };
  }
}

/** Runs the work on the configured database, or on the embedded one. */
async function withDatabase(context: CommandContext, work: (opened: Opened) => Promise<number>): Promise<number> {
  const config = context.config();
  const embedded = config.database === undefined ? await reachEmbedded(context) : null;
  try {
    const database = config.database ?? parseDatabaseUrl(embedded?.url ?? '', context.io.directory);
    const pool = internalPool({ ...(await ownConnections(database)), max: 4 }, () => undefined);
    try {
      return await work({ config, pool, ...(embedded === null ? {} : { grant: { write: ['app'] } }) });
    } finally {
      await pool.end();
    }
  } finally {
    await embedded?.stop();
  }
}

/** Sessions of a moment: they share the access tokens of the processes that serve, and no budgets. */
async function openSessions(
  { config, pool }: Opened,
  registry: Registry,
  keys: KeyRing | undefined,
): Promise<ReadonlyMap<string, Session>> {
  const log = createLog({ ...config.log, level: 'warn' });
  const found = await pool.query<{ there: boolean }>("SELECT to_regclass('upwrite.tokens') IS NOT NULL AS there");
  const sessions = new Map<string, Session>();
  for (const { name, provider: providerName, settings } of config.connections) {
    const provider = (await registry.load(providerName)).configure(settings);
    const keeps = keys !== undefined && found.rows[0]?.there === true;
    const tokens = keeps ? sharedTokens(pool, name, provider, keys) : undefined;
    if (tokens === undefined && provider.grant?.rotates === 'always') {
      // Its refresh token is good once: the next one would be lost.
      throw new Error(
        keys === undefined ? keyAdvice(provider.name) : 'run "upwrite apply" first, which sets up the database',
      );
    }
    const kit = createKit({
      connection: name,
      provider: provider.name,
      log,
      ...(tokens === undefined ? {} : { tokens }),
    });
    sessions.set(name, provider.open(kit));
  }
  return sessions;
}

async function installOptions(opened: Opened, registry: Registry, keys: KeyRing | undefined) {
  const { config, pool, grant } = opened;
  const sessions = await openSessions(opened, registry, keys);
  return {
    pool,
    registry: tables,
    connections: connectionChoices(config, sessions, grant),
    signal: AbortSignal.timeout(describeTimeout),
  };
}

function keysOf(context: CommandContext): KeyRing | undefined {
  return encryptionKeys(context.io.environment[keyVariable]);
}

/** Prints what would be done. */
export function plan(context: CommandContext, registry: Registry): Promise<number> {
  return withDatabase(context, async (opened) => {
    const planned = await planCatalog(await installOptions(opened, registry, keysOf(context)));
    for (const line of showPlan(planned)) context.io.out(line);
    return hasChanges(planned) ? changesCode : 0;
  });
}

/** Does it. */
export function apply(context: CommandContext, registry: Registry): Promise<number> {
  return withDatabase(context, async (opened) => {
    const { out, err } = context.io;
    await migrate(opened.pool);
    const outcomes = await bringUpToDate({
      ...(await installOptions(opened, registry, keysOf(context))),
      lockTimeoutMs: patience,
      onNote: (table, note) => err(`${table}: ${note}`),
    });
    for (const statement of outcomes.flatMap(({ statements }) => statements)) out(`${statement};`);
    const waiting = outcomes.filter((outcome) => outcome.waiting !== null);
    for (const { table, waiting: why } of waiting) err(`${table} was not changed: ${why}`);
    const changed = outcomes.filter(({ statements }) => statements.length > 0).length;
    out(changed === 0 ? '-- nothing was to be changed' : `-- ${changed} table${changed === 1 ? '' : 's'} changed`);
    return waiting.length === 0 ? 0 : 1;
  });
}

/** The registered table that a person names, as SQL would: `salesforce.contacts`. */
async function findTable(pool: pg.Pool, name: string): Promise<RegisteredTable> {
  const all = await tables.list(pool);
  const found = await pool.query<{ oid: number; schema: string; name: string }>(
    `SELECT c.oid, n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = to_regclass($1)`,
    [name],
  );
  const row = found.rows[0];
  const table = all.find((each) => each.tableOid === row?.oid);
  if (row === undefined || table === undefined) {
    throw new Error(`${name} is no synced table; they are listed in upwrite.tables`);
  }
  return { ...table, schema: row.schema, name: row.name };
}

/** Writes whose outcome is still being found out: without the table that would never happen. */
async function refuseUnsettled(pool: pg.Pool, table: RegisteredTable): Promise<void> {
  const found = await pool.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM upwrite.mutations WHERE table_oid = $1 AND state IN ('pending', 'sent', 'unknown')",
    [table.tableOid],
  );
  const count = found.rows[0]?.count ?? 0;
  if (count === 0) return;
  throw new Error(
    `${count} write${count === 1 ? '' : 's'} of ${table.schema}.${table.name} ${count === 1 ? 'is' : 'are'} not settled yet (see upwrite.mutations): put the connection back into the configuration until ${count === 1 ? 'it is' : 'they are'}`,
  );
}

function refuseConfigured(config: Config, table: RegisteredTable): void {
  const { schema, name } = table;
  const resource = parseResource(table.resource, `${schema}.${name}`);
  const connection = config.connections.find((each) => each.name === table.connection);
  if (connection === undefined || !isChosen(connection, resource)) return;
  throw new Error(
    `${schema}.${name} is in the configuration: take it out of connections.${connection.name}.tables first`,
  );
}

interface Removal {
  /** What becomes of the rows. */
  says(rows: number): string;
  statements(table: RegisteredTable): readonly string[];
}

const rowCount = (rows: number): string => `${rows} row${rows === 1 ? '' : 's'}`;

/** `drop` takes the rows with it, `release` leaves an ordinary table. */
const removals = {
  drop: {
    says: (rows) => `${rowCount(rows)}, all removed here; the API is not touched`,
    statements: dropStatements,
  },
  release: {
    says: (rows) => `${rowCount(rows)}, all kept; whoever has the privilege may change them from now on`,
    statements: releaseStatements,
  },
} as const satisfies Readonly<Record<string, Removal>>;

/** Removes a table that the configuration no longer has; without --yes only says what would be done. */
export function remove(context: CommandContext, how: keyof typeof removals): Promise<number> {
  return withDatabase(context, async ({ config, pool }) => {
    await migrate(pool);
    const table = await findTable(pool, context.args[0] ?? '');
    refuseConfigured(config, table);
    await refuseUnsettled(pool, table);
    const counted = await pool.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${qualified(table)}`);
    const statements = removals[how].statements(table);
    for (const statement of statements) context.io.out(`${statement};`);
    context.io.err(`${table.schema}.${table.name}: ${removals[how].says(counted.rows[0]?.count ?? 0)}`);
    if (context.options['yes'] !== true) {
      context.io.err('Nothing was done. Say --yes to do it.');
      return changesCode;
    }
    await removeTable(pool, tables, table, statements);
    context.io.err('Done.');
    return 0;
  });
}

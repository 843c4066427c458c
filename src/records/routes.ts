/**
 * Ties synced tables to the records tables that they feed. Only a table that feeds one has the triggers that note its
 * changes: the others pay nothing.
 */
import type pg from 'pg';
import { type Catalog, ident, literal, qualified, type SyncedTable } from '../catalog/index.js';
import { inTransaction, isLockTimeout, lockKey, type RecordRoute, records } from '../store/index.js';
import { syncId } from './ids.js';
import { payloadDefinition } from './payload.js';

/** A connection of the configuration, as its records show it. */
export interface RecordConnection {
  readonly name: string;
  readonly provider: string;
  readonly externalId: string | null;
  /** JSON as text. */
  readonly metadata: string;
}

/** Which connections feed a target. */
export interface RecordFilter {
  readonly provider?: string;
  readonly connection?: string;
}

export interface RoutedTarget {
  readonly name: string;
  readonly filters: readonly RecordFilter[];
}

const statements = ['insert', 'update', 'delete'] as const;

/** Milliseconds to wait for statements that are under way on a table that gets or loses its triggers. */
const lockTimeoutMs = 5000;

function selects(filter: RecordFilter, connection: RecordConnection): boolean {
  return filter.connection === undefined
    ? filter.provider === connection.provider
    : filter.connection === connection.name;
}

function routeOf(table: SyncedTable, connection: RecordConnection): RecordRoute {
  const { externalId, metadata } = connection;
  return {
    tableOid: table.oid,
    connection: connection.name,
    object: table.resource.object,
    definition: [syncId(connection.name), externalId, metadata, table.resource.object, ...payloadDefinition(table)],
  };
}

/**
 * Brings routes and triggers in line with the configuration and the catalog; whatever another process does meanwhile
 * waits. Answers false where a table was in use for too long: then it has to be tried again.
 */
export async function installRoutes(
  pool: pg.Pool,
  catalog: Catalog,
  connections: readonly RecordConnection[],
  targets: readonly RoutedTarget[],
): Promise<boolean> {
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query('SELECT pg_advisory_lock($1)', [lockKey('record routes').toString()]);
    await records.setTargets(
      pool,
      targets.map((target) => target.name),
    );
    const complete = await installAll(pool, catalog, connections, targets);
    await client.query('SELECT pg_advisory_unlock($1)', [lockKey('record routes').toString()]);
    broken = false;
    return complete;
  } finally {
    client.release(broken);
  }
}

async function installAll(
  pool: pg.Pool,
  catalog: Catalog,
  connections: readonly RecordConnection[],
  targets: readonly RoutedTarget[],
): Promise<boolean> {
  const triggered = await triggeredTables(pool);
  const left = new Set([...(await records.routedTables(pool)), ...triggered]);
  let complete = true;
  const attempt = async (work: (client: pg.ClientBase) => Promise<void>): Promise<void> => {
    try {
      await inTransaction(pool, async (client) => {
        await client.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
        await work(client);
      });
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      complete = false;
    }
  };
  for (const table of catalog.all()) {
    const connection = connections.find((each) => each.name === table.connection);
    if (connection === undefined) continue;
    const fed = targets.filter((target) => target.filters.some((filter) => selects(filter, connection)));
    if (fed.length === 0) continue;
    left.delete(table.oid);
    await attempt(async (client) => {
      // The triggers first: what is changed behind them is noted, what was before is loaded.
      if (!triggered.has(table.oid)) for (const sql of triggerSql(table)) await client.query(sql);
      await records.setRoutes(
        client,
        routeOf(table, connection),
        fed.map((target) => target.name),
      );
    });
  }
  for (const oid of left) {
    await attempt(async (client) => {
      if (triggered.has(oid)) await dropTriggers(client, oid);
      await records.dropRoutes(client, oid);
    });
  }
  return complete;
}

/** Which tables have the triggers, all of them. */
async function triggeredTables(db: Pick<pg.Pool, 'query'>): Promise<ReadonlySet<number>> {
  const result = await db.query<{ oid: number }>(
    `SELECT tgrelid AS oid FROM pg_trigger WHERE tgname = ANY ($1::text[]) AND NOT tgisinternal
     GROUP BY tgrelid HAVING count(*) = $2`,
    [statements.map(triggerName), statements.length],
  );
  return new Set(result.rows.map((row) => row.oid));
}

function triggerName(statement: string): string {
  return `upwrite_changes_${statement}`;
}

/**
 * A trigger for each statement, not for each row. In a client's session, where statements are only evaluated, they do not
 * run: the guard lets nobody else commit.
 */
function triggerSql(table: SyncedTable): readonly string[] {
  const on = qualified(table);
  return statements.flatMap((statement) => [
    `DROP TRIGGER IF EXISTS ${triggerName(statement)} ON ${on}`,
    `CREATE TRIGGER ${triggerName(statement)} AFTER ${statement.toUpperCase()} ON ${on}
     REFERENCING ${statement === 'delete' ? 'OLD' : 'NEW'} TABLE AS changed FOR EACH STATEMENT
     WHEN (current_setting('upwrite.internal', true) = 'on')
     EXECUTE FUNCTION upwrite.note_changes(${literal(table.resource.key)})`,
  ]);
}

async function dropTriggers(client: pg.ClientBase, oid: number): Promise<void> {
  const found = await client.query<{ schema: string; name: string }>(
    `SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = $1`,
    [oid],
  );
  for (const table of found.rows) {
    for (const statement of statements) {
      await client.query(`DROP TRIGGER IF EXISTS ${ident(triggerName(statement))} ON ${qualified(table)}`);
    }
  }
}

/** Two databases of one server that hold the same tables and rows: one synced, behind the proxy, one plain. */
import pg from 'pg';
import { connect, ownPool } from '../support/database.js';
import { testedVersion } from '../support/postgres.js';
import { startStack } from '../support/stack.js';
import { type AcceptingApi, acceptingApi } from './api.js';
import type { Side } from './case.js';
import { contents, fixtures, generatedKey, resources, seeds, uniqueIndexes } from './tables.js';

export interface World {
  readonly api: AcceptingApi;
  readonly plain: Side;
  readonly synced: Side;
  /** Gives both databases the same rows again. */
  reset(): Promise<void>;
  /** What the proxy logged as warning or error since the last time. */
  complaints(): readonly string[];
}

/** The columns of the synced tables as they are in the database, as DDL of a plain table. */
const plainTables = `
  SELECT format('CREATE TABLE %s (%s)', c.oid::regclass, string_agg(
    format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) ||
    CASE WHEN a.attnotnull THEN ' DEFAULT local_keys.next() PRIMARY KEY' ELSE '' END, ', ' ORDER BY a.attnum)) AS ddl,
    c.oid::regclass::text AS name
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
  WHERE c.relnamespace = 'salesforce'::regnamespace AND c.relkind = 'r' GROUP BY c.oid ORDER BY c.oid`;

/** Keys as the API hands them out: a sequence of their own, begun anew for each case. */
const plainKeys = `
  CREATE SCHEMA local_keys; GRANT USAGE ON SCHEMA local_keys TO PUBLIC;
  CREATE SEQUENCE local_keys.serial; GRANT ALL ON SEQUENCE local_keys.serial TO PUBLIC;
  CREATE FUNCTION local_keys.next() RETURNS text LANGUAGE sql VOLATILE
    RETURN left('${generatedKey(0)}', 3) || lpad(nextval('local_keys.serial')::text, ${generatedKey(0).length - 3}, '0');
  CREATE SCHEMA salesforce; GRANT USAGE ON SCHEMA salesforce TO PUBLIC`;

export async function startWorld(): Promise<World> {
  const api = acceptingApi();
  const stack = await startStack({
    resources,
    postgres: { hba: ['host all all 127.0.0.1/32 trust'] },
    // A row that the client itself has locked is waited for so long.
    write: { session: () => api.session, lockTimeout: 2000 },
  });
  const { server } = stack;
  const admin = await connect(server.superuserUrl);
  await admin.query('CREATE ROLE writer LOGIN; CREATE ROLE insert_only');
  await admin.query(
    testedVersion >= 16
      ? 'GRANT writer, insert_only TO app WITH INHERIT FALSE'
      : 'ALTER ROLE app NOINHERIT; GRANT writer, insert_only TO app',
  );
  await admin.query('CREATE DATABASE plain OWNER upwrite');
  await admin.query('GRANT CREATE ON DATABASE upwrite TO app; GRANT CREATE ON DATABASE plain TO app');
  const synced = ownPool(server.upwriteUrl, 2);
  const plain = new pg.Pool({ connectionString: urlOf(server.upwriteUrl, 'plain'), max: 2 });
  pools.push(plain);
  await plain.query(plainKeys);
  const tables = await synced.query<{ ddl: string; name: string }>(plainTables);
  for (const { ddl, name } of tables.rows) {
    await plain.query(ddl);
    await plain.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${name} TO PUBLIC`);
  }
  for (const statement of fixtures) {
    await plain.query(statement);
    await synced.query(statement);
  }
  for (const statement of uniqueIndexes) await plain.query(statement);
  const lines = async (pool: pg.Pool): Promise<readonly string[]> => {
    const { rows } = await pool.query<{ line: string }>(`SET time zone 'UTC'; ${contents}`).then(lastOf);
    return rows.map((row) => row.line).sort();
  };
  return {
    api,
    plain: { address: server, database: 'plain', contents: () => lines(plain) },
    synced: { address: { host: '127.0.0.1', port: stack.port }, database: 'upwrite', contents: () => lines(synced) },
    reset: async () => {
      api.reset();
      await plain.query('ALTER SEQUENCE local_keys.serial RESTART');
      for (const pool of [plain, synced]) await pool.query(seeds.join(';\n'));
    },
    complaints: () => stack.complaints.splice(0),
  };
}

function lastOf<T extends pg.QueryResultRow>(results: pg.QueryResult<T>): pg.QueryResult<T> {
  return Array.isArray(results) ? ((results as pg.QueryResult<T>[]).at(-1) ?? results) : results;
}

function urlOf(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

const pools: pg.Pool[] = [];

export async function stopWorld(): Promise<void> {
  await Promise.all(pools.splice(0).map((pool) => pool.end()));
}

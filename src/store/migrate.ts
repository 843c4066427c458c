/** Brings the schema `upwrite` up to date. Any number of processes may do so at once. */
import type pg from 'pg';
import { lockKey } from './locks.js';
import { type Migration, migrations, privileges } from './migrations/index.js';

export interface MigrationResult {
  /** The schema's version before and after; 0 is an empty database. */
  readonly from: number;
  readonly to: number;
}

/**
 * Creates or upgrades the schema `upwrite`, each step in its own transaction, one process at a time. The role needs
 * CREATE on the database the first time, unless the schema exists and is its own.
 * Throws an Error when the database was last used by a newer Upwrite.
 */
export async function migrate(pool: pg.Pool, steps: readonly Migration[] = migrations): Promise<MigrationResult> {
  const client = await pool.connect();
  let broken = true;
  try {
    const lock = lockKey('migrations').toString();
    await client.query('SELECT pg_advisory_lock($1)', [lock]);
    try {
      return await upgrade(client, steps);
    } finally {
      await client.query('SELECT pg_advisory_unlock($1)', [lock]);
      broken = false;
    }
  } finally {
    client.release(broken);
  }
}

async function upgrade(client: pg.PoolClient, steps: readonly Migration[]): Promise<MigrationResult> {
  await createSchema(client);
  const from = await currentVersion(client);
  const to = Math.max(0, ...steps.map((step) => step.version));
  if (from > to) {
    throw new Error(
      `the database's schema "upwrite" has version ${from} and this Upwrite knows ${to}: start a newer Upwrite`,
    );
  }
  for (const step of steps.filter((each) => each.version > from)) await runStep(client, step, steps);
  return { from, to };
}

/** CREATE SCHEMA IF NOT EXISTS asks for the privilege even where the schema exists, hence the look first. */
async function createSchema(client: pg.PoolClient): Promise<void> {
  const found = await client.query("SELECT FROM pg_namespace WHERE nspname = 'upwrite'");
  if (found.rowCount === 0) {
    await client.query(
      "CREATE SCHEMA upwrite; COMMENT ON SCHEMA upwrite IS 'What Upwrite keeps about its synced tables.'",
    );
  }
  await client.query(`GRANT USAGE ON SCHEMA upwrite TO PUBLIC;
    CREATE TABLE IF NOT EXISTS upwrite.migrations (
      version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())`);
}

async function currentVersion(client: pg.PoolClient): Promise<number> {
  const result = await client.query<{ version: number }>(
    'SELECT coalesce(max(version), 0) AS version FROM upwrite.migrations',
  );
  return result.rows[0]?.version ?? 0;
}

async function runStep(client: pg.PoolClient, step: Migration, known: readonly Migration[]): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(step.sql);
    await client.query(privileges(known));
    await client.query('INSERT INTO upwrite.migrations (version, name) VALUES ($1, $2)', [step.version, step.name]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

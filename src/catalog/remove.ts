/** A table that is no longer synced, removed with its rows, or handed over as an ordinary one. */
import type pg from 'pg';
import { catalogChannel } from './catalog.js';
import { guardName, truncateGuardName } from './guard.js';
import { ident, qualified } from './names.js';
import type { RegisteredTable, TableRegistry } from './port.js';
import { parseResource } from './snapshot.js';

/** Milliseconds to wait for the table's lock. */
const lockTimeout = 5000;

/** The statements that remove a table. Whatever depends on it, such as a view, keeps it from being removed. */
export function dropStatements(table: RegisteredTable): readonly string[] {
  return [`DROP TABLE ${qualified(table)}`];
}

/** The statements that make a table an ordinary one: anybody with the privilege may change it. */
export function releaseStatements(table: RegisteredTable): readonly string[] {
  const { key } = parseResource(table.resource, `${table.schema}.${table.name}`);
  const name = qualified(table);
  return [
    `DROP TRIGGER IF EXISTS ${guardName} ON ${name}`,
    `DROP TRIGGER IF EXISTS ${truncateGuardName} ON ${name}`,
    `ALTER TABLE ${name} ALTER COLUMN ${ident(key)} DROP DEFAULT`,
  ];
}

/**
 * Runs the statements and forgets the table, in one transaction.
 * Throws what the database threw, 2BP01 where something depends on the table, with nothing changed.
 */
export async function removeTable(
  pool: pg.Pool,
  registry: TableRegistry,
  table: RegisteredTable,
  statements: readonly string[],
): Promise<void> {
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query(`BEGIN; SET LOCAL lock_timeout = ${lockTimeout}`);
    try {
      for (const statement of statements) await client.query(statement);
      await registry.forget(client, table.tableOid);
      await client.query(`NOTIFY ${catalogChannel}`);
      await client.query('COMMIT');
      broken = false;
    } catch (error) {
      await client.query('ROLLBACK');
      broken = false;
      throw error;
    }
  } finally {
    client.release(broken);
  }
}

/**
 * Whoever changes a table's position and its health locks `table_details` first and `tables` then: otherwise a page and an
 * operator's command could wait for each other.
 */
import type pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import {
  migrate,
  noteUnfit,
  pauseTable,
  positions,
  type Queryable,
  resumeTable,
  resyncTable,
  tables,
} from '../../src/store/index.js';
import { ownPool } from '../support/database.js';
import { startTestPostgres } from '../support/postgres.js';
import { registerContacts } from '../support/registered.js';
import { waitFor } from '../support/wait.js';

const oid = 4711;
const contacts = { schema: 'salesforce', table: 'contacts' };
let pool: pg.Pool;

beforeAll(async () => {
  const server = await startTestPostgres();
  pool = ownPool(server.upwriteUrl);
  await migrate(pool);
});

async function isWaiting(client: pg.PoolClient): Promise<boolean> {
  const { rows } = await pool.query<{ waits: boolean }>('SELECT cardinality(pg_blocking_pids($1)) > 0 AS waits', [
    Reflect.get(client, 'processID'),
  ]);
  return rows[0]?.waits ?? false;
}

const run = '1';
const changes: readonly (readonly [string, (db: Queryable) => Promise<unknown>])[] = [
  ['a pause', (db) => pauseTable(db, contacts, 'a reason')],
  ['the end of a pause', (db) => resumeTable(db, contacts)],
  ['a wish for a new listing', (db) => resyncTable(db, contacts)],
  ['a state', (db) => tables.setState(db, oid, { state: 'unhealthy', reason: 'a reason' })],
  ['a warning', (db) => noteUnfit(db, oid, [{ key: 'x', unfit: ['email'] }], [])],
  ['a page', (db) => positions.claim(db, { oid, definition: 1 }, '00000000-0000-4000-8000-000000000000', true)],
  ['the beginning of a listing', (db) => positions.beginListing(db, oid, run, { sweep: false, noting: false })],
  ['the end of a listing', (db) => positions.endListing(db, oid, run, false)],
  ['a definition', (db) => registerContacts(db, oid)],
  ['another table in its place', (db) => registerContacts(db, oid + 1)],
  ['taking it out', (db) => tables.detach(db, oid)],
  ['forgetting it', (db) => tables.forget(db, oid)],
];

test.each(changes)(
  '%s waits for a page that is being committed, and not the other way round',
  async (_what, change) => {
    await registerContacts(pool, oid);
    await pool.query("UPDATE upwrite.table_details SET run = 1, pause = 'an operator' WHERE table_oid = $1", [oid]);
    await pool.query("UPDATE upwrite.tables SET state = 'paused' WHERE table_oid = $1", [oid]);
    const page = await pool.connect();
    const other = await pool.connect();
    try {
      // The page that is first at the details will come to the table, as the statement that ends a page does.
      await page.query('BEGIN');
      await page.query('SELECT FROM upwrite.table_details WHERE table_oid = $1 FOR UPDATE', [oid]);
      await other.query('BEGIN');
      const changed = change(other);
      await waitFor('the other to wait', () => isWaiting(other));
      await page.query("SET LOCAL lock_timeout = '20s'");
      const { rowCount } = await page.query('UPDATE upwrite.tables SET pages = 1 WHERE table_oid = $1', [oid]);
      expect(rowCount).toBe(1);
      await page.query('COMMIT');
      await changed;
      await other.query('ROLLBACK');
    } finally {
      page.release(true);
      other.release(true);
    }
  },
);

/** A table that should be looked at, and is not, is unhealthy for whoever looks, even where no process is left. */
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { migrate, positions, type TableHealth, tables, takeLease } from '../../src/store/index.js';
import { askAdmin } from '../support/admin.js';
import { ownPool } from '../support/database.js';
import { startTestPostgres } from '../support/postgres.js';
import { registerContacts } from '../support/registered.js';

const oid = 4712;
const reason = 'nobody looks at it: no process syncs, or those that do fall behind';
let pool: pg.Pool;

beforeAll(async () => {
  const server = await startTestPostgres();
  pool = ownPool(server.upwriteUrl);
  await migrate(pool);
});

afterAll(() => pool.end());

beforeEach(async () => {
  await pool.query('DELETE FROM upwrite.tables');
  await pool.query('DELETE FROM upwrite.table_details');
  await registerContacts(pool, oid);
});

async function seen(): Promise<TableHealth> {
  const [table] = await tables.health(pool);
  if (table === undefined) throw new Error('the table is not registered');
  return table;
}

/** As if everything that is written of the table had been written so long ago. */
async function age(minutes: number): Promise<void> {
  const ago = `- interval '${minutes} minutes'`;
  await pool.query(`UPDATE upwrite.tables SET since = since ${ago}, last_synced_at = last_synced_at ${ago}`);
  await pool.query(`UPDATE upwrite.table_details SET worked_at = worked_at ${ago}`);
}

/** A run of a process of its own, from which the caller takes what is to follow. */
async function begun() {
  const lease = await takeLease(pool, { kind: 'sync', onError: () => undefined });
  const { rows } = await pool.query<{ definition: number }>('SELECT definition FROM upwrite.table_details');
  const claim = await positions.claim(pool, { oid, definition: rows[0]?.definition ?? 0 }, lease.id, true);
  if (claim === null || claim === 'busy' || claim === 'changed') throw new Error(`the table is ${claim}`);
  return { release: () => positions.release(pool, oid, claim.run), die: () => lease.release() };
}

test('a table that no process ever took up is unhealthy after five minutes', async () => {
  expect(await seen()).toMatchObject({ state: 'backfilling', reason: null });
  await age(4);
  expect(await seen()).toMatchObject({ state: 'backfilling', reason: null });
  await age(2);
  const late = await seen();
  expect(late).toMatchObject({ state: 'unhealthy', reason });
  expect(Math.round((late.now - late.since) / 60_000)).toBe(1);
});

test('while a living process works on it, it is not, however long that takes; once that is dead it is', async () => {
  const run = await begun();
  await age(600);
  expect(await seen()).toMatchObject({ state: 'backfilling' });
  await run.die();
  expect(await seen()).toMatchObject({ state: 'unhealthy', reason });
});

test('what counts is the end of the last run, however that went', async () => {
  const run = await begun();
  await age(600);
  await run.release();
  expect(await seen()).toMatchObject({ state: 'backfilling' });
  await age(6);
  expect(await seen()).toMatchObject({ state: 'unhealthy', reason });
  await run.die();
});

test('a table that is looked at rarely has twice its max_age besides', async () => {
  await tables.setState(pool, oid, { state: 'live', reason: null });
  await tables.setMaxAges(pool, new Map([[oid, 600_000]]));
  await age(24);
  expect(await seen()).toMatchObject({ state: 'live' });
  await age(2);
  expect(await seen()).toMatchObject({ state: 'unhealthy', reason });
});

test.each(['paused', 'unhealthy'] as const)('one that is %s keeps its state and its reason', async (state) => {
  await tables.setState(pool, oid, { state, reason: 'so it is' });
  await age(600);
  expect(await seen()).toMatchObject({ state, reason: 'so it is' });
});

test('/healthz and /metrics say so', async () => {
  const ask = (path: string) => askAdmin(pool, path);
  expect((await ask('/healthz')).status).toBe(200);
  await age(6);
  const sick = await ask('/healthz');
  expect(sick.status).toBe(503);
  expect(JSON.parse(sick.body)).toMatchObject({
    status: 'unhealthy',
    tables: { backfilling: 0, unhealthy: 1 },
    attention: [{ table: 'salesforce.contacts', state: 'unhealthy', reason }],
  });
  expect((await ask('/metrics')).body).toContain('upwrite_table_healthy{schema="salesforce",table="contacts"} 0\n');
});

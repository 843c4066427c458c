/** Who may move a table's position: the run that has the table, and none that was thought dead. */
import type pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import {
  type Claim,
  countSwept,
  inTransaction,
  migrate,
  NotWorker,
  noteSwept,
  positions,
  takeLease,
} from '../../src/store/index.js';
import { ownPool } from '../support/database.js';
import { startTestPostgres } from '../support/postgres.js';
import { registerContacts } from '../support/registered.js';

const table = { oid: 4711, definition: 1 };
let pool: pg.Pool;

beforeAll(async () => {
  const server = await startTestPostgres();
  pool = ownPool(server.upwriteUrl);
  await migrate(pool);
  await registerContacts(pool, table.oid);
  const { rows } = await pool.query<{ definition: number }>('SELECT definition FROM upwrite.table_details');
  table.definition = rows[0]?.definition ?? 0;
});

async function claimed(worker: string): Promise<Claim> {
  const claim = await positions.claim(pool, table, worker, true);
  if (claim === null || claim === 'busy' || claim === 'changed') throw new Error(`the table is ${claim}`);
  return claim;
}

test('a run that was thought dead empties no notes of the one that came after it', async () => {
  const [first, second] = await Promise.all(
    ['first', 'second'].map((kind) => takeLease(pool, { kind, onError: () => undefined })),
  );
  const old = await claimed(first?.id ?? '');
  await positions.beginListing(pool, table.oid, old.run, { sweep: false, noting: true });
  expect(await positions.claim(pool, table, second?.id ?? '', true)).toBe('busy');
  await first?.release();
  const now = await claimed(second?.id ?? '');
  expect(now.position.fullListing).toBe(true);
  await positions.beginListing(pool, table.oid, now.run, { sweep: false, noting: true });
  const noted = await inTransaction(pool, async (client) => {
    const keys = await noteSwept(client, table.oid, ['a', 'b', 'c']);
    await positions.advance(client, table.oid, now.run, {
      sweep: false,
      cursor: 'behind c',
      records: 3,
      expectedRows: 9,
      sweptRows: keys,
      rate: null,
      syncedAt: null,
    });
    return keys;
  });

  const late = positions.beginListing(pool, table.oid, old.run, { sweep: false, noting: true });
  await expect(late).rejects.toBeInstanceOf(NotWorker);
  await expect(positions.endListing(pool, table.oid, old.run, false)).rejects.toBeInstanceOf(NotWorker);

  expect(await countSwept(pool, table.oid)).toBe(noted);
  const { rows } = await pool.query('SELECT pages::int, rows::int, expected_rows::int FROM upwrite.tables');
  expect(rows).toEqual([{ pages: 1, rows: 3, expected_rows: 9 }]);
  await positions.endListing(pool, table.oid, now.run, false);
  expect(await countSwept(pool, table.oid)).toBe(0);
  await second?.release();
});

/** Leases: of a process that was killed, by those that can see that it is gone, and by nobody else. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate, takeLease } from '../../src/store/index.js';
import { placeOfThisProcess } from '../../src/store/place.js';
import { TalkingChild } from '../faults/child.js';
import { ownPool } from '../support/database.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { registerContacts } from '../support/registered.js';
import { waitFor } from '../support/wait.js';

let server: TestPostgres;
let pool: pg.Pool;
const table = { oid: 4711, definition: 0 };

beforeAll(async () => {
  server = await startTestPostgres();
  pool = ownPool(server.upwriteUrl);
  await migrate(pool);
  await registerContacts(pool, table.oid);
  const found = await pool.query<{ definition: number }>('SELECT definition FROM upwrite.table_details');
  table.definition = found.rows[0]?.definition ?? 0;
});
afterAll(() => pool?.end());

/** A process with a lease of an hour, which holds the table. */
async function startHolder(): Promise<TalkingChild> {
  await pool.query('UPDATE upwrite.table_details SET worker = NULL');
  return TalkingChild.start('test/sync/holder.js', { url: server.upwriteUrl, table }, () => {});
}

async function alive(): Promise<number> {
  const found = await pool.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM upwrite.processes WHERE lease_until > clock_timestamp()',
  );
  return found.rows[0]?.n ?? 0;
}

/** Another process starts here, and ends. */
async function somebodyStarts(place?: string): Promise<void> {
  const lease = await takeLease(pool, { kind: 'test', onError: () => {}, ...(place === undefined ? {} : { place }) });
  await lease.release();
}

test.runIf(placeOfThisProcess() !== null)('a killed process’s ends when another one starts beside it', async () => {
  const [living, killed] = [await startHolder(), await startHolder()];
  await somebodyStarts();
  expect(await alive()).toBe(2);
  await killed.kill();
  await somebodyStarts('another machine');
  expect(await alive()).toBe(2);
  await somebodyStarts();
  expect(await alive()).toBe(1);
  await living.kill();
  await somebodyStarts();
  expect(await alive()).toBe(0);
});

test('a lease that is not renewed is held until it runs out, for its own process as well', async () => {
  const long = await takeLease(pool, { kind: 'test', onError: () => {} });
  const short = await takeLease(pool, { kind: 'test', leaseMs: 100, renewMs: 3_600_000, onError: () => {} });
  await waitFor('its end', () => !short.isHeld());
  expect(long.isHeld()).toBe(true);
  await Promise.all([long.release(), short.release()]);
});

test('the place of a process is that of its children', async () => {
  expect(placeOfThisProcess()).toBe(placeOfThisProcess());
  const holder = await startHolder();
  const found = await pool.query<{ place: string | null }>(
    'SELECT place FROM upwrite.processes WHERE lease_until > clock_timestamp()',
  );
  expect(found.rows).toEqual([{ place: placeOfThisProcess() }]);
  await holder.kill();
});

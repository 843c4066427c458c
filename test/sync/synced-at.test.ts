/** The time as of which a table has everything that the API had: never later than the question, however slow the database. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installCatalog } from '../../src/catalog/index.js';
import { migrate, tables, takeLease } from '../../src/store/index.js';
import { eventually, ownPool } from '../support/database.js';
import { contacts, type FakeApi, fakeApi } from '../support/fake-api.js';
import { startTestPostgres } from '../support/postgres.js';
import { startTestSync, type TestSync } from '../support/test-sync.js';

let pool: pg.Pool;
let api: FakeApi;
let sync: TestSync | undefined;
/** By the database's clock, in seconds: when the API was asked last, and what the table said when its answer was here. */
let asked = 0;
const said: { readonly asked: number; readonly synced: number | null }[] = [];

async function seconds(sql: string): Promise<number | null> {
  const { rows } = await pool.query<{ at: number | null }>(`SELECT extract(epoch FROM ${sql})::float8 AS at`);
  return rows[0]?.at ?? null;
}

/** A pool on which the end of a page waits for its turn. */
function slow(): pg.Pool {
  return Object.assign(Object.create(pool), {
    query: async (query: pg.QueryConfig, values?: unknown[]) => {
      if (query.name !== 'upwrite-advance') return pool.query(query, values);
      await new Promise((resolve) => setTimeout(resolve, 200));
      const answer = await pool.query(query, values);
      said.push({ asked, synced: await seconds('(SELECT last_synced_at FROM upwrite.tables)') });
      return answer;
    },
  });
}

beforeAll(async () => {
  const server = await startTestPostgres();
  pool = ownPool(server.upwriteUrl);
  await migrate(pool);
  api = fakeApi([contacts()]);
  api.hook = async (what) => {
    if (what === 'page') asked = (await seconds('clock_timestamp()')) ?? 0;
  };
  const connection = {
    name: 'salesforce',
    provider: 'salesforce',
    session: api.session,
    grant: { write: ['public'] },
  };
  const signal = AbortSignal.timeout(60_000);
  const catalog = await installCatalog({ pool, registry: tables, connections: [connection], signal });
  const lease = await takeLease(pool, { kind: 'test', onError: () => {} });
  const sessions = new Map([['salesforce', api.session]]);
  sync = await startTestSync(slow(), ownPool(server.upwriteUrl, 4), catalog, sessions, lease.id);
});
afterAll(() => sync?.stop());

test('a page of changes whose end is late makes nothing newer than its question', async () => {
  // The first listing, and looks for changes behind it.
  await eventually(async () => (said.length > 3 ? true : undefined), 60_000);
  const later = said.slice(1);
  expect(later.filter(({ synced }) => synced === null)).toEqual([]);
  expect(later.filter(({ asked, synced }) => (synced ?? 0) > asked)).toEqual([]);
});

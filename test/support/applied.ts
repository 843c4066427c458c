/** What the write path does once the API has confirmed, without the rest of it. */
import type pg from 'pg';
import { applyRecords, deleteRecords, type SyncedTable } from '../../src/catalog/index.js';
import { beginApply, openJournal } from '../../src/store/index.js';
import type { FakeApi } from './fake-api.js';

/** Applies what the API has of a record, as the outcome of a write. */
export async function applyAnswerOf(
  pool: pg.Pool,
  table: SyncedTable,
  worker: string,
  api: FakeApi,
  key: string,
): Promise<void> {
  const journal = openJournal(pool, worker);
  const { connection, provider, oid: tableOid, schema, name } = table;
  const ticket = await journal.open({
    role: 'app',
    connection,
    provider,
    tableOid,
    schema,
    table: name,
    verb: 'update',
    rows: [{ key, values: {}, idempotencyKey: 'k' }],
    settleAfterMs: 60_000,
  });
  const values = api.live(table.resource.object).get(key);
  const client = await pool.connect();
  try {
    await beginApply(client, tableOid, 10_000);
    if (values === undefined) await deleteRecords(client, table, [key]);
    else await applyRecords(client, table, [{ key, values: { ...values, [table.resource.key]: key } }]);
    await journal.finish(client, ticket, { state: 'applied', rows: [{ outcome: 'applied', key }] });
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

/**
 * Compares rows with what deliveries said of them. An API may tell of a change before it shows it, so a record that was read
 * at once can be the old one: it is read again, a few times, later each time. After the last time the API's answer stands:
 * a later event, or an event that came out of order, is a reason for a row to differ as well.
 */
import type pg from 'pg';
import { type Catalog, ident, qualified, type SyncedTable } from '../catalog/index.js';
import {
  dropAllExpectations,
  dropExpectations,
  type Expectation,
  inTransaction,
  lockTablesShared,
  nextExpectation,
  postponeExpectations,
  queueStale,
  stillStale,
  tables,
  takeExpectations,
} from '../store/index.js';
import { lockTimeout } from './queue.js';

export interface ExpectingOptions {
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  /** Records of the table are to be read again. */
  readonly wake: (tableOid: number) => Promise<void>;
  /** Milliseconds from a re-reading that showed the old record to the next look. Default 5 s, 30 s, 2 min. */
  readonly delays?: readonly number[];
}

/** Records of one transaction. */
const batch = 500;
/** Milliseconds after which a record that has not been read again yet is looked at. */
const unread = 5000;

/** Milliseconds until a table is looked at again that another process has in its configuration. */
const strangerMs = 10_000;

/** Compares what is due of a table. Answers milliseconds until the next is; null: there is none. */
export async function compareRows(
  options: ExpectingOptions,
  tableOid: number,
  signal: AbortSignal,
): Promise<number | null> {
  const { pool, catalog } = options;
  const table = catalog.byOid(tableOid);
  if (table === undefined) {
    const registered = await tables.list(pool);
    if (registered.some((each) => each.tableOid === tableOid)) return strangerMs;
    await dropAllExpectations(pool, tableOid);
    return null;
  }
  while (!signal.aborted && (await lookAt(options, table)) === batch);
  return nextExpectation(pool, tableOid);
}

/** How many records were looked at. */
async function lookAt(options: ExpectingOptions, table: SyncedTable): Promise<number> {
  const { pool, wake, delays = [5000, 30_000, 120_000] } = options;
  const { oid } = table;
  let again = false;
  const count = await inTransaction(pool, async (client) => {
    await lockTablesShared(client, [oid], lockTimeout);
    const due = await takeExpectations(client, oid, batch);
    const keys = due.map(({ key }) => key);
    if (due.length === 0) return 0;
    const met = await metBy(client, table, due);
    const waiting = new Set(await stillStale(client, oid, keys));
    const over = due.filter(({ key, attempts }) => met.has(key) || (!waiting.has(key) && attempts >= delays.length));
    const done = new Set(over.map(({ key }) => key));
    await dropExpectations(client, oid, [...done]);
    const open = due.filter(({ key }) => !done.has(key));
    await postponeExpectations(
      client,
      oid,
      open.filter(({ key }) => waiting.has(key)).map(({ key }) => key),
      unread,
      false,
    );
    const stale = open.filter(({ key }) => !waiting.has(key));
    for (const [attempts, delay] of delays.entries()) {
      const these = stale.filter((each) => each.attempts === attempts).map(({ key }) => key);
      if (these.length > 0) await postponeExpectations(client, oid, these, delay, true);
    }
    again = stale.length > 0 || waiting.size > 0;
    if (stale.length > 0)
      await queueStale(
        client,
        oid,
        stale.map(({ key }) => key),
      );
    return due.length;
  });
  if (again) await wake(oid);
  return count;
}

/** Only times can be compared: the other types of version columns are no API's that says a version. */
async function metBy(
  client: pg.ClientBase,
  { resource, ...table }: SyncedTable,
  due: readonly Expectation[],
): Promise<ReadonlySet<string>> {
  const key = ident(resource.key);
  const version = resource.columns.find(({ name, type }) => name === resource.version && type === 'timestamptz');
  const reached =
    version === undefined ? 'true' : `e.version IS NULL OR t.${ident(version.name)} >= e.version::timestamptz`;
  const result = await client.query<{ key: string }>(
    `SELECT e.key FROM unnest($1::text[], $2::boolean[], $3::text[]) AS e (key, gone, version)
     LEFT JOIN ${qualified(table)} t ON t.${key} = e.key
     WHERE CASE WHEN e.gone THEN t.${key} IS NULL ELSE t.${key} IS NOT NULL AND (${reached}) END`,
    [due.map((each) => each.key), due.map(({ gone }) => gone), due.map((each) => each.version)],
  );
  return new Set(result.rows.map((row) => row.key));
}

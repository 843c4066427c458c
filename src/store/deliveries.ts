/**
 * What deliveries of webhooks leave behind: a note of each, so that one that comes again does nothing, and what they said of
 * records, until the rows say it too.
 *
 * Whoever writes several rows here does so in the order of their keys, and holds the shared lock of every table concerned
 * before: so no two of them, and no merge, can wait for each other.
 */
import type { Queryable } from './database.js';

export interface DeliveryNote {
  readonly connection: string;
  readonly digest: Buffer;
  /** Milliseconds for which it is kept. */
  readonly window: number;
}

/** Notes deliveries; which of them are new, by their index. One that is given twice is new once. */
export async function noteDeliveries(db: Queryable, notes: readonly DeliveryNote[]): Promise<ReadonlySet<number>> {
  const result = await db.query<{ connection: string; digest: Buffer }>(
    `INSERT INTO upwrite.webhook_deliveries (connection, digest, until)
     SELECT n.connection, n.digest, clock_timestamp() + n.kept * interval '1 millisecond'
     FROM unnest($1::text[], $2::bytea[], $3::float8[]) AS n (connection, digest, kept)
     ORDER BY n.connection, n.digest
     ON CONFLICT (connection, digest) DO NOTHING RETURNING connection, digest`,
    [notes.map(({ connection }) => connection), notes.map(({ digest }) => digest), notes.map(({ window }) => window)],
  );
  const left = new Set(result.rows.map((row) => `${row.connection}\0${row.digest.toString('hex')}`));
  const fresh = new Set<number>();
  for (const [index, note] of notes.entries()) {
    if (left.delete(`${note.connection}\0${note.digest.toString('hex')}`)) fresh.add(index);
  }
  return fresh;
}

/** Forgets deliveries that were kept long enough, some at a time; how many. */
export async function pruneDeliveries(db: Queryable, limit: number): Promise<number> {
  const result = await db.query(
    `DELETE FROM upwrite.webhook_deliveries WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM upwrite.webhook_deliveries WHERE until < clock_timestamp() LIMIT $1))`,
    [limit],
  );
  return result.rowCount ?? 0;
}

/** What a delivery said of a record. */
export interface Expectation {
  readonly key: string;
  readonly gone: boolean;
  /** What the version column has at least. */
  readonly version: string | null;
}

/** Notes expectations of a table, each record once; they are looked at after `afterMs`. */
export async function noteExpectations(
  db: Queryable,
  tableOid: number,
  expectations: readonly Expectation[],
  afterMs: number,
): Promise<void> {
  await db.query(
    `INSERT INTO upwrite.webhook_expectations (table_oid, key, gone, version, due_at)
     SELECT $1, e.key, e.gone, e.version, clock_timestamp() + $5 * interval '1 millisecond'
     FROM unnest($2::text[], $3::boolean[], $4::text[]) AS e (key, gone, version) ORDER BY e.key
     ON CONFLICT (table_oid, key) DO UPDATE SET gone = EXCLUDED.gone, version = EXCLUDED.version, attempts = 0,
       due_at = EXCLUDED.due_at`,
    [
      tableOid,
      expectations.map(({ key }) => key),
      expectations.map(({ gone }) => gone),
      expectations.map(({ version }) => version),
      afterMs,
    ],
  );
}

/** The tables of which there are expectations. */
export async function tablesWithExpectations(db: Queryable): Promise<readonly number[]> {
  const result = await db.query<{ oid: number }>('SELECT DISTINCT table_oid AS oid FROM upwrite.webhook_expectations');
  return result.rows.map((row) => row.oid);
}

/** Milliseconds until the next expectation of a table is due, not less than 0; null where there is none. */
export async function nextExpectation(db: Queryable, tableOid: number): Promise<number | null> {
  const result = await db.query<{ wait: number | null }>(
    `SELECT greatest(0, extract(epoch FROM min(due_at) - clock_timestamp()) * 1000)::float8 AS wait
     FROM upwrite.webhook_expectations WHERE table_oid = $1 HAVING count(*) > 0`,
    [tableOid],
  );
  return result.rows[0]?.wait ?? null;
}

/** Takes due expectations of a table for the transaction at hand; others pass over them. */
export async function takeExpectations(
  db: Queryable,
  tableOid: number,
  limit: number,
): Promise<readonly (Expectation & { readonly attempts: number })[]> {
  const result = await db.query<{ key: string; gone: boolean; version: string | null; attempts: number }>(
    `SELECT key, gone, version, attempts FROM upwrite.webhook_expectations
     WHERE table_oid = $1 AND due_at <= clock_timestamp() ORDER BY key LIMIT $2 FOR UPDATE SKIP LOCKED`,
    [tableOid, limit],
  );
  return result.rows;
}

export async function dropExpectations(db: Queryable, tableOid: number, keys: readonly string[]): Promise<void> {
  await db.query('DELETE FROM upwrite.webhook_expectations WHERE table_oid = $1 AND key = ANY ($2::text[])', [
    tableOid,
    keys,
  ]);
}

/** Of a table that is not there any more. */
export async function dropAllExpectations(db: Queryable, tableOid: number): Promise<void> {
  await db.query('DELETE FROM upwrite.webhook_expectations WHERE table_oid = $1', [tableOid]);
}

/** Looks again later; `counted`: the record was read again meanwhile, and is not what was expected. */
export async function postponeExpectations(
  db: Queryable,
  tableOid: number,
  keys: readonly string[],
  afterMs: number,
  counted: boolean,
): Promise<void> {
  await db.query(
    `UPDATE upwrite.webhook_expectations SET attempts = attempts + $4,
       due_at = clock_timestamp() + $3 * interval '1 millisecond'
     WHERE table_oid = $1 AND key = ANY ($2::text[])`,
    [tableOid, keys, afterMs, counted ? 1 : 0],
  );
}

/** The tables of which records wait to be read again. */
export async function tablesWithQueue(db: Queryable): Promise<readonly number[]> {
  const result = await db.query<{ oid: number }>('SELECT DISTINCT table_oid AS oid FROM upwrite.stale_keys');
  return result.rows.map((row) => row.oid);
}

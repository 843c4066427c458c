/**
 * One records table, through a connection of its own that holds the table's advisory lock: there is one writer at a
 * time, whichever processes there are, and a writer that is cut off cannot come back later with what is old by then. So
 * `updated_idx` rises in the order of the commits: whoever reads on from the highest number seen misses nothing.
 */
import pg from 'pg';
import { ident } from '../catalog/index.js';
import { lockKey } from '../store/index.js';
import { type Difference, differences, type TableName } from './shape.js';

/** A record as the table gets it. */
export interface DeliveredRecord {
  readonly sequinId: string;
  readonly syncId: string;
  readonly externalId: string | null;
  /** JSON as text, as is `payload`. */
  readonly metadata: string;
  readonly collection: string;
  readonly key: string;
  readonly payload: string;
  readonly idx: string;
  /** null where the API does not tell: then the time at which the record was seen to change, or seen first. */
  readonly changed: string | null;
  readonly created: string | null;
}

export interface Target {
  /** What keeps the table from being used; empty where nothing does. */
  check(): Promise<readonly Difference[]>;
  /**
   * One transaction. Rows that say the same already are not touched. Answers how many were written or deleted. After a
   * failure the connection is of no use any more.
   */
  deliver(records: readonly DeliveredRecord[], gone: readonly string[]): Promise<number>;
  /** Records of a collection that the table has behind an id, in the order of their ids. */
  collection(
    syncId: string,
    collection: string,
    after: string,
    limit: number,
  ): Promise<readonly { readonly sequinId: string; readonly key: string }[]>;
  /** The highest `updated_idx`, a decimal number. */
  highestIdx(): Promise<string>;
  close(): Promise<void>;
}

/** The table is written by another process. */
export class TargetTaken extends Error {
  constructor() {
    super('another process writes the table');
    this.name = 'TargetTaken';
  }
}

/** Milliseconds that a statement waits for a lock of others on the table. */
const lockTimeout = 10_000;

const settings = `
  SET lock_timeout = ${lockTimeout}; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
  SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off;
  SET synchronous_commit = on; SET search_path = pg_catalog; SET timezone = 'UTC'; SET datestyle = 'ISO'`;

/**
 * Connects and takes the lock. Throws `TargetTaken`, or what the connection failed with; nothing stays open then. A
 * statement without an answer after `answerMs` has failed: the network may be gone without a trace.
 */
export async function openTarget(config: pg.ClientConfig, table: TableName, answerMs: number): Promise<Target> {
  const client = new pg.Client({
    ...config,
    keepAlive: true,
    query_timeout: answerMs,
    connectionTimeoutMillis: config.connectionTimeoutMillis ?? answerMs,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(settings);
    const lock = lockKey(`records\0${table.schema}\0${table.name}`).toString();
    const taken = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [lock]);
    if (taken.rows[0]?.taken !== true) throw new TargetTaken();
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  return targetOn(client, table);
}

function upsertSql(table: string): string {
  return `
  INSERT INTO ${table} AS t (sequin_id, sync_id, sync_external_id, sync_metadata, collection_id, upstream_id, payload,
    updated_idx, upstream_updated_at, upstream_created_at, inserted_at, updated_at)
  SELECT g.id, g.sync, g.external, g.metadata::jsonb, g.collection, g.key, g.payload::jsonb, g.idx,
    coalesce(g.changed, now()), coalesce(g.created, now()), now(), now()
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
    $9::timestamptz[], $10::timestamptz[])
    AS g (id, sync, external, metadata, collection, key, payload, idx, changed, created)
  ON CONFLICT (sequin_id) DO UPDATE SET
    sync_id = EXCLUDED.sync_id, sync_external_id = EXCLUDED.sync_external_id, sync_metadata = EXCLUDED.sync_metadata,
    collection_id = EXCLUDED.collection_id, upstream_id = EXCLUDED.upstream_id, payload = EXCLUDED.payload,
    updated_idx = EXCLUDED.updated_idx, upstream_updated_at = EXCLUDED.upstream_updated_at,
    upstream_created_at = least(t.upstream_created_at, EXCLUDED.upstream_created_at), updated_at = EXCLUDED.updated_at
  WHERE (t.sync_id, t.sync_external_id, t.sync_metadata, t.collection_id, t.upstream_id, t.payload) IS DISTINCT FROM
    (EXCLUDED.sync_id, EXCLUDED.sync_external_id, EXCLUDED.sync_metadata, EXCLUDED.collection_id, EXCLUDED.upstream_id,
     EXCLUDED.payload)`;
}

function targetOn(client: pg.Client, table: TableName): Target {
  const name = `${ident(table.schema)}.${ident(table.name)}`;
  const upsert = upsertSql(name);
  return {
    check: () => differences(client, table),
    async deliver(records, gone) {
      await client.query('BEGIN');
      let count = 0;
      if (records.length > 0) {
        const stored = await client.query(upsert, [
          records.map((record) => record.sequinId),
          records.map((record) => record.syncId),
          records.map((record) => record.externalId),
          records.map((record) => record.metadata),
          records.map((record) => record.collection),
          records.map((record) => record.key),
          records.map((record) => record.payload),
          records.map((record) => record.idx),
          records.map((record) => record.changed),
          records.map((record) => record.created),
        ]);
        count += stored.rowCount ?? 0;
      }
      if (gone.length > 0) {
        const deleted = await client.query(`DELETE FROM ${name} WHERE sequin_id = ANY ($1::uuid[])`, [gone]);
        count += deleted.rowCount ?? 0;
      }
      await client.query('COMMIT');
      return count;
    },
    async collection(syncId, collection, after, limit) {
      const found = await client.query<{ id: string; key: string }>(
        `SELECT sequin_id AS id, upstream_id AS key FROM ${name}
         WHERE sync_id = $1 AND collection_id = $2 AND sequin_id > $3 ORDER BY sequin_id LIMIT $4`,
        [syncId, collection, after, limit],
      );
      return found.rows.map((row) => ({ sequinId: row.id, key: row.key }));
    },
    async highestIdx() {
      const found = await client.query<{ highest: string }>(
        `SELECT coalesce(max(updated_idx), 0) AS highest FROM ${name}`,
      );
      return found.rows[0]?.highest ?? '0';
    },
    close: () => client.end().catch(() => {}),
  };
}

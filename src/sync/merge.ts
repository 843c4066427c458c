/**
 * Puts what the API says into a synced table, without undoing what is newer there.
 *
 * A record is stored unless
 * - its version is older than the one here (the version guard), or
 * - a write may have happened after it was read (see the order of writes in `store/`), unless its version proves that
 *   it is newer than that write: it is queued to be read again by key, or
 * - its row is locked, by a client's FOR UPDATE or by a write that waits for the API: queued likewise. A merge therefore
 *   never waits for a row, and the writes that wait for the merge never wait for a client.
 * A row that says the same already is not touched, so overlapping pages cost no write.
 *
 * The caller has a transaction that holds the table's exclusive lock.
 */
import type pg from 'pg';
import {
  ident,
  qualified,
  type RecordGroup,
  recordParameter,
  recordSource,
  type SyncedTable,
} from '../catalog/index.js';
import type { Column } from '../provider/index.js';

/** What a merge did, in records. */
export interface Merged {
  readonly stored: number;
  readonly deleted: number;
  /** Left alone, and queued to be read again. */
  readonly queued: number;
}

/**
 * Key look-ups are the right plan for a page whatever the planner knows of tables that grow as it runs. Local to the
 * transaction.
 */
export const planSettings = 'SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off';

/** Merges records that know the same columns, from where they are staged or else from a parameter. */
export async function mergeRecords(
  client: pg.ClientBase,
  table: SyncedTable,
  group: RecordGroup,
  order: string,
  staged: string | null,
): Promise<Merged> {
  const source = staged === null ? recordSource(group.columns, '$3') : `SELECT * FROM ${staged}`;
  const parameters: unknown[] = [table.oid, order];
  if (staged === null) parameters.push(recordParameter(table.resource, group));
  const result = await client.query<{ stored: string; queued: string }>(
    mergeSql(table, group.columns, source),
    parameters,
  );
  const row = result.rows[0];
  return { stored: Number(row?.stored ?? 0), deleted: 0, queued: Number(row?.queued ?? 0) };
}

/** The names in the middle part have a colon, which no column of an API's has. */
function mergeSql(table: SyncedTable, columns: readonly Column[], source: string): string {
  const target = qualified(table);
  const key = ident(table.resource.key);
  const names = columns.map((column) => ident(column.name));
  const others = names.slice(1);
  const version = columns.find((column) => column.name === table.resource.version);
  const list = (alias: string): string => others.map((name) => `${alias}.${name}`).join(', ');
  const differs = others.length === 0 ? 'false' : `ROW(${list('t')}) IS DISTINCT FROM ROW(${list('p')})`;
  const notOlder =
    version === undefined ? 'true' : `coalesce(p.${ident(version.name)} >= t.${ident(version.name)}, true)`;
  const provenNewer =
    version === undefined
      ? 'false'
      : `coalesce(NOT w.deleted AND p.${ident(version.name)} > w.version::${version.type}, false)`;
  const changes = others.map((name) => `${name} = EXCLUDED.${name}`).join(', ');
  return `
    WITH page AS (${source}),
    decided AS MATERIALIZED (
      SELECT p.*, t.${key} IS NOT NULL AS ":here", w.key IS NOT NULL AND NOT ${provenNewer} AS ":blocked",
        ${differs} AS ":differs", ${notOlder} AS ":not older"
      FROM page p LEFT JOIN ${target} t ON t.${key} = p.${key}
      LEFT JOIN upwrite.recent_writes w ON w.table_oid = $1 AND w.key = p.${key} AND w.write_order > $2),
    locked AS MATERIALIZED (
      SELECT t.${key} AS key FROM ${target} t WHERE t.${key} IN (
        SELECT d.${key} FROM decided d WHERE d.":here" AND d.":differs" AND d.":not older" AND NOT d.":blocked")
      FOR UPDATE OF t SKIP LOCKED),
    queued AS (
      INSERT INTO upwrite.stale_keys (table_oid, key, queue_order)
      SELECT $1, d.${key}, nextval('upwrite.write_order') FROM decided d
      WHERE d.":blocked" AND (d.":differs" OR NOT d.":here")
        OR d.":here" AND d.":differs" AND d.":not older" AND NOT d.":blocked" AND d.${key} NOT IN (SELECT key FROM locked)
      ON CONFLICT (table_oid, key) DO UPDATE SET queue_order = EXCLUDED.queue_order
      RETURNING 1),
    stored AS (
      INSERT INTO ${target} (${names.join(', ')})
      SELECT ${names.map((name) => `d.${name}`).join(', ')} FROM decided d
      WHERE NOT d.":blocked" AND (NOT d.":here" OR d.${key} IN (SELECT key FROM locked))
      ON CONFLICT (${key}) DO ${changes === '' ? 'NOTHING' : `UPDATE SET ${changes}`}
      RETURNING 1)
    SELECT (SELECT count(*) FROM stored) AS stored, (SELECT count(*) FROM queued) AS queued`;
}

/** Deletes records that the API no longer has; one written since the order was drawn, or locked, is queued instead. */
export async function mergeDeletions(
  client: pg.ClientBase,
  table: SyncedTable,
  keys: readonly string[],
  order: string,
): Promise<Merged> {
  if (keys.length === 0) return { stored: 0, deleted: 0, queued: 0 };
  const target = qualified(table);
  const key = ident(table.resource.key);
  const result = await client.query<{ deleted: string; queued: string }>(
    `WITH gone AS MATERIALIZED (
       SELECT DISTINCT k.key, w.key IS NOT NULL AS blocked FROM unnest($3::text[]) AS k (key)
       LEFT JOIN upwrite.recent_writes w
         ON w.table_oid = $1 AND w.key = k.key AND w.write_order > $2 AND NOT w.deleted),
     locked AS MATERIALIZED (
       SELECT t.${key} AS key FROM ${target} t WHERE t.${key} IN (SELECT g.key FROM gone g WHERE NOT g.blocked)
       FOR UPDATE OF t SKIP LOCKED),
     queued AS (
       INSERT INTO upwrite.stale_keys (table_oid, key, queue_order)
       SELECT $1, g.key, nextval('upwrite.write_order') FROM gone g JOIN ${target} t ON t.${key} = g.key
       WHERE g.key NOT IN (SELECT key FROM locked)
       ON CONFLICT (table_oid, key) DO UPDATE SET queue_order = EXCLUDED.queue_order
       RETURNING 1),
     removed AS (
       DELETE FROM ${target} t WHERE t.${key} IN (SELECT key FROM locked) RETURNING 1)
     SELECT (SELECT count(*) FROM removed) AS deleted, (SELECT count(*) FROM queued) AS queued`,
    [table.oid, order, keys],
  );
  const row = result.rows[0];
  return { stored: 0, deleted: Number(row?.deleted ?? 0), queued: Number(row?.queued ?? 0) };
}

/** The sum of what several merges did. */
export function sum(parts: readonly Merged[]): Merged {
  return {
    stored: parts.reduce((n, part) => n + part.stored, 0),
    deleted: parts.reduce((n, part) => n + part.deleted, 0),
    queued: parts.reduce((n, part) => n + part.queued, 0),
  };
}

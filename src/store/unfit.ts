/**
 * Which records have values that are not of the type of their column, and are NULL here. A record is forgotten when it
 * comes with a fitting value, when it goes, and when a full listing does not name it any more.
 */
import type { Queryable } from './database.js';

export interface UnfitRecord {
  readonly key: string;
  /** The columns in question; none: all is well with the record. */
  readonly unfit?: readonly string[];
}

/** Records that are remembered of each table: enough to see what is wrong, and never a second copy of a table. */
export const mostUnfit = 1000;

const forgetSql = 'DELETE FROM upwrite.unfit_values WHERE table_oid = $1 AND key = ANY ($2::text[])';

const noteSql = `
  INSERT INTO upwrite.unfit_values AS u (table_oid, key, columns)
  SELECT $1, n.key, ARRAY(SELECT jsonb_array_elements_text(n.columns))
  FROM jsonb_to_recordset($2::jsonb) AS n (key text, columns jsonb)
  LIMIT greatest(0, ${mostUnfit} - (SELECT count(*) FROM upwrite.unfit_values WHERE table_oid = $1))`;

/** The warning names the record that was seen last. The details come first, as with whatever else changes both. */
const warnSql = `
  WITH details AS MATERIALIZED (
    SELECT table_oid FROM upwrite.table_details WHERE table_oid = $1 FOR NO KEY UPDATE),
  u AS (
    SELECT count(*) AS records, (array_agg(columns[1] ORDER BY seen_at DESC, key))[1] AS name,
      (array_agg(key ORDER BY seen_at DESC, key))[1] AS key
    FROM upwrite.unfit_values WHERE table_oid = $1)
  UPDATE upwrite.tables t SET warning = w.words FROM (
    SELECT CASE WHEN records > 0 THEN format('%s%s with a value that is not of the type of its column, and NULL here: %I of %s',
      records, CASE WHEN records >= ${mostUnfit} THEN ' or more records' WHEN records = 1 THEN ' record' ELSE ' records' END,
      name, key) END AS words FROM u) w, details d
  WHERE t.table_oid = d.table_oid AND t.warning IS DISTINCT FROM w.words`;

/** To be called within the transaction that stores the records and deletes those of the keys in `gone`. */
export async function noteUnfit(
  db: Queryable,
  tableOid: number,
  records: readonly UnfitRecord[],
  gone: readonly string[],
): Promise<void> {
  const latest = new Map(records.map((record) => [record.key, record]));
  const wrong = [...latest.values()].filter(({ unfit = [] }) => unfit.length > 0);
  const known = await db.query('SELECT FROM upwrite.unfit_values WHERE table_oid = $1 LIMIT 1', [tableOid]);
  if (wrong.length === 0 && known.rowCount === 0) return;
  if (known.rowCount !== 0) await db.query(forgetSql, [tableOid, [...latest.keys(), ...gone]]);
  if (wrong.length > 0) {
    const noted = wrong.slice(0, mostUnfit).map(({ key, unfit }) => ({ key, columns: unfit }));
    await db.query(noteSql, [tableOid, JSON.stringify(noted)]);
  }
  await db.query(warnSql, [tableOid]);
}

/** At the end of a full listing: what it has not named is not there. */
export async function forgetUnfit(db: Queryable, tableOid: number): Promise<void> {
  const forgotten = await db.query(
    `DELETE FROM upwrite.unfit_values u USING upwrite.tables t
     WHERE u.table_oid = $1 AND t.table_oid = $1 AND u.seen_at < t.listing_began_at`,
    [tableOid],
  );
  if (forgotten.rowCount !== 0) await db.query(warnSql, [tableOid]);
}

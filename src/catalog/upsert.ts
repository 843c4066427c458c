/**
 * INSERT … ON CONFLICT DO UPDATE on a table without the unique index that it is about: the API keeps the values unique,
 * and the database does not know it.
 *
 * The statement is evaluated with the table's key as its conflict target, which has an index. Whoever evaluates says in
 * a setting which rows are which records: the trigger gives a new row the key of the record that has its values, so that
 * Postgres itself finds the conflict and goes the way of an update, with its privileges, policies, triggers, OLD and NEW.
 * Without the setting, which is everybody else's case, the trigger's condition is false.
 */
import type pg from 'pg';
import { ident, literal, qualified } from './names.js';
import type { SyncedTable } from './synced-table.js';

/** The setting that the trigger reads. */
export const upsertSetting = 'upwrite.upsert';

const triggerName = 'upwrite_upsert';

/**
 * The values of some columns of a row, which is given as `to_jsonb` makes it, as one text. Equal values have equal texts,
 * numbers whatever their scale.
 */
const conflictValue = `CREATE OR REPLACE FUNCTION upwrite.conflict_value("row" jsonb, "columns" jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
      SELECT pg_catalog.jsonb_agg(
        CASE pg_catalog.jsonb_typeof(c.value)
          WHEN 'number' THEN pg_catalog.to_jsonb(pg_catalog.trim_scale((c.value OPERATOR(pg_catalog.#>>) '{}')::numeric))
          ELSE c.value END ORDER BY c.n)::text
      FROM (SELECT "row" OPERATOR(pg_catalog.->) u.name AS value, u.n
            FROM pg_catalog.jsonb_array_elements_text("columns") WITH ORDINALITY AS u (name, n)) AS c)`;

const takeKey = `CREATE OR REPLACE FUNCTION upwrite.take_key() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $take$
    DECLARE
      plan jsonb := current_setting('${upsertSetting}')::jsonb;
      key text := plan -> 'keys' ->> upwrite.conflict_value(to_jsonb(NEW), plan -> 'columns');
    BEGIN
      IF key IS NOT NULL AND (plan ->> 'table')::oid = TG_RELID THEN
        NEW := jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[0], key));
      END IF;
      RETURN NEW;
    END $take$`;

/** What the trigger needs, in the schema `upwrite`. Harmless when repeated. */
export const upsertFunctions: readonly string[] = [
  conflictValue,
  'GRANT EXECUTE ON FUNCTION upwrite.conflict_value(jsonb, jsonb) TO PUBLIC',
  takeKey,
  "COMMENT ON FUNCTION upwrite.take_key() IS 'Gives a row that is being upserted the key of its record.'",
];

/** Puts the trigger on a table whose API takes upserts, in place of an earlier one; takes it off another. */
export function upsertTrigger(target: {
  readonly schema: string;
  readonly name: string;
  readonly upsertKey: string | null;
}): readonly string[] {
  const table = qualified(target);
  const drop = `DROP TRIGGER IF EXISTS ${triggerName} ON ${table}`;
  if (target.upsertKey === null) return [drop];
  return [
    drop,
    `CREATE TRIGGER ${triggerName} BEFORE INSERT ON ${table} FOR EACH ROW
    WHEN (current_setting('${upsertSetting}', true) <> '') EXECUTE FUNCTION upwrite.take_key(${literal(target.upsertKey)})`,
    `ALTER TABLE ${table} ENABLE ALWAYS TRIGGER ${triggerName}`,
  ];
}

/** What an upserted row meets here. */
export interface ConflictTarget {
  /** The row's values of the conflict columns, as one text. */
  readonly value: string;
  /** The keys of the rows here that have them, sorted. Several where the table is behind the API. */
  readonly keys: readonly string[];
}

/** The targets of rows given as JSON objects of their values, in their order. One look at the table. */
export async function findConflicts(
  client: pg.ClientBase,
  table: SyncedTable,
  conflict: readonly string[],
  rows: readonly string[],
): Promise<readonly ConflictTarget[]> {
  const key = ident(table.resource.key);
  const same = conflict.map((name) => `t.${ident(name)} = p.${ident(name)}`).join(' AND ');
  const result = await client.query<{ value: string; keys: readonly string[] }>(
    `WITH given AS (SELECT value, n FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS g (value, n))
     SELECT upwrite.conflict_value(to_jsonb(p), $2::jsonb) AS value, coalesce(k.keys, '{}') AS keys
     FROM given AS g CROSS JOIN jsonb_populate_record(NULL::${qualified(table)}, g.value) AS p LEFT JOIN (
       SELECT i.n, array_agg(t.${key} ORDER BY t.${key}) AS keys
       FROM given AS i, jsonb_populate_record(NULL::${qualified(table)}, i.value) AS p, ${qualified(table)} AS t
       WHERE ${same} GROUP BY i.n) AS k ON k.n = g.n
     ORDER BY g.n`,
    [`[${rows.join(',')}]`, JSON.stringify(conflict)],
  );
  return result.rows;
}

/** The setting's value: which values have which keys. */
export function upsertPlan(table: SyncedTable, conflict: readonly string[], keys: ReadonlyMap<string, string>): string {
  return JSON.stringify({ table: String(table.oid), columns: conflict, keys: Object.fromEntries(keys) });
}

/** What feeds the generic records tables: which table goes where, and which records have changed since. */
import type { Migration } from './migration.js';
import { verificationSql } from './verification.js';

const sql = `
CREATE TABLE upwrite.record_targets (
  name text PRIMARY KEY,
  state text NOT NULL DEFAULT 'loading' CHECK (state IN ('loading', 'live', 'unhealthy')),
  reason text,
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  waiting bigint NOT NULL DEFAULT 0,
  waiting_since timestamptz,
  delivered bigint NOT NULL DEFAULT 0,
  last_delivered_at timestamptz,
  numbered boolean NOT NULL DEFAULT false
) WITH (fillfactor = 60);
COMMENT ON TABLE upwrite.record_targets IS 'The generic records tables, and how each is doing.';
COMMENT ON COLUMN upwrite.record_targets.since IS 'Since when the state holds.';
COMMENT ON COLUMN upwrite.record_targets.waiting IS 'Changed records that wait to be delivered.';
COMMENT ON COLUMN upwrite.record_targets.waiting_since IS 'When the one that has waited longest was changed.';
COMMENT ON COLUMN upwrite.record_targets.delivered IS 'Records written to the table or deleted from it.';
COMMENT ON COLUMN upwrite.record_targets.numbered IS 'Whether updated_idx is known to go on behind what the table has.';

CREATE TABLE upwrite.record_routes (
  target text NOT NULL,
  table_oid oid NOT NULL,
  connection text NOT NULL,
  object text NOT NULL,
  definition jsonb NOT NULL,
  phase text NOT NULL DEFAULT 'load' CHECK (phase IN ('load', 'sweep', 'done')),
  position text NOT NULL DEFAULT '',
  PRIMARY KEY (target, table_oid)
) WITH (fillfactor = 60);
CREATE INDEX record_routes_table_idx ON upwrite.record_routes (table_oid);
COMMENT ON TABLE upwrite.record_routes IS
  'Upwrite''s own: which synced tables feed which records table, and how far the first load of each is.';

CREATE SEQUENCE upwrite.record_order;
CREATE SEQUENCE upwrite.record_idx;

CREATE TABLE upwrite.record_changes (
  target text NOT NULL,
  table_oid oid NOT NULL,
  key text NOT NULL,
  change_order bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (target, table_oid, key)
);
CREATE INDEX record_changes_order_idx ON upwrite.record_changes (target, change_order);
COMMENT ON TABLE upwrite.record_changes IS
  'Upwrite''s own: records that were changed and not delivered since, each once a target however often it changes.';

CREATE FUNCTION upwrite.note_changes() RETURNS trigger
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
  BEGIN
    EXECUTE format($note$
      INSERT INTO upwrite.record_changes AS c (target, table_oid, key, change_order)
      SELECT r.target, r.table_oid, changed.%I, nextval('upwrite.record_order')
      FROM changed CROSS JOIN upwrite.record_routes r WHERE r.table_oid = %s
      ON CONFLICT (target, table_oid, key) DO UPDATE SET change_order = EXCLUDED.change_order
      $note$, TG_ARGV[0], TG_RELID);
    RETURN NULL;
  END $function$;
COMMENT ON FUNCTION upwrite.note_changes() IS 'Notes changed records of a synced table for the records tables that it feeds.';
`;

/** The generic records tables, and the truth check. */
export const records: Migration = {
  version: 8,
  name: 'the generic records tables and the truth check',
  sql: sql + verificationSql,
  readable: ['record_targets', 'verification'],
};

import type { Migration } from './migration.js';

const sql = `
CREATE TABLE upwrite.tables (
  table_oid oid PRIMARY KEY,
  connection text NOT NULL,
  provider text NOT NULL,
  object text NOT NULL,
  schema_name text NOT NULL,
  table_name text NOT NULL,
  state text NOT NULL DEFAULT 'backfilling' CHECK (state IN ('backfilling', 'live', 'paused', 'unhealthy')),
  reason text,
  since timestamptz NOT NULL DEFAULT clock_timestamp(),
  pages bigint NOT NULL DEFAULT 0,
  rows bigint NOT NULL DEFAULT 0,
  expected_rows bigint,
  last_synced_at timestamptz,
  UNIQUE (connection, object)
) WITH (fillfactor = 60);
COMMENT ON TABLE upwrite.tables IS 'The synced tables: where each comes from and how its sync is doing.';
COMMENT ON COLUMN upwrite.tables.since IS 'Since when the state holds.';
COMMENT ON COLUMN upwrite.tables.pages IS 'Pages stored in the listing that is running, or in the last full one.';
COMMENT ON COLUMN upwrite.tables.rows IS 'Records in those pages.';
COMMENT ON COLUMN upwrite.tables.last_synced_at IS 'Everything that the API had at this time is here.';

CREATE TABLE upwrite.table_details (
  table_oid oid PRIMARY KEY,
  resource jsonb NOT NULL,
  limits jsonb NOT NULL,
  cursor jsonb,
  full_listing boolean NOT NULL DEFAULT true,
  listing_order bigint,
  swept_rows bigint,
  worker uuid
) WITH (fillfactor = 60);
COMMENT ON TABLE upwrite.table_details IS 'Upwrite''s own: the description, the cursor and the worker of each synced table.';

CREATE SEQUENCE upwrite.write_order;

CREATE TABLE upwrite.recent_writes (
  table_oid oid NOT NULL,
  key text NOT NULL,
  write_order bigint NOT NULL,
  version text,
  deleted boolean NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (table_oid, key)
) WITH (fillfactor = 80);
COMMENT ON TABLE upwrite.recent_writes IS
  'Upwrite''s own: records written lately, so that a page of the API that is older does not undo them.';

CREATE TABLE upwrite.stale_keys (
  table_oid oid NOT NULL,
  key text NOT NULL,
  queue_order bigint NOT NULL,
  PRIMARY KEY (table_oid, key)
);
COMMENT ON TABLE upwrite.stale_keys IS 'Upwrite''s own: records to be read again, one by one.';

CREATE UNLOGGED TABLE upwrite.swept_keys (
  table_oid oid NOT NULL,
  key text NOT NULL,
  PRIMARY KEY (table_oid, key)
);
COMMENT ON TABLE upwrite.swept_keys IS
  'Upwrite''s own: keys seen in a full listing that is running. Emptied by a crash; the sync then starts the listing anew.';
`;

/** The synced tables, and the order of reads against writes. */
export const tables: Migration = { version: 2, name: 'the synced tables', sql, readable: ['tables'] };

/**
 * The schema `upwrite`, as a list of steps that only grows: a step that was released is never edited.
 *
 * What any role may read is in tables of its own (`mutations`, `tables`), so that `SELECT *` works on them; what only
 * Upwrite may read (row values, cursors) is beside them. Row-level security on `mutations` shows a role what it did
 * itself, and what others did to tables that it may read anyway: an API's message can quote a value.
 */

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

const journal = `
CREATE TABLE upwrite.mutations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  role text NOT NULL,
  connection text NOT NULL,
  provider text NOT NULL,
  table_oid oid NOT NULL,
  schema_name text NOT NULL,
  table_name text NOT NULL,
  verb text NOT NULL CHECK (verb IN ('insert', 'update', 'delete')),
  rows integer NOT NULL CHECK (rows > 0),
  applied_rows integer,
  state text NOT NULL CHECK (state IN
    ('pending', 'sent', 'unknown', 'applied', 'refused', 'partial', 'cancelled', 'undecided')),
  method text,
  path text,
  requests integer,
  request_id text,
  upstream_ms double precision,
  local_ms double precision,
  sqlstate text,
  error text,
  settled_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX mutations_at_idx ON upwrite.mutations (at);
COMMENT ON TABLE upwrite.mutations IS
  'Every write of a synced table that Upwrite sent to an API: who, when, what became of it.';
COMMENT ON COLUMN upwrite.mutations.role IS 'The role that ran the statement.';
COMMENT ON COLUMN upwrite.mutations.applied_rows IS 'Rows that the API applied; null until that is known.';
COMMENT ON COLUMN upwrite.mutations.upstream_ms IS 'Milliseconds until the API had answered.';
COMMENT ON COLUMN upwrite.mutations.local_ms IS 'Milliseconds for evaluating, locking and committing in this database.';
COMMENT ON COLUMN upwrite.mutations.settled_at IS 'When the outcome became final.';

ALTER TABLE upwrite.mutations ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON upwrite.mutations FOR SELECT TO PUBLIC
  USING (role = current_user OR has_table_privilege(current_user, table_oid, 'SELECT'));

CREATE TABLE upwrite.mutation_intents (
  mutation_id bigint PRIMARY KEY,
  owner uuid NOT NULL,
  claim integer NOT NULL DEFAULT 0,
  settle_after timestamptz,
  sent_at timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  intent jsonb NOT NULL
);
CREATE INDEX mutation_intents_open_idx ON upwrite.mutation_intents (settle_after) WHERE settle_after IS NOT NULL;
COMMENT ON TABLE upwrite.mutation_intents IS
  'Upwrite''s own: the rows of each mutation. Their values are erased once the outcome is final.';

CREATE TABLE upwrite.processes (
  id uuid PRIMARY KEY,
  kind text NOT NULL,
  host text NOT NULL,
  pid integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  lease_until timestamptz NOT NULL
);
COMMENT ON TABLE upwrite.processes IS 'The Upwrite processes at work on this database, each until its lease runs out.';
`;

const tables = `
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
COMMENT ON COLUMN upwrite.tables.last_synced_at IS 'When the API was last seen to have nothing newer.';

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

/**
 * Run at the end of every step: whatever a database's default privileges gave to others is taken back, and every role
 * may read the tables that are meant for it.
 */
export const privileges = `
DO $$
DECLARE
  granted record;
  readable text;
BEGIN
  FOR granted IN
    SELECT DISTINCT c.oid::regclass AS relation, x.grantee FROM pg_class c, aclexplode(c.relacl) x
    WHERE c.relnamespace = 'upwrite'::regnamespace AND c.relkind IN ('r', 'S', 'v') AND x.grantee <> c.relowner
  LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %s', granted.relation,
      CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE granted.grantee::regrole::text END);
  END LOOP;
  FOREACH readable IN ARRAY ARRAY['upwrite.mutations', 'upwrite.tables'] LOOP
    IF to_regclass(readable) IS NOT NULL THEN EXECUTE format('GRANT SELECT ON %s TO PUBLIC', readable); END IF;
  END LOOP;
END $$`;

export const migrations: readonly Migration[] = [
  { version: 1, name: 'the journal', sql: journal },
  { version: 2, name: 'the synced tables', sql: tables },
];

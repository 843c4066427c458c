import type { Migration } from './migration.js';

const sql = `
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

/** What was written to the APIs. */
export const journal: Migration = { version: 1, name: 'the journal', sql, readable: ['mutations'] };

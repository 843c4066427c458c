/** What the truth check has looked at, and what it found. */
export const verificationSql = `
CREATE TABLE upwrite.verification (
  table_oid oid PRIMARY KEY,
  schema_name text NOT NULL,
  table_name text NOT NULL,
  pass_started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  rows_checked bigint NOT NULL DEFAULT 0,
  share double precision NOT NULL DEFAULT 0,
  last_pass_at timestamptz,
  last_pass_rows bigint,
  mismatches bigint NOT NULL DEFAULT 0,
  last_mismatch_at timestamptz,
  last_mismatch_kind text CHECK (last_mismatch_kind IN ('differs', 'missing', 'foreign')),
  last_mismatch_key text,
  last_mismatch_columns text[]
) WITH (fillfactor = 60);
COMMENT ON TABLE upwrite.verification IS 'The truth check: how far each synced table has been compared with its API, and what was found.';
COMMENT ON COLUMN upwrite.verification.rows_checked IS 'Records compared in the pass that is running, or in the last one.';
COMMENT ON COLUMN upwrite.verification.share IS 'rows_checked as a share of the table''s rows, 0 to 1.';
COMMENT ON COLUMN upwrite.verification.last_pass_at IS 'When the whole table had been compared last.';
COMMENT ON COLUMN upwrite.verification.mismatches IS 'Rows that were wrong, ever. Each was put right.';
COMMENT ON COLUMN upwrite.verification.last_mismatch_kind IS
  'differs: columns had other values; missing: the row was not here; foreign: the API had no such record.';

CREATE TABLE upwrite.verification_details (
  table_oid oid PRIMARY KEY,
  running boolean NOT NULL DEFAULT true,
  cursor jsonb,
  listed boolean NOT NULL DEFAULT false,
  noted bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 60);
COMMENT ON TABLE upwrite.verification_details IS 'Upwrite''s own: where the pass over each table stands.';

CREATE TABLE upwrite.verification_turns (
  connection text PRIMARY KEY,
  worker uuid NOT NULL
);
COMMENT ON TABLE upwrite.verification_turns IS 'Upwrite''s own: which process checks the tables of a connection.';

CREATE UNLOGGED TABLE upwrite.verified_keys (
  table_oid oid NOT NULL,
  key text NOT NULL,
  PRIMARY KEY (table_oid, key)
);
COMMENT ON TABLE upwrite.verified_keys IS
  'Upwrite''s own: keys that the API has listed in the pass that is running. Emptied by a crash; the pass then starts anew.';
`;

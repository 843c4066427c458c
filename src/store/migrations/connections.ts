/** What all processes share of a connection: its access tokens, sealed, and its budgets. */
import type { Migration } from './migration.js';

const sql = `
CREATE TABLE upwrite.tokens (
  connection text NOT NULL,
  grant_name text NOT NULL,
  generation bigint NOT NULL DEFAULT 0,
  key_id text,
  sealed text,
  rotated boolean NOT NULL DEFAULT false,
  expires_at timestamptz,
  stored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  renewal_since timestamptz,
  renewal_by text,
  PRIMARY KEY (connection, grant_name)
) WITH (fillfactor = 60);
COMMENT ON TABLE upwrite.tokens IS
  'Upwrite''s own: access tokens, encrypted under a key that the database does not have.';
COMMENT ON COLUMN upwrite.tokens.grant_name IS 'A hash of what the configuration authorises by.';
COMMENT ON COLUMN upwrite.tokens.rotated IS 'The refresh token in it has taken the place of the configured one.';
COMMENT ON COLUMN upwrite.tokens.renewal_since IS 'A renewal that began and is not known to have ended.';

CREATE TABLE upwrite.budgets (
  name text PRIMARY KEY,
  state jsonb NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE upwrite.budgets IS
  'Upwrite''s own: who may send how many requests to an API, one row for each limit that the API has.';
`;

export const connections: Migration = { version: 4, name: 'tokens and budgets', sql };

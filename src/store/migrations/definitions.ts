import type { Migration } from './migration.js';

const sql = `
ALTER TABLE upwrite.tables
  DROP CONSTRAINT tables_state_check,
  ADD CONSTRAINT tables_state_check CHECK (state IN ('backfilling', 'live', 'paused', 'unhealthy', 'detached')),
  ADD COLUMN notes text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN upwrite.tables.notes IS
  'What an operator should know: columns that are no longer synced, changes that wait or are blocked.';

ALTER TABLE upwrite.table_details
  ADD COLUMN names jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN definition integer NOT NULL DEFAULT 1;

CREATE TABLE upwrite.descriptions (
  connection text PRIMARY KEY,
  looked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE upwrite.descriptions IS
  'Upwrite''s own: when each connection''s API was last asked for its description, whichever process did.';
`;

/** Names that stay, definitions that change, and tables that the configuration no longer has. */
export const definitions: Migration = { version: 7, name: 'changing definitions', sql };

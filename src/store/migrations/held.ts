import type { Migration } from './migration.js';

const sql = `
ALTER TABLE upwrite.table_details ADD COLUMN held text;
COMMENT ON COLUMN upwrite.table_details.held IS
  'Why nobody may work on the table until the API describes it otherwise; an operator''s pause is beside it.';

ALTER TABLE upwrite.stale_keys ADD COLUMN queued_at timestamptz NOT NULL DEFAULT clock_timestamp();
COMMENT ON COLUMN upwrite.stale_keys.queued_at IS 'Since when the record waits, however often it is queued.';
`;

export const held: Migration = { version: 10, name: 'tables that are held, and how long records wait', sql };

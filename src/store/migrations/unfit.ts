import type { Migration } from './migration.js';

const sql = `
ALTER TABLE upwrite.tables ADD COLUMN warning text;
COMMENT ON COLUMN upwrite.tables.warning IS
  'What of the API could not be taken over as it is: values that are not of the type of their column, and NULL here.';

CREATE TABLE upwrite.unfit_values (
  table_oid oid NOT NULL REFERENCES upwrite.tables ON DELETE CASCADE,
  key text NOT NULL,
  columns text[] NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (table_oid, key)
);
COMMENT ON TABLE upwrite.unfit_values IS
  'Upwrite''s own: records with values that are not of the type of their column, some of each table.';
`;

/** Values that a table cannot hold. */
export const unfit: Migration = { version: 9, name: 'values that are not of the type of their column', sql };

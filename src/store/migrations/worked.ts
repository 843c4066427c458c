import type { Migration } from './migration.js';

const sql = `
ALTER TABLE upwrite.table_details ADD COLUMN worked_at timestamptz;
COMMENT ON COLUMN upwrite.table_details.worked_at IS
  'When a process last ended a run of the table, however that went; NULL: none has since this column is there.';
`;

export const worked: Migration = { version: 11, name: 'when a table was last worked on', sql };

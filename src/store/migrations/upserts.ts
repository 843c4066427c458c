import type { Migration } from './migration.js';

const sql = `
ALTER TABLE upwrite.mutations DROP CONSTRAINT mutations_verb_check,
  ADD CONSTRAINT mutations_verb_check CHECK (verb IN ('insert', 'update', 'delete', 'upsert'));
ALTER TABLE upwrite.mutation_intents ADD COLUMN conflict text[];
COMMENT ON COLUMN upwrite.mutation_intents.conflict IS
  'Of an upsert: the columns by which the API finds the record.';
`;

export const upserts: Migration = { version: 3, name: 'upserts in the journal', sql };

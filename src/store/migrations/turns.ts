import type { Migration } from './migration.js';

const sql = `
ALTER TABLE upwrite.verification_details DROP COLUMN noted;
COMMENT ON COLUMN upwrite.verification_details.cursor IS
  'Where the listing goes on; once that has ended, the key of the row here that was walked to.';

TRUNCATE upwrite.verified_keys;
ALTER TABLE upwrite.verified_keys ADD COLUMN suspect boolean NOT NULL DEFAULT false;
CREATE INDEX verified_keys_suspect_idx ON upwrite.verified_keys (table_oid) WHERE suspect;
COMMENT ON COLUMN upwrite.verified_keys.suspect IS 'The row was missing or another one, and is to be looked at again.';
COMMENT ON TABLE upwrite.verified_keys IS
  'Upwrite''s own: keys that the API has listed in the pass that is running, and an empty one. Emptied by a crash; the pass then starts anew.';

CREATE TABLE upwrite.webhook_wishes (
  connection text PRIMARY KEY,
  url text NOT NULL,
  process uuid NOT NULL
);
COMMENT ON TABLE upwrite.webhook_wishes IS
  'Upwrite''s own: where a connection''s webhooks are to be delivered, empty for nowhere, as the process says that was started last.';
`;

/** The truth check goes by turns of any process, and processes of two configurations do not undo each other's webhooks. */
export const turns: Migration = { version: 13, name: 'turns of the truth check, and whose webhooks are wanted', sql };

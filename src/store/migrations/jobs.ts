import type { Migration } from './migration.js';

const sql = `
ALTER TABLE upwrite.processes ADD COLUMN job_lock bigint;
COMMENT ON COLUMN upwrite.processes.job_lock IS
  'The advisory lock that it holds as long as it takes jobs; NULL: whether it is dead only its lease tells.';

ALTER TABLE upwrite.processes ADD COLUMN place text;
COMMENT ON COLUMN upwrite.processes.place IS
  'The same for processes that see each other''s pids; NULL: that is not known.';

DROP TABLE upwrite.webhook_pings;
DROP INDEX upwrite.webhook_expectations_due_idx;
CREATE INDEX webhook_expectations_due_idx ON upwrite.webhook_expectations (table_oid, due_at);
`;

/** What deliveries leave to do is jobs, and a process that was killed is found out. */
export const jobs: Migration = { version: 12, name: 'who takes jobs and is alive, and jobs of deliveries', sql };

import type { Migration } from './migration.js';

/**
 * `run` numbers each time that somebody works on a table, so that whoever was thought dead and is not cannot store
 * anything any more; `worker` is there while a run goes on, and `again` says that somebody else wanted one meanwhile.
 * `pause` and `restart` are an operator's wishes, which any process obeys at the next page.
 */
const sql = `
ALTER TABLE upwrite.tables
  ADD COLUMN listing_began_at timestamptz,
  ADD COLUMN rows_per_second double precision,
  ADD COLUMN expected_at timestamptz,
  ADD COLUMN max_age interval,
  ADD COLUMN swept_at timestamptz;
COMMENT ON COLUMN upwrite.tables.listing_began_at IS 'When the listing that is running, or the last full one, began.';
COMMENT ON COLUMN upwrite.tables.rows_per_second IS 'Of the listing that is running, lately; null while none is.';
COMMENT ON COLUMN upwrite.tables.expected_at IS 'When the listing will probably be done; null where nobody can tell.';
COMMENT ON COLUMN upwrite.tables.max_age IS 'From one look for changes to the next.';
COMMENT ON COLUMN upwrite.tables.swept_at IS 'When everything was last listed to its end, deletions included.';

ALTER TABLE upwrite.table_details
  ADD COLUMN run bigint,
  ADD COLUMN again boolean NOT NULL DEFAULT false,
  ADD COLUMN pause text,
  ADD COLUMN restart boolean NOT NULL DEFAULT false,
  ADD COLUMN sweeping boolean NOT NULL DEFAULT false,
  ADD COLUMN sweep_cursor jsonb;
ALTER TABLE upwrite.processes ADD COLUMN job_worker text;
COMMENT ON COLUMN upwrite.processes.job_worker IS 'The name under which it takes jobs.';
COMMENT ON TABLE upwrite.table_details IS
  'Upwrite''s own: the description and the cursors of each synced table, and what an operator wants of it.';
`;

/** The work on the synced tables. */
export const sync: Migration = { version: 5, name: 'the work of the sync', sql };

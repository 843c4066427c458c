/** What becomes of a synced table whose definition changes, or that the configuration no longer has. */
import type { Queryable } from './database.js';

/** What `upwrite.tables` says of a table that the configuration no longer has. */
export const detachedState = 'detached';

export interface Definitions {
  /** Has everything read again from the API, by whoever claims the table next. */
  relist(db: Queryable, tableOid: number): Promise<void>;
  /** Nobody may work on the table, for this reason; null: it can be synced again. Its state follows with its next run. */
  hold(db: Queryable, tableOid: number, reason: string | null): Promise<void>;
  /** The configuration no longer has the table: its rows stay, and nobody may claim it. */
  detach(db: Queryable, tableOid: number): Promise<void>;
  /** Removes all that is kept of a table, its journal entries excepted. */
  forget(db: Queryable, tableOid: number): Promise<void>;
  /** What an operator should know of the table, in place of what was there. */
  note(db: Queryable, tableOid: number, notes: readonly string[]): Promise<void>;
}

/** A run that goes on stores its page and ends; the next one begins anew, with a sweep of what it does not list. */
const relistSql = 'UPDATE upwrite.table_details SET restart = true WHERE table_oid = $1';

/** The details first, as a page does (see `positions`): otherwise the two could wait for each other. */
const detachSql = `
  WITH details AS (
    UPDATE upwrite.table_details SET worker = NULL, held = NULL, run = nextval('upwrite.write_order'),
      definition = definition + 1
    WHERE table_oid = $1 RETURNING table_oid)
  UPDATE upwrite.tables t SET state = '${detachedState}', reason = 'it is not in the configuration', notes = '{}',
    since = clock_timestamp() FROM details WHERE t.table_oid = details.table_oid`;

const forgetSql = `
  WITH details AS (DELETE FROM upwrite.table_details WHERE table_oid = $1 RETURNING table_oid),
  writes AS (DELETE FROM upwrite.recent_writes WHERE table_oid = $1),
  stale AS (DELETE FROM upwrite.stale_keys WHERE table_oid = $1),
  swept AS (DELETE FROM upwrite.swept_keys WHERE table_oid = $1)
  DELETE FROM upwrite.tables t USING details WHERE t.table_oid = details.table_oid`;

export const definitions: Definitions = {
  relist: async (db, tableOid) => {
    await db.query(relistSql, [tableOid]);
  },
  hold: async (db, tableOid, reason) => {
    await db.query('UPDATE upwrite.table_details SET held = $2 WHERE table_oid = $1', [tableOid, reason]);
  },
  detach: async (db, tableOid) => {
    await db.query(detachSql, [tableOid]);
  },
  forget: async (db, tableOid) => {
    await db.query(forgetSql, [tableOid]);
  },
  note: async (db, tableOid, notes) => {
    await db.query('UPDATE upwrite.tables SET notes = $2 WHERE table_oid = $1', [tableOid, notes]);
  },
};

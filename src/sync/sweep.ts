/** The end of a sweep: rows that a listing of everything did not list are deleted. */
import { ident, qualified } from '../catalog/index.js';
import { countSwept, inTransaction } from '../store/index.js';
import { mergeAll, type TableContext } from './incoming.js';

/** Deletions in one transaction. */
const batch = 200;

/**
 * Deletes what is not among the noted keys, of which there are `noted`, unless it was written since `order`. Answers how
 * many were queued to be read again instead. Throws where a crash has emptied the notes.
 */
export async function deleteUnlisted(
  context: TableContext,
  noted: number,
  order: string,
  signal: AbortSignal,
): Promise<number> {
  const { pool, table, turn } = context;
  const key = ident(table.resource.key);
  let queued = 0;
  let after = '';
  for (;;) {
    signal.throwIfAborted();
    const last = await turn(async () => {
      if ((await countSwept(pool, table.oid)) !== noted) {
        throw new Error('the notes of the listing are gone, it begins anew');
      }
      const found = await pool.query<{ key: string }>(
        `SELECT t.${key} AS key FROM ${qualified(table)} t
         WHERE t.${key} > $2 AND NOT EXISTS (
           SELECT FROM upwrite.swept_keys s WHERE s.table_oid = $1 AND s.key = t.${key})
         ORDER BY t.${key} LIMIT ${batch}`,
        [table.oid, after],
      );
      const unlisted = found.rows.map((row) => row.key);
      if (unlisted.length > 0) {
        const deletions = { records: [], deletions: unlisted, order };
        const merged = await inTransaction(pool, (client) => mergeAll(context, client, deletions));
        queued += merged.queued;
      }
      return unlisted.at(-1);
    });
    if (last === undefined) return queued;
    after = last;
  }
}

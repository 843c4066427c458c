/** What the API's present state of a record says about a change of it. */
import type { SyncedTable } from '../catalog/index.js';
import type { Rec, Session, Values, Verb } from '../provider/index.js';

/** Whether the record is as the change would have left it. Of an insert nothing can be said by its key. */
export function tookEffect(verb: Verb, values: Values, now: Rec | null, session: Session, table: SyncedTable): boolean {
  if (verb === 'insert') return false;
  if (verb === 'delete') return now === null;
  if (now === null) return false;
  return session.holds === undefined || session.holds(table.resource, now, values);
}

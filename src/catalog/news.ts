/** Whether a table has to be read again in full, after what was registered of it has changed. */
import type { Resource } from '../provider/index.js';
import { sameJson } from './json.js';
import type { RegisteredTable } from './port.js';
import { parseResource } from './snapshot.js';

/**
 * Whether rows that are here may lack something that only reading all of them again brings: the values of a column that
 * is new or means something else, records that another condition left out, or what happened while nobody looked.
 */
export function hasNews(last: RegisteredTable, now: Resource, connection: string): boolean {
  if (!last.attached || last.connection !== connection) return true;
  const before = parseResource(last.resource, `${last.schema}.${last.name}`);
  if (!sameJson(before.filter, now.filter)) return true;
  return now.columns.some((column) => {
    const same = before.columns.find((each) => each.name === column.name);
    return same === undefined || same.field !== column.field || same.type !== column.type;
  });
}

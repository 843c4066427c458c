/** A table that the store knows, for tests that need no table behind it. */
import { type Queryable, tables } from '../../src/store/index.js';

export function registerContacts(db: Queryable, tableOid: number): Promise<void> {
  return tables.register(db, {
    tableOid,
    connection: 'salesforce',
    provider: 'salesforce',
    object: 'Contact',
    schema: 'salesforce',
    name: 'contacts',
    resource: {},
    limits: {},
    names: {},
  });
}

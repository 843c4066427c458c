import { expect, test } from 'vitest';
import { chooseTables } from '../../src/catalog/index.js';
import { contacts, fakeApi } from '../support/fake-api.js';

const people = contacts();
const { insert, update } = people.writes;
const ledger = contacts({
  name: 'ledger',
  object: 'Ledger',
  writes: { ...(insert && { insert }), ...(update && { update }) },
});
const connection = { name: 'crm', provider: 'salesforce', session: fakeApi([]).session };

test('limits of a connection hold for its tables, listed or not, as far as they offer the verb', () => {
  const limits = { insert: 5, delete: 7 };
  const all = chooseTables({ ...connection, limits }, [people, ledger]);
  expect(all.map((table) => table.limits)).toEqual([
    { insert: 5, update: 100, delete: 7 },
    { insert: 5, update: 100 },
  ]);
  const listed = chooseTables({ ...connection, limits, tables: [{ resource: 'ledger' }] }, [people, ledger]);
  expect(listed.map((table) => table.limits)).toEqual([{ insert: 5, update: 100 }]);
});

test('a limit above what the API takes names its key', () => {
  expect(() => chooseTables({ ...connection, limits: { update: 201 } }, [people])).toThrow(
    'connections.crm.limits.update: must be a whole number from 1 to 200, which is what the API takes',
  );
});

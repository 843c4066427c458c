import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Column, Rec, Resource, Values } from '../../src/provider/index.js';
import { findEqual, holds, pairRecords } from './match.js';

function column(name: string, type: Column['type'] = 'text'): Column {
  return { name, field: `fld${name}`, type, nullable: true, insertable: true, updatable: true };
}

const resource: Resource = {
  name: 't',
  object: 'appA/tblA',
  key: 'id',
  columns: [
    column('id'),
    column('a'),
    column('b'),
    column('n', 'numeric'),
    column('j', 'jsonb'),
    column('s', 'text[]'),
  ],
  writes: {},
  pull: { incremental: true, deletions: 'sweep' },
};

function rec(key: string, values: Values): Rec {
  return { key, values: { id: key, a: null, b: null, n: null, j: null, s: null, ...values } };
}

it('gives each row the record that holds what it assigns, in whatever order they come', () => {
  const value = fc.record({ a: fc.constantFrom('x', 'y', ''), n: fc.constantFrom('1', '2.50', '3e2') });
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 10 }), fc.infiniteStream(fc.nat()), (rows, order) => {
      const records = rows.map((row, index) => rec(`rec${index}`, { a: row.a || null, n: String(Number(row.n)) }));
      const mixed = records
        .map((record) => ({ record, at: order.next().value ?? 0 }))
        .sort((x, y) => x.at - y.at)
        .map((each) => each.record);
      const paired = pairRecords(resource, rows, mixed);
      expect(new Set(paired.map((record) => record.key)).size).toBe(rows.length);
      paired.forEach((record, index) => {
        expect(holds(resource, record, rows[index] ?? {})).toBe(true);
      });
    }),
  );
});

it('a row that assigns less does not take the record of one that assigns more', () => {
  const records = [rec('rec2', { a: 'x', b: 'y' }), rec('rec1', { a: 'x' })];
  expect(pairRecords(resource, [{ a: 'x' }, { a: 'x', b: 'y' }], records).map((each) => each.key)).toEqual([
    'rec1',
    'rec2',
  ]);
});

it('a record that an automation changed goes to the row that it differs from least', () => {
  const records = [rec('rec2', { a: 'changed', n: '2' }), rec('rec1', { a: 'one', n: '1' })];
  const rows = [
    { a: 'one', n: '1' },
    { a: 'two', n: '2' },
  ];
  expect(pairRecords(resource, rows, records).map((each) => each.key)).toEqual(['rec1', 'rec2']);
});

it.each<[string, Values, Values, boolean]>([
  ['a collaborator, which gets a name', { j: { email: 'a@x' } }, { j: { id: 'usr1', email: 'a@x', name: 'A' } }, true],
  ['another collaborator', { j: { email: 'b@x' } }, { j: { id: 'usr1', email: 'a@x' } }, false],
  [
    'a file, which gets an address',
    { j: [{ url: 'u', filename: 'f' }] },
    { j: [{ id: 'att1', url: 'v', filename: 'f' }] },
    true,
  ],
  ['another file', { j: [{ url: 'u', filename: 'g' }] }, { j: [{ id: 'att1', url: 'v', filename: 'f' }] }, false],
  ['files that were not fetched', { a: 'x', j: [{ url: 'u', filename: 'f' }] }, { a: 'x', j: null }, true],
  [
    'one of two files that was not fetched',
    {
      a: 'x',
      j: [
        { url: 'u', filename: 'f' },
        { url: 'u', filename: 'g' },
      ],
    },
    { a: 'x', j: [{ id: 'att1', url: 'v', filename: 'g' }] },
    true,
  ],
  ['files only, which were not fetched', { j: [{ url: 'u', filename: 'f' }] }, { j: null }, false],
  ['people by id', { j: ['usr1'] }, { j: [{ id: 'usr1', email: 'a@x' }] }, true],
  ['an empty list', { s: [] }, { s: null }, true],
  ['choices in another order', { s: ['x', 'y'] }, { s: ['y', 'x'] }, true],
  ['an end of line', { a: 'x' }, { a: 'x\n' }, true],
  ['an emptied cell', { a: null }, { a: 'x' }, false],
])('%s', (_, values, found, same) => {
  expect(findEqual(resource, [values], [rec('rec1', found)])[0]?.key).toBe(same ? 'rec1' : undefined);
});

it('a write of a record that was there before is not taken for done where its files are missing', () => {
  expect(holds(resource, rec('rec1', { a: 'x' }), { a: 'x', j: [{ url: 'u', filename: 'f' }] })).toBe(false);
});

it('finds each record for one row only', () => {
  const found = findEqual(resource, [{ a: 'x' }, { a: 'x' }], [rec('rec1', { a: 'x' })]);
  expect(found.map((record) => record?.key ?? null)).toEqual(['rec1', null]);
});

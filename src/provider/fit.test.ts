import { describe, expect, it } from 'vitest';
import type { ColumnType, JsonValue, Resource } from './contract.js';
import { fits, UnfitLog, withoutUnfit } from './fit.js';

describe('fits', () => {
  it.each<[ColumnType, readonly JsonValue[], readonly JsonValue[]]>([
    ['text', ['', 'x', 7, { a: 1 }], []],
    ['jsonb', ['', 'x', 7, { a: 1 }, []], []],
    ['text[]', [[], ['a', null]], ['a', 'a;b', { a: 1 }, 7]],
    ['boolean', [true, false, 'true', 'No', 0], ['', 'maybe', 2, []]],
    ['integer', [0, -7, '42', 2_147_483_647], ['', 'x', '1.5', 1.5, 2_147_483_648, true, '2147483648']],
    ['bigint', ['9223372036854775807', '-9223372036854775808', 7], ['9223372036854775808', '1e3', 'x', 1e19]],
    [
      'numeric',
      ['1', '-0.5', '.5', '5.', '1e-7', 'NaN', 12.5, '9'.repeat(400)],
      ['', 'abc', '1,5', '1e99999', '0x10', true],
    ],
    ['double precision', [0.1, '1e308', '0e-999', 'Infinity'], ['1e309', '1e-400', 'x', '']],
    [
      'date',
      ['2024-02-29', '1900-03-01', '2000-02-29', '2024-01-01T00:00:00Z', '12345-01-01'],
      [
        '2023-02-29',
        '1900-02-29',
        '2024-13-01',
        '2024-00-10',
        '0000-01-01',
        '20240101',
        'tomorrow',
        '',
        '5874898-01-01',
        5,
      ],
    ],
    ['time', ['06:30', '23:59:59.999', '24:00:00', '12:00:00Z'], ['24:00:01', '25:00:00', '7:30', 'noon', '', 630]],
    [
      'timestamptz',
      [
        '2024-02-29T23:59:60Z',
        '2024-05-31T01:02:03.456789+00:00',
        '2021-12-03 17:59:20+0000',
        '2024-01-01',
        '-infinity',
        '294276-12-31T00:00:00Z',
      ],
      [
        '2024-02-30T00:00:00Z',
        '+056000-01-01T00:00:00.000Z',
        '294277-01-01T00:00:00Z',
        '1701000000000',
        'soon',
        '2024-01-01T25:00:00Z',
        '',
      ],
    ],
  ])('%s', (type, good, bad) => {
    expect(good.filter((value) => !fits(type, value))).toEqual([]);
    expect(bad.filter((value) => value !== null && fits(type, value))).toEqual([]);
  });
});

const column = { nullable: true, insertable: true, updatable: true } as const;
const resource: Resource = {
  name: 'deals',
  object: 'deals',
  key: 'id',
  columns: [
    { ...column, name: 'id', field: 'hs_object_id', type: 'text' },
    { ...column, name: 'name', field: 'dealname', type: 'text' },
    { ...column, name: 'amount', field: 'amount', type: 'numeric' },
    { ...column, name: 'closed', field: 'closedate', type: 'timestamptz' },
  ],
  writes: {},
  pull: { incremental: true, deletions: 'listed' },
};

describe('withoutUnfit', () => {
  it('leaves out what is of another type, and nothing else', () => {
    const record = { key: '1', values: { id: '1', name: '5', amount: 'five', closed: '2024-01-01T00:00:00Z' } };
    expect(withoutUnfit(resource, record)).toEqual({
      key: '1',
      values: { ...record.values, amount: null },
      unfit: ['amount'],
    });
  });

  it('copies nothing where all is well, or not known', () => {
    for (const values of [{ amount: '5', closed: null }, {}]) {
      const record = { key: '1', values };
      expect(withoutUnfit(resource, record)).toBe(record);
    }
  });
});

describe('the log of them', () => {
  it('has the first of a column, then how many there were, and never a value', () => {
    let now = 0;
    const lines: Readonly<Record<string, unknown>>[] = [];
    const warn = (fields: Readonly<Record<string, unknown>>): void => void lines.push(fields);
    const log = new UnfitLog({ debug: () => {}, info: () => {}, warn }, () => now);
    const tell = (key: string, name: 'amount' | 'closed'): void =>
      log.tell(resource, withoutUnfit(resource, { key, values: { [name]: 'a secret' } }));
    for (const key of ['1', '2', '3']) tell(key, 'amount');
    tell('4', 'closed');
    now = 600_000;
    tell('5', 'amount');
    expect(lines).toEqual([
      { table: 'deals', column: 'amount', field: 'amount', type: 'numeric', key: '1', count: 1 },
      { table: 'deals', column: 'closed', field: 'closedate', type: 'timestamptz', key: '4', count: 1 },
      { table: 'deals', column: 'amount', field: 'amount', type: 'numeric', key: '5', count: 3 },
    ]);
  });
});

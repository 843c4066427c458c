import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Column, ColumnType, JsonValue, Resource } from '../../src/provider/index.js';
import { decimalText, fromApi, kept, longId, matches, toApi, toFields, toRec } from './mapping.js';

function column(type: ColumnType, over: Partial<Column> = {}): Column {
  return { name: 'a_field', field: 'AField', type, nullable: true, insertable: true, updatable: true, ...over };
}

const resource: Resource = {
  name: 'things',
  object: 'Thing',
  key: 'id',
  columns: [
    column('text', { name: 'id', field: 'Id' }),
    column('text'),
    column('numeric', { name: 'n', field: 'N__c' }),
  ],
  writes: {},
  pull: { incremental: true, deletions: 'listed' },
};

describe('decimalText', () => {
  it.each<[number, string]>([
    [1e21, '1000000000000000000000'],
    [1.5e-7, '0.00000015'],
    [-2.5e-10, '-0.00000000025'],
    [1.25e22, '12500000000000000000000'],
    [0, '0'],
    [12.5, '12.5'],
  ])('%d → %s', (value, expected) => {
    expect(decimalText(value)).toBe(expected);
  });

  it('loses nothing and has no exponent', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = decimalText(value);
        expect(text).toMatch(/^-?\d+(\.\d+)?$/);
        expect(Number(text) === value).toBe(true);
      }),
    );
  });
});

describe('longId', () => {
  // The 18-character ids of recorded traffic.
  it.each(['0014S000007NxmlQAC', '0014S000007Nx5BQAS', '0034S000005YJVlQAO', '00Q4S000002sSacUAE'])('%s', (id) => {
    expect(longId(id.slice(0, 15))).toBe(id);
    expect(longId(id)).toBe(id);
  });
});

describe('fromApi', () => {
  it.each<[ColumnType, unknown, JsonValue]>([
    ['text', 'x', 'x'],
    ['text', '', ''],
    ['text', null, null],
    ['text', undefined, null],
    ['boolean', false, false],
    ['integer', 5, 5],
    ['numeric', 12.5, '12.5'],
    ['numeric', 1e21, '1000000000000000000000'],
    ['bigint', 9007199254740991, '9007199254740991'],
    ['date', '2024-02-29', '2024-02-29'],
    ['timestamptz', '2021-12-03T17:59:20.000+0000', '2021-12-03T17:59:20.000Z'],
    ['time', '10:15:00.000Z', '10:15:00.000'],
    ['text[]', 'A;B', ['A', 'B']],
    ['jsonb', { a: [1, null] }, { a: [1, null] }],
  ])('%s %o', (type, value, expected) => {
    expect(fromApi(column(type), value)).toEqual(expected);
  });
});

describe('toApi', () => {
  it.each<[ColumnType, JsonValue, JsonValue]>([
    ['text', '', null],
    ['text', null, null],
    ['text', 'O\'Neill ü 😀 \\ "q"', 'O\'Neill ü 😀 \\ "q"'],
    ['numeric', '12.50', 12.5],
    ['numeric', '-0.10', -0.1],
    ['numeric', '123456789012345678', '123456789012345678'],
    ['numeric', 'NaN', 'NaN'],
    ['bigint', '42', 42],
    ['timestamptz', '2024-05-01T12:00:00+02:00', '2024-05-01T10:00:00.000Z'],
    ['timestamptz', '2024-05-01T12:00:00.123456-03:30', '2024-05-01T15:30:00.123Z'],
    ['timestamptz', 'infinity', 'infinity'],
    ['time', '10:15:00', '10:15:00.000Z'],
    ['time', '10:15:00.123456', '10:15:00.123Z'],
    ['date', '2024-02-29', '2024-02-29'],
    ['text[]', ['A', 'B'], 'A;B'],
    ['text[]', [], null],
    ['boolean', false, false],
  ])('%s %o → %o', (type, value, expected) => {
    expect(toApi(column(type), value)).toEqual(expected);
  });

  it('never sends a number that is not the one assigned', () => {
    const decimal = fc.stringMatching(/^-?\d{1,20}(\.\d{1,12})?$/);
    fc.assert(
      fc.property(decimal, (text) => {
        const sent = toApi(column('numeric'), text);
        if (typeof sent === 'string') expect(sent).toBe(text);
        else expect(kept(column('numeric'), decimalText(Number(sent)))).toBe(kept(column('numeric'), text));
      }),
    );
  });
});

describe('kept', () => {
  it.each<[Column, JsonValue, JsonValue]>([
    [column('text'), '  two words\n', 'two words'],
    [column('text'), ' \t ', null],
    [column('text'), '\u00a0x', '\u00a0x'],
    [column('text', { references: ['Account'] }), '0014S000007Nxml', '0014S000007NxmlQAC'],
    [column('timestamptz'), '2024-05-01T12:00:00.999+02:00', '2024-05-01T10:00:00.000Z'],
    [column('numeric'), '+012.500', '12.5'],
    [column('numeric'), '-0.0', '0'],
    [column('text[]'), [], null],
    [column('text[]', { choices: ['a', 'b', 'c'] }), ['x', 'c', 'a', 'c'], ['a', 'c', 'x']],
    [column('boolean'), true, true],
  ])('%o %o', (given, value, expected) => {
    expect(kept(given, value)).toEqual(expected);
  });
});

describe('records', () => {
  it('translates names, leaves out what is not assigned', () => {
    expect(toFields(resource, { a_field: '', n: '1.0' })).toEqual({ AField: null, N__c: 1 });
    expect(toRec(resource, { Id: '001', N__c: 2, Other: 1, attributes: {} })).toEqual({
      key: '001',
      values: { id: '001', n: '2' },
    });
  });

  it('recognises what an insert made', () => {
    const record = toRec(resource, { Id: '001', AField: 'x', N__c: 2.5 });
    expect(matches(resource, record, { a_field: ' x ', n: '2.50' })).toBe(true);
    expect(matches(resource, record, { a_field: 'y' })).toBe(false);
    expect(matches(resource, record, { n: null })).toBe(false);
  });
});

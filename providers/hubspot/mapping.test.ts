import { describe, expect, it } from 'vitest';
import type { Column, ColumnType, Resource } from '../../src/provider/index.js';
import { fromApi, isoMoment, matches, normalDecimal, toApi, toProperties, toRec, writtenRec } from './mapping.js';

function column(name: string, type: ColumnType = 'text'): Column {
  return { name, field: `hs_${name}`, type, nullable: true, insertable: true, updatable: true };
}

const resource: Resource = {
  name: 'things',
  object: 'things',
  key: 'id',
  columns: [
    { ...column('id'), field: 'hs_object_id' },
    column('changed', 'timestamptz'),
    column('name'),
    column('size', 'numeric'),
    column('tags', 'text[]'),
  ],
  version: 'changed',
  writes: {},
  pull: { incremental: true, deletions: 'listed' },
};

describe('values', () => {
  it.each<[ColumnType, string, unknown]>([
    ['text', ' as it is ', ' as it is '],
    ['boolean', 'true', true],
    ['boolean', 'false', false],
    // Not of the type: the guard leaves it out.
    ['boolean', 'maybe', 'maybe'],
    ['date', '2024-02-29 or so', '2024-02-29 or so'],
    ['numeric', 'about a million', 'about a million'],
    ['numeric', '007.50', '7.5'],
    ['numeric', '1.5E3', '1500'],
    ['date', '2024-02-29', '2024-02-29'],
    ['date', '1709164800000', '2024-02-29'],
    ['date', '2024-02-29T00:00:00Z', '2024-02-29'],
    ['timestamptz', '1762212973632', '2025-11-03T23:36:13.632Z'],
    ['timestamptz', '2025-11-03T23:36:13.632Z', '2025-11-03T23:36:13.632Z'],
    ['timestamptz', '-1', '1969-12-31T23:59:59.999Z'],
    ['text[]', 'a;b', ['a', 'b']],
    ['text[]', ';a;;b;', ['a', 'b']],
    ['text[]', ';', null],
    ['jsonb', '{"a":[1]}', { a: [1] }],
    ['jsonb', 'no json', 'no json'],
  ])('%s: %s comes', (type, text, value) => {
    expect(fromApi(column('x', type), text)).toEqual(value);
  });

  it.each<ColumnType>(['text', 'boolean', 'numeric', 'date', 'timestamptz', 'text[]', 'jsonb'])(
    'empty text and null are NULL, and NULL is empty text: %s',
    (type) => {
      expect([fromApi(column('x', type), ''), fromApi(column('x', type), null)]).toEqual([null, null]);
      expect(toApi(column('x', type), null)).toBe('');
    },
  );

  it.each<[ColumnType, Parameters<typeof toApi>[1], string]>([
    ['boolean', true, 'true'],
    ['numeric', '12.50', '12.5'],
    ['numeric', 'NaN', 'NaN'],
    ['timestamptz', '2024-03-31T02:30:00.123456+05:30', '2024-03-30T21:00:00.123Z'],
    ['date', '2024-02-29', '2024-02-29'],
    ['text[]', ['a', 'b'], 'a;b'],
    ['text[]', [], ''],
    ['jsonb', { a: 1 }, '{"a":1}'],
    ['text', 'x', 'x'],
  ])('%s: %j goes as %s', (type, value, text) => {
    expect(toApi(column('x', type), value)).toBe(text);
  });
});

describe('normalDecimal', () => {
  it.each([
    ['0', '0'],
    ['-0.00', '0'],
    ['+5', '5'],
    ['.5', '0.5'],
    ['5.', '5'],
    ['-00012.3400', '-12.34'],
    ['12345678901234567890.123', '12345678901234567890.123'],
    ['1e3', '1000'],
    ['1.25e-3', '0.00125'],
    ['12.5E1', '125'],
    ['Infinity', 'Infinity'],
    ['', ''],
    ['.', '.'],
  ])('%s → %s', (given, expected) => {
    expect(normalDecimal(given)).toBe(expected);
  });
});

describe('isoMoment', () => {
  it('leaves what is no moment', () => {
    expect(isoMoment('tomorrow')).toBe('tomorrow');
  });
});

describe('records', () => {
  const record = {
    id: '7',
    properties: { hs_name: 'n', hs_size: '', hs_other: 'x' },
    updatedAt: '2024-01-01T00:00:00Z',
  };

  it('keep what they say, and nothing else', () => {
    expect(toRec(resource, record)).toEqual({
      key: '7',
      values: { id: '7', name: 'n', size: null, changed: '2024-01-01T00:00:00.000Z' },
    });
  });

  it('after a write have what was assigned where the answer is silent', () => {
    const written = writtenRec(resource, record, { name: 'given', tags: ['a'] });
    expect(written.values).toMatchObject({ name: 'n', tags: ['a'] });
  });

  it('become properties by field', () => {
    expect(toProperties(resource, { name: null, tags: ['a', 'b'] })).toEqual({ hs_name: '', hs_tags: 'a;b' });
  });

  it('match what was assigned: without case, lists without order', () => {
    const found = { key: '1', values: { name: 'ada@example.com', tags: ['b', 'a'], size: '1.5' } };
    expect(matches(resource, found, { name: 'Ada@Example.com', tags: ['a', 'b'], size: '1.50' })).toBe(true);
    expect(matches(resource, found, { name: 'Bob' })).toBe(false);
    expect(matches(resource, found, { tags: ['a'] })).toBe(false);
    expect(matches(resource, found, { changed: '2024-01-01T00:00:00Z' })).toBe(false);
  });
});

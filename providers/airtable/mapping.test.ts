import { expect, it } from 'vitest';
import type { Column, JsonValue } from '../../src/provider/index.js';
import { fromApi, toApi } from './mapping.js';

function column(type: Column['type'], nullable = true): Column {
  return { name: 'c', field: 'fldC', type, nullable, insertable: true, updatable: true };
}

it.each<[Column['type'], unknown, JsonValue]>([
  ['text', 'a', 'a'],
  ['text', 5, '5'],
  ['text', ['a', 'b'], 'a, b'],
  ['text', true, 'true'],
  ['text', undefined, null],
  ['numeric', 1e21, '1000000000000000000000'],
  ['numeric', 1.5e-7, '0.00000015'],
  ['numeric', -0.5, '-0.5'],
  ['numeric', { specialValue: 'NaN' }, null],
  ['numeric', { specialValue: 'Infinity' }, null],
  ['numeric', { error: '#ERROR!' }, null],
  ['numeric', 'many', null],
  ['integer', 4, 4],
  ['integer', 4.5, null],
  ['boolean', true, true],
  ['boolean', 0, false],
  ['boolean', 1, true],
  ['date', '2022-09-05', '2022-09-05'],
  ['date', '2022-09-05T07:00:00.000Z', '2022-09-05'],
  ['date', '#ERROR!', null],
  ['timestamptz', '2022-09-05T07:00:00.000Z', '2022-09-05T07:00:00.000Z'],
  ['timestamptz', 'soon', null],
  ['text[]', ['a', 'b'], ['a', 'b']],
  ['text[]', 'a', ['a']],
  ['jsonb', { specialValue: 'NaN' }, { specialValue: 'NaN' }],
  ['jsonb', [1, 'a', null], [1, 'a', null]],
])('%s of %o is %o', (type, given, wanted) => {
  expect(fromApi(column(type), given)).toEqual(wanted);
});

it('an absent box is not checked', () => {
  expect(fromApi(column('boolean', false), undefined)).toBe(false);
  expect(fromApi(column('boolean'), undefined)).toBeNull();
});

const attachment = { id: 'att1', url: 'https://x.example/f', filename: 'f.png', size: 3, thumbnails: {} };
const person = { id: 'usr1', email: 'a@x.example', name: 'A' };

it.each<[Column['type'], JsonValue, JsonValue]>([
  ['text', '', null],
  ['text', 'a', 'a'],
  ['numeric', '12.50', 12.5],
  ['numeric', 'NaN', 'NaN'],
  ['timestamptz', '2024-03-31 02:30:00.123456+05:30', '2024-03-30T21:00:00.123Z'],
  ['timestamptz', 'infinity', 'infinity'],
  ['text[]', [], []],
  ['boolean', false, false],
  ['jsonb', person, { id: 'usr1' }],
  ['jsonb', { email: 'a@x.example' }, { email: 'a@x.example' }],
  ['jsonb', [person, { id: 'ugp1', name: 'Fremen' }], ['usr1', 'ugp1']],
  ['jsonb', [{ email: 'a@x.example' }], [{ email: 'a@x.example' }]],
  ['jsonb', [attachment], [{ id: 'att1' }]],
  ['jsonb', [{ url: 'https://x.example/f' }], [{ url: 'https://x.example/f' }]],
  ['jsonb', { text: 'A1', type: 'code39' }, { text: 'A1', type: 'code39' }],
  ['jsonb', ['usr1'], ['usr1']],
])('%s %o is sent as %o', (type, given, wanted) => {
  expect(toApi(column(type), given, false)).toEqual(wanted);
});

it('a new record fetches the files of another one anew', () => {
  expect(toApi(column('jsonb'), [attachment], true)).toEqual([{ url: attachment.url, filename: 'f.png' }]);
});

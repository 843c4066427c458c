import { expect, test } from 'vitest';
import { expand } from './environment.js';

const environment = { NAME: 'value', EMPTY: '', NESTED: '${NAME}' };

test.each([
  ['plain $NAME', 'plain $NAME'],
  ['${NAME}', 'value'],
  ['a${NAME}b${NAME}c', 'avaluebvaluec'],
  ['${ABSENT:-else}', 'else'],
  ['${ABSENT:-}', ''],
  ['${EMPTY:-else}', 'else'],
  ['${EMPTY}', ''],
  ['${NAME:-else}', 'value'],
  ['$${NAME}', '${NAME}'],
  ['${NESTED}', '${NAME}'],
])('%s becomes "%s"', (text, expanded) => {
  expect(expand(text, environment)).toEqual({ text: expanded, missing: [], malformed: false });
});

test('all that is missing is named', () => {
  expect(expand('${A}-${B}-${NAME}', environment).missing).toEqual(['A', 'B']);
});

test.each(['${', '${}', '${1A}', '${NAME', '${NAME-else}'])('%s is malformed', (text) => {
  expect(expand(text, environment).malformed).toBe(true);
});

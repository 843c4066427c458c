/** Every entry of the catalogue is made to happen by a case of the tests beside this one. */
import { expect, test } from 'vitest';
import { catalogue } from '../../src/errors/index.js';
import { connections } from './cases/connections.js';
import { refusals } from './cases/refusals.js';
import { statements, transactions } from './cases/statements.js';

test('the cases cover the catalogue', () => {
  const provoked = [...connections, ...refusals, ...statements, ...transactions].map(({ code }) => code);
  expect([...new Set(provoked)].sort()).toEqual(Object.keys(catalogue).sort());
});

test('the cases expect the SQLSTATEs of the catalogue', () => {
  for (const { code, shows } of [...connections, ...refusals, ...statements, ...transactions]) {
    expect([code, shows.sqlstate]).toEqual([code, catalogue[code].sqlstate]);
  }
});

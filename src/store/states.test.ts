import { expect, test } from 'vitest';
import { canBecome, isFinal, type MutationState, statesBefore } from './index.js';

const all: readonly MutationState[] = [
  'pending',
  'sent',
  'unknown',
  'applied',
  'refused',
  'partial',
  'cancelled',
  'undecided',
];

test('the final states are those that say what became of the write', () => {
  expect(all.filter(isFinal)).toEqual(['applied', 'refused', 'partial', 'cancelled', 'undecided']);
});

test('nothing that was held back becomes an outcome without having been sent', () => {
  expect(all.filter((state) => canBecome('pending', state))).toEqual(['sent', 'cancelled']);
  expect(statesBefore('applied')).toEqual(['sent', 'unknown']);
  expect(statesBefore('undecided')).toEqual(['unknown']);
  expect(statesBefore('pending')).toEqual([]);
});

test('every open state leads to a final one', () => {
  for (const state of all.filter((each) => !isFinal(each))) {
    expect(all.some((to) => isFinal(to) && canBecome(state, to))).toBe(true);
  }
});

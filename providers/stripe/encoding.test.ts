import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/provider/index.js';
import { canonical, paramOf, plain } from './encoding.js';
import { fieldOf } from './tables/index.js';

function param(object: string, field: string, value: JsonValue, options: { insert?: boolean; old?: JsonValue } = {}) {
  const declared = fieldOf(object, field);
  if (declared === undefined) throw new Error(`there is no ${object}.${field}`);
  return paramOf(declared, value, options.insert ?? false, options.old);
}

describe('plain values', () => {
  it('are unset by an empty value on update, and left out on insert', () => {
    expect(param('customer', 'email', null)).toBe('');
    expect(param('customer', 'email', null, { insert: true })).toBeUndefined();
    expect(param('customer', 'preferred_locales', [])).toBe('');
  });

  it('are numbers as text, and times in whole seconds', () => {
    expect(param('customer', 'balance', '-9007199254740993')).toBe('-9007199254740993');
    expect(param('coupon', 'redeem_by', '2024-03-31T02:30:00.999+05:30', { insert: true })).toBe(1_711_832_400);
    expect(param('coupon', 'redeem_by', 'infinity', { insert: true })).toBe('infinity');
  });

  it('have nothing empty left inside that the form could not carry', () => {
    expect(plain({ a: null, b: [], c: {}, d: [null, 1], e: { f: 'x' } })).toEqual({
      a: '',
      b: '',
      c: '',
      d: ['', 1],
      e: { f: 'x' },
    });
  });
});

describe('metadata', () => {
  const old = { kept: '1', dropped: '2', nulled: '3' };

  it('names the keys that go', () => {
    expect(param('customer', 'metadata', { kept: '9', nulled: null, added: 'x' }, { old })).toEqual({
      dropped: '',
      nulled: '',
      kept: '9',
      added: 'x',
    });
  });

  it('is emptied as a whole', () => {
    for (const value of [null, {}, { a: null }]) expect(param('customer', 'metadata', value, { old })).toBe('');
  });

  it('is left out of an insert where there is none', () => {
    for (const value of [null, {}, { a: null }]) {
      expect(param('customer', 'metadata', value, { insert: true })).toBeUndefined();
    }
  });

  it('of a wrong form is left to Stripe to refuse', () => {
    expect(param('customer', 'metadata', 'text', { old })).toBe('text');
    expect(param('customer', 'metadata', ['a'], { old })).toEqual(['a']);
  });
});

describe('objects', () => {
  const old = { city: 'Arrakeen', country: null, line1: 'Sietch 1', line2: null, postal_code: null, state: null };

  it('unset the members that an assignment leaves out, unless they are known to be empty', () => {
    expect(param('customer', 'address', { city: 'Carthag' }, { old })).toEqual({ city: 'Carthag', line1: '' });
    expect(param('customer', 'address', { city: 'Carthag' })).toEqual({
      city: 'Carthag',
      country: '',
      line1: '',
      line2: '',
      postal_code: '',
      state: '',
    });
  });

  it('send on insert what is given', () => {
    expect(param('customer', 'address', { city: 'x', line1: null }, { insert: true })).toEqual({ city: 'x' });
    expect(param('customer', 'address', {}, { insert: true })).toBeUndefined();
  });

  it('do so member by member', () => {
    const shipping = { name: 'Paul', phone: '1', address: old };
    const value = { name: 'Paul', address: { line1: 'Sietch 2' } };
    expect(param('customer', 'shipping', value, { old: shipping })).toEqual({
      name: 'Paul',
      phone: '',
      address: { line1: 'Sietch 2', city: '' },
    });
  });

  it('pass over what Stripe sets itself, unless it is changed', () => {
    const tax = { enabled: false, provider: 'stripe', status: null };
    expect(param('invoice', 'automatic_tax', { ...tax, enabled: true }, { old: tax })).toEqual({ enabled: true });
    expect(param('invoice', 'automatic_tax', { ...tax, provider: 'x' }, { old: tax })).toEqual({
      enabled: false,
      provider: 'x',
    });
  });
});

describe('items of a subscription', () => {
  const old = [
    { id: 'si_1', price: 'p1', quantity: 1, metadata: {} },
    { id: 'si_2', price: 'p2', quantity: 1, metadata: { a: '1' } },
  ];

  it('are told apart by id, and those that are left out are deleted', () => {
    const value = [{ id: 'si_2', price: 'p2', quantity: 5, metadata: {} }];
    expect(param('subscription', 'items.data', value, { old })).toEqual([
      { id: 'si_2', quantity: 5, metadata: '' },
      { id: 'si_1', deleted: true },
    ]);
  });

  it('without an id are the old one of their price, once', () => {
    const value = [{ price: 'p1', quantity: 2 }, { price: 'p1', quantity: 3 }, { price: 'p2' }];
    expect(param('subscription', 'items.data', value, { old })).toEqual([
      { id: 'si_1', quantity: 2 },
      { price: 'p1', quantity: 3 },
      { id: 'si_2' },
    ]);
  });
});

it('discounts are sent by what they are', () => {
  const value = ['di_1', { coupon: 'HALF' }];
  expect(param('subscription', 'discounts', value)).toEqual([{ discount: 'di_1' }, { coupon: 'HALF' }]);
  expect(param('subscription', 'discounts', [])).toBe('');
});

it('canonical text does not depend on the order of members', () => {
  expect(canonical({ b: [{ d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1}]}');
});

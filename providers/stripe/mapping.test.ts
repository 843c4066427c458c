import { describe, expect, it } from 'vitest';
import { decimalText, toRec } from './mapping.js';
import { resources } from './resources.js';

function rec(table: string, object: Record<string, unknown>) {
  const resource = resources.find((candidate) => candidate.name === table);
  if (resource === undefined) throw new Error(`there is no table ${table}`);
  return toRec(resource, object);
}

describe('toRec', () => {
  it('has every column of the table', () => {
    for (const resource of resources) {
      const { values } = toRec(resource, { id: 'x_1' });
      expect(Object.keys(values)).toEqual(resource.columns.map((column) => column.name));
    }
  });

  it('turns seconds, amounts and references', () => {
    const { key, values } = rec('charges', {
      id: 'ch_1',
      amount: 2000,
      created: 1_700_000_000,
      customer: { id: 'cus_1', object: 'customer' },
      source: { id: 'card_1', object: 'card' },
      payment_intent: 'pi_1',
      captured: true,
    });
    expect(key).toBe('ch_1');
    expect(values).toMatchObject({
      amount: '2000',
      created: '2023-11-14T22:13:20.000Z',
      customer: 'cus_1',
      source: 'card_1',
      payment_intent: 'pi_1',
      captured: true,
      description: null,
    });
  });

  it('finds nested members', () => {
    const items = [{ id: 'si_1', price: { id: 'price_1' }, quantity: 2, current_period_end: 1_700_000_000 }];
    expect(rec('subscriptions', { id: 'sub_1', items: { data: items } }).values).toMatchObject({
      items: [{ id: 'si_1', price: 'price_1', quantity: 2, metadata: {} }],
      current_period_end: '2023-11-14T22:13:20.000Z',
      current_period_start: null,
    });
    const parent = { subscription_details: { subscription: 'sub_1' } };
    expect(rec('invoices', { id: 'in_1', parent }).values).toMatchObject({ subscription: 'sub_1', parent });
  });

  it('takes tax rates by their ids', () => {
    const { values } = rec('invoices', { id: 'in_1', default_tax_rates: [{ id: 'txr_1', percentage: 7 }] });
    expect(values['default_tax_rates']).toEqual(['txr_1']);
  });

  it('turns a value of another form into NULL', () => {
    const { values } = rec('customers', { id: 'cus_1', balance: {}, created: 'now', delinquent: 'yes' });
    expect(values).toMatchObject({ balance: null, created: null, delinquent: null });
  });
});

it('decimalText writes no exponent', () => {
  expect([0.1, 12.5, 1e-7, 100].map(decimalText)).toEqual(['0.1', '12.5', '0.0000001', '100']);
});

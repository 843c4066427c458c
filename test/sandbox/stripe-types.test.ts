/** The Stripe sandbox held to the types that Stripe generates from its own description of the API. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StripeSandbox, startStripeSandbox } from '../../fixtures/stripe/index.js';
import { kinds } from '../../fixtures/stripe/objects/index.js';
import { tables } from '../../providers/stripe/tables/index.js';
import { SdkTypes } from '../providers/stripe/sdk-types.js';
import { dataOf, send } from './stripe-client.js';

/** Names of the types, by path. */
const types: ReadonlyMap<string, string> = new Map([
  ['customers', 'Customer'],
  ['products', 'Product'],
  ['prices', 'Price'],
  ['coupons', 'Coupon'],
  ['subscriptions', 'Subscription'],
  ['invoices', 'Invoice'],
  ['invoiceitems', 'InvoiceItem'],
  ['payment_intents', 'PaymentIntent'],
  ['charges', 'Charge'],
  ['refunds', 'Refund'],
  ['payment_methods', 'PaymentMethod'],
]);

let sandbox: StripeSandbox;

beforeAll(async () => {
  sandbox = await startStripeSandbox({ customers: 25 });
});
afterAll(() => sandbox.close());

it('has types of every kind', () => {
  expect([...kinds.keys()].sort()).toEqual([...types.keys()].sort());
});

describe.each([...types])('%s', (path, name) => {
  const sdk = new SdkTypes(`${name}s`);
  const object = sdk.members(name);

  it('has the members that Stripe promises, and no others', async () => {
    const query = path === 'subscriptions' ? '?status=all' : '';
    const records = dataOf(await send(sandbox.url, 'GET', `${path}${query}`));
    expect(records.length).toBeGreaterThan(0);
    const promised = [...object].filter(([, member]) => !member.optional).map(([member]) => member);
    for (const record of records) {
      const members = Object.keys(record);
      expect(promised.filter((member) => !members.includes(member))).toEqual([]);
      expect(members.filter((member) => !object.has(member))).toEqual([]);
      for (const [member, { nullable, choices }] of object) {
        const value = record[member];
        if (value === null) expect([path, member, nullable]).toEqual([path, member, true]);
        if (typeof value === 'string' && choices.length > 0)
          expect([member, choices]).toEqual([member, expect.arrayContaining([value])]);
      }
    }
  });

  it('takes no parameter that Stripe does not, and each that a table sets', () => {
    const kind = kinds.get(path);
    const table = tables.find((candidate) => candidate.path === path);
    for (const [verb, specs, access] of [
      ['Create', kind?.create ?? {}, 'insertable'],
      ['Update', kind?.update ?? {}, 'updatable'],
    ] as const) {
      const params = sdk.members(`${name}${verb}Params`);
      expect(Object.keys(specs).filter((param) => !params.has(param))).toEqual([]);
      const set = (table?.fields ?? []).filter((field) => field[access]).map(({ param }) => param.split('[')[0] ?? '');
      const own = new Set(
        verb === 'Update' ? ['status', 'cancellation_reason'] : path === 'payment_methods' ? ['id', 'customer'] : [],
      );
      expect([verb, set.filter((param) => !(param in specs) && !own.has(param))]).toEqual([verb, []]);
    }
  });
});

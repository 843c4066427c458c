/** What each table lets be made, changed and deleted. */
import { describe, expect, it } from 'vitest';
import type { Values } from '../../../src/provider/index.js';
import {
  insert,
  last,
  refusal,
  remove,
  resource,
  row,
  run,
  sandbox,
  session,
  signal,
  update,
  useSandbox,
} from './account.js';

useSandbox();

describe('the tables', () => {
  it('makes, changes and deletes a product, with an id of its own', async () => {
    const made = await insert('products', { id: 'prod_own', name: 'Harvester', images: ['https://a.example/1.png'] });
    expect(made).toMatchObject({ id: 'prod_own', active: true, images: ['https://a.example/1.png'] });
    expect(await update('products', 'prod_own', { description: 'x', images: [] })).toMatchObject({
      description: 'x',
      images: [],
    });
    expect(await refusal('products', 'insert', row({ id: 'prod_own', name: 'again' }))).toMatchObject({
      sqlstate: '23505',
      column: 'id',
      detail: 'Key (id)=(prod_own) already exists.',
    });
    expect(await refusal('products', 'update', row({ name: null }, { key: 'prod_own' }))).toMatchObject({
      sqlstate: '23502',
      column: 'name',
      detail: 'Column "name" is required and has no value.',
    });
    expect(await remove('products', 'prod_own')).toMatchObject({ kind: 'applied' });
    const priced = sandbox.records('products')[0]?.id ?? '';
    expect(await refusal('products', 'delete', row({}, { key: priced }))).toMatchObject({
      sqlstate: '23514',
      detail: 'This product cannot be deleted because it has one or more user-created prices.',
    });
  });

  it('makes prices with whole and decimal amounts, and only retires them', async () => {
    const product = sandbox.records('products')[0]?.id ?? '';
    const made = await insert('prices', {
      product,
      currency: 'usd',
      unit_amount_decimal: '0.5',
      recurring: { interval: 'month' },
    });
    expect(made).toMatchObject({ unit_amount: null, unit_amount_decimal: '0.5', type: 'recurring', tiers: null });
    expect((await update('prices', String(made['id']), { active: false }))['active']).toBe(false);
    const [outcome] = (await run('prices', 'delete', [row({}, { key: String(made['id']) })])).outcomes;
    expect(outcome).toMatchObject({ kind: 'rejected', fault: { code: 'verb_not_offered' } });
    expect(await refusal('prices', 'insert', row({ product, currency: 'spice', unit_amount: '1' }))).toMatchObject({
      sqlstate: '23514',
      column: 'currency',
    });
    expect(
      await refusal('prices', 'insert', row({ product: 'prod_none', currency: 'usd', unit_amount: '1' })),
    ).toMatchObject({
      sqlstate: '23503',
      column: 'product',
      detail: 'Key (product)=(prod_none) is not present in product.',
    });
    expect(await refusal('prices', 'insert', row({ product, currency: 'usd' }))).toMatchObject({
      sqlstate: '23502',
      column: 'unit_amount',
    });
  });

  it('sets a customer’s address for shipping by the members that it has, and what things cost in other currencies', async () => {
    const customer = sandbox.records('customers')[0]?.id ?? '';
    const shipping = { name: 'Chani', phone: '+47', address: { city: 'Arrakeen', line1: '1 Sietch Road' } };
    const shipped = await update('customers', customer, { shipping });
    expect(shipped['shipping']).toMatchObject({ name: 'Chani', address: { city: 'Arrakeen' } });
    const price = await insert('prices', {
      product: sandbox.records('products')[0]?.id ?? '',
      currency: 'usd',
      unit_amount: '100',
      currency_options: { eur: { unit_amount: 90 } },
    });
    expect(price['currency_options']).toEqual({ eur: { unit_amount: 90 } });
    const coupon = await insert('coupons', { amount_off: '500', currency: 'usd', duration: 'once' });
    const options = { currency_options: { eur: { amount_off: 450 } } };
    expect(await update('coupons', String(coupon['id']), options)).toMatchObject(options);
  });

  it('makes coupons and takes times as time stamps', async () => {
    const made = await insert('coupons', {
      percent_off: '12.5',
      duration: 'once',
      redeem_by: '2030-01-01T00:00:00.9+01:00',
      applies_to: { products: [sandbox.records('products')[0]?.id ?? ''] },
    });
    expect(made).toMatchObject({ percent_off: '12.5', redeem_by: '2029-12-31T23:00:00.000Z' });
    expect(made['applies_to']).toEqual({ products: [sandbox.records('products')[0]?.id] });
    const [read] = await session.read(resource('coupons'), [String(made['id'])], signal);
    expect(read?.values).toEqual(made);
    expect(await remove('coupons', String(made['id']))).toMatchObject({ kind: 'applied' });
  });

  it('replaces the items of a subscription, telling them apart by id and by price', async () => {
    const subscription = sandbox.records('subscriptions')[0];
    const key = subscription?.id ?? '';
    const [before] = await session.read(resource('subscriptions'), [key], signal);
    const [item] = (before?.values['items'] ?? []) as readonly { id: string; price: string; quantity: number }[];
    const other = sandbox.records('prices').find((price) => price['recurring'] !== null && price.id !== item?.price);
    const items = [
      { price: item?.price ?? '', quantity: 9 },
      { price: other?.id ?? '', quantity: 1 },
    ];
    const grown = (await update('subscriptions', key, { items }))['items'];
    expect(grown).toMatchObject([
      { id: item?.id, quantity: 9 },
      { price: other?.id, quantity: 1 },
    ]);
    const left = (grown as readonly { id: string }[]).slice(1);
    const shrunk = await update('subscriptions', key, { items: left as unknown as Values[] }, { items: grown ?? null });
    expect(shrunk['items']).toEqual(left);
  });

  it('makes a subscription and ends it by its status, alone', async () => {
    const price = sandbox.records('prices').find((candidate) => candidate['recurring'] !== null)?.id ?? '';
    const customer = sandbox.records('payment_methods').find((method) => method['customer'] !== null)?.['customer'];
    const made = await insert('subscriptions', { customer: String(customer), items: [{ price, quantity: 2 }] });
    expect(made).toMatchObject({ status: 'active', items: [{ price, quantity: 2, metadata: {} }] });
    expect(made['current_period_end']).toMatch(/^20\d\d-/);
    const key = String(made['id']);
    expect(
      await refusal('subscriptions', 'update', row({ status: 'canceled', description: 'x' }, { key })),
    ).toMatchObject({
      sqlstate: '0A000',
      column: 'status',
    });
    expect(await refusal('subscriptions', 'update', row({ status: 'active' }, { key }))).toMatchObject({
      sqlstate: '23514',
      detail: 'Key (status)=(active) cannot be set; it can be: canceled.',
    });
    expect((await update('subscriptions', key, { status: 'canceled' }))['status']).toBe('canceled');
    const [still] = await session.read(resource('subscriptions'), [key], signal);
    expect(still?.values['status']).toBe('canceled');
  });

  it('refuses a subscription that nobody can pay', async () => {
    const price = sandbox.records('prices').find((candidate) => candidate['recurring'] !== null)?.id ?? '';
    const { id } = sandbox.create('customers', {});
    expect(await refusal('subscriptions', 'insert', row({ customer: id, items: [{ price }] }))).toMatchObject({
      sqlstate: '23503',
      context: expect.stringContaining('stripe answered resource_missing: This customer has no attached'),
    });
  });

  it('takes an invoice from draft to void, and deletes drafts only', async () => {
    const customer = sandbox.records('customers')[0]?.id ?? '';
    const { id, status } = await insert('invoices', { customer, description: 'Water' });
    const key = String(id);
    expect(status).toBe('draft');
    const item = await insert('invoice_items', { customer, invoice: key, amount: '1250', currency: 'usd' });
    expect(item).toMatchObject({ amount: '1250', invoice: key, unit_amount_decimal: '1250' });
    const changed = await update('invoice_items', String(item['id']), { amount: '1300' });
    expect(changed['amount']).toBe('1300');
    expect((await update('invoices', key, { status: 'open' }))['status']).toBe('open');
    expect(last()).toMatchObject({ path: `/v1/invoices/${key}/finalize` });
    expect(await refusal('invoices', 'delete', row({}, { key }))).toMatchObject({ sqlstate: '23514' });
    expect(await refusal('invoices', 'update', row({ collection_method: 'send_invoice' }, { key }))).toMatchObject({
      sqlstate: '428C9',
      column: 'collection_method',
    });
    expect((await update('invoices', key, { status: 'void' }))['status']).toBe('void');
    const draft = await insert('invoices', { customer });
    expect(await remove('invoices', String(draft['id']))).toMatchObject({ kind: 'applied' });
  });

  it('makes invoice items from a price', async () => {
    const price = sandbox.records('prices').find((candidate) => candidate['recurring'] === null);
    const customer = sandbox.records('customers')[0]?.id ?? '';
    const made = await insert('invoice_items', { customer, price: price?.id ?? '', quantity: 3 });
    expect(made).toMatchObject({ price: price?.id, quantity: 3, amount: String(Number(price?.['unit_amount']) * 3) });
    expect(await remove('invoice_items', String(made['id']))).toMatchObject({ kind: 'applied' });
  });

  it('makes payment intents without their secret, and cancels them', async () => {
    const made = await insert('payment_intents', { amount: '2000', currency: 'EUR' });
    expect(made).toMatchObject({ amount: '2000', currency: 'eur', status: 'requires_payment_method' });
    expect(Object.keys(made)).not.toContain('client_secret');
    const key = String(made['id']);
    expect(
      await refusal('payment_intents', 'update', row({ cancellation_reason: 'duplicate' }, { key })),
    ).toMatchObject({
      sqlstate: '23514',
      column: 'cancellation_reason',
      detail: "Key (cancellation_reason)=(duplicate) is taken by stripe only together with status = 'canceled'.",
    });
    const canceled = { status: 'canceled', cancellation_reason: 'duplicate' };
    expect(await update('payment_intents', key, canceled)).toMatchObject(canceled);
    expect(await refusal('payment_intents', 'insert', row({ amount: '1', currency: 'usd' }))).toMatchObject({
      sqlstate: '23514',
      column: 'amount',
      detail: 'Amount must be at least $0.50 usd.',
    });
  });

  it('charges, tells a declined card with its reason, and refunds', async () => {
    const made = await insert('charges', { amount: '5000', currency: 'usd', source: 'tok_visa' });
    const charge = String(made['id']);
    expect(made['source']).toMatch(/^card_/);
    const declined = row({ amount: '5000', currency: 'usd', source: 'tok_chargeDeclinedInsufficientFunds' });
    expect(await refusal('charges', 'insert', declined)).toMatchObject({
      sqlstate: '23514',
      detail: 'Your card has insufficient funds.',
      context: 'stripe answered card_declined/insufficient_funds: Your card has insufficient funds.',
    });
    expect((await update('charges', charge, { description: 'Thumper' }))['description']).toBe('Thumper');
    const refund = await insert('refunds', { charge, reason: 'duplicate' });
    expect(refund).toMatchObject({ amount: '5000', charge, status: 'succeeded' });
    expect(await refusal('refunds', 'insert', row({ charge }))).toMatchObject({ sqlstate: '23514' });
    const noted = await update('refunds', String(refund['id']), { metadata: { why: 'twice' } }, { metadata: {} });
    expect(noted['metadata']).toEqual({ why: 'twice' });
  });

  it('attaches and detaches payment methods, which are rows while a customer has them', async () => {
    const customer = sandbox.records('customers')[0]?.id ?? '';
    const method = sandbox.create('payment_methods', { type: 'card', card: { token: 'tok_visa' } });
    const table = resource('payment_methods');
    expect(await session.read(table, [method.id], signal)).toEqual([null]);
    expect(await refusal('payment_methods', 'insert', row({ customer }))).toMatchObject({
      sqlstate: '23502',
      column: 'id',
    });
    expect(await insert('payment_methods', { id: method.id, customer })).toMatchObject({ id: method.id, customer });
    const card = (await session.read(table, [method.id], signal))[0]?.values['card'] as object;
    const changed = await update(
      'payment_methods',
      method.id,
      { card: { ...card, exp_year: 2040 } },
      { card: { ...card } },
    );
    expect(changed['card']).toMatchObject({ exp_year: 2040, last4: '4242' });
    expect(changed['details']).toEqual(changed['card']);
    expect(await remove('payment_methods', method.id)).toMatchObject({ kind: 'applied' });
    expect(await session.read(table, [method.id], signal)).toEqual([null]);
  });
});

/** The Stripe sandbox held to the shapes and rules that Stripe documents. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_KEYS, type StripeSandbox, startStripeSandbox } from '../../fixtures/stripe/index.js';
import { dataOf, errorOf, type SendOptions, send } from './stripe-client.js';

let sandbox: StripeSandbox;
const post = (path: string, form = '', options?: SendOptions) => send(sandbox.url, 'POST', path, form, options);
const get = (path: string, options?: SendOptions) => send(sandbox.url, 'GET', path, '', options);
const del = (path: string) => send(sandbox.url, 'DELETE', path);

beforeAll(async () => {
  sandbox = await startStripeSandbox({ customers: 25 });
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

describe('objects', () => {
  it('has the members of a new customer', async () => {
    const { status, body, headers } = await post('customers', 'name=Leto&email=leto%40example.com');
    expect(status).toBe(200);
    expect(headers.get('request-id')).toMatch(/^req_\w{14}$/);
    expect(body).toMatchObject({
      object: 'customer',
      address: null,
      balance: 0,
      currency: null,
      default_source: null,
      delinquent: false,
      description: null,
      discount: null,
      email: 'leto@example.com',
      livemode: false,
      metadata: {},
      name: 'Leto',
      next_invoice_sequence: 1,
      phone: null,
      preferred_locales: [],
      shipping: null,
      tax_exempt: 'none',
      test_clock: null,
    });
    expect(body['id']).toMatch(/^cus_\w{14}$/);
    expect(body['invoice_prefix']).toMatch(/^[A-Z0-9]{8}$/);
    expect(body['invoice_settings']).toEqual({
      custom_fields: null,
      default_payment_method: null,
      footer: null,
      rendering_options: null,
    });
  });

  it('merges metadata, and an empty value removes a key', async () => {
    const { body } = await post('customers', 'metadata[a]=1&metadata[b]=2');
    const changed = await post(`customers/${body['id']}`, 'metadata[b]=&metadata[c]=3');
    expect(changed.body['metadata']).toEqual({ a: '1', c: '3' });
    expect((await post(`customers/${body['id']}`, 'metadata=')).body['metadata']).toEqual({});
  });

  it('answers for a deleted customer, and not for other deleted objects', async () => {
    const { body } = await post('customers');
    expect((await del(`customers/${body['id']}`)).body).toEqual({ id: body['id'], object: 'customer', deleted: true });
    expect((await get(`customers/${body['id']}`)).body).toEqual({ id: body['id'], object: 'customer', deleted: true });
    expect((await post(`customers/${body['id']}`, 'name=x')).status).toBe(404);
    const coupon = await post('coupons', 'percent_off=5');
    await del(`coupons/${coupon.body['id']}`);
    expect((await get(`coupons/${coupon.body['id']}`)).status).toBe(404);
  });
});

describe('refusals', () => {
  it.each([
    ['customers', 'pineapple=1', { code: 'parameter_unknown', param: 'pineapple' }],
    ['customers', 'email=wrong', { code: 'email_invalid', param: 'email' }],
    ['customers', 'balance=ten', { code: 'parameter_invalid_integer', param: 'balance' }],
    ['customers', 'invoice_settings[default_payment_method]=pm_x', { code: 'resource_missing' }],
    ['products', '', { code: 'parameter_missing', param: 'name', message: 'Missing required param: name.' }],
    ['products', 'name=', { code: 'parameter_invalid_empty', param: 'name' }],
    ['coupons', 'id=TENOFF&percent_off=5', { code: 'resource_already_exists', message: 'Coupon already exists.' }],
    ['payment_intents', 'amount=1&currency=usd', { code: 'amount_too_small', param: 'amount' }],
  ])('of POST %s with %s', async (path, form, expected) => {
    const answer = await post(path, form);
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toMatchObject({ type: 'invalid_request_error', ...expected });
    if ('code' in expected) {
      const page = String(expected.code).replaceAll('_', '-');
      expect(errorOf(answer)['doc_url']).toBe(`https://stripe.com/docs/error-codes/${page}`);
    }
  });

  it('of a record that is not there', async () => {
    const answer = await del('customers/cus_none');
    expect(answer.status).toBe(404);
    expect(errorOf(answer)).toEqual({
      code: 'resource_missing',
      doc_url: 'https://stripe.com/docs/error-codes/resource-missing',
      message: "No such customer: 'cus_none'",
      param: 'id',
      type: 'invalid_request_error',
    });
  });

  it('of a card, with the issuer’s reason', async () => {
    const answer = await post('charges', 'amount=500&currency=usd&source=tok_chargeDeclined');
    expect(answer.status).toBe(402);
    expect(errorOf(answer)).toMatchObject({
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'generic_decline',
    });
  });

  it('of keys', async () => {
    expect((await get('customers', { key: '' })).status).toBe(401);
    const wrong = await get('customers', { key: 'sk_test_wrongwrong' });
    expect(wrong.status).toBe(401);
    expect(errorOf(wrong)['message']).toMatch(/^Invalid API Key provided: sk_test_\*+/);
    const restricted = await post('customers', '', { key: DEFAULT_KEYS.restrictedKey });
    expect(restricted.status).toBe(403);
    expect((await get('customers', { key: DEFAULT_KEYS.restrictedKey })).status).toBe(200);
  });

  it('of addresses that do not exist', async () => {
    expect((await get('nothing')).status).toBe(404);
    expect((await del('prices/price_1')).status).toBe(404);
  });
});

describe('idempotency', () => {
  it('answers a repeated request with its first answer', async () => {
    const first = await post('customers', 'name=a', { idempotencyKey: 'k1' });
    const again = await post('customers', 'name=a', { idempotencyKey: 'k1' });
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.headers.get('original-request')).toBe(first.headers.get('request-id'));
    expect(sandbox.records('customers').filter((record) => record['name'] === 'a')).toHaveLength(1);
  });

  it('refuses another request under the key', async () => {
    await post('customers', 'name=a', { idempotencyKey: 'k2' });
    const other = await post('customers', 'name=b', { idempotencyKey: 'k2' });
    expect([other.status, errorOf(other)['type']]).toEqual([400, 'idempotency_error']);
  });

  it('keeps a declined card, and no refused parameter', async () => {
    const form = 'amount=500&currency=usd&source=tok_chargeDeclined';
    await post('charges', form, { idempotencyKey: 'k3' });
    const declined = await post('charges', form, { idempotencyKey: 'k3' });
    expect([declined.status, declined.headers.get('idempotent-replayed')]).toEqual([402, 'true']);
    expect((await post('customers', 'nonsense=1', { idempotencyKey: 'k4' })).status).toBe(400);
    expect((await post('customers', 'name=c', { idempotencyKey: 'k4' })).status).toBe(200);
  });

  it('forgets a key after a day', async () => {
    const first = await post('customers', 'name=a', { idempotencyKey: 'k5' });
    sandbox.clock.advance(25 * 3_600_000);
    expect((await post('customers', 'name=a', { idempotencyKey: 'k5' })).body['id']).not.toBe(first.body['id']);
  });

  it('tells a request that is still at work', async () => {
    sandbox.holdKey('k6');
    const busy = await post('customers', 'name=a', { idempotencyKey: 'k6' });
    expect([busy.status, errorOf(busy)['code']]).toEqual([409, 'idempotency_key_in_use']);
  });
});

describe('lists', () => {
  it('go newest first, by cursor in both directions', async () => {
    const all = dataOf(await get('customers?limit=100')).map((customer) => customer['id']);
    expect(all).toEqual(
      sandbox
        .records('customers')
        .map((customer) => customer.id)
        .reverse(),
    );
    const page = await get(`customers?limit=3&starting_after=${all[4]}`);
    expect(dataOf(page).map((customer) => customer['id'])).toEqual(all.slice(5, 8));
    expect(page.body).toMatchObject({ object: 'list', has_more: true, url: '/v1/customers' });
    const before = await get(`customers?limit=3&ending_before=${all[4]}`);
    expect(dataOf(before).map((customer) => customer['id'])).toEqual(all.slice(1, 4));
    expect(dataOf(await get('customers')).length).toBe(10);
  });

  it('refuse a cursor that was deleted, and limits out of range', async () => {
    const [id] = dataOf(await get('customers')).map((customer) => customer['id']);
    await del(`customers/${id}`);
    const answer = await get(`customers?starting_after=${id}`);
    expect([answer.status, errorOf(answer)['param']]).toEqual([400, 'starting_after']);
    for (const limit of [0, 101, 'x']) expect((await get(`customers?limit=${limit}`)).status).toBe(400);
  });

  it('leave out canceled subscriptions unless they are asked for', async () => {
    const [subscription] = dataOf(await get('subscriptions'));
    await del(`subscriptions/${subscription?.['id']}`);
    const ids = async (query: string) => dataOf(await get(`subscriptions?limit=100${query}`)).map((one) => one['id']);
    expect(await ids('')).not.toContain(subscription?.['id']);
    expect(await ids('&status=all')).toContain(subscription?.['id']);
    expect(await ids('&status=canceled')).toEqual([subscription?.['id']]);
  });
});

describe('events', () => {
  it('tell what happened, by whose request, and what was before', async () => {
    const { body } = await post('customers', 'name=a', { idempotencyKey: 'k7' });
    await post(`customers/${body['id']}`, 'name=b');
    const [updated, created] = dataOf(await get('events?types[0]=customer.created&types[1]=customer.updated'));
    expect(created).toMatchObject({
      object: 'event',
      type: 'customer.created',
      data: { object: { id: body['id'], name: 'a' } },
      request: { idempotency_key: 'k7' },
    });
    expect(updated).toMatchObject({ type: 'customer.updated', data: { previous_attributes: { name: 'a' } } });
  });

  it('tell nothing of changes for which Stripe has no event', async () => {
    const intent = await post('payment_intents', 'amount=500&currency=usd');
    await post(`payment_intents/${intent.body['id']}`, 'description=x');
    expect(dataOf(await get('events?type=payment_intent.*')).map((event) => event['type'])).toEqual([
      'payment_intent.created',
    ]);
  });

  it('are gone after thirty days', async () => {
    await post('customers');
    sandbox.clock.advance(31 * 86_400_000);
    expect(dataOf(await get('events'))).toEqual([]);
  });
});

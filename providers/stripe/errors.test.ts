import { describe, expect, it } from 'vitest';
import {
  type BatchRow,
  createKit,
  type HttpAnswer,
  silentLog,
  type Values,
  type Verb,
} from '../../src/provider/index.js';
import { type ApiError, parseError, refusalFault } from './errors.js';
import { failureOfAnswer, Refused } from './failures.js';
import { resources } from './resources.js';

const kit = createKit({ connection: 'billing', provider: 'stripe', log: silentLog });

function faultOf(table: string, verb: Verb, error: ApiError, values: Values = {}) {
  const resource = resources.find((candidate) => candidate.name === table);
  if (resource === undefined) throw new Error(`there is no table ${table}`);
  const row: BatchRow = { key: verb === 'insert' ? null : 'key_1', values, idempotencyKey: 'k' };
  return refusalFault(error, resource, verb, row, kit);
}

const invalid = 'invalid_request_error';

describe('refusals', () => {
  it('are the general case without a code, in column names', () => {
    const error = { type: invalid, message: 'Invalid foo: bar', param: 'phone' };
    expect(faultOf('customers', 'insert', error)).toMatchObject({
      sqlstate: '23514',
      message: 'stripe validation error',
      detail: 'Invalid foo: bar.',
      column: 'phone',
      context: 'stripe answered invalid_request_error: Invalid foo: bar',
    });
  });

  it('find the column of a nested parameter, and of one with another name', () => {
    const inner = { type: invalid, code: 'resource_missing', message: "No such price: 'x'", param: 'pricing[price]' };
    expect(faultOf('invoice_items', 'insert', inner, { price: 'x' })).toMatchObject({
      sqlstate: '23503',
      column: 'price',
      detail: 'Key (price)=(x) is not present in price.',
    });
    const item = { ...inner, param: 'items[0][price]' };
    expect(faultOf('subscriptions', 'insert', item)).toMatchObject({ sqlstate: '23503', column: 'items' });
  });

  it('tell a missing record from a missing reference', () => {
    const missing = { type: invalid, code: 'resource_missing', message: 'No such customer', param: 'id' };
    expect(faultOf('customers', 'update', missing)).toMatchObject({
      sqlstate: '40001',
      detail: 'Key (id)=(key_1) is not present in stripe.',
    });
    expect(faultOf('customers', 'update', missing).column).toBeUndefined();
    const reference = { ...missing, param: 'customer' };
    expect(faultOf('payment_intents', 'update', reference, { customer: 'cus_x' }).sqlstate).toBe('23503');
  });

  it('are permissions where Stripe answers 403', () => {
    const error = { type: invalid, message: 'The provided key does not have the required permissions', status: 403 };
    expect(faultOf('coupons', 'delete', error)).toMatchObject({
      sqlstate: '42501',
      message: 'stripe denied permission for DELETE on table "coupons"',
    });
  });

  it('are an outage where something outside of Stripe has failed, unless the code says what', () => {
    const error = { type: 'api_error', message: 'A dependency failed', status: 424 };
    expect(faultOf('charges', 'insert', error)).toMatchObject({ code: 'upstream_unavailable', sqlstate: '58030' });
    expect(faultOf('charges', 'insert', { ...error, code: 'card_declined' }).sqlstate).toBe('23514');
  });

  it('pass on what a card’s issuer advises', () => {
    const declined = { type: 'card_error', code: 'card_declined', declineCode: 'issuer_not_available', message: 'no' };
    expect(faultOf('charges', 'insert', { ...declined, adviceCode: 'try_again_later' })).toMatchObject({
      sqlstate: '23514',
      hint: 'The card’s issuer advises to try again later.',
      context: 'stripe answered card_declined/issuer_not_available: no',
    });
    expect(faultOf('charges', 'insert', { ...declined, adviceCode: 'constructor' }).hint).toBeUndefined();
  });

  it('never lose the API’s words, and show no secret', () => {
    const error = { type: invalid, message: 'Invalid API Key provided: sk_test_abcdefghijkl', code: 'surprise' };
    expect(faultOf('coupons', 'insert', error).context).toBe(
      'stripe answered surprise: Invalid API Key provided: [redacted]',
    );
  });
});

function answer(status: number, error: object | string, headers: Record<string, string> = {}): HttpAnswer {
  return { status, headers, body: typeof error === 'string' ? error : JSON.stringify({ error }), millis: 1 };
}

describe('failures', () => {
  it.each([
    [200, {}, {}, undefined],
    [401, { type: invalid, message: 'no' }, {}, 'credentials refused'],
    [429, { type: invalid, code: 'rate_limit', message: 'no' }, {}, 'rate refused'],
    [429, { type: invalid, code: 'lock_timeout', message: 'no' }, {}, 'busy refused'],
    [409, { type: invalid, code: 'idempotency_key_in_use', message: 'no' }, {}, 'busy unknown'],
    [400, { type: 'idempotency_error', message: 'no' }, {}, 'request unknown'],
    [400, { type: invalid, message: 'no' }, {}, 'request refused'],
    [402, { type: 'card_error', code: 'card_declined', message: 'no' }, {}, 'request refused'],
    [404, '<html>', {}, 'request refused'],
    [424, { type: 'api_error', message: 'no' }, {}, 'request refused'],
    [500, { type: 'api_error', message: 'no' }, { 'stripe-should-retry': 'false' }, 'request unknown'],
    [500, { type: 'api_error', message: 'no' }, {}, 'busy unknown'],
    [502, '<html>', {}, 'busy unknown'],
  ] as const)('%i %j %j: %s', (status, error, headers, expected) => {
    const failure = failureOfAnswer(answer(status, error, headers), 'write', kit);
    expect(failure && `${failure.kind} ${failure.fate}`).toBe(expected);
    expect(failure instanceof Refused).toBe(expected?.startsWith('request') ?? false);
  });

  it('ask again for a read that Stripe says is final', () => {
    const final = answer(500, { type: 'api_error', message: 'no' }, { 'stripe-should-retry': 'false' });
    expect(failureOfAnswer(final, 'read', kit)).toMatchObject({ kind: 'busy' });
  });

  it('say which limit it was', () => {
    const limited = answer(429, { type: invalid, message: 'no' }, { 'stripe-rate-limited-reason': 'endpoint-rate' });
    expect(failureOfAnswer(limited, 'write', kit)?.words).toBe(
      'stripe answered invalid_request_error: no (endpoint-rate)',
    );
  });

  it('take the time to wait from Retry-After', () => {
    const limited = answer(429, { type: invalid, message: 'no' }, { 'retry-after': '7' });
    expect(failureOfAnswer(limited, 'write', kit)).toMatchObject({ kind: 'rate', retryAfter: 7000 });
  });
});

describe('parseError', () => {
  it('reads what Stripe sends and nothing else', () => {
    const error = {
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'lost_card',
      advice_code: 'do_not_try_again',
      message: 'm',
      param: '',
    };
    expect(parseError({ error })).toEqual({
      type: 'card_error',
      code: 'card_declined',
      declineCode: 'lost_card',
      adviceCode: 'do_not_try_again',
      message: 'm',
    });
    for (const other of [undefined, null, [], {}, { error: 'text' }, { error: {} }])
      expect(parseError(other)).toBeUndefined();
  });
});

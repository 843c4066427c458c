/** The Stripe sandbox through the official SDK: what it sends is understood, what it reads is there. */

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_KEYS, type StripeSandbox, startStripeSandbox } from '../../fixtures/stripe/index.js';

let sandbox: StripeSandbox;
let stripe: Stripe;

function sdkOf({ url }: StripeSandbox, key: string = DEFAULT_KEYS.secretKey): Stripe {
  const { hostname, port } = new URL(url);
  return new Stripe(key, { host: hostname, port, protocol: 'http', maxNetworkRetries: 0, telemetry: false });
}

beforeAll(async () => {
  sandbox = await startStripeSandbox({ customers: 30 });
  stripe = sdkOf(sandbox);
});
afterAll(() => sandbox.close());
beforeEach(() => sandbox.reset());

describe('the official SDK', () => {
  it('makes, reads, changes and deletes', async () => {
    const made = await stripe.customers.create({
      name: 'Ünïcödé & Söhne',
      address: { line1: '1 Sietch Road', city: 'Arrakeen' },
      preferred_locales: ['nb', 'en'],
      metadata: { 'a key': 'a value' },
    });
    expect(made.lastResponse.statusCode).toBe(200);
    expect(made).toMatchObject({
      name: 'Ünïcödé & Söhne',
      preferred_locales: ['nb', 'en'],
      metadata: { 'a key': 'a value' },
    });
    expect((await stripe.customers.update(made.id, { name: '' })).name).toBeNull();
    expect((await stripe.customers.del(made.id)).deleted).toBe(true);
    expect((await stripe.customers.retrieve(made.id)).deleted).toBe(true);
  });

  it('pages through a list by itself', async () => {
    const ids: string[] = [];
    for await (const customer of stripe.customers.list({ limit: 7 })) ids.push(customer.id);
    expect(ids).toEqual(
      sandbox
        .records('customers')
        .map((record) => record.id)
        .reverse(),
    );
  });

  it('throws its own errors', async () => {
    await expect(stripe.customers.create({ email: 'wrong' })).rejects.toBeInstanceOf(
      Stripe.errors.StripeInvalidRequestError,
    );
    const charge = stripe.charges.create({ amount: 500, currency: 'usd', source: 'tok_chargeDeclined' });
    await expect(charge).rejects.toMatchObject({ type: 'StripeCardError', decline_code: 'generic_decline' });
    await expect(sdkOf(sandbox, 'sk_test_wrong').customers.list()).rejects.toMatchObject({
      type: 'StripeAuthenticationError',
    });
    const denied = sdkOf(sandbox, DEFAULT_KEYS.restrictedKey).customers.create({});
    await expect(denied).rejects.toMatchObject({ type: 'StripePermissionError' });
  });

  it('goes through a subscription’s life', async () => {
    const customer = await stripe.customers.create({ name: 'Stilgar' });
    const method = await stripe.paymentMethods.create({ type: 'card', card: { token: 'tok_visa' } });
    await stripe.paymentMethods.attach(method.id, { customer: customer.id });
    const product = await stripe.products.create({ name: 'Spice' });
    const price = await stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: 900,
      recurring: { interval: 'month' },
    });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id, quantity: 3 }],
    });
    const [item] = subscription.items.data;
    expect([subscription.status, item?.quantity, item?.price.id]).toEqual(['active', 3, price.id]);
    const invoice = await stripe.invoices.retrieve(String(subscription.latest_invoice));
    expect([invoice.total, invoice.status]).toEqual([2700, 'paid']);
    expect((await stripe.subscriptions.cancel(subscription.id)).status).toBe('canceled');
    await expect(stripe.products.del(product.id)).rejects.toMatchObject({ statusCode: 400 });
  });

  it('verifies the webhooks that it is sent', async () => {
    const events: Stripe.Event[] = [];
    const receiver = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const header = request.headers['stripe-signature'] ?? '';
        events.push(stripe.webhooks.constructEvent(Buffer.concat(chunks), header, DEFAULT_KEYS.webhookSecret));
        response.end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    try {
      sandbox.addWebhook(`http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`, ['customer.created']);
      const { id } = await stripe.customers.create({});
      await stripe.customers.update(id, { name: 'x' });
      await sandbox.delivered();
      expect(events.map((event) => event.type)).toEqual(['customer.created']);
      expect(events[0]?.data.object).toMatchObject({ id });
    } finally {
      await new Promise((resolve) => receiver.close(resolve));
    }
  });
});

it('an account outlives its sandbox in a file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'upwrite-stripe-'));
  try {
    const stateFile = join(directory, 'stripe.json');
    const first = await startStripeSandbox({ customers: 3, stateFile });
    const sdk = sdkOf(first);
    const made = await sdk.customers.create({ name: 'kept' }, { idempotencyKey: 'kept' });
    await first.close();
    const second = await startStripeSandbox({ customers: 3, stateFile });
    expect(second.records('customers').map((record) => record.id)).toEqual(
      first.records('customers').map((record) => record.id),
    );
    const again = await sdkOf(second).customers.create({ name: 'kept' }, { idempotencyKey: 'kept' });
    expect(again.id).toBe(made.id);
    expect((await sdkOf(second).customers.create({})).id).not.toBe(made.id);
    const events = await sdkOf(second).events.list({ types: ['customer.created'] });
    expect(events.data).toHaveLength(2);
    await second.close();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

import { describe, expect, it } from 'vitest';
import { signature } from '../../fixtures/stripe/index.js';
import { readWebhook } from './webhook.js';

const secret = 'whsec_0123456789';
const now = 1_700_000_000_000;
const seconds = now / 1000;

function event(type: string, object: object): string {
  return JSON.stringify({ id: 'evt_1', object: 'event', type, data: { object } });
}

const body = event('customer.updated', { id: 'cus_1', object: 'customer' });

describe('readWebhook', () => {
  it('tells the record that has changed', () => {
    expect(readWebhook(body, signature(secret, body, seconds), secret, now)).toEqual([
      { object: 'customer', key: 'cus_1' },
    ]);
  });

  it('tells the owner of a part', () => {
    const dispute = event('charge.dispute.created', { id: 'dp_1', object: 'dispute', charge: 'ch_1' });
    expect(readWebhook(dispute, signature(secret, dispute, seconds), secret, now)).toEqual([
      { object: 'charge', key: 'ch_1' },
    ]);
  });

  it('tells nothing of objects that are no tables', () => {
    const payout = event('payout.paid', { id: 'po_1', object: 'payout' });
    expect(readWebhook(payout, signature(secret, payout, seconds), secret, now)).toEqual([]);
  });

  it.each([
    ['another secret', signature('whsec_other', body, seconds), now],
    ['another body', signature(secret, `${body} `, seconds), now],
    ['an old time stamp', signature(secret, body, seconds - 301), now],
    ['no signature', '', now],
  ])('refuses %s', (_, header, at) => {
    expect(() => readWebhook(body, header, secret, at)).toThrow();
  });

  it('takes a body of five minutes ago', () => {
    expect(readWebhook(body, signature(secret, body, seconds - 299), secret, now)).toHaveLength(1);
  });
});

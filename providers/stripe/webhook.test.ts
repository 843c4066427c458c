import { describe, expect, it } from 'vitest';
import { signature } from '../../fixtures/stripe/index.js';
import { readEvent } from './webhook.js';

const secret = 'whsec_0123456789';
const now = 1_700_000_000_000;
const seconds = now / 1000;

function event(type: string, object: object): string {
  return JSON.stringify({ id: 'evt_1', object: 'event', type, data: { object } });
}

const body = event('customer.updated', { id: 'cus_1', object: 'customer' });

describe('readEvent', () => {
  it('tells the record that has changed', () => {
    expect(readEvent(body, signature(secret, body, seconds), secret, now)).toEqual({
      id: 'evt_1',
      changes: [{ object: 'customer', key: 'cus_1', deleted: false }],
    });
  });

  it('tells that a record is gone, and not that of a part of it', () => {
    const gone = event('customer.deleted', { id: 'cus_1', object: 'customer' });
    expect(readEvent(gone, signature(secret, gone, seconds), secret, now)?.changes).toEqual([
      { object: 'customer', key: 'cus_1', deleted: true },
    ]);
  });

  it('tells the owner of a part', () => {
    const dispute = event('charge.dispute.created', { id: 'dp_1', object: 'dispute', charge: 'ch_1' });
    expect(readEvent(dispute, signature(secret, dispute, seconds), secret, now)?.changes).toEqual([
      { object: 'charge', key: 'ch_1', deleted: false },
    ]);
  });

  it('tells nothing of objects that are no tables', () => {
    const payout = event('payout.paid', { id: 'po_1', object: 'payout' });
    expect(readEvent(payout, signature(secret, payout, seconds), secret, now)?.changes).toEqual([]);
  });

  it.each([
    ['another secret', signature('whsec_other', body, seconds), now],
    ['another body', signature(secret, `${body} `, seconds), now],
    ['an old time stamp', signature(secret, body, seconds - 301), now],
    ['no signature', '', now],
  ])('refuses %s', (_, header, at) => {
    expect(readEvent(body, header, secret, at)).toBeNull();
  });

  it('does not take a signed body for an event that is none', () => {
    for (const other of ['{}', 'not JSON']) {
      expect(() => readEvent(other, signature(secret, other, seconds), secret, now)).toThrow();
    }
  });

  it('takes a body of five minutes ago', () => {
    expect(readEvent(body, signature(secret, body, seconds - 299), secret, now)?.changes).toHaveLength(1);
  });
});

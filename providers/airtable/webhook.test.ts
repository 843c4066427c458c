import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { isSigned, parsePayloads, parsePing } from './webhook.js';

const secret = Buffer.from('a secret of the webhook').toString('base64');
const body = '{"base":{"id":"appA"},"webhook":{"id":"achA"},"timestamp":"2024-01-01T00:00:00.000Z"}';
const mac = `hmac-sha256=${createHmac('sha256', Buffer.from(secret, 'base64')).update(body).digest('hex')}`;

it('takes the signature of the body under the secret, and no other', () => {
  expect(isSigned(body, mac, secret)).toBe(true);
  expect(isSigned(`${body} `, mac, secret)).toBe(false);
  expect(isSigned(body, mac, Buffer.from('another').toString('base64'))).toBe(false);
  for (const wrong of [undefined, '', 'hmac-sha256=', mac.slice(0, -1), `${mac.slice(0, -1)}x`, `${mac}0`]) {
    expect(isSigned(body, wrong, secret)).toBe(false);
  }
});

it('reads a ping', () => {
  expect(parsePing(JSON.parse(body))).toEqual({ base: 'appA', webhook: 'achA' });
  for (const other of [null, [], {}, { base: {}, webhook: {} }]) expect(parsePing(other)).toBeUndefined();
});

it('tells what became of each record last', () => {
  const page = parsePayloads('appA', {
    cursor: 4,
    mightHaveMore: true,
    payloads: [
      { changedTablesById: { tblA: { createdRecordsById: { rec1: {}, rec2: {} } } } },
      { changedTablesById: { tblA: { changedRecordsById: { rec1: {} } }, tblB: { destroyedRecordIds: ['rec3'] } } },
      { changedTablesById: { tblA: { destroyedRecordIds: ['rec2'] } } },
      { actionMetadata: {} },
    ],
  });
  expect(page).toEqual({
    cursor: 4,
    more: true,
    changes: [
      { object: 'appA/tblA', key: 'rec1', deleted: false },
      { object: 'appA/tblB', key: 'rec3', deleted: true },
      { object: 'appA/tblA', key: 'rec2', deleted: true },
    ],
  });
  expect(() => parsePayloads('appA', { payloads: [] })).toThrow();
});

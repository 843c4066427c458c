import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { changesOf, isSigned, type WebhookRequest } from './webhook.js';

const secret = 'client-secret';
const now = Date.UTC(2024, 4, 1);

function request(over: Partial<WebhookRequest> = {}, signedUri?: string, at = now): WebhookRequest {
  const base = { method: 'POST', uri: 'https://upwrite.example/hooks?x=1', headers: {}, body: '[{"a":1}]', ...over };
  const source = `${base.method}${signedUri ?? base.uri}${base.body}${at}`;
  const signature = createHmac('sha256', secret).update(source).digest('base64');
  return {
    ...base,
    headers: { 'x-hubspot-request-timestamp': String(at), 'x-hubspot-signature-v3': signature, ...over.headers },
  };
}

describe('isSigned', () => {
  it('takes a request that was signed a moment ago', () => {
    expect(isSigned(request(), secret, now + 299_000)).toBe(true);
  });

  it('knows that addresses are signed decoded', () => {
    const uri = 'https://upwrite.example/hooks?next=%2Fa%3Ab';
    expect(isSigned(request({ uri }, 'https://upwrite.example/hooks?next=/a:b'), secret, now)).toBe(true);
  });

  it.each<[string, WebhookRequest, number]>([
    ['too old', request(), now + 301_000],
    ['from the future', request(), now - 301_000],
    ['another body', { ...request(), body: '[]' }, now],
    ['another address', { ...request(), uri: 'https://other.example/hooks?x=1' }, now],
    ['another method', { ...request(), method: 'GET' }, now],
    ['no signature', request({ headers: { 'x-hubspot-signature-v3': undefined } }), now],
    ['a signature of another length', request({ headers: { 'x-hubspot-signature-v3': 'AAAA' } }), now],
    ['no time', request({ headers: { 'x-hubspot-request-timestamp': undefined } }), now],
    ['a time that is none', request({ headers: { 'x-hubspot-request-timestamp': '1e3' } }), now],
  ])('refuses %s', (_, given, at) => {
    expect(isSigned(given, secret, at)).toBe(false);
  });

  it('refuses another secret', () => {
    expect(isSigned(request(), 'other', now)).toBe(false);
  });
});

describe('changesOf', () => {
  it('gives each record once, deletions winning', () => {
    const body = JSON.stringify([
      { subscriptionType: 'contact.propertyChange', objectId: 1, propertyName: 'email' },
      { subscriptionType: 'contact.deletion', objectId: 1 },
      { subscriptionType: 'contact.creation', objectId: 1 },
      { subscriptionType: 'object.creation', objectTypeId: '2-77', objectId: '5' },
      { subscriptionType: 'object.propertyChange', objectTypeId: '0-3', objectId: 6 },
      { subscriptionType: 'company.merge', objectId: 10, mergedObjectIds: [10, 11] },
      { subscriptionType: 'contact.associationChange', objectId: 99 },
      {
        subscriptionType: 'contact.associationChange',
        associationType: 'CONTACT_TO_COMPANY',
        fromObjectId: 7,
        toObjectId: 8,
        associationRemoved: true,
      },
    ]);
    expect(changesOf(body)).toEqual([
      { object: 'contacts', key: '1', deleted: true },
      { object: '2-77', key: '5', deleted: false },
      { object: 'deals', key: '6', deleted: false },
      { object: 'companies', key: '10', deleted: false },
      { object: 'companies', key: '11', deleted: true },
      { object: 'contacts/companies', key: '7-8' },
      { object: 'companies/contacts', key: '8-7' },
    ]);
  });

  it('refuses a body of another form', () => {
    expect(() => changesOf('{}')).toThrow('not a list of events');
    expect(() => changesOf('<html>')).toThrow('not a list of events');
  });
});

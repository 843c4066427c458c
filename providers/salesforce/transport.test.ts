import { describe, expect, it } from 'vitest';
import { createKit, silentLog } from '../../src/provider/index.js';
import { failureOfAnswer, failureOfTokenAnswer, quotaOf } from './transport.js';

const kit = createKit({ connection: 'main', provider: 'salesforce', log: silentLog });

function failure(status: number, code?: string, headers: Record<string, string> = {}) {
  const body = code === undefined ? '<html>' : JSON.stringify([{ errorCode: code, message: 'm' }]);
  return failureOfAnswer({ status, headers, body, millis: 1 }, kit);
}

describe('failureOfAnswer', () => {
  it.each<[number, string | undefined, string, string]>([
    [401, 'INVALID_SESSION_ID', 'credentials', 'refused'],
    [403, 'REQUEST_LIMIT_EXCEEDED', 'rate', 'refused'],
    [403, 'API_DISABLED_FOR_ORG', 'credentials', 'refused'],
    [420, undefined, 'busy', 'refused'],
    [429, undefined, 'rate', 'refused'],
    [400, 'UNABLE_TO_LOCK_ROW', 'busy', 'refused'],
    [403, 'API_CURRENTLY_DISABLED', 'busy', 'refused'],
    [400, 'INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE', 'busy', 'refused'],
    [500, 'UNKNOWN_EXCEPTION', 'busy', 'unknown'],
    [500, undefined, 'busy', 'unknown'],
    [502, undefined, 'busy', 'unknown'],
    [503, 'SERVER_UNAVAILABLE', 'busy', 'refused'],
    [503, undefined, 'busy', 'unknown'],
    [504, undefined, 'busy', 'unknown'],
    [302, undefined, 'request', 'refused'],
  ])('%i %s is %s, %s', (status, code, kind, fate) => {
    expect(failure(status, code)).toMatchObject({ kind, fate });
  });

  it.each<[number, string]>([
    [200, 'IGNORED'],
    [400, 'INVALID_FIELD'],
    [403, 'INSUFFICIENT_ACCESS'],
    [404, 'NOT_FOUND'],
    // Storage, and an approval: no waiting mends them.
    [400, 'EXCEEDED_QUOTA'],
    [400, 'ALREADY_IN_PROCESS'],
  ])('%i %s is for the caller to read', (status, code) => {
    expect(failure(status, code)).toBeUndefined();
  });

  it('obeys Retry-After, and waits a minute for a used-up quota', () => {
    expect(failure(503, 'SERVER_UNAVAILABLE', { 'retry-after': '7' })).toMatchObject({ retryAfter: 7000 });
    expect(failure(403, 'REQUEST_LIMIT_EXCEEDED')).toMatchObject({ retryAfter: 60_000 });
  });

  it('shows no body', () => {
    expect(failure(500)?.words).toBe('salesforce answered HTTP 500');
  });
});

describe('failureOfTokenAnswer', () => {
  const answered = (status: number, body: unknown) =>
    failureOfTokenAnswer({ status, headers: {}, body: JSON.stringify(body), millis: 1 }, kit);

  it.each<[number, string, string | undefined]>([
    [400, 'unknown_error', 'busy'],
    [400, 'server_error', 'busy'],
    [403, 'rate_limit_exceeded', 'rate'],
    [429, 'slow down', 'rate'],
    [503, 'away', 'busy'],
    [400, 'invalid_grant', undefined],
    [400, 'inactive_org', undefined],
    [200, 'unknown_error', undefined],
  ])('%i %s: %s', (status, error, kind) => {
    expect(answered(status, { error, error_description: 'retry your request' })?.kind).toBe(kind);
  });

  it('reads what is no OAuth refusal as one that jsforce is to read', () => {
    for (const body of [null, 'unknown_error', [{ error: 'unknown_error' }]])
      expect(answered(400, body)).toBeUndefined();
  });
});

describe('quotaOf', () => {
  it.each([
    ['api-usage=18/5000', { used: 18, limit: 5000 }],
    ['api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)', { used: 17, limit: 250 }],
    ['api-usage=4990/5000; per-app-api-usage=17/250(appName=sample-connected-app)', { used: 4990, limit: 5000 }],
    ['api-usage=1/0', undefined],
    ['something else', undefined],
    [undefined, undefined],
  ])('%s', (header, quota) => {
    expect(quotaOf(header)).toEqual(quota);
  });
});

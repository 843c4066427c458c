import { describe, expect, it } from 'vitest';
import { createKit, silentLog } from '../../src/provider/index.js';
import { failureOfAnswer } from './transport.js';

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
    [429, undefined, 'rate', 'refused'],
    [400, 'UNABLE_TO_LOCK_ROW', 'busy', 'refused'],
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

/** Bare requests to the Stripe sandbox, without any SDK. */
import { DEFAULT_KEYS } from '../../fixtures/stripe/index.js';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface SendOptions {
  readonly key?: string;
  readonly idempotencyKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `form` is the body of a POST, already form-encoded. */
export async function send(
  url: string,
  method: string,
  path: string,
  form = '',
  { key = DEFAULT_KEYS.secretKey, idempotencyKey, headers = {} }: SendOptions = {},
): Promise<Answer> {
  const response = await fetch(`${url}/v1/${path}`, {
    method,
    headers: {
      ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    },
    ...(method === 'POST' ? { body: form } : {}),
  });
  const body = (await response.json()) as Readonly<Record<string, unknown>>;
  return { status: response.status, headers: response.headers, body };
}

/** The `error` of an answer, without what differs from request to request. */
export function errorOf(answer: Answer): Readonly<Record<string, unknown>> {
  const { request_log_url: _url, ...error } = answer.body['error'] as Record<string, unknown>;
  return error;
}

export function dataOf(answer: Answer): readonly Readonly<Record<string, unknown>>[] {
  return answer.body['data'] as readonly Readonly<Record<string, unknown>>[];
}

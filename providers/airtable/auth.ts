/**
 * Access tokens by OAuth. A refresh token is good once: each answer holds the next one.
 * Source: Airtable Web API documentation, "OAuth reference"; RFC 6749, section 6.
 */
import { z } from 'zod';
import { FaultError, fault } from '../../src/errors/index.js';
import {
  CallFailure,
  failureOfStatus,
  type Grant,
  type Kit,
  parseRetryAfter,
  type Token,
} from '../../src/provider/index.js';
import type { AirtableConfig, Auth } from './config.js';

type OAuth = Extract<Auth, { kind: 'oauth' }>;

/** Each exchange replaces the refresh token, and the access token before it ends. */
export function grant({ auth }: AirtableConfig): Grant | undefined {
  if (auth.kind !== 'oauth') return undefined;
  return { identity: [auth.kind, auth.client_id, auth.refresh_token], rotates: 'always' };
}

/** The answer of a token endpoint is a few lines. */
const maxBytes = 64 * 1024;

const tokenSchema = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1),
  expires_in: z.number().positive(),
});

const refusalSchema = z.object({ error: z.string(), error_description: z.string().optional() });

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function refused(kit: Kit, words: string): FaultError {
  return new FaultError(
    fault('credentials_refused', {
      params: { provider: kit.provider, connection: kit.connection },
      context: kit.describe(`airtable answered ${words}`),
    }),
  );
}

/** Statuses at which the endpoint did not look at the token: it can be asked again. */
function isPassing(status: number): boolean {
  return status >= 500 || [408, 409, 425, 429].includes(status);
}

/**
 * Exchanges the refresh token, once. Throws a CallFailure when the endpoint cannot be reached or is busy, and a FaultError
 * `credentials_refused` when it refuses.
 */
export async function fetchToken(
  auth: OAuth,
  last: Token | null,
  kit: Kit,
  deadline: number,
  signal: AbortSignal,
): Promise<Token> {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: last?.extra?.['refresh_token'] ?? auth.refresh_token,
    ...(auth.client_secret === undefined ? { client_id: auth.client_id } : {}),
  });
  const basic = Buffer.from(`${auth.client_id}:${auth.client_secret ?? ''}`).toString('base64');
  kit.secret(basic);
  const answer = await kit.http({
    method: 'POST',
    url: auth.token_url,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(auth.client_secret === undefined ? {} : { authorization: `Basic ${basic}` }),
    },
    body: form.toString(),
    deadline,
    signal,
    maxBytes,
  });
  if (isPassing(answer.status)) {
    const retryAfter = parseRetryAfter(answer.headers['retry-after'], kit.now());
    const details = { words: `airtable answered HTTP ${answer.status} to the token request` };
    if (answer.status === 409) throw new CallFailure({ kind: 'busy', fate: 'refused', ...details });
    throw failureOfStatus(answer.status, retryAfter === undefined ? details : { ...details, retryAfter });
  }
  if (answer.status >= 300) {
    const refusal = refusalSchema.safeParse(parsed(answer.body));
    if (!refusal.success) throw refused(kit, `HTTP ${answer.status} to the token request`);
    throw refused(kit, `${refusal.data.error}: ${refusal.data.error_description ?? 'no reason was given'}`);
  }
  const granted = tokenSchema.safeParse(parsed(answer.body));
  if (!granted.success) throw refused(kit, 'without an access token, a refresh token and a lifetime');
  const { access_token, refresh_token, expires_in } = granted.data;
  kit.secret(access_token);
  kit.secret(refresh_token);
  return { value: access_token, expiresAt: kit.now() + expires_in * 1000, extra: { refresh_token } };
}

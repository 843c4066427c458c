/**
 * Access tokens by each OAuth 2.0 flow.
 * Sources: Salesforce Help, "OAuth Authorization Flows"; RFC 6749; RFC 7523 (JWT bearer).
 */
import { createPrivateKey, createSign } from 'node:crypto';
import { OAuth2 } from 'jsforce/lib/core.js';
import { z } from 'zod';
import { FaultError, fault } from '../../src/errors/index.js';
import { CallFailure, type Grant, type Kit, type Token } from '../../src/provider/index.js';
import type { Auth, SalesforceConfig } from './config.js';
import type { CallTransport } from './transport.js';

const tokenSchema = z.object({
  access_token: z.string().min(1),
  instance_url: z.string().optional(),
  refresh_token: z.string().optional(),
});

type OAuthFlow = Exclude<Auth, { kind: 'access_token' }>;

/**
 * A refresh token stays, unless the app has Refresh Token Rotation switched on: then it is good once, and a second use of
 * it revokes the one that has replaced it (Salesforce Help, "Enable Refresh Token Rotation").
 */
export function grant({ auth }: SalesforceConfig): Grant | undefined {
  switch (auth.kind) {
    case 'access_token':
      return undefined;
    case 'refresh_token':
      return { identity: [auth.kind, auth.login_url, auth.client_id, auth.refresh_token], rotates: 'perhaps' };
    case 'client_credentials':
      return { identity: [auth.kind, auth.login_url, auth.client_id], rotates: 'never' };
    case 'jwt_bearer':
    case 'password':
      return { identity: [auth.kind, auth.login_url, auth.client_id, auth.username], rotates: 'never' };
  }
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** The assertion of the JWT bearer flow, valid for three minutes, the longest that Salesforce takes. */
export function jwtAssertion(auth: Extract<Auth, { kind: 'jwt_bearer' }>, now: number): string {
  const claims = {
    iss: auth.client_id,
    sub: auth.username,
    aud: auth.audience ?? auth.login_url,
    exp: Math.floor(now / 1000) + 180,
  };
  const signed = `${base64url(JSON.stringify({ alg: 'RS256' }))}.${base64url(JSON.stringify(claims))}`;
  const signature = createSign('RSA-SHA256').update(signed).sign(createPrivateKey(auth.private_key), 'base64url');
  return `${signed}.${signature}`;
}

function ask(oauth: OAuth2, auth: OAuthFlow, last: Token | null, now: number): Promise<unknown> {
  switch (auth.kind) {
    case 'refresh_token':
      return oauth.refreshToken(last?.extra?.['refresh_token'] ?? auth.refresh_token);
    case 'client_credentials':
      return oauth.requestToken({ grant_type: 'client_credentials' });
    case 'jwt_bearer':
      return oauth.requestToken({
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: jwtAssertion(auth, now),
      });
    case 'password':
      return oauth.authenticate(auth.username, auth.password + (auth.security_token ?? ''));
  }
}

/** jsforce gives the OAuth error code as the error's name and its description as the message. */
function refused(kit: Kit, error: unknown): FaultError {
  const code = error instanceof Error ? error.name : 'error';
  return new FaultError(
    fault('credentials_refused', {
      params: { provider: kit.provider, connection: kit.connection },
      context: kit.describe(`salesforce answered ${code}: ${error instanceof Error ? error.message : ''}`),
    }),
    { cause: error },
  );
}

/**
 * Asks for a new access token, once. Throws a CallFailure when the host cannot be reached or is busy, and a FaultError
 * `credentials_refused` when it refuses.
 */
export async function fetchToken(
  auth: OAuthFlow,
  transport: CallTransport,
  last: Token | null,
  kit: Kit,
): Promise<Token> {
  const oauth = new OAuth2({
    loginUrl: auth.login_url,
    clientId: auth.client_id,
    ...('client_secret' in auth && auth.client_secret !== undefined ? { clientSecret: auth.client_secret } : {}),
  });
  oauth._transport = transport;
  let answer: unknown;
  try {
    answer = await ask(oauth, auth, last, kit.now());
  } catch (error) {
    if (error instanceof CallFailure && error.kind !== 'credentials') throw error;
    throw refused(kit, error);
  }
  const parsed = tokenSchema.safeParse(answer);
  if (!parsed.success) throw refused(kit, new Error('the answer holds no access token'));
  const { access_token, instance_url, refresh_token } = parsed.data;
  kit.secret(access_token);
  kit.secret(refresh_token);
  const rotated = refresh_token ?? last?.extra?.['refresh_token'];
  return {
    value: access_token,
    extra: {
      instance_url: auth.instance_url ?? instance_url ?? auth.login_url,
      ...(rotated === undefined ? {} : { refresh_token: rotated }),
    },
  };
}

/**
 * Access tokens: an App's installation token (an hour), a user's token of a GitHub App with its rotating refresh token
 * (eight hours, six months).
 * Sources: GitHub Docs, "Generating a JSON Web Token (JWT) for a GitHub App", "Generating an installation access token",
 * "Refreshing user access tokens".
 */
import { createPrivateKey, createSign } from 'node:crypto';
import { Octokit } from '@octokit/rest';
import { z } from 'zod';
import { FaultError, fault } from '../../src/errors/index.js';
import { CallFailure, type Grant, type Kit, type Token } from '../../src/provider/index.js';
import type { Auth, GitHubConfig } from './config.js';
import { type CallTransport, messageOf } from './transport.js';

export const userAgent = 'upwrite';

/** Octokit's log: one line a request, and warnings of deprecations, none of which is news to an operator. */
export function sdkLog(kit: Kit) {
  const debug = (message: string): void => kit.log.debug({}, kit.describe(message));
  return { debug, info: debug, warn: debug, error: debug };
}

/** A user's refresh token is good once; an App's own key stays. */
export function grant({ auth, base_url: base }: GitHubConfig): Grant | undefined {
  switch (auth.kind) {
    case 'token':
      return undefined;
    case 'app':
      return { identity: [auth.kind, base, auth.app_id, auth.installation_id], rotates: 'never' };
    case 'refresh_token':
      return { identity: [auth.kind, auth.login_url, auth.client_id, auth.refresh_token], rotates: 'always' };
  }
}

type RenewableAuth = Exclude<Auth, { kind: 'token' }>;

const installationToken = z.object({ token: z.string().min(1), expires_at: z.string() });

const userToken = z.object({
  access_token: z.string().min(1),
  expires_in: z.number().positive().optional(),
  refresh_token: z.string().min(1).optional(),
});

/** What GitHub's OAuth endpoint answers, with status 200, when it refuses. */
const oauthRefusal = z.object({ error: z.string(), error_description: z.string().optional() });

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** An App's own token: good for nine minutes (ten are the most), dated back a minute against clocks that differ. */
export function appToken(auth: Extract<Auth, { kind: 'app' }>, now: number): string {
  const seconds = Math.floor(now / 1000);
  const claims = { iat: seconds - 60, exp: seconds + 540, iss: auth.app_id };
  const signed = `${base64url(JSON.stringify({ alg: 'RS256', typ: 'JWT' }))}.${base64url(JSON.stringify(claims))}`;
  const signature = createSign('RSA-SHA256').update(signed).sign(createPrivateKey(auth.private_key), 'base64url');
  return `${signed}.${signature}`;
}

function refused(kit: Kit, words: string, cause?: unknown): FaultError {
  return new FaultError(
    fault('credentials_refused', {
      params: { provider: kit.provider, connection: kit.connection },
      context: kit.describe(`${kit.provider} answered ${words}`),
    }),
    { cause },
  );
}

async function installation(
  auth: Extract<Auth, { kind: 'app' }>,
  config: GitHubConfig,
  transport: CallTransport,
  kit: Kit,
): Promise<Token> {
  let jwt: string;
  try {
    jwt = appToken(auth, kit.now());
  } catch (error) {
    throw refused(kit, 'nothing: auth.private_key is not a usable RSA private key', error);
  }
  const octokit = new Octokit({
    auth: jwt,
    baseUrl: config.base_url,
    userAgent,
    log: sdkLog(kit),
    request: { fetch: transport.fetch },
  });
  const { data } = await octokit.rest.apps.createInstallationAccessToken({
    installation_id: Number(auth.installation_id),
  });
  const { token, expires_at } = installationToken.parse(data);
  const expiresAt = Date.parse(expires_at);
  return { value: token, ...(Number.isNaN(expiresAt) ? {} : { expiresAt }) };
}

async function user(
  auth: Extract<Auth, { kind: 'refresh_token' }>,
  transport: CallTransport,
  last: Token | null,
  kit: Kit,
): Promise<Token> {
  const octokit = new Octokit({ userAgent, log: sdkLog(kit), request: { fetch: transport.fetch } });
  const { data } = await octokit.request(`POST ${auth.login_url}/login/oauth/access_token`, {
    headers: { accept: 'application/json' },
    client_id: auth.client_id,
    client_secret: auth.client_secret,
    grant_type: 'refresh_token',
    refresh_token: last?.extra?.['refresh_token'] ?? auth.refresh_token,
  });
  const refusal = oauthRefusal.safeParse(data);
  if (refusal.success) throw refused(kit, `${refusal.data.error}: ${refusal.data.error_description ?? ''}`);
  const { access_token, expires_in, refresh_token } = userToken.parse(data);
  kit.secret(refresh_token);
  const rotated = refresh_token ?? last?.extra?.['refresh_token'];
  return {
    value: access_token,
    ...(expires_in === undefined ? {} : { expiresAt: kit.now() + expires_in * 1000 }),
    ...(rotated === undefined ? {} : { extra: { refresh_token: rotated } }),
  };
}

/**
 * Asks for a new token, once. Throws a CallFailure when GitHub cannot be reached or is busy, and a FaultError
 * `credentials_refused` when it refuses.
 */
export async function fetchToken(
  auth: RenewableAuth,
  config: GitHubConfig,
  transport: CallTransport,
  last: Token | null,
  kit: Kit,
): Promise<Token> {
  try {
    const token =
      auth.kind === 'app' ? await installation(auth, config, transport, kit) : await user(auth, transport, last, kit);
    kit.secret(token.value);
    return token;
  } catch (error) {
    if (error instanceof FaultError) throw error;
    const { failure, answer } = transport;
    if (failure instanceof CallFailure && failure.kind !== 'credentials') throw failure;
    const words = messageOf(answer?.body ?? '') ?? 'no access token';
    throw refused(kit, answer === undefined ? words : `HTTP ${answer.status}: ${words}`, error);
  }
}

/** The configured database for node-postgres. */
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import pg from 'pg';
import type { DatabaseTarget } from '../config/index.js';

/**
 * Connection options with the TLS that the target's sslmode asks for. `allow` and `prefer` try TLS first where the
 * caller repeats the attempt with `plain`. Throws when a certificate file cannot be read.
 */
export function clientConfig(target: DatabaseTarget, plain = false): pg.ClientConfig {
  const { host, port, user, password, database, connectTimeout } = target;
  const ssl = plain ? undefined : tlsOptions(target);
  return {
    host,
    port,
    user,
    database,
    application_name: 'upwrite',
    connectionTimeoutMillis: connectTimeout,
    ...(password === undefined ? {} : { password }),
    ...(ssl === undefined ? {} : { ssl }),
  };
}

function tlsOptions({ sslmode, sslrootcert, sslcert, sslkey, host }: DatabaseTarget) {
  if (sslmode === 'disable' || host.startsWith('/')) return undefined;
  const ca =
    sslrootcert === undefined
      ? undefined
      : sslrootcert === 'system'
        ? [...rootCertificates]
        : readFileSync(sslrootcert, 'utf8');
  // As libpq: require with a root certificate verifies it, as verify-ca does.
  const verifies = sslmode === 'verify-full' || sslmode === 'verify-ca' || (sslmode === 'require' && ca !== undefined);
  return {
    rejectUnauthorized: verifies,
    ...(ca === undefined ? {} : { ca }),
    ...(sslcert === undefined ? {} : { cert: readFileSync(sslcert, 'utf8') }),
    ...(sslkey === undefined ? {} : { key: readFileSync(sslkey, 'utf8') }),
    ...(sslmode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
}

/** Whether a refused TLS connection may be tried again without. */
export function mayGoWithoutTls({ sslmode }: DatabaseTarget): boolean {
  return sslmode === 'prefer' || sslmode === 'allow';
}

/** A connection, without TLS where sslmode allows that and the server has none. */
export async function connect(target: DatabaseTarget): Promise<pg.Client> {
  const attempt = async (plain: boolean) => {
    const client = new pg.Client(clientConfig(target, plain));
    // A connection that breaks later is noticed by the query under way.
    client.on('error', () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
  };
  try {
    return await attempt(false);
  } catch (error) {
    const refused = error instanceof Error && /does not support SSL/.test(error.message);
    if (refused && mayGoWithoutTls(target)) return attempt(true);
    throw error;
  }
}

/** Certificate files of the configuration, read for the listener and for connections to the database. */
import { readFileSync } from 'node:fs';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import type { DatabaseTarget as ConfiguredDatabase, TlsConfig } from '../config/index.js';
import type { DatabaseTarget } from '../upstream/index.js';

export interface ReloadableTls {
  readonly context: SecureContext;
  /** Reads the files again; throws and keeps the old ones when they cannot be used. */
  reload(): void;
}

/** Null where no TLS is offered to clients. Throws when a file cannot be read or used. */
export function clientTls(config: TlsConfig): ReloadableTls | null {
  const { cert, key, mode } = config;
  if (mode === 'disable' || cert === undefined || key === undefined) return null;
  const read = (): SecureContext =>
    createSecureContext({
      cert: readFileSync(cert),
      key: readFileSync(key),
      minVersion: config.minVersion,
    });
  let context = read();
  return {
    get context() {
      return context;
    },
    reload: () => {
      context = read();
    },
  };
}

/** The configured database with its certificates read. Throws when a file cannot be read. */
export function databaseTarget(configured: ConfiguredDatabase): DatabaseTarget {
  const { host, port, database, user, password, connectTimeout, sslmode } = configured;
  const { sslrootcert, sslcert, sslkey } = configured;
  const ca = sslrootcert === 'system' ? rootCertificates.join('\n') : sslrootcert && readFileSync(sslrootcert, 'utf8');
  return {
    host,
    port,
    database,
    user,
    connectTimeout,
    ...(password === undefined ? {} : { password }),
    tls: {
      mode: sslmode,
      ...(ca === undefined || ca === '' ? {} : { ca }),
      ...(sslcert === undefined ? {} : { cert: readFileSync(sslcert, 'utf8') }),
      ...(sslkey === undefined ? {} : { key: readFileSync(sslkey, 'utf8') }),
    },
  };
}

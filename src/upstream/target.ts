/** Where the real Postgres is, and how far its TLS certificate has to prove it. */

/** libpq's meanings (manual, "SSL Support", table of sslmode). */
export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface DatabaseTls {
  readonly mode: SslMode;
  /** PEM of the certificate authorities to trust; the system's where absent. */
  readonly ca?: string;
  /** PEM of a client certificate and its key. */
  readonly cert?: string;
  readonly key?: string;
}

export interface DatabaseTarget {
  /** A host name or address; or the directory of a Unix socket, starting with a slash. */
  readonly host: string;
  readonly port: number;
  /** The database that holds the synced tables. */
  readonly database: string;
  /** Upwrite's own role and its password, used for its own connections only. */
  readonly user: string;
  readonly password?: string;
  readonly tls: DatabaseTls;
  /** Milliseconds until a connection attempt is given up. */
  readonly connectTimeout: number;
}

/** The path of the Unix socket that a target means, or null for TCP (manual, "unix_socket_directories"). */
export function socketPath(target: DatabaseTarget): string | null {
  return target.host.startsWith('/') ? `${target.host}/.s.PGSQL.${target.port}` : null;
}

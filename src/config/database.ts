/** The URL of a Postgres server, as libpq takes it. Source: PostgreSQL manual, "Connection URIs". */
import { isAbsolute, resolve } from 'node:path';
import { nearest } from './problem.js';
import { parseDuration } from './units.js';

/** As libpq's `sslmode`. */
export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

/** Where the database is, and as whom Upwrite itself logs in to it. */
export interface DatabaseTarget {
  /** A host name or address; a directory (it begins with /) means the Unix socket in it. */
  readonly host: string;
  readonly port: number;
  /** Upwrite's own role: no client should share it. */
  readonly user: string;
  readonly password?: string;
  readonly database: string;
  readonly sslmode: SslMode;
  /** File with the certificates of the authorities to trust, or `system`. */
  readonly sslrootcert?: string;
  /** File with the client certificate. */
  readonly sslcert?: string;
  /** File with the client certificate's key. */
  readonly sslkey?: string;
  /** In milliseconds. */
  readonly connectTimeout: number;
}

export const sslModes: readonly SslMode[] = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];

const parameters = [
  'host',
  'port',
  'user',
  'password',
  'dbname',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'connect_timeout',
] as const;
type Parameter = (typeof parameters)[number];

const defaultPort = 5432;
const defaultConnectTimeout = parseDuration('10s') ?? 10_000;

/** Says what is wrong without quoting the URL, which holds a password. */
export class DatabaseUrlError extends Error {
  override readonly name = 'DatabaseUrlError';
}

function isParameter(name: string): name is Parameter {
  return parameters.some((known) => known === name);
}

function isSslMode(text: string): text is SslMode {
  return sslModes.some((mode) => mode === text);
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DatabaseUrlError(`the ${what} has a % that is not followed by two hexadecimal digits; write %25 for it`);
  }
}

const form =
  /^postgres(?:ql)?:\/\/(?:(?<user>[^:@/?#]*)(?::(?<password>[^@/?#]*))?@)?(?<authority>[^@/?#]*)(?:\/(?<dbname>[^?#]*))?(?:\?(?<query>[^#]*))?$/;

function splitAuthority(authority: string): { host?: string; port?: string } {
  if (authority.includes(',')) throw new DatabaseUrlError('it names several hosts; name one');
  const match = /^(?:\[(?<six>[0-9A-Fa-f:.%]+)\]|(?<host>[^:[\]]*))(?::(?<port>\d*))?$/.exec(authority);
  if (match === null)
    throw new DatabaseUrlError('its host and port are not host:port; put an IPv6 address in brackets');
  const host = match.groups?.['six'] ?? match.groups?.['host'] ?? '';
  const port = match.groups?.['port'] ?? '';
  return { ...(host === '' ? {} : { host: decode(host, 'host') }), ...(port === '' ? {} : { port }) };
}

function queryParameters(query: string): ReadonlyMap<Parameter, string> {
  const found = new Map<Parameter, string>();
  for (const pair of query.split('&').filter((text) => text !== '')) {
    const at = pair.indexOf('=');
    const name = at < 0 ? pair : pair.slice(0, at);
    if (!isParameter(name)) {
      const meant = nearest(name, parameters);
      const hint = meant === undefined ? `known are ${parameters.join(', ')}` : `did you mean ${meant}?`;
      // A name that is no word may be the rest of a password.
      throw new DatabaseUrlError(
        `it has an unknown parameter${/^[a-z_]{2,30}$/.test(name) ? ` ${name}` : ''}; ${hint}`,
      );
    }
    found.set(name, decode(at < 0 ? '' : pair.slice(at + 1), `parameter ${name}`));
  }
  return found;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65535)
    throw new DatabaseUrlError('its port is not a number from 1 to 65535');
  return port;
}

function parseSslMode(text: string | undefined, host: string): SslMode {
  // A Unix socket never carries TLS.
  if (host.startsWith('/')) return 'disable';
  if (text === undefined) return 'prefer';
  if (isSslMode(text)) return text;
  throw new DatabaseUrlError(`its sslmode is none of ${sslModes.join(', ')}`);
}

function parseConnectTimeout(text: string | undefined): number {
  if (text === undefined) return defaultConnectTimeout;
  const seconds = Number(text);
  if (!/^\d{1,4}$/.test(text) || seconds < 1)
    throw new DatabaseUrlError('its connect_timeout is not a number of seconds from 1');
  return seconds * 1000;
}

/**
 * Reads a URL such as `postgres://upwrite:secret@db.example.com/shop?sslmode=verify-full`, or with a Unix socket
 * `postgres://upwrite@/shop?host=/run/postgresql`. File names are taken relative to `directory`.
 * Throws DatabaseUrlError.
 */
export function parseDatabaseUrl(url: string, directory: string): DatabaseTarget {
  const groups = form.exec(url)?.groups;
  if (groups === undefined) {
    throw new DatabaseUrlError(
      'it is not a URL like postgres://user:password@host:5432/database; in a user or password write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23',
    );
  }
  const query = queryParameters(groups['query'] ?? '');
  const authority = splitAuthority(groups['authority'] ?? '');
  const host = query.get('host') ?? authority.host ?? 'localhost';
  const user = query.get('user') ?? decode(groups['user'] ?? '', 'user');
  if (user === '') throw new DatabaseUrlError("it names no user; give Upwrite's own role");
  const password =
    query.get('password') ?? (groups['password'] === undefined ? undefined : decode(groups['password'], 'password'));
  const dbname = query.get('dbname') ?? decode(groups['dbname'] ?? '', 'database name');
  const sslmode = parseSslMode(query.get('sslmode'), host);
  const file = (name: 'sslrootcert' | 'sslcert' | 'sslkey') => {
    const path = query.get(name);
    if (path === undefined || path === '') return {};
    return {
      [name]: path === 'system' && name === 'sslrootcert' ? path : isAbsolute(path) ? path : resolve(directory, path),
    };
  };
  if ((query.get('sslcert') === undefined) !== (query.get('sslkey') === undefined)) {
    throw new DatabaseUrlError('sslcert and sslkey belong together; give both or none');
  }
  return {
    host,
    port: parsePort(query.get('port') ?? authority.port ?? String(defaultPort)),
    user,
    ...(password === undefined ? {} : { password }),
    database: dbname === '' ? user : dbname,
    sslmode,
    ...file('sslrootcert'),
    ...file('sslcert'),
    ...file('sslkey'),
    connectTimeout: parseConnectTimeout(query.get('connect_timeout')),
  };
}

/** Upwrite's own connections to the synced database: how they are opened, and what a query needs of one. */
import pg from 'pg';

/** JSON as PostgreSQL's jsonb holds it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A pool or a single client: whatever runs a query. */
export type Queryable = Pick<pg.ClientBase, 'query'> | Pick<pg.Pool, 'query'>;

/**
 * Start-up settings of every connection of Upwrite's own. `upwrite.internal` is what the guard looks for besides the
 * role. The others pin what ALTER ROLE or ALTER DATABASE could have changed: a journal entry has to be on disk before
 * anything is sent, and text forms of values must be the ones that Upwrite writes.
 */
const sessionSettings: Readonly<Record<string, string>> = {
  'upwrite.internal': 'on',
  application_name: 'upwrite',
  synchronous_commit: 'on',
  default_transaction_isolation: 'read\\ committed',
  default_transaction_read_only: 'off',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  search_path: 'pg_catalog',
  datestyle: 'ISO',
  timezone: 'UTC',
  intervalstyle: 'iso_8601',
  bytea_output: 'hex',
  // What a process whose network is gone holds locked must not stay locked for the two hours that systems allow.
  tcp_keepalives_idle: '15',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '4',
};

/** The `options` start-up parameter of Upwrite's own connections. */
export const internalOptions: string = Object.entries(sessionSettings)
  .map(([name, value]) => `-c ${name}=${value}`)
  .join(' ');

/**
 * Opens a pool whose sessions the guard knows as Upwrite's own. Every pool that writes synced tables comes from here.
 * An idle connection's failure goes to `onError`: the pool replaces the connection by itself.
 */
export function internalPool(config: pg.PoolConfig, onError: (error: Error) => void): pg.Pool {
  const pool = new pg.Pool({ ...config, options: internalOptions });
  pool.on('error', onError);
  // The pool listens while a connection is idle. One that is lost while a write holds it, and waits for its API, would
  // end the process.
  pool.on('connect', (client) => client.on('error', onError));
  return pool;
}

/** Runs `work` in a transaction on one connection of the pool; a connection that failed is not used again. */
export async function inTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query('BEGIN');
    try {
      const result = await work(client);
      await client.query('COMMIT');
      broken = false;
      return result;
    } catch (error) {
      broken = !(await rolledBack(client));
      throw error;
    }
  } finally {
    client.release(broken);
  }
}

/** Rolls back; false where not even that was possible, so that the connection must not be used again. */
async function rolledBack(client: pg.ClientBase): Promise<boolean> {
  try {
    await client.query('ROLLBACK');
    return true;
  } catch {
    return false;
  }
}

/** The SQLSTATE of an error that the database sent, or undefined. */
export function sqlstateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** PostgreSQL manual, appendix A: 55P03 lock_not_available, also what lock_timeout raises. */
export function isLockTimeout(error: unknown): boolean {
  return sqlstateOf(error) === '55P03';
}

/**
 * Whether an error says that the database is away (starting, stopping, crashed, unreachable, out of connections), as
 * opposed to having refused a statement: classes 08 and 57P, 53300, 25P03 (it ended a session that was silent for too
 * long), or a failure below the protocol.
 */
export function isDatabaseAway(error: unknown): boolean {
  const code = sqlstateOf(error);
  if (code !== undefined) return code.startsWith('08') || code.startsWith('57P') || endings.has(code);
  if (!(error instanceof Error)) return false;
  if ('code' in error && typeof error.code === 'string' && networkCodes.has(error.code)) return true;
  return clientMessages.some((text) => error.message.includes(text));
}

const endings: ReadonlySet<string> = new Set(['53300', '25P03']);

const networkCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** node-postgres has no code for these; its texts are all there is to go by. */
const clientMessages = [
  'Connection terminated',
  'Query read timeout',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Client has encountered a connection error',
  'Client was closed',
];

/** The connection of Upwrite's own role that carries one mutation: its locks from before the request, its commit after. */
import type pg from 'pg';
import { type ConflictTarget, findConflicts, ident, qualified, type SyncedTable } from '../catalog/index.js';
import { raise } from '../errors/index.js';
import type { Verb } from '../provider/index.js';
import {
  beginApply,
  beginWithLocks,
  conflictLocks,
  isLockTimeout,
  type Journal,
  lockKeys,
  lockTableShared,
} from '../store/index.js';
import type { OldRows } from './batch.js';

export class Writer {
  readonly #pool: pg.Pool;
  readonly #client: pg.PoolClient;
  readonly #table: SyncedTable;
  readonly #lockTimeout: number;
  #inTransaction = false;
  /** A cancel may still be on its way to this connection: it must not meet another statement. */
  #cancelled = false;

  private constructor(pool: pg.Pool, client: pg.PoolClient, table: SyncedTable, lockTimeout: number) {
    this.#pool = pool;
    this.#client = client;
    this.#table = table;
    this.#lockTimeout = lockTimeout;
  }

  static async open(pool: pg.Pool, table: SyncedTable, lockTimeout: number): Promise<Writer> {
    return new Writer(pool, await pool.connect(), table, lockTimeout);
  }

  /** Takes the advisory locks of exactly these keys, letting go of earlier ones. The signal ends the wait. */
  lockKeys(keys: readonly string[], signal: AbortSignal): Promise<void> {
    return this.#lock(lockKeys(this.#table.oid, keys), signal);
  }

  /** The same of the values that an upsert finds records by, and of the keys of the rows that have them here. */
  lockValues(
    conflict: readonly string[],
    values: readonly string[],
    keys: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const { oid } = this.#table;
    return this.#lock([...conflictLocks(oid, conflict, values), ...lockKeys(oid, keys)], signal);
  }

  /** What the rows of an upsert meet in the table now. */
  findConflicts(conflict: readonly string[], rows: readonly string[]): Promise<readonly ConflictTarget[]> {
    return findConflicts(this.#client, this.#table, conflict, rows);
  }

  async #lock(locks: readonly bigint[], signal: AbortSignal): Promise<void> {
    await this.abandon();
    this.#inTransaction = true;
    const stop = (): void => this.#cancel();
    signal.addEventListener('abort', stop);
    try {
      if (signal.aborted) stop();
      await this.#orLockFailed(beginWithLocks(this.#client, locks, this.#lockTimeout));
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Stops what this connection waits for. It may come too late, which does no harm: whoever stops checks again. */
  #cancel(): void {
    const { processID } = this.#client as { readonly processID?: number | null };
    if (processID === undefined || processID === null) return;
    this.#cancelled = true;
    this.#pool.query('SELECT pg_cancel_backend($1)', [processID]).catch(() => undefined);
  }

  /**
   * Finds out now whether the rows can be changed later: a row lock of another session, or of the client's own, is an
   * error here. The locks are let go of again at once, since the sync takes them in another order. The rows as they are.
   */
  async probeRows(keys: readonly string[], verb: Verb): Promise<OldRows> {
    const { resource } = this.#table;
    const key = ident(resource.key);
    const strength = verb === 'delete' ? 'UPDATE' : 'NO KEY UPDATE';
    await this.#client.query('SAVEPOINT probe');
    const { rows } = await this.#orLockFailed(
      this.#client.query<{ key: string; row: string }>(
        `SELECT t.${key} AS key, to_jsonb(t.*)::text AS row FROM ${qualified(this.#table)} AS t
         WHERE t.${key} = ANY ($1::text[]) FOR ${strength}`,
        [keys],
      ),
    );
    await this.#client.query('ROLLBACK TO SAVEPOINT probe');
    return new Map(rows.map((row) => [row.key, row.row]));
  }

  /** The same for an upsert, which may change rows and make new ones. */
  async probeUpsert(keys: readonly string[]): Promise<OldRows> {
    await this.#orLockFailed(
      this.#client.query(
        `SAVEPOINT probe_table; LOCK TABLE ${qualified(this.#table)} IN ROW EXCLUSIVE MODE;
         ROLLBACK TO SAVEPOINT probe_table`,
      ),
    );
    return keys.length === 0 ? new Map() : this.probeRows(keys, 'upsert');
  }

  /** The same for an insert: a lock on the whole table would keep the row out. */
  async probeTable(): Promise<void> {
    this.#inTransaction = true;
    await this.#orLockFailed(
      this.#client.query(
        `BEGIN; SET LOCAL lock_timeout = ${Math.max(1, Math.floor(this.#lockTimeout))};
         LOCK TABLE ${qualified(this.#table)} IN ROW EXCLUSIVE MODE; ROLLBACK`,
      ),
    );
    this.#inTransaction = false;
  }

  async #orLockFailed<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (isLockTimeout(error)) return this.lockFailed();
      throw error;
    }
  }

  lockFailed(): never {
    const { schema, name, provider } = this.#table;
    return raise('lock_timeout', {
      params: { table: name, provider, seconds: this.#lockTimeout / 1000 },
      schema,
      table: name,
    });
  }

  /** Which of these keys, whose locks are held, have a write of unknown outcome. */
  inDoubt(journal: Journal, keys: readonly string[]): Promise<readonly string[]> {
    return journal.inDoubt(this.#client, this.#table.oid, keys);
  }

  /** Runs the work in the transaction that holds the locks, and commits it. */
  async commit(work: (client: pg.ClientBase) => Promise<void>): Promise<void> {
    if (this.#inTransaction) await lockTableShared(this.#client, this.#table.oid);
    else await beginApply(this.#client, this.#table.oid, this.#lockTimeout);
    this.#inTransaction = true;
    await work(this.#client);
    await this.#client.query('COMMIT');
    this.#inTransaction = false;
  }

  /** Rolls back whatever is open; whether the connection can be used again. */
  async abandon(): Promise<boolean> {
    if (!this.#inTransaction) return true;
    try {
      await this.#client.query('ROLLBACK');
      this.#inTransaction = false;
      return true;
    } catch {
      return false;
    }
  }

  /** Gives the connection back, or drops it. */
  close(sound: boolean): void {
    this.#client.release(!sound || this.#inTransaction || this.#cancelled);
  }
}

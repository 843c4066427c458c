/**
 * Where access tokens are kept, sealed by their owner: this room never sees one. The lock of a slot is an advisory one of
 * the session, and no row lock, because a renewal commits a note of its beginning while it has the lock. Expiry is kept
 * by the database's clock: those of the processes may differ.
 */
import { hostname } from 'node:os';
import type pg from 'pg';
import { lockKey, lockSession, unlockSession } from './locks.js';

export interface StoredSecret {
  readonly sealed: string;
  readonly keyId: string;
  readonly rotated: boolean;
  /** Milliseconds from now; null where it is not known. */
  readonly expiresIn: number | null;
}

export interface TokenShelfOptions {
  /** Milliseconds to wait while another process renews. Default 45,000, longer than a renewal may take. */
  readonly lockTimeout?: number;
}

interface Row {
  readonly generation: string;
  readonly sealed: string | null;
  readonly key_id: string | null;
  readonly rotated: boolean;
  readonly expires_in: number | null;
  readonly since: string | null;
  readonly by: string | null;
}

/** A grant that nobody has used for so long is forgotten: no API's refresh token lives longer. */
const forgetAfter = '400 days';

/** One slot, in the hands of a client that has its lock. */
class Slot {
  constructor(client: pg.ClientBase, place: readonly [string, string]) {
    this.client = client;
    this.place = place;
  }
  private readonly client: pg.ClientBase;
  private readonly place: readonly [string, string];

  async read() {
    const found = await this.client.query<Row>(
      `SELECT generation, sealed, key_id, rotated, renewal_by AS by,
              (extract(epoch FROM expires_at - clock_timestamp()) * 1000)::float8 AS expires_in,
              to_char(renewal_since, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since
       FROM upwrite.tokens WHERE connection = $1 AND grant_name = $2`,
      [...this.place],
    );
    const row = found.rows[0];
    if (row === undefined) return { token: null, generation: '0', renewal: null };
    const { sealed, key_id: keyId, rotated, expires_in: expiresIn, generation, since, by } = row;
    return {
      token: sealed === null || keyId === null ? null : { sealed, keyId, rotated, expiresIn },
      generation,
      renewal: since === null ? null : { since, by: by ?? 'another process' },
    };
  }

  /** An earlier note stays: it is the one that tells when a refresh token may have been lost. */
  async beginRenewal(): Promise<void> {
    await this.client.query(
      `INSERT INTO upwrite.tokens AS t (connection, grant_name, renewal_since, renewal_by)
       VALUES ($1, $2, clock_timestamp(), $3)
       ON CONFLICT (connection, grant_name) DO UPDATE SET
         renewal_since = coalesce(t.renewal_since, EXCLUDED.renewal_since),
         renewal_by = coalesce(t.renewal_by, EXCLUDED.renewal_by)`,
      [...this.place, `process ${process.pid} on ${hostname()}`],
    );
  }

  async cancelRenewal(): Promise<void> {
    await this.client.query(
      `UPDATE upwrite.tokens SET renewal_since = NULL, renewal_by = NULL WHERE connection = $1 AND grant_name = $2`,
      [...this.place],
    );
  }

  async save({ sealed, keyId, rotated, expiresIn }: StoredSecret): Promise<void> {
    await this.client.query(
      `WITH old AS (DELETE FROM upwrite.tokens WHERE stored_at < clock_timestamp() - interval '${forgetAfter}'
                      AND (connection, grant_name) <> ($1, $2))
       INSERT INTO upwrite.tokens AS t (connection, grant_name, generation, key_id, sealed, rotated, expires_at)
       VALUES ($1, $2, 1, $3, $4, $5, clock_timestamp() + $6::float8 * interval '1 millisecond')
       ON CONFLICT (connection, grant_name) DO UPDATE SET
         generation = t.generation + 1, key_id = EXCLUDED.key_id, sealed = EXCLUDED.sealed,
         rotated = EXCLUDED.rotated, expires_at = EXCLUDED.expires_at, stored_at = clock_timestamp(),
         renewal_since = NULL, renewal_by = NULL`,
      [...this.place, keyId, sealed, rotated, expiresIn],
    );
  }
}

/** Slots for tokens in the database, each of which one process has at a time. */
export function tokenShelf(pool: pg.Pool, { lockTimeout = 45_000 }: TokenShelfOptions = {}) {
  return {
    /** Fails with 55P03 when the slot is not had in time. */
    async exclusive<T>(connection: string, grant: string, work: (slot: Slot) => Promise<T>): Promise<T> {
      const client = await pool.connect();
      let broken = true;
      try {
        await lockSession(client, [lockKey(`token\0${connection}\0${grant}`)], lockTimeout);
        return await work(new Slot(client, [connection, grant]));
      } finally {
        broken = !(await unlockSession(client).then(
          () => true,
          () => false,
        ));
        client.release(broken);
      }
    },
  };
}

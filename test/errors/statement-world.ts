/** A whole Upwrite with a scripted API, with the means to make each of its errors happen. */
import type pg from 'pg';
import { expect } from 'vitest';
import type { Resource } from '../../src/provider/index.js';
import { type Freshness, openFreshness } from '../../src/sync/index.js';
import type { Boundary } from '../../src/write/index.js';
import { sendCancel } from '../support/cancel.js';
import { connect, ownPool } from '../support/database.js';
import { contacts } from '../support/fake-api.js';
import { type Stack, startStack } from '../support/stack.js';
import { waitFor } from '../support/wait.js';
import type { WritableApi } from '../support/writable-api.js';
import { refusal } from './case.js';

/** Writes at once in this world. */
const places = 2;

/** Records that can be made and changed, and never deleted. */
function ledger(): Resource {
  const { writes, columns } = contacts();
  const { insert, update } = writes;
  const kept = columns.filter((column) => ['id', 'email', 'modified_at'].includes(column.name));
  return contacts({
    name: 'ledger',
    object: 'Ledger',
    columns: kept,
    writes: { ...(insert && { insert }), ...(update && { update }) },
  });
}

export class StatementWorld {
  /** Whether the connection of the tables is there. */
  connected = true;
  /** What is done once, at the next passing of a boundary. */
  readonly strikes = new Map<Boundary, () => Promise<void>>();
  /** What is done once, when a reader begins to wait for fresh data. */
  readerWaits: (() => Promise<void>) | undefined;
  #stack: Stack | undefined;
  #freshness: Freshness | undefined;

  static async start(transactions: 'escape' | 'reject' = 'escape'): Promise<StatementWorld> {
    const world = new StatementWorld();
    world.#stack = await startStack({
      resources: [contacts(), ledger()],
      transactions,
      freshness: {
        preset: () => false,
        refresh: async (relations, maxAge, signal) => {
          void world.readerWaits?.();
          world.readerWaits = undefined;
          return world.#freshness === undefined ? null : world.#freshness.refresh(relations, maxAge, signal);
        },
      },
      write: {
        session: () => (world.connected ? world.api.session : undefined),
        boundary: (name) => world.#strike(name),
        maxInFlight: places,
        queueTimeout: 8000,
        lockTimeout: 500,
      },
    });
    // Nothing syncs the tables of this world: none is ever fresh.
    world.#freshness = await openFreshness({
      pool: ownPool(world.stack.server.upwriteUrl, 2),
      database: 'upwrite',
      wake: () => {},
      timeoutMs: 10_000,
      late: 'error',
      onError: () => {},
    });
    return world;
  }

  get stack(): Stack {
    if (this.#stack === undefined) throw new Error('not started');
    return this.#stack;
  }

  get api(): WritableApi {
    return this.stack.api;
  }

  async #strike(name: Boundary): Promise<void> {
    const strike = this.strikes.get(name);
    this.strikes.delete(name);
    await strike?.();
  }

  /**
   * The error that a client's work ends with. Where it says that nothing was sent, the API has got nothing; and the
   * client's session can be used on.
   */
  async failing(work: (client: pg.Client) => Promise<unknown>): Promise<pg.DatabaseError> {
    const client = await connect(this.stack.url());
    const sent = this.api.batches.length;
    try {
      const error = await refusal(work(client));
      if (error.detail?.includes('Nothing was sent') === true) expect(this.api.batches.length).toBe(sent);
      await client.query('ROLLBACK');
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      return error;
    } finally {
      await client.end();
    }
  }

  /** Runs a statement on the database itself, as an ordinary superuser. */
  async admin(sql: string): Promise<pg.QueryResult> {
    const client = await connect(this.stack.server.superuserUrl);
    try {
      return await client.query(sql);
    } finally {
      await client.end();
    }
  }

  /** Makes the table hold exactly so many contacts; their keys. */
  async store(count: number): Promise<readonly string[]> {
    const client = await connect(this.stack.url());
    await client.query('DELETE FROM salesforce.contacts');
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO salesforce.contacts (email) SELECT n || '@x.io' FROM generate_series(1, ${count}) AS n RETURNING id`,
    );
    await client.end();
    return rows.map((row) => row.id);
  }

  /** Runs a write that waits for the API until it is released; resolves once its request has been made. */
  async occupy(sql: string): Promise<() => Promise<void>> {
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    this.api.answers.push(async (batch) => {
      await held;
      return this.api.accept(batch);
    });
    const sent = this.api.batches.length;
    const client = await connect(this.stack.url());
    const done = client.query(sql);
    await waitFor('the request of the occupying write', () => this.api.batches.length > sent);
    return async () => {
      answer();
      await done;
      await client.end();
    };
  }

  /** Takes every place that there is for writes. */
  async occupyAll(): Promise<() => Promise<void>> {
    const releases: (() => Promise<void>)[] = [];
    for (let i = 0; i < places; i++) {
      releases.push(await this.occupy(`INSERT INTO salesforce.contacts (email) VALUES ('occupier${i}@x.io')`));
    }
    return async () => {
      for (const release of releases) await release();
    };
  }

  /** Sends a CancelRequest for the client's session, and waits until the proxy has closed its connection. */
  cancel(client: pg.Client): Promise<void> {
    return sendCancel(this.stack.port, client);
  }

  /** Ends every connection of Upwrite's own role, as an administrator or a fail-over does; resolves when they are gone. */
  async endOwnConnections(): Promise<void> {
    await this.admin(`SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE usename = 'upwrite'`);
  }
}

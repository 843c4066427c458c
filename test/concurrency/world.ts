/** A whole Upwrite with an API that can be held, and the means to see that nothing is left over of a write. */
import pg from 'pg';
import { expect } from 'vitest';
import type { Resource } from '../../src/provider/index.js';
import { type Boundary, startSettler, type WritePathOptions } from '../../src/write/index.js';
import { connect, eventually } from '../support/database.js';
import { contacts } from '../support/fake-api.js';
import { type Stack, startStack } from '../support/stack.js';
import { waitFor } from '../support/wait.js';
import { deferred, HeldApi } from './held-api.js';

/** A second table of the same API. */
const accounts: Resource = contacts({ name: 'accounts', object: 'Account' });

/** A write that waits at a boundary. */
export interface Stopover {
  /** Resolves once the write is there. */
  readonly reached: Promise<void>;
  release(): void;
}

export class World {
  readonly api = new HeldApi();
  readonly #stops = new Map<Boundary, { readonly arrive: () => void; readonly go: Promise<void> }>();
  #stack: Stack | undefined;
  #serial = 0;

  static async start(write: Partial<WritePathOptions> = {}): Promise<World> {
    const world = new World();
    world.#stack = await startStack({
      resources: [contacts(), accounts],
      write: {
        session: () => world.api.session(world.stack.api),
        boundary: (name) => world.#stopAt(name),
        ...write,
      },
    });
    return world;
  }

  get stack(): Stack {
    if (this.#stack === undefined) throw new Error('not started');
    return this.#stack;
  }

  /** The next write that comes to the boundary waits there. */
  stopAt(name: Boundary): Stopover {
    const arrival = deferred<void>();
    const go = deferred<void>();
    this.#stops.set(name, { arrive: () => arrival.resolve(), go: go.promise });
    return { reached: arrival.promise, release: () => go.resolve() };
  }

  async #stopAt(name: Boundary): Promise<void> {
    const stop = this.#stops.get(name);
    if (stop === undefined) return;
    this.#stops.delete(name);
    stop.arrive();
    await stop.go;
  }

  /** A client through the proxy. */
  client(): Promise<pg.Client> {
    return connect(this.stack.url());
  }

  /** Asks the database itself, as its superuser. */
  async admin<Row extends pg.QueryResultRow>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    const client = new pg.Client(this.stack.server.superuserUrl);
    await client.connect();
    try {
      return (await client.query<Row>(sql, [...parameters])).rows;
    } finally {
      await client.end();
    }
  }

  /** Makes records whose `age` is 1 and whose `email` is of their own; their keys. */
  async make(count = 1, table = 'contacts'): Promise<readonly [string, ...string[]]> {
    const client = await this.client();
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO salesforce.${table} (email, age) SELECT 'r${++this.#serial}.' || n, 1 FROM generate_series(1, ${count}) AS n RETURNING id`,
    );
    await client.end();
    const [first, ...others] = rows.map((row) => row.id);
    if (first === undefined) throw new Error('nothing was made');
    return [first, ...others];
  }

  async age(id: string): Promise<number | undefined> {
    const rows = await this.admin<{ age: number }>('SELECT age FROM salesforce.contacts WHERE id = $1', [id]);
    return rows[0]?.age;
  }

  ageUpstream(id: string): unknown {
    return this.stack.api.live('Contact').get(id)?.['age'];
  }

  /** The states of the journal's entries that name the record. */
  async statesOf(id: string): Promise<readonly string[]> {
    const rows = await this.admin<{ state: string }>(
      `SELECT m.state FROM upwrite.mutations m JOIN upwrite.mutation_intents i ON i.mutation_id = m.id
       WHERE m.verb <> 'insert' AND i.intent @> jsonb_build_array(jsonb_build_object('key', $1::text)) ORDER BY m.id`,
      [id],
    );
    return rows.map((row) => row.state);
  }

  /** Waits until a session waits in the database for this event. */
  async untilWaiting(event: 'PgSleep' | 'transactionid' | 'tuple' | 'advisory' | 'relation'): Promise<void> {
    await waitFor(`a session that waits for ${event}`, async () => {
      const rows = await this.admin('SELECT FROM pg_stat_activity WHERE wait_event = $1', [event]);
      return rows.length > 0;
    });
  }

  /** Settles every entry that has no final state, as the settler does. */
  async settle(): Promise<void> {
    const { pool, catalog, journal, writes } = this.stack;
    const settler = startSettler({
      pool,
      catalog,
      journal,
      session: () => this.api.session(this.stack.api),
      known: writes.known,
      log: { info: () => {}, warn: () => {}, error: () => {} },
      interval: 20,
      timeout: 2000,
      lockTimeout: 2000,
      certainAfter: 0,
      giveUpAfter: 3_600_000,
    });
    const isSettled = async (): Promise<boolean> => {
      const rows = await this.admin("SELECT FROM upwrite.mutations WHERE state IN ('pending', 'sent', 'unknown')");
      return rows.length === 0;
    };
    await waitFor('every entry to be settled', isSettled, 60_000);
    await settler.stop();
  }

  /** Nothing is left of a write: no place of the gate, no lock, no session at work or in a transaction. */
  async expectRest(sessions: number): Promise<void> {
    const { writes } = this.stack;
    const seen = async (): Promise<readonly unknown[]> => {
      const activity = await this.admin(
        `SELECT usename, state, wait_event, left(query, 80) AS query FROM pg_stat_activity
         WHERE datname = 'upwrite' AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'`,
      );
      const locks = await this.admin(`SELECT mode, pid FROM pg_locks WHERE locktype = 'advisory'`);
      return [...activity, ...locks];
    };
    let left: readonly unknown[] = [];
    const rest = eventually(async () => {
      left = [writes.gate.inFlight, writes.gate.queued, this.stack.connections() - sessions, ...(await seen())];
      return left.every((each) => each === 0) ? left : undefined;
    }, 60_000).catch(() => left);
    expect(await rest).toEqual([0, 0, 0]);
  }
}

/** The SQLSTATE that the work ends with, or null where it succeeds. */
export async function sqlstate(work: Promise<unknown>): Promise<string | null> {
  try {
    await work;
    return null;
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code !== undefined) return error.code;
    throw error;
  }
}

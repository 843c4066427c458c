/**
 * A CancelRequest, a statement_timeout and a client that vanishes, each at every stage of a write: what the client is told
 * is true, nothing is lost, and nothing is left over.
 */
import type { Socket } from 'node:net';
import type pg from 'pg';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Boundary } from '../../src/write/index.js';
import { sendCancel } from '../support/cancel.js';
import { connect } from '../support/database.js';
import { waitFor } from '../support/wait.js';
import { sqlstate, World } from './world.js';

const t = 'salesforce.contacts';
const perTable = 3;
/** Milliseconds of statement_timeout: enough for a write to come as far as it is held, on a loaded machine too. */
const limit = 1000;

let world: World;

beforeAll(async () => {
  world = await World.start({
    maxInFlight: 4,
    queueTimeout: 30_000,
    lockTimeout: 10_000,
    timeout: 60_000,
    stopGrace: 300,
  });
}, 60_000);

afterEach(() => world.api.letGo());

/** A write that is where it is to be stopped. */
interface Reached {
  readonly written: Promise<string | null>;
  /** Ends what holds it there; called when the stop has taken effect. */
  release(): Promise<void>;
}

/** What becomes of the write when it is stopped there. */
type Fate = 'nothing is sent' | 'it is done' | 'nobody knows';

interface Stage {
  readonly name: string;
  readonly fate: Fate;
  /** Brings the client's UPDATE of the row there. */
  reach(client: pg.Client, id: string): Promise<Reached>;
}

const update = (id: string): string => `UPDATE ${t} SET age = 2 WHERE id = '${id}'`;
const nothing = async (): Promise<void> => undefined;

/** A boundary of the write path. */
const at = (name: Boundary, fate: Fate): Stage => ({
  name: `at the boundary "${name}"`,
  fate,
  reach: async (client, id) => {
    const stop = world.stopAt(name);
    const written = sqlstate(client.query(update(id)));
    await stop.reached;
    return { written, release: async () => stop.release() };
  },
});

/** At the API: applied or not when it is stopped, answered in time or never. */
const atApi = (name: string, fate: Fate, applied: boolean): Stage => ({
  name,
  fate,
  reach: async (client, id) => {
    world.api.holds = (batch) => batch.rows[0]?.key === id;
    const written = sqlstate(client.query(update(id)));
    await world.api.untilHeld(1);
    if (applied) world.api.held[0]?.apply();
    return { written, release: async () => (fate === 'it is done' ? world.api.letGo() : undefined) };
  },
});

const stages: readonly Stage[] = [
  {
    name: 'the statement is evaluated',
    fate: 'nothing is sent',
    reach: async (client, id) => {
      const sleeping = `UPDATE ${t} SET age = 2 FROM (SELECT pg_sleep(30)) AS s WHERE id = '${id}'`;
      const written = sqlstate(client.query(sleeping));
      await world.untilWaiting('PgSleep');
      return { written, release: nothing };
    },
  },
  {
    name: 'it waits for a row lock',
    fate: 'nothing is sent',
    reach: async (client, id) => {
      const holder = await connect(world.stack.server.superuserUrl);
      await holder.query(`BEGIN; SELECT FROM ${t} WHERE id = '${id}' FOR UPDATE`);
      const written = sqlstate(client.query(update(id)));
      await world.untilWaiting('transactionid');
      return { written, release: () => holder.end() };
    },
  },
  {
    name: 'it waits for its turn',
    fate: 'nothing is sent',
    reach: async (client, id) => {
      world.api.holds = (batch) => batch.verb === 'insert';
      const others = await Promise.all(Array.from({ length: perTable }, () => world.client()));
      const inserted = others.map((other) => other.query(`INSERT INTO ${t} (email) VALUES ('first')`));
      await world.api.untilHeld(perTable);
      const written = sqlstate(client.query(update(id)));
      await waitFor('the write to wait for its turn', () => world.stack.writes.gate.queued === 1);
      const release = async (): Promise<void> => {
        world.api.letGo();
        await Promise.all(inserted);
        await Promise.all(others.map((other) => other.end()));
      };
      return { written, release };
    },
  },
  {
    name: 'it waits for another write of the row',
    fate: 'nothing is sent',
    reach: async (client, id) => {
      world.api.holds = (batch) => batch.rows[0]?.key === id;
      const other = await world.client();
      const first = other.query(`UPDATE ${t} SET email = 'first' WHERE id = '${id}'`);
      await world.api.untilHeld(1);
      const written = sqlstate(client.query(update(id)));
      await world.untilWaiting('advisory');
      const release = async (): Promise<void> => {
        world.api.letGo();
        await first;
        await other.end();
      };
      return { written, release };
    },
  },
  at('evaluated', 'nothing is sent'),
  at('journalled', 'nothing is sent'),
  atApi('the API has the request and never answers', 'nobody knows', false),
  atApi('the API has applied it and never answers', 'nobody knows', true),
  atApi('the API has the request and answers within the grace', 'it is done', false),
  atApi('the API has applied it and answers within the grace', 'it is done', true),
  at('confirmed', 'it is done'),
  at('applying', 'it is done'),
  at('committing', 'it is done'),
  at('committed', 'it is done'),
];

function socketOf(client: pg.Client): Socket {
  return Reflect.get(Reflect.get(client, 'connection') as object, 'stream') as Socket;
}

interface Stop {
  readonly name: string;
  /** Before the write is begun. */
  prepare(client: pg.Client): Promise<unknown>;
  /** Resolves once Upwrite knows. */
  stop(client: pg.Client): Promise<void>;
  /** The client is there to be told. */
  readonly told: boolean;
}

const vanish = async (client: pg.Client, how: (socket: Socket) => unknown): Promise<void> => {
  const before = world.stack.connections();
  how(socketOf(client));
  await waitFor('the session to be gone', () => world.stack.connections() < before);
};

const stops: readonly Stop[] = [
  { name: 'CancelRequest', prepare: nothing, stop: (client) => sendCancel(world.stack.port, client), told: true },
  {
    name: 'statement_timeout',
    prepare: (client) => client.query(`SET statement_timeout = ${limit}`),
    stop: async () => {
      const end = Date.now() + limit + 50;
      await waitFor('the time to be up', () => Date.now() > end);
    },
    told: true,
  },
  {
    name: 'a client that ends',
    prepare: nothing,
    stop: (client) => vanish(client, (socket) => socket.destroy()),
    told: false,
  },
  {
    name: 'a client that breaks off',
    prepare: nothing,
    stop: (client) => vanish(client, (socket) => socket.resetAndDestroy()),
    told: false,
  },
];

const codes: Readonly<Record<Fate, string | null>> = {
  'nothing is sent': '57014',
  'it is done': null,
  'nobody knows': '40003',
};

describe.each(stops)('$name', ({ prepare, stop, told }) => {
  test.each(stages)('while $name', async ({ reach, fate }) => {
    const [id] = await world.make();
    const client = await world.client();
    await prepare(client);
    const sent = (): number =>
      world.api.arrived.filter((batch) => batch.rows[0]?.values['age'] === 2 && batch.rows[0]?.key === id).length;
    const { written, release } = await reach(client, id);
    const end = written.catch(() => 'lost');
    await stop(client);
    await release();
    expect(await end).toBe(told ? codes[fate] : 'lost');
    if (told) expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await world.settle();
    world.api.letGo();
    await client.end().catch(() => undefined);
    await world.expectRest(0);
    // What was told is true, and the two sides agree.
    const upstream = world.ageUpstream(id);
    expect(await world.age(id)).toBe(upstream);
    expect(sent()).toBe(fate === 'nothing is sent' ? 0 : 1);
    if (fate === 'nothing is sent') expect(upstream).toBe(1);
    if (fate === 'it is done') expect(upstream).toBe(2);
    // The row is free, and a statement of another client goes through.
    const other = await world.client();
    expect(await sqlstate(other.query(`UPDATE ${t} SET age = 3 WHERE id = '${id}'`))).toBe(null);
    await other.end();
    expect([await world.age(id), world.ageUpstream(id)]).toEqual([3, 3]);
  });
});

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
/** Milliseconds of statement_timeout that are enough, as a rule, for a write to come as far as it is held. */
const usualLimit = 1000;

/** Whose requests have as much time as it takes to be answered after a stop, and whose are given up soon. */
let patient: World;
let impatient: World;
/** The one of the test that runs. */
let world: World;

beforeAll(async () => {
  const times = { maxInFlight: 4, queueTimeout: 60_000, lockTimeout: 60_000, timeout: 120_000 };
  patient = await World.start({ ...times, stopGrace: 60_000 });
  impatient = await World.start({ ...times, stopGrace: 300 });
});

afterEach(() => world.api.letGo());

/** A write on its way to where it is to be stopped. */
interface Reaching {
  readonly written: Promise<string | null>;
  /** Resolves when it is there. */
  readonly there: Promise<unknown>;
  /** Ends what holds it there; called when the stop has taken effect. */
  release(): Promise<void>;
}

/** What becomes of the write when it is stopped there. */
type Fate = 'nothing is sent' | 'it is done' | 'nobody knows';

interface Stage {
  readonly name: string;
  readonly fate: Fate;
  /** Sends the client's UPDATE of the row there. */
  reach(client: pg.Client, id: string): Promise<Reaching>;
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
    return { written, there: stop.reached, release: async () => stop.release() };
  },
});

/** At the API: applied or not when it is stopped, answered in time or never. */
const atApi = (name: string, fate: Fate, applied: boolean): Stage => ({
  name,
  fate,
  reach: async (client, id) => {
    world.api.holds = (batch) => batch.rows[0]?.key === id;
    const written = sqlstate(client.query(update(id)));
    const there = world.api.untilHeld(1).then(() => (applied ? world.api.held[0]?.apply() : undefined));
    return { written, there, release: async () => (fate === 'it is done' ? world.api.letGo() : undefined) };
  },
});

const stages: readonly Stage[] = [
  {
    name: 'the statement is evaluated',
    fate: 'nothing is sent',
    reach: async (client, id) => {
      const sleeping = `UPDATE ${t} SET age = 2 FROM (SELECT pg_sleep(30)) AS s WHERE id = '${id}'`;
      const written = sqlstate(client.query(sleeping));
      return { written, there: world.untilWaiting('PgSleep'), release: nothing };
    },
  },
  {
    name: 'it waits for a row lock',
    fate: 'nothing is sent',
    reach: async (client, id) => {
      const holder = await connect(world.stack.server.superuserUrl);
      await holder.query(`BEGIN; SELECT FROM ${t} WHERE id = '${id}' FOR UPDATE`);
      const written = sqlstate(client.query(update(id)));
      return { written, there: world.untilWaiting('transactionid'), release: () => holder.end() };
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
      const { gate } = world.stack.writes;
      const there = waitFor('the write to wait for its turn', () => gate.queued === 1);
      const release = async (): Promise<void> => {
        world.api.letGo();
        await Promise.all(inserted);
        await Promise.all(others.map((other) => other.end()));
      };
      return { written, there, release };
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
      const release = async (): Promise<void> => {
        world.api.letGo();
        await first;
        await other.end();
      };
      return { written, there: world.untilWaiting('advisory'), release };
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
  prepare(client: pg.Client, limit: number): Promise<unknown>;
  /** Resolves once Upwrite knows. */
  stop(client: pg.Client, limit: number): Promise<void>;
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
    prepare: (client, limit) => client.query(`SET statement_timeout = ${limit}`),
    stop: async (_, limit) => {
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

/** A write that is where it is to be stopped. */
interface Arrived {
  readonly id: string;
  readonly client: pg.Client;
  /** What its client was told. */
  readonly end: Promise<string | null>;
  /** Milliseconds of its statement_timeout, where that is to stop it. */
  readonly limit: number;
  release(): Promise<void>;
}

/**
 * Brings a write to the stage. Where its own time is up on the way, because the machine stalls, it says nothing of the
 * stage: then the write of another record has twice the time.
 */
async function arrive({ reach }: Stage, { name, prepare }: Stop): Promise<Arrived> {
  for (let limit = usualLimit; ; limit *= 2) {
    const [id] = await world.make();
    const client = await world.client();
    // A session that is still about to go would be taken for the client's.
    await waitFor('the client to be alone', () => world.stack.connections() === 1);
    await prepare(client, limit);
    const { written, there, release } = await reach(client, id);
    const end = written.catch(() => 'lost');
    const isThere = await Promise.race([there.then(() => true), end.then(() => false)]);
    if (isThere) return { id, client, end, limit, release };
    expect([name, await end]).toEqual(['statement_timeout', expect.stringMatching(/^(?:57014|40003)$/)]);
    await release();
    world.api.letGo();
    await client.end();
    await world.settle();
  }
}

describe.each(stops)('$name', (how) => {
  test.each(stages)('while $name', async (stage) => {
    const { told } = how;
    const { fate } = stage;
    world = fate === 'nobody knows' ? impatient : patient;
    const { id, client, end, limit, release } = await arrive(stage, how);
    const sent = (): number =>
      world.api.arrived.filter((batch) => batch.rows[0]?.values['age'] === 2 && batch.rows[0]?.key === id).length;
    await how.stop(client, limit);
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

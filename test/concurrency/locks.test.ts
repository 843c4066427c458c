/** Locks in the way of a write: an error while the lock is still held, and before the API is asked. */
import type pg from 'pg';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { lockTableExclusive } from '../../src/store/index.js';
import { connect } from '../support/database.js';
import { sqlstate, World } from './world.js';

const t = 'salesforce.contacts';
let world: World;

beforeAll(async () => {
  world = await World.start({ lockTimeout: 400 });
  await world.admin("ALTER SYSTEM SET deadlock_timeout = '50ms'");
  await world.admin('SELECT pg_reload_conf()');
});

afterEach(async () => {
  world.api.letGo();
  await world.expectRest(0);
  expect(world.stack.complaints).toEqual([]);
});

const writes = {
  insert: () => `INSERT INTO ${t} (email) VALUES ('l@x.io')`,
  update: (id: string) => `UPDATE ${t} SET age = age + 1 WHERE id = '${id}'`,
  delete: (id: string) => `DELETE FROM ${t} WHERE id = '${id}'`,
} as const;

/** A lock, what is refused because of it, and what goes on all the same. */
const locks: readonly {
  readonly name: string;
  readonly take: (id: string) => string;
  readonly refused: readonly (keyof typeof writes)[];
  readonly goesOn: readonly (keyof typeof writes)[];
}[] = [
  {
    name: 'FOR UPDATE on the row',
    take: (id) => `SELECT FROM ${t} WHERE id = '${id}' FOR UPDATE`,
    refused: ['update', 'delete'],
    goesOn: ['insert'],
  },
  {
    name: 'FOR SHARE on the row',
    take: (id) => `SELECT FROM ${t} WHERE id = '${id}' FOR SHARE`,
    refused: ['update', 'delete'],
    goesOn: ['insert'],
  },
  {
    // What a foreign key on the table takes.
    name: 'FOR KEY SHARE on the row',
    take: (id) => `SELECT FROM ${t} WHERE id = '${id}' FOR KEY SHARE`,
    refused: ['delete'],
    goesOn: ['insert', 'update'],
  },
  {
    name: 'SHARE on the table',
    take: () => `LOCK TABLE ${t} IN SHARE MODE`,
    refused: ['insert', 'update', 'delete'],
    goesOn: [],
  },
];

const holders = {
  "the client's own transaction": async (client: pg.Client, take: string) => {
    await client.query(`BEGIN; ${take}`);
    return () => client.query('ROLLBACK');
  },
  'another session': async (_: pg.Client, take: string) => {
    const other = await connect(world.stack.server.superuserUrl);
    await other.query(`BEGIN; ${take}`);
    return () => other.end();
  },
} as const;

describe.each(Object.entries(holders))('a lock of %s', (_, hold) => {
  test.each(locks)('$name', async ({ take, refused, goesOn }) => {
    const id = (await world.make())[0];
    const client = await world.client();
    const before = world.api.arrived.length;
    const withLock = async (verb: keyof typeof writes): Promise<string | null> => {
      const release = await hold(client, take(id));
      try {
        return await sqlstate(client.query(writes[verb](id)));
      } finally {
        await release();
      }
    };
    for (const verb of refused) expect([verb, await withLock(verb)]).toEqual([verb, '55P03']);
    expect(world.api.arrived.length).toBe(before);
    for (const verb of goesOn) expect([verb, await withLock(verb)]).toEqual([verb, null]);
    expect(await sqlstate(client.query(writes.update(id)))).toBe(null);
    await client.end();
    expect(await world.age(id)).toBe(goesOn.includes('update') ? 3 : 2);
  });
});

test('the sync holds the table when the rows are to be committed: in doubt, and nothing is left of it', async () => {
  const table = world.stack.catalog.find('salesforce', 'contacts');
  const sync = await world.stack.pool.connect();
  const client = await world.client();
  const [id] = await world.make();
  for (const sql of [`INSERT INTO ${t} (email) VALUES ('in doubt')`, writes.update(id)]) {
    await sync.query('BEGIN');
    await lockTableExclusive(sync, table?.oid ?? 0, 1000);
    expect([sql, await sqlstate(client.query(sql))]).toEqual([sql, '40003']);
    await sync.query('ROLLBACK');
    // Whoever gets the connection of that write next finds it as it should be.
    expect(await Promise.all(Array.from({ length: 20 }, () => sqlstate(world.stack.pool.query('SELECT 1'))))).toEqual(
      Array.from({ length: 20 }, () => null),
    );
  }
  sync.release();
  await world.settle();
  const states = await world.admin('SELECT state FROM upwrite.mutations ORDER BY id DESC LIMIT 2');
  expect(states).toEqual([{ state: 'applied' }, { state: 'applied' }]);
  expect([await world.age(id), world.ageUpstream(id)]).toEqual([2, 2]);
  await client.end();
  expect(world.stack.complaints.splice(0)).toHaveLength(2);
});

test('another write of the row that waits for its API', async () => {
  const [id, other] = await world.make(2);
  const [first, second] = [await world.client(), await world.client()];
  world.api.holds = (batch) => batch.verb === 'update' && batch.rows[0]?.key === id;
  const written = first.query(writes.update(id));
  await world.api.untilHeld(1);
  expect(await sqlstate(second.query(writes.update(id)))).toBe('55P03');
  expect(await sqlstate(second.query(`UPDATE ${t} SET age = 5 WHERE id IN ('${id}', '${other}')`))).toBe('55P03');
  expect(await sqlstate(second.query(writes.update(other ?? '')))).toBe(null);
  expect(world.api.held).toHaveLength(1);
  world.api.letGo();
  await written;
  expect(await sqlstate(second.query(writes.update(id)))).toBe(null);
  expect(await world.age(id)).toBe(3);
  await Promise.all([first.end(), second.end()]);
});

test('a deadlock ends one of the two before the API is asked, and the other goes on', async () => {
  const [a = '', b = ''] = await world.make(2);
  const clients = [await world.client(), await world.client()] as const;
  const before = world.api.arrived.length;
  await clients[0].query(`BEGIN; SET lock_timeout = '30s'; SELECT FROM ${t} WHERE id = '${a}' FOR UPDATE`);
  await clients[1].query(`BEGIN; SET lock_timeout = '30s'; SELECT FROM ${t} WHERE id = '${b}' FOR UPDATE`);
  const ends = [clients[0].query(writes.update(b)), clients[1].query(writes.update(a))].map(async (work, i) => {
    const code = await sqlstate(work);
    // A victim's client rolls back.
    await clients[i]?.query('ROLLBACK');
    return code;
  });
  const codes = await Promise.all(ends);
  expect(codes).toContainEqual(expect.stringMatching(/^(40P01|55P03)$/));
  const done = codes.filter((code) => code === null).length;
  expect(world.api.arrived.length).toBe(before + done);
  expect([await world.age(a), await world.age(b)].filter((age) => age === 2)).toHaveLength(done);
  for (const client of clients) {
    expect(await sqlstate(client.query(writes.update(a)))).toBe(null);
    await client.end();
  }
});

/**
 * A slow API blocks those who wait for it and nobody else. Shown by events: what is to go on is answered while the API's
 * answers are still held.
 */
import type pg from 'pg';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { fault } from '../../src/errors/index.js';
import { sendCancel } from '../support/cancel.js';
import { connect } from '../support/database.js';
import { waitFor } from '../support/wait.js';
import { deferred } from './held-api.js';
import { sqlstate, World } from './world.js';

const t = 'salesforce.contacts';
/** Places for writes: three for one table, four for one API. */
const places = 4;
const perTable = 3;
const goneFault = fault('record_gone', { params: { provider: 'salesforce' } });

let world: World;

beforeAll(async () => {
  world = await World.start({ maxInFlight: places, queueTimeout: 120_000, lockTimeout: 120_000, timeout: 180_000 });
});

afterEach(async () => {
  world.api.letGo();
  await world.expectRest(0);
  expect(world.stack.complaints).toEqual([]);
});

/** Starts writes one after the other, each once the one before it has its place or its turn in the queue. */
async function start(
  statements: readonly string[],
): Promise<readonly { client: pg.Client; done: Promise<string | null> }[]> {
  const started: { client: pg.Client; done: Promise<string | null> }[] = [];
  const { gate } = world.stack.writes;
  for (const sql of statements) {
    const before = world.api.held.length + gate.queued;
    const client = await world.client();
    const done = sqlstate(client.query(sql));
    done.catch(() => undefined);
    started.push({ client, done });
    await waitFor('the write to have its place', () => world.api.held.length + gate.queued > before);
  }
  return started;
}

async function end(started: Awaited<ReturnType<typeof start>>): Promise<void> {
  for (const { client, done } of started) {
    expect(await done).toBe(null);
    await client.end();
  }
}

const insert = (email: string): string => `INSERT INTO ${t} (email) VALUES ('${email}')`;

test('reads, other tables and other rows go on while the API holds a write', async () => {
  const [row, other] = await world.make(2);
  world.api.holds = (batch) => batch.rows[0]?.key === row;
  const held = await start([`UPDATE ${t} SET age = 2 WHERE id = '${row}'`]);
  const client = await world.client();
  const { rows } = await client.query<{ age: number }>(`SELECT age FROM ${t} WHERE id = $1`, [row]);
  expect(rows).toEqual([{ age: 1 }]);
  await client.query(`BEGIN; SELECT FROM ${t} WHERE id = '${row}' FOR SHARE; COMMIT`);
  expect(await sqlstate(client.query(`UPDATE ${t} SET age = 3 WHERE id = $1`, [other]))).toBe(null);
  expect(await sqlstate(client.query(insert('meanwhile@x.io')))).toBe(null);
  expect(await sqlstate(client.query("INSERT INTO salesforce.accounts (email) VALUES ('meanwhile')"))).toBe(null);
  await client.query('CREATE TEMP TABLE mine (n int); INSERT INTO mine VALUES (1)');
  expect(world.api.held).toHaveLength(1);
  world.api.letGo();
  await end(held);
  await client.end();
  expect(await world.age(row)).toBe(2);
});

test('the places are bounded, those without wait in order, and another table is not kept out', async () => {
  world.api.holds = (batch) => batch.resource.name === 'contacts';
  const emails = Array.from({ length: 8 }, (_, i) => `order${i}@x.io`);
  const from = world.api.arrived.length;
  const started = await start(emails.map(insert));
  const { gate } = world.stack.writes;
  expect([gate.inFlight, gate.queued, world.api.held.length]).toEqual([perTable, emails.length - perTable, perTable]);
  const client = await world.client();
  for (let i = 0; i < 3; i++) {
    expect(await sqlstate(client.query("INSERT INTO salesforce.accounts (email) VALUES ('beside')"))).toBe(null);
  }
  expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  await client.end();
  expect(world.api.held).toHaveLength(perTable);
  for (let answered = 1; answered <= emails.length; answered++) {
    await world.api.untilHeld(1);
    world.api.held[0]?.answer();
    const due = Math.min(emails.length, perTable + answered);
    await waitFor('the next of the queue', () => contactsSince(from).length === due);
  }
  await end(started);
  // The first had no queue to stand in.
  const arrived = contactsSince(from);
  expect(arrived.slice(0, perTable).sort()).toEqual(emails.slice(0, perTable));
  expect(arrived.slice(perTable)).toEqual(emails.slice(perTable));
});

function contactsSince(from: number): readonly unknown[] {
  const batches = world.api.arrived.slice(from).filter((batch) => batch.resource.name === 'contacts');
  return batches.map((batch) => batch.rows[0]?.values['email']);
}

test('whoever leaves the queue keeps nobody from its place', async () => {
  world.api.holds = (batch) => batch.resource.name === 'contacts';
  const from = world.api.arrived.length;
  const started = await start(['a', 'b', 'c', 'cancelled', 'vanished', 'late', 'last'].map(insert));
  const [cancelled, vanished, late] = started.slice(perTable);
  if (cancelled === undefined || vanished === undefined || late === undefined) throw new Error('nobody waits');
  const { gate } = world.stack.writes;
  await sendCancel(world.stack.port, cancelled.client);
  expect(await cancelled.done).toBe('57014');
  Reflect.get(Reflect.get(vanished.client, 'connection') as object, 'stream').destroy();
  await waitFor('the vanished one to be out of the queue', () => gate.queued === 2);
  await vanished.done.catch(() => undefined);
  world.api.letGo();
  for (const { client, done } of started.filter((each) => each !== cancelled && each !== vanished)) {
    expect(await done).toBe(null);
    await client.end();
  }
  await cancelled.client.end();
  expect(contactsSince(from)).toEqual(expect.not.arrayContaining(['cancelled', 'vanished']));
  expect(contactsSince(from)).toHaveLength(5);
});

test('a hundred clients that write at once: every write is there, and no more at a time than there are places', async () => {
  const { gate } = world.stack.writes;
  world.api.most = 0;
  const clients = await Promise.all(Array.from({ length: 100 }, () => world.client()));
  const ids = await Promise.all(
    clients.map(async (client, i) => {
      const { rows } = await client.query<{ id: string }>(`${insert(`many${i}@x.io`)} RETURNING id`);
      await client.query(`UPDATE ${t} SET age = $1 WHERE email = $2`, [i, `many${i}@x.io`]);
      return rows[0]?.id ?? '';
    }),
  );
  const { rows } = await world.stack.pool.query<{ id: string; age: number }>(
    `SELECT id, age FROM ${t} WHERE email LIKE 'many%' ORDER BY age`,
  );
  expect(rows).toEqual(ids.map((id, age) => ({ id, age })));
  expect(ids.map((id) => world.ageUpstream(id))).toEqual(ids.map((_, i) => i));
  expect(world.api.most).toBeLessThanOrEqual(perTable);
  expect(gate.inFlight).toBe(0);
  const states = await world.admin<{ state: string; n: number }>(
    'SELECT state, count(*)::int AS n FROM upwrite.mutations GROUP BY 1',
  );
  expect(states.map(({ state }) => state)).toEqual(['applied']);
  await Promise.all(clients.map((client) => client.end()));
});

test('a hundred clients that raise one number at once: each raises it by one', async () => {
  const [row] = await world.make();
  const clients = await Promise.all(Array.from({ length: 100 }, () => world.client()));
  const raise = `UPDATE ${t} SET age = age + 1 WHERE id = '${row}' RETURNING age`;
  const raised = await Promise.all(clients.map((client) => client.query<{ age: number }>(raise)));
  const seen = raised.map(({ rows }) => rows[0]?.age ?? 0).sort((a, b) => a - b);
  expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => i + 2));
  expect([await world.age(row), world.ageUpstream(row)]).toEqual([101, 101]);
  await Promise.all(clients.map((client) => client.end()));
});

test('a row lock that is given up in time is waited for', async () => {
  const [row] = await world.make();
  const holder = await connect(world.stack.server.superuserUrl);
  await holder.query(`BEGIN; SELECT FROM ${t} WHERE id = '${row}' FOR UPDATE`);
  const client = await world.client();
  const written = sqlstate(client.query(`UPDATE ${t} SET age = age + 1 WHERE id = '${row}'`));
  await world.untilWaiting('transactionid');
  await holder.end();
  expect(await written).toBe(null);
  expect(await world.age(row)).toBe(2);
  await client.end();
});

test('writes that name the same rows in opposite orders do not wait for each other in a circle', async () => {
  const keys = await world.make(4);
  const clients = await Promise.all([world.client(), world.client()]);
  const orders = [keys, keys.slice().reverse()];
  for (let round = 0; round < 10; round++) {
    const done = clients.map((client, i) => {
      const values = orders[i]?.map((key) => `('${key}')`).join(', ');
      return sqlstate(
        client.query(`UPDATE ${t} AS c SET age = age + 1 FROM (VALUES ${values}) AS v (id) WHERE c.id = v.id`),
      );
    });
    for (const code of await Promise.all(done)) expect([null, '40P01']).toContain(code);
  }
  const { rows } = await (clients[0] as pg.Client).query<{ age: number }>(`SELECT age FROM ${t} WHERE id = ANY ($1)`, [
    keys,
  ]);
  expect(new Set(rows.map((row) => row.age)).size).toBe(1);
  expect(rows[0]?.age).toBe(world.ageUpstream(keys[0]));
  await Promise.all(clients.map((client) => client.end()));
});

test('an API that is slow to say that records are gone takes no connection from anybody', async () => {
  const keys = await world.make(30);
  const { api, server } = world.stack;
  const client = await world.client();
  const asked = deferred<void>();
  let questions = 0;
  api.hook = async (what) => {
    if (what !== 'read') return;
    questions += 1;
    await asked.promise;
  };
  world.api.answers = (batch) =>
    batch.verb === 'update' ? batch.rows.map(() => ({ kind: 'rejected', fault: goneFault })) : null;
  for (const id of keys) {
    api.remove('Contact', id, Date.now());
    expect(await sqlstate(client.query(`UPDATE ${t} SET age = 2 WHERE id = '${id}'`))).toBe('40001');
  }
  world.api.answers = () => null;
  // The client has its refusal before the API is asked what became of the record.
  await waitFor('the API to have every question', () => questions === keys.length);
  expect(await sqlstate(client.query(insert('not kept waiting')))).toBe(null);
  asked.resolve();
  await waitFor('the rows to be gone', async () => {
    const own = await connect(server.superuserUrl);
    const { rowCount } = await own.query(`SELECT FROM ${t} WHERE id = ANY ($1)`, [keys]);
    await own.end();
    return rowCount === 0;
  });
  api.hook = () => {};
  await client.end();
});

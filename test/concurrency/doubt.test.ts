/**
 * A write of unknown outcome, and another write of the record before it is settled: the journal's last word on the first
 * is what a client goes by when it asks itself whether to send it again, so it has to be true.
 */
import pg from 'pg';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { sendCancel } from '../support/cancel.js';
import { deferred } from './held-api.js';
import { World } from './world.js';

const t = 'salesforce.contacts';
let world: World;

beforeAll(async () => {
  world = await World.start({ stopGrace: 100 });
});

afterEach(async () => {
  world.api.letGo();
  await world.expectRest(0);
});

const raise = (id: string): string => `UPDATE ${t} SET age = age + 1 WHERE id = '${id}' RETURNING age`;

/** Runs a statement whose request is never answered; the journal entry that its error names. */
async function doubtful(sql: string, id: string, applied: boolean): Promise<string> {
  const client = await world.client();
  world.api.holds = (batch) => batch.rows[0]?.key === id;
  const work = client.query(sql).then(
    () => null,
    (reason: unknown) => reason,
  );
  await world.api.untilHeld(1);
  if (applied) world.api.held[0]?.apply();
  await sendCancel(world.stack.port, client);
  const error = await work;
  world.api.letGo();
  await client.end();
  if (!(error instanceof pg.DatabaseError) || error.code !== '40003') throw new Error(`no doubt but ${String(error)}`);
  return /WHERE id = (\d+)/.exec(error.hint ?? '')?.[1] ?? '';
}

async function told(sql: string): Promise<pg.QueryResult> {
  const client = await world.client();
  const result = await client.query(sql);
  await client.end();
  return result;
}

async function finalState(mutation: string): Promise<unknown> {
  await world.settle();
  const rows = await world.admin('SELECT state, applied_rows FROM upwrite.mutations WHERE id = $1', [mutation]);
  return rows[0];
}

test('it was applied, and the next write goes on from there', async () => {
  const [id] = await world.make();
  const mutation = await doubtful(raise(id), id, true);
  expect((await told(raise(id))).rows).toEqual([{ age: 3 }]);
  expect((await told(raise(id))).rows).toEqual([{ age: 4 }]);
  expect(await finalState(mutation)).toEqual({ state: 'applied', applied_rows: 1 });
  expect([await world.age(id), world.ageUpstream(id)]).toEqual([4, 4]);
});

test('it was not applied, although the record looks as it would have left it', async () => {
  const [id] = await world.make();
  const mutation = await doubtful(raise(id), id, false);
  expect((await told(raise(id))).rows).toEqual([{ age: 2 }]);
  expect(await finalState(mutation)).toEqual({ state: 'refused', applied_rows: 0 });
  expect([await world.age(id), world.ageUpstream(id)]).toEqual([2, 2]);
});

test('it was applied, and the record is deleted since', async () => {
  const [id] = await world.make();
  const mutation = await doubtful(raise(id), id, true);
  expect((await told(`DELETE FROM ${t} WHERE id = '${id}' RETURNING age`)).rows).toEqual([{ age: 2 }]);
  expect(await finalState(mutation)).toEqual({ state: 'applied', applied_rows: 1 });
  expect([await world.age(id), world.ageUpstream(id)]).toEqual([undefined, undefined]);
});

test('a delete was applied, and another statement finds no row', async () => {
  const [id] = await world.make();
  const mutation = await doubtful(`DELETE FROM ${t} WHERE id = '${id}'`, id, true);
  expect((await told(raise(id))).rowCount).toBe(0);
  expect(await finalState(mutation)).toEqual({ state: 'applied', applied_rows: 1 });
});

test('several rows, of which others write some', async () => {
  const [a = '', b = '', c = ''] = await world.make(3);
  const mutation = await doubtful(`UPDATE ${t} SET age = age + 1 WHERE id IN ('${a}', '${b}', '${c}')`, a, true);
  expect((await told(raise(b))).rows).toEqual([{ age: 3 }]);
  expect(await finalState(mutation)).toEqual({ state: 'applied', applied_rows: 3 });
  expect(await Promise.all([a, b, c].map((id) => world.age(id)))).toEqual([2, 3, 2]);
});

test('another write comes between the settler’s taking the entry and its look', async () => {
  const [id] = await world.make();
  const mutation = await doubtful(raise(id), id, false);
  // The next write has the record's lock, and has not yet seen what the API has of it.
  const { api } = world.stack;
  const looks = deferred<void>();
  const goOn = deferred<void>();
  api.hook = async (what) => {
    api.hook = () => {};
    if (what !== 'read') return;
    looks.resolve();
    await goOn.promise;
  };
  const next = told(raise(id));
  await looks.promise;
  const state = finalState(mutation);
  await world.untilWaiting('advisory');
  goOn.resolve();
  expect((await next).rows).toEqual([{ age: 2 }]);
  expect(await state).toEqual({ state: 'refused', applied_rows: 0 });
});

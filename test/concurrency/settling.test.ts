/** Entries of an API that does not answer: they keep those of others from nothing, and are not given up for it. */
import { beforeAll, expect, test } from 'vitest';
import { FaultError, fault } from '../../src/errors/index.js';
import type { Session } from '../../src/provider/index.js';
import { type Settler, type SettlerOptions, startSettler } from '../../src/write/index.js';
import { waitFor } from '../support/wait.js';
import { deferred } from './held-api.js';
import { World } from './world.js';

let world: World;

beforeAll(async () => {
  world = await World.start();
});

async function open(connection: string, key: string): Promise<string> {
  const table = world.stack.catalog.find('salesforce', 'contacts');
  const ticket = await world.stack.journal.open({
    role: 'app',
    connection,
    provider: 'salesforce',
    tableOid: table?.oid ?? 0,
    schema: 'salesforce',
    table: 'contacts',
    verb: 'update',
    rows: [{ key, values: { age: 7 }, idempotencyKey: `${connection}-${key}` }],
    settleAfterMs: 0,
  });
  return ticket.id;
}

function settle(session: SettlerOptions['session'], times: Partial<SettlerOptions>): Settler {
  const { pool, catalog, journal, writes } = world.stack;
  return startSettler({
    pool,
    catalog,
    journal,
    session,
    known: writes.known,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    interval: 10,
    timeout: 60_000,
    lockTimeout: 5000,
    certainAfter: 0,
    giveUpAfter: 600_000,
    ...times,
  });
}

const stateOf = async (id: string): Promise<string | undefined> =>
  (await world.admin<{ state: string }>('SELECT state FROM upwrite.mutations WHERE id = $1', [id]))[0]?.state;

test('a connection whose API hangs is passed by, and has its turn when it answers', async () => {
  const [a, b, c] = await world.make(3);
  for (const key of [a, b, c]) world.stack.api.put('Contact', key ?? '', { age: 7 }, Date.now());
  const { api } = world.stack;
  const [hanging, answer] = [deferred<void>(), deferred<void>()];
  const own = world.api.session(api);
  const slow: Session = {
    ...own,
    read: async (resource, keys, signal) => {
      hanging.resolve();
      await answer.promise;
      return own.read(resource, keys, signal);
    },
  };
  const first = await open('slow', a);
  const second = await open('slow', b ?? '');
  const settler = settle((connection) => (connection === 'slow' ? slow : own), {});
  await hanging.promise;
  const quick = await open('quick', c ?? '');
  await waitFor('the quick one to be settled', async () => (await stateOf(quick)) === 'applied');
  expect([await stateOf(first), await stateOf(second)]).not.toContain('applied');
  answer.resolve();
  for (const id of [first, second]) {
    await waitFor('the slow ones to be settled', async () => (await stateOf(id)) === 'applied');
  }
  await settler.stop();
});

test.each([
  ['it answers too late', 'write_cancelled'],
  ['it refuses the credentials', 'credentials_refused'],
  ['it is away', 'upstream_unavailable'],
] as const)('an entry is not given up while %s', async (_, code) => {
  const [id] = await world.make();
  world.stack.api.put('Contact', id, { age: 7 }, Date.now());
  const own = world.api.session(world.stack.api);
  let questions = 0;
  let answers = false;
  const silent: Session = {
    ...own,
    read: async (resource, keys, signal) => {
      questions += 1;
      if (answers) return own.read(resource, keys, signal);
      throw new FaultError(fault(code, { params: { provider: 'salesforce', connection: 'salesforce' } }));
    },
  };
  const entry = await open('silent', id);
  const settler = settle(() => silent, { giveUpAfter: 0 });
  await waitFor('several questions', () => questions > 2);
  expect(await stateOf(entry)).toBe('unknown');
  answers = true;
  await waitFor('the entry to be settled', async () => (await stateOf(entry)) === 'applied');
  await settler.stop();
});

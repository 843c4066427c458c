/** A records table that falls behind: whoever feeds it says so, and whoever looks sees it, even where nobody feeds it. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readStatus, statusJson, statusLines } from '../../src/cli/status.js';
import { syncId } from '../../src/records/index.js';
import { records } from '../../src/store/index.js';
import { TalkingChild } from '../faults/child.js';
import { Relay } from '../faults/relay.js';
import { askAdmin } from '../support/admin.js';
import { eventually } from '../support/database.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { World } from './world.js';

let world: World;
let server: TestPostgres;
const sales = syncId('salesforce');
const name = 'my_schema.records';
const children: TalkingChild[] = [];

beforeEach(async () => {
  server ??= await startTestPostgres();
  world = await World.start(server);
  await world.connections(['salesforce']);
  await world.createTable('records');
});

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.kill()));
  await world.stop();
});

function put(count: number, modified: number): void {
  for (let i = 0; i < count; i += 1) {
    world.api('salesforce').put('Contact', `c${String(i).padStart(4, '0')}`, { email: `${modified}` }, modified);
  }
}

test('one whose changes wait too long is unhealthy, which is told, and is live again once they are there', async () => {
  put(3, 1000);
  await world.feed([world.target('records', { provider: 'salesforce' })], ['salesforce'], { batch: 1, lateMs: 1 });
  await world.converged('records', sales, 'salesforce');
  // A state is told a moment after it is there.
  const told = (condition: () => boolean) => eventually(async () => (condition() ? true : undefined));
  await told(() => world.changes.at(-1)?.to === 'live');
  await world.becomes(name, 'live');
  world.changes.length = 0;
  put(150, 2000);
  await told(() => world.changes.some((change) => change.to === 'unhealthy'));
  await world.converged('records', sales, 'salesforce');
  await world.becomes(name, 'live');
  await told(() => world.changes.at(-1)?.to === 'live');
  expect(world.changes[0]).toEqual({
    target: name,
    from: 'live',
    to: 'unhealthy',
    reason: 'it falls behind: see waiting_since',
  });
  expect(world.changes.at(-1)).toMatchObject({ target: name, from: 'unhealthy', to: 'live', reason: null });
});

test('one that nobody feeds any more is unhealthy for whoever looks, when a change has waited for five minutes', async () => {
  put(3, 1000);
  await world.feed([world.target('records', { provider: 'salesforce' })], ['salesforce']);
  await world.converged('records', sales, 'salesforce');
  await world.becomes(name, 'live');
  const ask = (path: string) => askAdmin(world.pool, path);
  expect(await ask('/healthz')).toMatchObject({ status: 200 });
  await world.unfeed();
  put(2, 2000);
  await eventually(async () => ((await records.lateness(world.pool, name)) > 0 ? true : undefined));
  expect((await ask('/healthz')).status).toBe(200);
  await world.pool.query("UPDATE upwrite.record_changes SET at = at - interval '6 minutes'");
  expect(await world.health(name)).toEqual({ state: 'live', reason: null });
  const sick = await ask('/healthz');
  expect(sick.status).toBe(503);
  expect(JSON.parse(sick.body)).toMatchObject({
    status: 'unhealthy',
    database: 'ok',
    tables: { live: 1, unhealthy: 0 },
    records: { live: 0, loading: 0, unhealthy: 1 },
    attention: [{ records: name, state: 'unhealthy', reason: 'it falls behind: see waiting_since' }],
  });
  expect((await ask('/metrics')).body).toContain(`upwrite_records_healthy{target="${name}"} 0\n`);
  const status = await readStatus(world.pool);
  expect(statusLines(status)).toContainEqual(
    expect.stringMatching(/^my_schema\.records +unhealthy +\S+( \S+)? +\d+ +3 +it falls behind: see waiting_since$/),
  );
  expect(JSON.parse(statusJson(status))).toMatchObject({
    tables: [{ table: 'contacts', verified_share: null, mismatches: 0 }],
    records: [{ name, state: 'unhealthy', delivered: 3 }],
  });
  await world.feed([world.target('records', { provider: 'salesforce' })], ['salesforce']);
  await world.converged('records', sales, 'salesforce');
  await eventually(async () => ((await ask('/healthz')).status === 200 ? true : undefined));
});

test('of several processes one feeds it, and when that is killed another one does', async () => {
  put(50, 1000);
  const config = { url: world.server.upwriteUrl, table: 'records' };
  for (let i = 0; i < 2; i += 1) children.push(await TalkingChild.start('test/records/feeder.js', config, () => {}));
  await world.converged('records', sales, 'salesforce');
  for (let round = 2; round <= 3; round += 1) {
    const feeder = await eventually(async () => {
      const found = await world.pool.query<{ pid: number; jobs: number }>(
        `SELECT p.pid, count(*) OVER ()::int AS jobs FROM upwrite_jobs.jobs j
         JOIN upwrite.processes p ON p.job_worker = j.locked_by WHERE j.task_identifier = 'records'`,
      );
      return found.rows[0];
    });
    expect(feeder.jobs).toBe(1);
    if (round === 2) process.kill(feeder.pid, 'SIGKILL');
    put(50, 1000 * round);
    await world.converged('records', sales, 'salesforce');
  }
});

test('one whose database does not answer any more, without a word, is unhealthy, and catches up', async () => {
  put(20, 1000);
  const relay = await Relay.open(world.server.port);
  try {
    const url = new URL(world.server.upwriteUrl);
    url.port = String(relay.port);
    const target = world.target('records', { provider: 'salesforce', url: url.href });
    await world.feed([target], ['salesforce'], { answerMs: 300 });
    await world.converged('records', sales, 'salesforce');
    relay.muffle();
    put(20, 2000);
    await world.becomes(target.name, 'unhealthy', /^its database cannot be reached/);
    relay.heal();
    await world.converged('records', sales, 'salesforce');
    await world.becomes(target.name, 'live');
  } finally {
    await relay.close();
  }
});

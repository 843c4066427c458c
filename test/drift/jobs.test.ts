/** Looks at descriptions as jobs: of several processes one asks, and another one does where that is gone. */
import type pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { installCatalog } from '../../src/catalog/index.js';
import { lookSoon, registerDrift } from '../../src/main/drift.js';
import type { Column } from '../../src/provider/index.js';
import { forgetDescribed, migrate, noteDescribed, tables, takeLease } from '../../src/store/index.js';
import { type Jobs, openJobs } from '../../src/sync/index.js';
import { silentLog } from '../../src/telemetry/index.js';
import { connect, eventually, ownPool } from '../support/database.js';
import { contacts, type FakeApi, fakeApi } from '../support/fake-api.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';

const hour = 3_600_000;
/** Of processes that live: a machine that stalls must not have them take each other for dead. */
const usualLease = 30_000;
/** Of one that is to be taken for dead. */
const shortLease = 900;
const nickname: Column = {
  name: 'nickname',
  field: 'Nickname',
  type: 'text',
  nullable: true,
  insertable: true,
  updatable: true,
};

let server: TestPostgres;
let pool: pg.Pool;
let api: FakeApi;
let oid = 0;
const ends: (() => Promise<void>)[] = [];

beforeEach(async () => {
  server ??= await startTestPostgres();
  pool ??= ownPool(server.upwriteUrl);
  const admin = await connect(server.superuserUrl);
  await admin.query('DROP SCHEMA IF EXISTS salesforce, upwrite, upwrite_jobs CASCADE');
  await admin.end();
  await migrate(pool);
  api = fakeApi([contacts()]);
  const catalog = await installCatalog({
    pool,
    registry: tables,
    connections: [{ name: 'salesforce', provider: 'salesforce', session: api.session }],
    signal: AbortSignal.timeout(30_000),
  });
  oid = catalog.find('salesforce', 'contacts')?.oid ?? 0;
});

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

interface ProcessOptions {
  readonly interval?: number;
  readonly leaseMs?: number;
  /** As one that has been killed: its lease is not renewed, and it takes no second job. */
  readonly ghost?: boolean;
  readonly describe?: FakeApi['session']['describe'];
}

async function startProcess(options: ProcessOptions = {}): Promise<Jobs> {
  const { interval = hour, leaseMs = usualLease, ghost = false, describe } = options;
  const renewal = ghost ? { renewMs: hour } : {};
  const lease = await takeLease(pool, { kind: 'test', leaseMs, onError: () => {}, ...renewal });
  const concurrency = ghost ? 1 : 4;
  const jobPool = ownPool(server.upwriteUrl, 4);
  const jobs = await openJobs({ pool: jobPool, lease, leaseMs, concurrency, log: silentLog });
  const session = describe === undefined ? api.session : { ...api.session, describe };
  const standing = registerDrift({
    pool,
    jobs,
    connections: [{ name: 'salesforce', provider: 'salesforce', session }],
    ddl: true,
    interval,
    log: silentLog,
    timings: { soonest: 0 },
  });
  await jobs.start();
  ends.push(async () => {
    await standing.stop();
    await jobs.stop();
    await jobPool.end();
    await lease.release();
  });
  return jobs;
}

async function hasNickname(): Promise<boolean> {
  const found = await pool.query("SELECT FROM pg_attribute WHERE attrelid = $1 AND attname = 'nickname'", [oid]);
  return found.rowCount === 1;
}

test('each look is one process’s, whatever number of them there are', async () => {
  let asking = 0;
  let most = 0;
  let looks = 0;
  const describe = async () => {
    looks += 1;
    asking += 1;
    most = Math.max(most, asking);
    await pool.query('SELECT pg_sleep(0.05)');
    asking -= 1;
    return api.resources;
  };
  for (let i = 0; i < 3; i += 1) await startProcess({ interval: 1, describe });
  await eventually(async () => (looks >= 4 ? true : undefined));
  expect(most).toBe(1);
  const waiting = await pool.query("SELECT FROM upwrite_jobs.jobs WHERE key = 'describe:salesforce'");
  expect(waiting.rowCount).toBeLessThanOrEqual(1);
});

test('a look that a process has not ended goes on in another one, long before the next is due', async () => {
  await forgetDescribed(pool, ['salesforce']);
  let begun = false;
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  ends.push(async () => open());
  await startProcess({
    ghost: true,
    leaseMs: shortLease,
    describe: async () => {
      begun = true;
      await gate;
      return api.resources;
    },
  });
  await eventually(async () => (begun ? true : undefined));
  api.resources = [contacts({ columns: [...contacts().columns, nickname] })];
  await startProcess({ leaseMs: shortLease });
  await eventually(async () => ((await hasNickname()) ? true : undefined));
});

test('a table that has become unhealthy has its API looked at soon, and nothing else does', async () => {
  await noteDescribed(pool, ['salesforce']);
  let looks = 0;
  const jobs = await startProcess({
    describe: async () => {
      looks += 1;
      return api.resources;
    },
  });
  const asleep = async (): Promise<true | undefined> => {
    const found = await pool.query(
      "SELECT FROM upwrite_jobs.jobs WHERE key = 'describe:salesforce' AND run_at > now() + interval '50 minutes'",
    );
    return found.rowCount === 1 ? true : undefined;
  };
  // The first job of all, which would go on beside the one that is asked for.
  await eventually(asleep);
  await lookSoon(jobs, 'salesforce');
  await eventually(asleep);
  expect(looks).toBe(0);
  await tables.setState(pool, oid, { state: 'unhealthy', reason: 'it has no such field' });
  await lookSoon(jobs, 'salesforce');
  await eventually(async () => (looks === 1 ? asleep() : undefined));
  await lookSoon(jobs, 'salesforce');
  await eventually(asleep);
  expect(looks).toBe(1);
});

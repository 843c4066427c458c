/**
 * Thousands of quiet tables: what looking for their changes costs the database, whether each has its turn, and whether
 * each connection stays within its quota.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createCatalog, type SyncedTable } from '../../../src/catalog/index.js';
import { LocalBudget, type Page, type Resource, type Session } from '../../../src/provider/index.js';
import { internalPool, migrate, tables, takeLease } from '../../../src/store/index.js';
import { openJobs, startSync } from '../../../src/sync/index.js';
import type { TestPostgres } from '../../support/postgres.js';
import { median } from '../statistics.js';

export interface FleetOptions {
  readonly connections: number;
  readonly processes: number;
  readonly everyMs: number;
  readonly seconds: number;
}

const tablesEach = 5;
/** Milliseconds until the API answers. */
const latency = 100;
/** Requests a second that each connection's API takes; one more is refused. */
const perSecond = 2;
/** Jobs at once in each process. */
const concurrency = 64;
const quiet = { debug: () => {}, info: () => {}, warn: () => {} };
const base = { nullable: true, insertable: true, updatable: true };

const resource = (object: string): Resource => ({
  name: object,
  object,
  key: 'id',
  version: 'modified_at',
  columns: [
    { ...base, name: 'id', field: 'Id', type: 'text', nullable: false },
    { ...base, name: 'modified_at', field: 'ModifiedAt', type: 'timestamptz' },
  ],
  writes: {},
  pull: { incremental: true, deletions: 'listed' },
});

/** One API: all processes share its window, and each has the budget that a process has for it. */
class Api {
  refused = 0;
  readonly looks = new Map<string, number>();
  #started: number[] = [];

  request(table: string): void {
    const now = performance.now();
    this.#started = this.#started.filter((at) => at > now - 1000);
    if (this.#started.length >= perSecond) this.refused += 1;
    this.#started.push(now);
    this.looks.set(table, (this.looks.get(table) ?? 0) + 1);
  }
}

function sessionOf(api: Api, budget: LocalBudget): Session {
  async function* pull(of: Resource, since: unknown, signal: AbortSignal): AsyncGenerator<Page> {
    const giveBack = await budget.take({ lane: 'sync', deadline: Date.now() + 60_000, signal });
    try {
      api.request(of.object);
      await new Promise((resolve) => setTimeout(resolve, latency));
    } finally {
      giveBack();
    }
    const number = Number(since ?? 0);
    // One look in a hundred finds a change.
    const changed = number % 100 === 0;
    const values = { id: `r${number}`, modified_at: new Date(1_700_000_000_000 + number).toISOString() };
    yield { records: changed ? [{ key: values.id, values }] : [], deletions: [], next: number + 1, last: true };
  }
  return {
    describe: async () => [],
    plan: () => ({ method: 'GET', path: '/', calls: 1 }),
    write: async () => ({ outcomes: [], requests: [] }),
    pull,
    read: async (_resource, keys) => keys.map(() => null),
    findInserted: async (batch) => batch.rows.map(() => null),
    check: async () => 'a fake',
  };
}

type Pool = ReturnType<typeof internalPool>;

async function makeTables(pool: Pool, connections: number): Promise<readonly SyncedTable[]> {
  await pool.query('DROP SCHEMA IF EXISTS fleet, upwrite, upwrite_jobs CASCADE');
  await migrate(pool);
  await pool.query('CREATE SCHEMA fleet');
  const made: SyncedTable[] = [];
  for (let c = 0; c < connections; c += 1) {
    const names = Array.from({ length: tablesEach }, (_, t) => `c${c}_t${t}`);
    const ddl = names.map((name) => `CREATE TABLE fleet.${name} (id text PRIMARY KEY, modified_at timestamptz)`);
    await pool.query(ddl.join('; '));
    const oids = await pool.query<{ oid: number }>(
      'SELECT to_regclass(n)::oid AS oid FROM unnest($1::text[]) WITH ORDINALITY AS u (n, o) ORDER BY o',
      [names.map((name) => `fleet.${name}`)],
    );
    for (const [i, name] of names.entries()) {
      const oid = oids.rows[i]?.oid ?? 0;
      const connection = `c${c}`;
      const place = { connection, provider: 'fleet', schema: 'fleet', name };
      await tables.register(pool, { ...place, tableOid: oid, object: name, resource: null, limits: {}, names: {} });
      made.push({
        ...place,
        oid,
        resource: resource(name),
        columnNames: ['id', 'modified_at'],
        attached: true,
        definition: 1,
        limits: {},
      });
    }
  }
  return made;
}

/** Clock ticks (1/100 s) that the server's processes have used. */
function serverTicks(postmaster: number): number {
  let sum = 0;
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const fields = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      const [parent = 0, own = 0, system = 0, childOwn = 0, childSystem = 0] = [1, 11, 12, 13, 14].map(
        (i) => fields[i],
      );
      if (parent === postmaster) sum += own + system;
      if (Number(entry) === postmaster) sum += own + system + childOwn + childSystem;
    } catch {
      // It has ended.
    }
  }
  return sum;
}

async function transactions(pool: Pool): Promise<number> {
  const result = await pool.query<{ n: string }>(
    'SELECT xact_commit + xact_rollback AS n FROM pg_stat_database WHERE datname = current_database()',
  );
  return Number(result.rows[0]?.n ?? 0);
}

export async function fleet(server: TestPostgres, options: FleetOptions): Promise<void> {
  const pool = internalPool({ connectionString: server.upwriteUrl, max: 4 }, () => {});
  const all = await makeTables(pool, options.connections);
  const apis = new Map([...new Set(all.map(({ connection }) => connection))].map((name) => [name, new Api()]));
  const stops: (() => Promise<unknown>)[] = [];
  const first: Promise<void>[] = [];
  const began = performance.now();
  for (let i = 0; i < options.processes; i += 1) {
    const own = internalPool({ connectionString: server.upwriteUrl, max: 8 }, () => {});
    const jobPool = internalPool({ connectionString: server.upwriteUrl, max: 4 }, () => {});
    const lease = await takeLease(own, { kind: 'fleet', onError: () => {} });
    const jobs = await openJobs({ pool: jobPool, lease, leaseMs: 30_000, concurrency, log: quiet });
    // Budgets are a process's own: each gets its part.
    const share = {
      perWindow: Math.max(1, Math.floor(perSecond / options.processes)),
      windowMillis: 1100,
      concurrency: 1,
    };
    const sessions = new Map(
      [...apis].map(([name, api]) => [
        name,
        sessionOf(api, new LocalBudget({ provider: 'fleet', now: Date.now, ...share })),
      ]),
    );
    const every = () => options.everyMs;
    const sync = startSync({
      pool: own,
      catalog: createCatalog(all),
      sessions,
      jobs,
      worker: lease.id,
      log: quiet,
      every,
    });
    await jobs.start();
    first.push(sync.firstSync);
    stops.push(
      () => sync.stop(),
      () => jobs.stop(),
      () => own.end(),
      () => jobPool.end(),
    );
  }
  await Promise.all(first);
  const listed = (performance.now() - began) / 1000;
  for (const api of apis.values()) api.looks.clear();
  const before = { n: await transactions(pool), ticks: serverTicks(server.pid()), own: process.cpuUsage() };
  await new Promise((resolve) => setTimeout(resolve, options.seconds * 1000));
  const n = (await transactions(pool)) - before.n;
  const ticks = serverTicks(server.pid()) - before.ticks;
  const own = process.cpuUsage(before.own);
  const looks = all.map(({ connection, name }) => apis.get(connection)?.looks.get(name) ?? 0);
  const total = looks.reduce((sum, each) => sum + each, 0);
  const refused = [...apis.values()].reduce((sum, api) => sum + api.refused, 0);
  const percent = (seconds: number): string => `${((seconds / options.seconds) * 100).toFixed(0)} %`;
  process.stdout.write(
    `${all.length} tables of ${options.connections} connections, ${options.processes} processes, a look every ${options.everyMs / 1000} s:\n` +
      `  all listed once after ${listed.toFixed(0)} s; then ${(total / options.seconds).toFixed(0)} looks/s, ` +
      `of a table ${Math.min(...looks)} at least, ${median(looks)} in the middle, ${Math.max(...looks)} at most\n` +
      `  requests beyond a connection's quota: ${refused}\n` +
      `  database: ${(n / options.seconds).toFixed(0)} transactions/s (${(n / Math.max(1, total)).toFixed(1)} a look), ` +
      `${percent(ticks / 100)} of a core; Upwrite ${percent((own.user + own.system) / 1e6)} of a core\n`,
  );
  for (const stop of stops) await stop();
  await pool.end();
}

/** A first listing of 20 columns, from an API that answers at once, and COPY of the same rows into a table of the same shape. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import { copyField, installCatalog, recordTexts } from '../../../src/catalog/index.js';
import type { Column, Page, Rec, Resource, Session } from '../../../src/provider/index.js';
import { internalPool, migrate, tables, takeLease } from '../../../src/store/index.js';
import { openJobs, startSync } from '../../../src/sync/index.js';
import type { TestPostgres } from '../../support/postgres.js';
import { median } from '../statistics.js';

/** The largest pages that a real API gives. */
const pageSize = 2000;
const quiet = { debug: () => {}, info: () => {}, warn: () => {} };
const base = { nullable: true, insertable: true, updatable: true };

const columns: readonly Column[] = [
  { ...base, name: 'id', field: 'Id', type: 'text', nullable: false },
  ...Array.from({ length: 12 }, (_, i): Column => ({ ...base, name: `text_${i}`, field: `Text${i}`, type: 'text' })),
  { ...base, name: 'flag', field: 'Flag', type: 'boolean' },
  { ...base, name: 'count', field: 'Count', type: 'integer' },
  { ...base, name: 'amount', field: 'Amount', type: 'numeric' },
  { ...base, name: 'score', field: 'Score', type: 'double precision' },
  { ...base, name: 'born', field: 'Born', type: 'date' },
  { ...base, name: 'created_at', field: 'CreatedAt', type: 'timestamptz' },
  { ...base, name: 'modified_at', field: 'ModifiedAt', type: 'timestamptz' },
];

const resource: Resource = {
  name: 'records',
  object: 'Record',
  key: 'id',
  version: 'modified_at',
  columns,
  writes: {},
  pull: { incremental: true, deletions: 'listed' },
};

function record(n: number): Rec {
  const values: Record<string, string | number | boolean> = {
    id: `rec${String(n).padStart(12, '0')}`,
    flag: n % 2 === 0,
    count: n,
    amount: `${n}.25`,
    score: n / 3,
    born: '1990-01-01',
    created_at: '2024-01-01T00:00:00.000Z',
    modified_at: new Date(1_700_000_000_000 + n).toISOString(),
  };
  for (let i = 0; i < 12; i += 1) values[`text_${i}`] = `value ${i} of record ${n}`;
  return { key: String(values['id']), values };
}

function sessionOf(records: readonly Rec[]): Session {
  async function* pull(_resource: Resource, since: unknown): AsyncGenerator<Page> {
    for (let from = Number(since ?? 0); ; from += pageSize) {
      const end = from + pageSize;
      const last = end >= records.length;
      yield { records: records.slice(from, end), deletions: [], next: end, last, total: records.length };
      if (last) return;
    }
  }
  return {
    describe: async () => [resource],
    plan: () => ({ method: 'GET', path: '/', calls: 1 }),
    write: async () => ({ outcomes: [], requests: [] }),
    pull,
    read: async (_resource, keys) => keys.map(() => null),
    findInserted: async (batch) => batch.rows.map(() => null),
    check: async () => 'a generator',
  };
}

export async function backfill(server: TestPostgres, rows: number, rounds: number): Promise<void> {
  const pool = internalPool({ connectionString: server.upwriteUrl, max: 10 }, () => {});
  const records = Array.from({ length: rows }, (_, n) => record(n));
  const rates: { sync: number[]; copy: number[] } = { sync: [], copy: [] };
  for (let round = 0; round < rounds; round += 1) {
    rates.sync.push(rows / (await listing(server, pool, sessionOf(records), rows)));
    rates.copy.push(rows / (await plainCopy(pool, records)));
  }
  await pool.end();
  const [sync, copy] = [Math.round(median(rates.sync)), Math.round(median(rates.copy))];
  process.stdout.write(
    `first listing of ${rows} rows, ${columns.length} columns, pages of ${pageSize}: ${sync} rows/s\n` +
      `plain COPY of the same rows, no pages: ${copy} rows/s (medians of ${rounds})\n`,
  );
}

type Pool = ReturnType<typeof internalPool>;

/** Seconds until every row is stored. */
async function listing(server: TestPostgres, pool: Pool, session: Session, rows: number): Promise<number> {
  await pool.query('DROP SCHEMA IF EXISTS bench, upwrite, upwrite_jobs CASCADE');
  await migrate(pool);
  const catalog = await installCatalog({
    pool,
    registry: tables,
    connections: [{ name: 'bench', provider: 'bench', session }],
    signal: AbortSignal.timeout(60_000),
  });
  const lease = await takeLease(pool, { kind: 'bench', onError: () => {} });
  const jobPool = internalPool({ connectionString: server.upwriteUrl, max: 4 }, () => {});
  const jobs = await openJobs({ pool: jobPool, lease, leaseMs: 30_000, concurrency: 4, log: quiet });
  const sync = startSync({
    pool,
    catalog,
    sessions: new Map([['bench', session]]),
    jobs,
    worker: lease.id,
    log: quiet,
    every: () => 3_600_000,
  });
  const began = performance.now();
  await jobs.start();
  await sync.firstSync;
  const seconds = (performance.now() - began) / 1000;
  const stored = await pool.query<{ n: number }>('SELECT count(*)::int AS n FROM bench.records');
  if (stored.rows[0]?.n !== rows) throw new Error(`${stored.rows[0]?.n} rows are stored, not ${rows}`);
  await sync.stop();
  await jobs.stop();
  await jobPool.end();
  await lease.release();
  return seconds;
}

async function plainCopy(pool: Pool, records: readonly Rec[]): Promise<number> {
  await pool.query('DROP TABLE IF EXISTS bench.plain');
  const types = columns.map(({ name, type }) => `${name} ${type}${name === 'id' ? ' PRIMARY KEY' : ''}`);
  await pool.query(`CREATE TABLE bench.plain (${types.join(', ')})`);
  const client = await pool.connect();
  const began = performance.now();
  await pipeline(Readable.from(chunks(records)), client.query(copyFrom('COPY bench.plain FROM STDIN')));
  const seconds = (performance.now() - began) / 1000;
  client.release();
  return seconds;
}

function* chunks(records: readonly Rec[]): Generator<Buffer> {
  for (let from = 0; from < records.length; from += 500) {
    const lines = records
      .slice(from, from + 500)
      .map((each) => recordTexts(columns, 'id', each).map(copyField).join('\t'));
    yield Buffer.from(`${lines.join('\n')}\n`);
  }
}

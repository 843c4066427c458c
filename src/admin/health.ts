/** `/livez`, `/healthz` and `/metrics`: what a balancer, an operator and Prometheus ask of one Upwrite process. */
import type pg from 'pg';
import { type RecordTargetHealth, records, type TableHealth, tables, verification } from '../store/index.js';
import { Metrics } from '../telemetry/index.js';
import { recordMetrics, verificationMetrics } from './check-metrics.js';
import type { AdminReply, Route } from './server.js';

export interface HealthOptions {
  readonly pool: Pick<pg.Pool, 'query'>;
  /** The process's own metrics. */
  readonly metrics: Metrics;
  /** Milliseconds that the database has to answer; default 3,000. */
  readonly timeout?: number;
}

/** Tables that `/healthz` names at most, and as many records tables; how many there are it says of all. */
const mostNamed = 100;

export function healthRoutes(options: HealthOptions): readonly Route[] {
  return [
    { method: 'GET', path: '/livez', handle: () => ({ status: 200, body: 'ok\n' }) },
    { method: 'GET', path: '/healthz', handle: async () => healthReply(await look(options)) },
    { method: 'GET', path: '/metrics', handle: () => metricsReply(options) },
  ];
}

interface Seen {
  readonly tables: readonly TableHealth[];
  readonly records: readonly RecordTargetHealth[];
}

async function read(pool: HealthOptions['pool']): Promise<Seen> {
  return { tables: await tables.health(pool), records: await records.health(pool) };
}

/** Null where the database does not answer. */
async function look({ pool, timeout = 3000 }: HealthOptions): Promise<Seen | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), timeout);
  });
  try {
    return await Promise.race([read(pool).catch(() => null), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** 503 where a table is unhealthy or the database is away; a pause, or a backfill, is nothing to be alarmed about. */
function healthReply(seen: Seen | null): AdminReply {
  const counts = { live: 0, backfilling: 0, paused: 0, unhealthy: 0, detached: 0 };
  const targets = { live: 0, loading: 0, unhealthy: 0 };
  for (const { state } of seen?.tables ?? []) counts[state] += 1;
  for (const { state } of seen?.records ?? []) targets[state] += 1;
  const ok = seen !== null && counts.unhealthy + targets.unhealthy === 0;
  const attention = [
    ...named(seen?.tables ?? [], ({ schema, name }) => ({ table: `${schema}.${name}` })),
    ...named(seen?.records ?? [], ({ name }) => ({ records: name })),
  ];
  const body = {
    status: ok ? 'ok' : 'unhealthy',
    database: seen === null ? 'unreachable' : 'ok',
    tables: counts,
    records: targets,
    attention,
  };
  return { status: ok ? 200 : 503, type: 'application/json', body: `${JSON.stringify(body, undefined, 2)}\n` };
}

/** Those that somebody should look at. */
function named<T extends { readonly state: string; readonly reason: string | null; readonly since: number }>(
  all: readonly T[],
  nameOf: (each: T) => object,
): readonly object[] {
  return all
    .filter(({ state }) => state === 'unhealthy' || state === 'paused')
    .slice(0, mostNamed)
    .map((each) => ({
      ...nameOf(each),
      state: each.state,
      reason: each.reason,
      since: new Date(each.since).toISOString(),
    }));
}

async function metricsReply(options: HealthOptions): Promise<AdminReply> {
  const seen = await look(options);
  const shared = new Metrics();
  shared
    .gauge({ name: 'upwrite_database_up', help: 'Whether the database answers this process.' })
    .set(seen === null ? 0 : 1);
  if (seen !== null) {
    tableMetrics(shared, seen.tables);
    recordMetrics(shared, seen.records, Date.now());
    await verification
      .health(options.pool)
      .then((all) => verificationMetrics(shared, all))
      .catch(() => {});
  }
  return {
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
    body: options.metrics.render() + shared.render(),
  };
}

/** The same from every process: what the database says of all tables. */
function tableMetrics(metrics: Metrics, all: readonly TableHealth[]): void {
  const states = metrics.gauge({
    name: 'upwrite_tables',
    help: 'Synced tables by the state of their sync.',
    labels: ['provider', 'state'],
  });
  const each = (name: string, help: string) =>
    metrics.gauge({ name, help, labels: ['schema', 'table'], mostSeries: 100_000 });
  const age = each('upwrite_table_age_seconds', 'Everything that the API had so long ago is here.');
  const maxAge = each('upwrite_table_max_age_seconds', 'From one look for changes to the next.');
  const healthy = each('upwrite_table_healthy', '0 while the table is unhealthy.');
  const warned = each('upwrite_table_warning', '1 while the API has values that are not of the type of their column.');
  const rows = each('upwrite_table_backfill_rows', 'Records of the running or the last full listing.');
  for (const { provider } of all) {
    for (const state of ['live', 'backfilling', 'paused', 'unhealthy', 'detached']) states.add(0, { provider, state });
  }
  for (const table of all) {
    const labels = { schema: table.schema, table: table.name };
    states.add(1, { provider: table.provider, state: table.state });
    healthy.set(table.state === 'unhealthy' ? 0 : 1, labels);
    warned.set(table.warning === null ? 0 : 1, labels);
    rows.set(table.rows, labels);
    if (table.state === 'detached') continue;
    if (table.lastSyncedAt !== null) age.set(Math.max(0, table.now - table.lastSyncedAt) / 1000, labels);
    if (table.maxAge !== null) maxAge.set(table.maxAge / 1000, labels);
  }
}

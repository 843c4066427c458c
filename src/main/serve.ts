/** The composition root's body: every room of the running product made and tied to the others. */
import type pg from 'pg';
import type { Grants, LiveCatalog } from '../catalog/index.js';
import type { Config, DatabaseTarget as ConfiguredDatabase } from '../config/index.js';
import { closeConnections, createKit, type KeyRing, type Registry, type Session } from '../provider/index.js';
import { type Proxy as Listener, startProxy } from '../proxy/index.js';
import { createAnalyser } from '../sql/index.js';
import { internalPool, type Lease, migrate, openJournal, takeLease } from '../store/index.js';
import { type Jobs, type Progress, registerRereads, type Sync } from '../sync/index.js';
import { type Log, Metrics } from '../telemetry/index.js';
import { upkeepConnections } from '../webhooks/index.js';
import { type Boundary, startSettler, WritePath } from '../write/index.js';
import { openAdmin } from './admin.js';
import { startChores } from './chores.js';
import { type DriftTimings, registerDrift } from './drift.js';
import { type Engine, openEngine } from './engine.js';
import { connectionChoices, openCatalog } from './open-catalog.js';
import { ownConnections } from './own-connections.js';
import { startPruning } from './prune.js';
import { openReaders } from './readers.js';
import { openShared, type Shared } from './shared.js';
import { clientTls, databaseTarget } from './tls.js';
import { registerWebhookJobs, type WebhookJobs, type WebhookTimings } from './webhook-jobs.js';
import { serveWebhooks, type WebhookServer } from './webhooks.js';
import { conditionSessions } from './where.js';

export interface ServeOptions {
  readonly config: Config;
  /** The synced database, with Upwrite's own role. */
  readonly database: ConfiguredDatabase;
  readonly registry: Registry;
  readonly log: Log;
  /** What secrets are encrypted under; without it none are kept. */
  readonly keys?: KeyRing | undefined;
  /** Who may use the synced tables, where the connection's configuration does not say. */
  readonly grant?: Grants;
  /** A line of progress for a person. */
  readonly onStep?: (line: string) => void;
  readonly onProgress?: (progress: Progress) => void;
  /** Whether this process takes jobs, the sync's among them. Default true; other processes must if it does not. */
  readonly work?: boolean;
  /** Other times than `timings`: tests do not wait so long. */
  readonly timings?: Partial<Timings>;
  readonly drift?: Partial<DriftTimings> & { readonly interval?: number };
  readonly webhookTimings?: WebhookTimings;
  /** Called at the boundaries of every write: tests strike there. */
  readonly boundary?: (name: Boundary) => Promise<void>;
}

export interface Running {
  readonly proxy: Listener;
  readonly sync: Sync;
  readonly jobs: Jobs;
  /** Where the HTTP listener is, if there is one. */
  readonly admin: { readonly host: string; readonly port: number } | null;
  readonly catalog: LiveCatalog;
  /** Where deliveries of webhooks are taken; absent where none are. */
  readonly webhookPort?: number;
  /** Reads the certificate files again. */
  reload(): void;
  /** Drains the proxy, ends the sync and the settling, gives the lease back. */
  stop(): Promise<void>;
}

/** Times in milliseconds that nobody has to configure. */
export interface Timings {
  /** Between looks for journal entries to settle. */
  readonly settleInterval: number;
  /** From journalling: a write of which the API cannot tell for so long is given up as undecided. */
  readonly settleGiveUp: number;
  /** That a request under way has to be answered after its statement was stopped. */
  readonly stopGrace: number;
  /** Between prunings of the journal. */
  readonly pruneInterval: number;
  /** After which a process that does not renew its lease counts as dead. */
  readonly lease: number;
}

const timings: Timings = {
  settleInterval: 2000,
  settleGiveUp: 86_400_000,
  stopGrace: 5000,
  pruneInterval: 600_000,
  lease: 30_000,
};
/** Bytes of the longest statement that is looked at. */
const maxInspected = 16 * 1024 * 1024;

/** Starts everything. Throws, with nothing left running, when a part cannot start. */
export async function serve(options: ServeOptions): Promise<Running> {
  const cleanup: (() => Promise<unknown>)[] = [];
  try {
    return await start(options, cleanup);
  } catch (error) {
    await runAll(cleanup);
    throw error;
  }
}

export async function runAll(cleanup: (() => Promise<unknown>)[]): Promise<void> {
  for (const step of cleanup.splice(0).reverse()) await step().catch(() => undefined);
}

async function start(options: ServeOptions, cleanup: (() => Promise<unknown>)[]): Promise<Running> {
  const { config, log } = options;
  const times = { ...timings, ...options.timings };
  const core = await openCore(options, 'serve', cleanup);
  const { pool, lease, sessions, catalog, engine } = core;
  const journal = openJournal(pool, lease.id);
  const session = (name: string): Session | undefined => sessions.get(name);
  const writes = new WritePath({
    pool,
    catalog,
    journal,
    session,
    log,
    ...config.writes,
    stopGrace: times.stopGrace,
    ...(options.boundary === undefined ? {} : { boundary: options.boundary }),
  });
  const settler = startSettler({
    pool,
    catalog,
    journal,
    session,
    known: writes.known,
    log,
    interval: times.settleInterval,
    timeout: config.writes.timeout,
    lockTimeout: config.writes.lockTimeout,
    certainAfter: config.writes.timeout + config.writes.settleAfter,
    giveUpAfter: times.settleGiveUp,
  });
  cleanup.push(() => settler.stop());
  cleanup.push(startPruning(journal, config.journal.retention, times.pruneInterval, log));
  const onDelivery = engine.measure.delivery;
  const webhooks = await serveWebhooks({ ...core, config, keys: options.keys, log, onDelivery });
  cleanup.push(() => webhooks.stop());
  if (options.work !== false) {
    startChores(core, config, log, cleanup);
    await engine.jobs.start();
  }
  const analyser = createAnalyser({ onLoss: (why) => log.warn({ why }, 'a parser was lost to a text') });
  cleanup.push(() => analyser.close());
  await analyser.ready();
  const freshness = await openReaders({ config, database: options.database.database, pool, sync: engine.sync, log });
  cleanup.push(() => freshness.stop());
  const tls = clientTls(config.tls);
  const proxy = await startProxy({
    ...config.listen,
    database: databaseTarget(options.database),
    tls: tls === null ? null : { mode: config.tls.mode, context: () => tls.context },
    grace: config.shutdown.grace,
    maxInspected,
    mutations: {
      catalog,
      analyser,
      transactions: config.transactions,
      lockTimeout: config.writes.lockTimeout,
      freshness,
      run: (lent) => writes.run(lent),
      explain: (oid, verb, conflict) => writes.explain(oid, verb, conflict),
    },
    log,
  });
  cleanup.push(() => proxy.close());
  const admin = await openAdmin(core, config, log, webhooks.routes);
  if (admin !== null) cleanup.push(() => admin.close());
  return {
    proxy,
    sync: engine.sync,
    jobs: engine.jobs,
    admin,
    catalog,
    ...webhookPort(webhooks, admin),
    reload: () => tls?.reload(),
    stop: () => runAll(cleanup),
  };
}

/** Where deliveries are taken: on a listener of their own, or on that of health and metrics. */
function webhookPort({ port, routes }: WebhookServer, admin: Running['admin']): Pick<Running, 'webhookPort'> {
  const shared = routes.length === 0 ? undefined : admin?.port;
  const found = port ?? shared;
  return found === undefined ? {} : { webhookPort: found };
}

/** What every kind of Upwrite process has. */
export interface Core {
  readonly own: pg.ClientConfig;
  readonly pool: pg.Pool;
  readonly lease: Lease;
  readonly sessions: ReadonlyMap<string, Session>;
  /** The same for whoever reads: what a table's `where` leaves out is not there. */
  readonly reading: ReadonlyMap<string, Session>;
  readonly catalog: LiveCatalog;
  readonly metrics: Metrics;
  readonly engine: Engine;
  /** Asks for a reading of what is queued of a table, by whatever process; resolves when it is certain to come. */
  readonly reread: (tableOid: number) => Promise<void>;
  readonly hooks: WebhookJobs;
}

/** The database, the connections, the catalog and the jobs, of which none is taken yet. `kind` is for the operator. */
export async function openCore(
  options: ServeOptions,
  kind: 'serve' | 'sync',
  cleanup: (() => Promise<unknown>)[],
): Promise<Core> {
  const { config, registry, log, onStep = () => undefined } = options;
  const leaseMs = { ...timings, ...options.timings }.lease;
  const own = await ownConnections(options.database);
  const pool = openPool(options, own);
  cleanup.push(
    () => pool.end(),
    async () => closeConnections(),
  );
  await migrate(pool);
  const lease = await takeLease(pool, { kind, leaseMs, onError: (error) => log.warn({ error }, 'the lease') });
  cleanup.push(() => lease.release());
  const shared = openShared({ own, lease, log, keys: options.keys });
  cleanup.push(() => shared.close());
  const sessions = await openSessions(options, shared);
  onStep(`Describing ${sessions.size} connection${sessions.size === 1 ? '' : 's'} …`);
  const catalog = await openCatalog({ ...options, own, pool, sessions }, cleanup);
  const reading = conditionSessions({ ...options, own, sessions, catalog }, cleanup);
  const metrics = new Metrics();
  const hookPool = internalPool({ ...own, max: upkeepConnections }, (error) =>
    log.debug({ error }, 'an idle connection was lost'),
  );
  cleanup.push(() => hookPool.end());
  const { onProgress } = options;
  const parts = { config, registry, log, metrics, own, pool, catalog, sessions: reading, lease, leaseMs };
  const engine = await openEngine({ ...parts, ...(onProgress === undefined ? {} : { onProgress }) });
  cleanup.push(() => engine.stop());
  const { jobs, measure } = engine;
  const reread = registerRereads({ pool, catalog, sessions: reading, jobs, onReread: measure.reread });
  const { interval = config.sync.describe, ...driftTimings } = options.drift ?? {};
  const connections = connectionChoices(config, sessions, options.grant);
  const ddl = config.schemaChanges === 'auto';
  const drift = { pool, jobs, connections, ddl, interval, log, timings: driftTimings };
  const descriptions = registerDrift(drift);
  cleanup.push(() => descriptions.stop());
  const hooks = registerWebhookJobs({
    ...{ config, pool: hookPool, lease, catalog, sessions, keys: options.keys, jobs, log, reread },
    serves: kind === 'serve',
    sync: (tableOid) => engine.sync.wake(tableOid),
    ...(options.webhookTimings === undefined ? {} : { timings: options.webhookTimings }),
  });
  cleanup.push(() => hooks.stop());
  return { own, pool, lease, sessions, reading, catalog, metrics, engine, reread, hooks };
}

/** One connection for each write in flight, and some for the journal, the sync and the settling. */
function openPool({ config, log }: ServeOptions, own: pg.ClientConfig): pg.Pool {
  const max = config.writes.maxInFlight + 8;
  return internalPool({ ...own, max }, (error) => log.debug({ error }, 'an idle connection was lost'));
}

async function openSessions(
  { config, registry, log }: ServeOptions,
  shared: Shared,
): Promise<ReadonlyMap<string, Session>> {
  const sessions = new Map<string, Session>();
  for (const connection of config.connections) {
    const provider = (await registry.load(connection.provider)).configure(connection.settings);
    const { name } = connection;
    const kit = createKit({ connection: name, provider: provider.name, log, ...shared.kitOf(name, provider) });
    sessions.set(name, provider.open(kit));
  }
  return sessions;
}

/**
 * The jobs that webhooks need: each hook's payloads are fetched, each table's rows are compared with what deliveries said,
 * and each connection's hooks are kept registered by whichever process has the job.
 */
import type pg from 'pg';
import type { LiveCatalog } from '../catalog/index.js';
import type { Config } from '../config/index.js';
import type { KeyRing, Session } from '../provider/index.js';
import { isDatabaseAway, type Lease, tablesWithExpectations, wishHooks } from '../store/index.js';
import type { Jobs } from '../sync/index.js';
import type { Log } from '../telemetry/index.js';
import {
  createUpkeep,
  type DeliveryJobs,
  fetchedAtOnce,
  forgetStrangers,
  keptAtOnce,
  type Loop,
  type Ping,
  startLoop,
  type Upkeep,
} from '../webhooks/index.js';
import { numberIn, textIn } from './job-payload.js';
import { registerStanding, type Standing, wakeStanding } from './standing-jobs.js';

export interface WebhookJobsOptions {
  readonly config: Config;
  /** Upwrite's own, of at least `upkeepConnections`, and for nothing else. It outlives the jobs. */
  readonly pool: pg.Pool;
  /** This process's. */
  readonly lease: Pick<Lease, 'id'>;
  readonly catalog: LiveCatalog;
  readonly sessions: ReadonlyMap<string, Session>;
  /** What the secrets of registered hooks are encrypted under; without it none is registered. */
  readonly keys: KeyRing | undefined;
  /** Not started yet. */
  readonly jobs: Jobs;
  readonly log: Log;
  /** Whether this process takes deliveries, or would: such a one says that hooks are to be kept. */
  readonly serves: boolean;
  /** Asks for a reading of what is queued of a table; resolves when it is certain to come. */
  readonly reread: (tableOid: number) => Promise<void>;
  /** Asks for a run of a table that begins after the call. */
  readonly sync: (tableOid: number) => Promise<void>;
  /** Other times than the defaults: tests do not wait so long. */
  readonly timings?: WebhookTimings;
}

/** Times in milliseconds. */
export interface WebhookTimings {
  /** Between looks at hooks that are well. Default an hour. */
  readonly keepInterval?: number;
  /** To the next try after a failure, doubling up to `keepInterval`. Default 10,000. */
  readonly keepRetry?: number;
  /** From a re-reading that showed the old record to the next. */
  readonly expectDelays?: readonly number[];
}

export interface WebhookJobs {
  /** What whoever takes deliveries leaves. */
  readonly deliveries: DeliveryJobs;
  /** Has all registered hooks looked at: tables have come or gone. */
  look(): void;
  stop(): Promise<void>;
}

const tasks = { keep: 'webhooks', fetch: 'payloads', compare: 'compare' } as const;
/** The looks at hooks are behind the tables' sync, and what a ping has to tell is before it. */
const priority = 5;
const fetchPriority = -5;
const forEver = 32_767;
/** Milliseconds until another try where too many payloads are being fetched, or another process is at the hooks. */
const busyMs = 250;
/** Of many connections that wait, not all come back at once: milliseconds for each, and in all. */
const crowdMs = { each: 25, most: 10_000 };
/** Milliseconds until rows are compared again after a failure. */
const compareRetryMs = 5000;
/** Milliseconds between looks for hooks of connections that were taken out of the configuration, and between tries. */
const strangersMs = 3_600_000;
const strangersRetryMs = 10_000;

/** Registers them. */
export function registerWebhookJobs(options: WebhookJobsOptions): WebhookJobs {
  const { config, pool, catalog, sessions, keys, jobs, log, serves, reread, sync, timings = {} } = options;
  const url = config.webhooks.url ?? null;
  const off = new Set(config.connections.filter((each) => !each.webhooks).map(({ name }) => name));
  /** Empty: nowhere. */
  const addressOf = (connection: string): string => (off.has(connection) ? '' : (url ?? ''));
  const nameOf = (connection: string): string => `${connection} ${addressOf(connection)}`;
  const deliveries = deliveryJobs(jobs);
  const upkeep = createUpkeep({
    pool,
    catalog,
    sessions,
    off,
    url,
    sealer: keys ?? null,
    log,
    jobs: deliveries,
    wake: reread,
    sync,
    look: (connection) => wakeStanding(jobs, tasks.keep, nameOf(connection), priority),
    ...(timings.expectDelays === undefined ? {} : { expectDelays: timings.expectDelays }),
  });
  registerFetching(options, upkeep);
  registerComparing(options, upkeep, deliveries);
  const kept = upkeep.connections.map((connection) => ({ connection, address: addressOf(connection) }));
  const standing = registerKeeping(options, upkeep, new Map(kept.map((each) => [nameOf(each.connection), each])));
  const strangers = serves ? forgetStrangersAgain(options, new Set(upkeep.connections)) : null;
  // Of a version that left no jobs for them.
  const resumed = tablesWithExpectations(pool)
    .then(async (oids) => {
      for (const oid of oids) await deliveries.compare(pool, oid, 0);
    })
    .catch((error: unknown) => log.debug({ error }, 'what deliveries said before was not looked at'));
  if (serves) standing.wake();
  return {
    deliveries,
    look: () => {
      if (serves) standing.wake();
    },
    stop: async () => {
      upkeep.stop();
      await resumed;
      await Promise.all([standing.stop(), strangers?.stop()]);
    },
  };
}

function forgetStrangersAgain({ pool, log }: WebhookJobsOptions, connections: ReadonlySet<string>): Loop {
  return startLoop(async () => {
    try {
      await forgetStrangers({ pool, log }, connections);
      return strangersMs;
    } catch (error) {
      log.debug({ error }, 'webhooks of former connections were not looked at');
      return strangersRetryMs;
    }
  });
}

function deliveryJobs(jobs: Jobs): DeliveryJobs {
  return {
    payloads: (db, ping) => addPayloads(jobs, ping, { db }),
    compare: (db, table, delayMs) => {
      const key = `${tasks.compare}:${table}`;
      return jobs.add(tasks.compare, { table }, { db, key, delayMs, keepEarlier: true, attempts: forEver });
    },
  };
}

function addPayloads(
  jobs: Jobs,
  { connection, hook }: Ping,
  given: { readonly db: Parameters<DeliveryJobs['payloads']>[0]; readonly delayMs?: number },
): Promise<void> {
  const key = `${tasks.fetch}:${connection}:${hook}`;
  return jobs.add(
    tasks.fetch,
    { connection, hook },
    { ...given, key, keepEarlier: true, attempts: forEver, priority: fetchPriority },
  );
}

function registerFetching({ jobs, pool: db }: WebhookJobsOptions, upkeep: Upkeep): void {
  let fetching = 0;
  jobs.register(tasks.fetch, async (payload, { signal }) => {
    const ping = { connection: textIn(payload, 'connection'), hook: textIn(payload, 'hook') };
    let delayMs: number | null = busyMs;
    if (fetching < fetchedAtOnce) {
      fetching += 1;
      delayMs = await upkeep.fetch(ping, signal).finally(() => {
        fetching -= 1;
      });
    }
    if (delayMs !== null) await addPayloads(jobs, ping, { db, delayMs });
  });
}

function registerComparing({ jobs, pool, log }: WebhookJobsOptions, upkeep: Upkeep, deliveries: DeliveryJobs): void {
  jobs.register(tasks.compare, async (payload, { signal }) => {
    const table = numberIn(payload, 'table');
    const wait = await upkeep.compare(table, signal).catch((error: unknown) => {
      if (isDatabaseAway(error)) throw error;
      log.warn({ error }, 'comparing rows with deliveries failed');
      return compareRetryMs;
    });
    if (wait !== null) await deliveries.compare(pool, table, wait);
  });
}

/** A connection, and where its hooks are to be delivered; empty: nowhere. */
interface Kept {
  readonly connection: string;
  readonly address: string;
}

function registerKeeping(
  { jobs, pool, lease, config, log, serves, timings = {} }: WebhookJobsOptions,
  upkeep: Upkeep,
  names: ReadonlyMap<string, Kept>,
): Standing {
  const { keepInterval = 3_600_000, keepRetry = 10_000 } = timings;
  let keeping = 0;
  let isSaid = false;
  const addresses = new Map([...names.values()].map(({ connection, address }) => [connection, address]));
  const wished = async (): Promise<readonly string[]> => {
    const mine = new Set(await wishHooks(pool, lease.id, addresses, { anew: !isSaid }));
    isSaid = true;
    return [...names].flatMap(([name, { connection }]) => (mine.has(connection) ? [name] : []));
  };
  return registerStanding(jobs, {
    task: tasks.keep,
    names: serves ? wished : [],
    lookMs: Math.min(60_000, keepInterval),
    priority,
    withinMs: keepInterval,
    work: async (name, failures, { signal }) => {
      const found = names.get(name);
      // It is for another address, or of a connection that this process does not have.
      if (found === undefined) return 'elsewhere';
      const { connection } = found;
      if (keeping >= keptAtOnce && config.webhooks.url !== undefined) {
        const crowd = Math.min(crowdMs.most, crowdMs.each * names.size);
        return { delayMs: crowd * (1 + Math.random()), count: failures };
      }
      keeping += 1;
      const how = await upkeep.keep(connection, signal).finally(() => {
        keeping -= 1;
      });
      if (signal.aborted) return { delayMs: 0, count: failures };
      if (how === 'not wished') return null;
      if (how === 'busy') return { delayMs: busyMs, count: failures };
      if (how === 'well') return { delayMs: keepInterval };
      return { delayMs: Math.min(keepInterval, keepRetry * 2 ** Math.min(failures, 20)), count: failures + 1 };
    },
    onError: (error) => log.debug({ error }, 'the looks at webhooks could not be asked for'),
  });
}

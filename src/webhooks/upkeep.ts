/**
 * What deliveries and registered hooks leave to do, for whatever process has the job: payloads to fetch, rows to compare
 * with what was said of them, hooks to keep registered.
 */
import type pg from 'pg';
import type { Catalog } from '../catalog/index.js';
import type { KitLog, Session, Webhooks } from '../provider/index.js';
import { compareRows } from './expecting.js';
import { type Kept, keepHooks } from './keeper.js';
import { fetchPayloads } from './payloads.js';
import { createPlaces, type Ping } from './placing.js';
import type { DeliveryJobs } from './queue.js';
import type { Sealer } from './secrets.js';
import { createWaker } from './waker.js';

export interface UpkeepOptions {
  /** Upwrite's own, of at least `upkeepConnections`, and not one that writes wait for. */
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  readonly sessions: ReadonlyMap<string, Session>;
  /** Connections for which webhooks are switched off. */
  readonly off: ReadonlySet<string>;
  /** The public address without a slash at its end; null: none is configured, and hooks of before are taken back. */
  readonly url: string | null;
  /** Null: there is no key, so that no hook can be registered. */
  readonly sealer: Sealer | null;
  readonly log: KitLog;
  readonly jobs: DeliveryJobs;
  /** Asks for a reading of what is queued of a table that begins after the call; resolves when it is certain to come. */
  readonly wake: (tableOid: number) => Promise<void>;
  /** Asks for a run of a table that begins after the call. */
  readonly sync: (tableOid: number) => Promise<void>;
  /** Asks for a look at a connection's hooks that begins after the call. */
  readonly look: (connection: string) => Promise<void>;
  /** Milliseconds from a re-reading that showed the old record to the next. */
  readonly expectDelays?: readonly number[];
}

export interface Upkeep {
  /** Those that can have webhooks. */
  readonly connections: readonly string[];
  /** Brings the hooks of a connection in order. Never throws. */
  keep(connection: string, signal: AbortSignal): Promise<Kept>;
  /** Fetches what a hook holds. Answers milliseconds until another try; null: nothing is left. */
  fetch(ping: Ping, signal: AbortSignal): Promise<number | null>;
  /** Compares what is due of a table. Answers milliseconds until the next is; null: there is none. */
  compare(tableOid: number, signal: AbortSignal): Promise<number | null>;
  stop(): void;
}

/** Connections whose hooks one process looks at at once, and hooks whose payloads it fetches. */
export const keptAtOnce = 3;
export const fetchedAtOnce = 6;

/** Each of them has a connection for itself, and needs a second one now and then. */
export const upkeepConnections = keptAtOnce + fetchedAtOnce + 2;

export function createUpkeep(options: UpkeepOptions): Upkeep {
  const { pool, catalog, sessions, off, url, sealer, log, jobs } = options;
  /** What is queued is in the database: a table that cannot be woken has its turn by itself. */
  const waker = createWaker(async (tableOid) => {
    await options.wake(tableOid).catch((error: unknown) => log.debug({ error }, 'a table could not be woken'));
  });
  const webhooks = new Map([...sessions].flatMap(([name, each]) => (each.webhooks ? [[name, each.webhooks]] : [])));
  const tables = (connection: string) => catalog.all().filter((table) => table.connection === connection);
  const syncAll = async (connection: string): Promise<void> => {
    for (const { oid, attached } of tables(connection)) if (attached) await options.sync(oid);
  };
  const keeping = {
    pool,
    tables,
    url,
    sealer,
    log,
    onNew: syncAll,
    onPings: (ping: Ping) => jobs.payloads(pool, ping),
  };
  const fetching = {
    pool,
    places: createPlaces(catalog),
    connections: webhooks,
    log,
    jobs,
    onQueued: ({ records }: { readonly records: ReadonlyMap<number, unknown> }) => waker.wake(records.keys()),
    onLost: async (connection: string) => {
      await options.look(connection);
      await syncAll(connection);
    },
  };
  const { wake, expectDelays } = options;
  const comparing = { pool, catalog, wake, ...(expectDelays === undefined ? {} : { delays: expectDelays }) };
  return {
    connections: [...webhooks.keys()],
    keep: async (name, signal) => {
      const found: Webhooks | undefined = webhooks.get(name);
      return found === undefined
        ? 'well'
        : keepHooks(keeping, { name, webhooks: found, wanted: !off.has(name) }, signal);
    },
    fetch: (ping, signal) => fetchPayloads(fetching, ping, signal),
    compare: (tableOid, signal) => compareRows(comparing, tableOid, signal),
    stop: () => waker.stop(),
  };
}

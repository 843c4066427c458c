/** The webhooks of one process: received, made durable, their payloads fetched, their hooks kept registered. */
import type pg from 'pg';
import type { Catalog } from '../catalog/index.js';
import type { KitLog, Session, Webhooks } from '../provider/index.js';
import { tablesWithQueue } from '../store/index.js';
import { startExpecting } from './expecting.js';
import { Intake } from './intake.js';
import { startKeeper } from './keeper.js';
import { hooksAtOnce, startPayloads } from './payloads.js';
import { createPlaces, type Placed } from './placing.js';
import { createReceiver, type Incoming, type Outcome, type Reply, refusal } from './receiver.js';
import { HookSecrets, type Sealer } from './secrets.js';
import { startTally } from './tally.js';
import { createWaker } from './waker.js';

export interface WebhooksOptions {
  /** Upwrite's own, of `poolSize`, and not the one that writes wait for: a storm must not keep them waiting. */
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
  /** Asks for a reading of what is queued of a table that begins after the call; resolves when it is certain to come. */
  readonly wake: (tableOid: number) => Promise<void>;
  /** For metrics: a delivery was taken, refused, or could not be stored. The connection is null where there is none. */
  readonly onDelivery?: (connection: string | null, outcome: Outcome) => void;
  /** Other times than the defaults, in milliseconds: tests do not wait so long. */
  readonly timings?: WebhookTimings;
}

export interface WebhookTimings {
  readonly keepInterval?: number;
  readonly keepRetry?: number;
  /** From a re-reading that showed the old record to the next. */
  readonly expectDelays?: readonly number[];
}

export interface WebhooksRunning {
  /** Answers a request to `/webhooks/…`. */
  handle(request: Incoming): Promise<Reply>;
  /** Looks at the registered hooks now: tables have come or gone. */
  look(): void;
  stop(): Promise<void>;
}

/** Connections whose hooks are looked at at once. */
const connectionsAtOnce = 3;

/** What the pool has to have at least: one for each thing that keeps one for itself, and some for the others. */
export const poolSize = { taking: connectionsAtOnce + hooksAtOnce + 4, idle: 2 } as const;

export function startWebhooks(options: WebhooksOptions): WebhooksRunning {
  const { pool, catalog, log, url, timings = {} } = options;
  /** Whatever was to be said is in the database: a table that cannot be woken has its turn by itself. */
  const waker = createWaker(async (tableOid) => {
    await options.wake(tableOid).catch((error: unknown) => log.debug({ error }, 'a table could not be woken'));
  });
  const all = [...options.sessions].flatMap(([name, { webhooks }]) =>
    webhooks === undefined ? [] : [{ name, webhooks, wanted: !options.off.has(name) }],
  );
  const tablesOf = (connection: string) => catalog.all().filter((table) => table.connection === connection);
  const wakeConnection = (connection: string) => waker.wake(tablesOf(connection).map(({ oid }) => oid));
  const secrets = new HookSecrets(options);
  const keeper = startKeeper({
    pool,
    connections: all,
    tables: tablesOf,
    url,
    sealer: options.sealer,
    log,
    atOnce: url === null ? 1 : connectionsAtOnce,
    onNew: wakeConnection,
    onSecret: (connection) => secrets.forget(connection),
    ...(timings.keepInterval === undefined ? {} : { interval: timings.keepInterval }),
    ...(timings.keepRetry === undefined ? {} : { retry: timings.keepRetry }),
  });
  const look = (): void => keeper.look();
  if (url === null) return { handle: () => Promise.resolve(refusal), look, stop: keeper.stop };

  const connections = new Map<string, Webhooks>(
    all.filter(({ wanted }) => wanted).map(({ name, webhooks }) => [name, webhooks]),
  );
  const places = createPlaces(catalog);
  const onQueued = (placed: Placed): Promise<void> => {
    if (placed.pings.length > 0) payloads.wake();
    return waker.wake([...placed.records.keys(), ...placed.tables]);
  };
  const onLost = (connection: string): void => {
    keeper.look(connection);
    void wakeConnection(connection);
  };
  const payloads = startPayloads({ pool, places, connections, log, onQueued, onLost });
  const expecting = startExpecting({
    pool,
    catalog,
    log,
    wake: (tableOid) => waker.wake([tableOid]),
    ...(timings.expectDelays === undefined ? {} : { delays: timings.expectDelays }),
  });
  const tally = startTally(pool, log);
  // What a process has left that was killed need not wait until it counts as dead.
  const resumed = tablesWithQueue(pool).then(
    (oids) => waker.wake(oids.filter((oid) => options.sessions.has(catalog.byOid(oid)?.connection ?? ''))),
    (error: unknown) => log.debug({ error }, 'what is queued was not looked at'),
  );
  const intake = new Intake({ pool, places, onQueued });
  return {
    handle: createReceiver({
      url,
      connections,
      secrets,
      intake,
      log,
      onDelivery: (connection, outcome, hook) => {
        tally.count(connection, outcome, hook);
        options.onDelivery?.(connection, outcome);
      },
    }),
    look,
    stop: async () => {
      waker.stop();
      await resumed;
      await Promise.all([keeper, payloads, expecting, tally].map((each) => each.stop()));
    },
  };
}

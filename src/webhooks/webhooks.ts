/** The deliveries that one process takes: received, made durable, and left to jobs. */
import type pg from 'pg';
import type { Catalog } from '../catalog/index.js';
import type { KitLog, Session, Webhooks } from '../provider/index.js';
import { tablesWithQueue } from '../store/index.js';
import { Intake } from './intake.js';
import { createPlaces } from './placing.js';
import type { DeliveryJobs } from './queue.js';
import { createReceiver, type Incoming, type Outcome, type Reply } from './receiver.js';
import { HookSecrets, type Sealer } from './secrets.js';
import { startTally } from './tally.js';
import { createWaker } from './waker.js';

export interface WebhooksOptions {
  /** Upwrite's own, of at least `takingConnections`, and not the one that writes wait for: a storm must not keep them waiting. */
  readonly pool: pg.Pool;
  readonly catalog: Catalog;
  readonly sessions: ReadonlyMap<string, Session>;
  /** Connections for which webhooks are switched off. */
  readonly off: ReadonlySet<string>;
  /** The public address without a slash at its end. */
  readonly url: string;
  /** Null: there is no key, so that no hook was registered. */
  readonly sealer: Sealer | null;
  readonly log: KitLog;
  readonly jobs: DeliveryJobs;
  /** Asks for a reading of what is queued of a table that begins after the call; resolves when it is certain to come. */
  readonly wake: (tableOid: number) => Promise<void>;
  /** For metrics: a delivery was taken, refused, or could not be stored. The connection is null where there is none. */
  readonly onDelivery?: (connection: string | null, outcome: Outcome) => void;
}

export interface WebhooksRunning {
  /** Answers a request to `/webhooks/…`. */
  handle(request: Incoming): Promise<Reply>;
  stop(): Promise<void>;
}

/** What the pool has to have at least. */
export const takingConnections = 4;

export function startWebhooks(options: WebhooksOptions): WebhooksRunning {
  const { pool, catalog, log, url, jobs } = options;
  /** Whatever was to be said is in the database: a table that cannot be woken has its turn by itself. */
  const waker = createWaker(async (tableOid) => {
    await options.wake(tableOid).catch((error: unknown) => log.debug({ error }, 'a table could not be woken'));
  });
  const connections = new Map<string, Webhooks>(
    [...options.sessions].flatMap(([name, { webhooks }]) =>
      webhooks === undefined || options.off.has(name) ? [] : [[name, webhooks]],
    ),
  );
  const tally = startTally(pool, log);
  // What a process has left that was killed need not wait until it counts as dead.
  const resumed = tablesWithQueue(pool).then(
    (oids) => waker.wake(oids.filter((oid) => options.sessions.has(catalog.byOid(oid)?.connection ?? ''))),
    (error: unknown) => log.debug({ error }, 'what is queued was not looked at'),
  );
  const onQueued = ({ records }: { readonly records: ReadonlyMap<number, unknown> }) => waker.wake(records.keys());
  return {
    handle: createReceiver({
      url,
      connections,
      secrets: new HookSecrets(options),
      intake: new Intake({ pool, places: createPlaces(catalog), jobs, onQueued }),
      log,
      onDelivery: (connection, outcome, hook) => {
        tally.count(connection, outcome, hook);
        options.onDelivery?.(connection, outcome);
      },
    }),
    stop: async () => {
      waker.stop();
      await resumed;
      await tally.stop();
    },
  };
}

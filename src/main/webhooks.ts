/** Webhooks in the running product: their listener, their own connections to the database, and the sync that they wake. */
import type pg from 'pg';
import { type Admin, startAdmin } from '../admin/index.js';
import type { LiveCatalog } from '../catalog/index.js';
import type { Config } from '../config/index.js';
import type { KeyRing, Session } from '../provider/index.js';
import { internalPool } from '../store/index.js';
import type { Log } from '../telemetry/index.js';
import {
  folder,
  maxBody,
  poolSize,
  startWebhooks,
  type WebhooksRunning,
  type WebhookTimings,
} from '../webhooks/index.js';

export interface WebhookServing {
  readonly config: Config;
  /** How Upwrite itself connects. */
  readonly own: pg.ClientConfig;
  readonly catalog: LiveCatalog;
  readonly sessions: ReadonlyMap<string, Session>;
  /** What the secrets of registered hooks are encrypted under; without it none is registered. */
  readonly keys: KeyRing | undefined;
  readonly log: Log;
  /** Asks for a reading of what is queued of a table; resolves when it is certain to come. */
  readonly reread: (tableOid: number) => Promise<void>;
  readonly timings?: WebhookTimings;
}

export interface WebhookServer {
  /** Absent where no webhooks are configured. */
  readonly port?: number;
  stop(): Promise<void>;
}

/** Deliveries under way at once, each of at most `maxBody` bytes. */
const mostInFlight = 128;

/** Starts taking deliveries and keeping hooks registered. Rejects when the address cannot be taken. */
export async function serveWebhooks(serving: WebhookServing): Promise<WebhookServer> {
  const { config, own, catalog, sessions, log, reread, timings } = serving;
  const url = config.webhooks.url ?? null;
  const max = url === null ? poolSize.idle : poolSize.taking;
  const pool = internalPool({ ...own, max }, (error) => log.debug({ error }, 'an idle connection was lost'));
  const webhooks = startWebhooks({
    pool,
    catalog,
    sessions,
    off: new Set(config.connections.filter((each) => !each.webhooks).map(({ name }) => name)),
    url,
    sealer: serving.keys ?? null,
    log,
    wake: reread,
    ...(timings === undefined ? {} : { timings }),
  });
  const quit = catalog.onChange(() => webhooks.look());
  let admin: Admin | undefined;
  const stop = async (): Promise<void> => {
    quit();
    await admin?.close();
    await webhooks.stop();
    await pool.end();
  };
  try {
    if (url !== null) admin = await listen(serving, url, webhooks);
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...(admin === undefined ? {} : { port: admin.port }), stop };
}

/** A proxy in front may leave the path of the public address on, or take it off. */
function listen({ config, log }: WebhookServing, url: string, webhooks: WebhooksRunning): Promise<Admin> {
  const prefix = new URL(url).pathname.replace(/\/$/, '');
  const paths = new Set([`${folder}*`, `${prefix}${folder}*`]);
  return startAdmin({
    ...config.webhooks.listen,
    maxInFlight: mostInFlight,
    routes: [...paths].map((path) => ({ method: 'POST', path, maxBody, handle: webhooks.handle })),
    onError: (error) => log.warn({ error }, 'a delivery of a webhook failed'),
  });
}

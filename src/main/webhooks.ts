/** Deliveries of webhooks in the running product: their listener, and their own connections to the database. */
import type pg from 'pg';
import { type Admin, type Route, startAdmin } from '../admin/index.js';
import type { LiveCatalog } from '../catalog/index.js';
import type { Config } from '../config/index.js';
import type { KeyRing, Session } from '../provider/index.js';
import { internalPool } from '../store/index.js';
import type { Log } from '../telemetry/index.js';
import {
  folder,
  maxBody,
  type Outcome,
  startWebhooks,
  takingConnections,
  type WebhooksRunning,
} from '../webhooks/index.js';
import type { WebhookJobs } from './webhook-jobs.js';

export interface WebhookServing {
  readonly config: Config;
  /** How Upwrite itself connects. */
  readonly own: pg.ClientConfig;
  readonly catalog: LiveCatalog;
  readonly sessions: ReadonlyMap<string, Session>;
  /** What the secrets of registered hooks are encrypted under; without it none was registered. */
  readonly keys: KeyRing | undefined;
  readonly log: Log;
  /** Asks for a reading of what is queued of a table; resolves when it is certain to come. */
  readonly reread: (tableOid: number) => Promise<void>;
  /** The jobs that webhooks need. */
  readonly hooks: WebhookJobs;
  /** For metrics. */
  readonly onDelivery: (connection: string | null, outcome: Outcome) => void;
}

export interface WebhookServer {
  /** Of their own listener; absent where they have none. */
  readonly port?: number;
  /** For the listener of health and metrics, where the configuration gives both the same address. */
  readonly routes: readonly Route[];
  stop(): Promise<void>;
}

/** Deliveries under way at once, each of at most `maxBody` bytes. */
export const mostInFlight = 128;

/** Starts taking deliveries. Rejects when the address cannot be taken. */
export async function serveWebhooks(serving: WebhookServing): Promise<WebhookServer> {
  const { config, own, catalog, sessions, hooks, log, reread } = serving;
  const { url } = config.webhooks;
  const quit = catalog.onChange(() => hooks.look());
  if (url === undefined) return { routes: [], stop: async () => quit() };
  const pool = internalPool({ ...own, max: takingConnections }, (error) =>
    log.debug({ error }, 'an idle connection was lost'),
  );
  const webhooks = startWebhooks({
    pool,
    catalog,
    sessions,
    off: new Set(config.connections.filter((each) => !each.webhooks).map(({ name }) => name)),
    url,
    sealer: serving.keys ?? null,
    log,
    jobs: hooks.deliveries,
    wake: reread,
    onDelivery: serving.onDelivery,
  });
  let admin: Admin | undefined;
  const stop = async (): Promise<void> => {
    quit();
    await admin?.close();
    await webhooks.stop();
    await pool.end();
  };
  const routes = routesOf(url, webhooks);
  if (sharesListener(config)) return { routes, stop };
  try {
    admin = await startAdmin({
      ...config.webhooks.listen,
      maxInFlight: mostInFlight,
      routes,
      onError: (error) => log.warn({ error }, 'a delivery of a webhook failed'),
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { port: admin.port, routes: [], stop };
}

/** Whether deliveries are taken where health and metrics are. */
export function sharesListener({ admin, webhooks }: Config): boolean {
  const { host, port } = webhooks.listen;
  return webhooks.url !== undefined && port !== 0 && admin.listen?.host === host && admin.listen.port === port;
}

/** A proxy in front may leave the path of the public address on, or take it off. */
function routesOf(url: string, webhooks: WebhooksRunning): readonly Route[] {
  const prefix = new URL(url).pathname.replace(/\/$/, '');
  const paths = new Set([`${folder}*`, `${prefix}${folder}*`]);
  return [...paths].map((path) => ({ method: 'POST', path, maxBody, handle: webhooks.handle }));
}

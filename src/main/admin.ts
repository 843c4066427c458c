/** The HTTP listener of a process, where the configuration asks for one. */
import type pg from 'pg';
import { type Admin, healthRoutes, type Route, startAdmin } from '../admin/index.js';
import type { Config } from '../config/index.js';
import type { Log, Metrics } from '../telemetry/index.js';
import { mostInFlight } from './webhooks.js';

/** Starts it with the routes of health and metrics and the further ones, those of webhooks; null where none is wanted. */
export async function openAdmin(
  { pool, metrics }: { readonly pool: pg.Pool; readonly metrics: Metrics },
  config: Config,
  log: Log,
  further: readonly Route[] = [],
): Promise<Admin | null> {
  const { listen } = config.admin;
  if (listen === undefined) return null;
  const admin = await startAdmin({
    ...listen,
    routes: [...healthRoutes({ pool, metrics }), ...further],
    // Their bodies are held in memory.
    ...(further.length === 0 ? {} : { maxInFlight: mostInFlight }),
    onError: (error) => log.warn({ error }, 'the HTTP listener'),
  });
  log.info({ host: admin.host, port: admin.port }, 'health and metrics');
  return admin;
}

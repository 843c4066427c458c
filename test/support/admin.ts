/** Asks the routes of the admin listener without one. */
import { type HealthOptions, healthRoutes } from '../../src/admin/index.js';
import { Metrics } from '../../src/telemetry/index.js';

export async function askAdmin(
  pool: HealthOptions['pool'],
  path: string,
): Promise<{ readonly status: number; readonly body: string }> {
  const route = healthRoutes({ pool, metrics: new Metrics() }).find((each) => each.path === path);
  const request = {
    method: 'GET',
    path,
    query: new URLSearchParams(),
    headers: {},
    body: Buffer.alloc(0),
    target: path,
  };
  const { status, body = '' } = (await route?.handle(request)) ?? { status: 0 };
  return { status, body };
}

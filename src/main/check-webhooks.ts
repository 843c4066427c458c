/** What `upwrite check` says of webhooks: as the database has it, without asking the APIs. */
import pg from 'pg';
import type { Finding } from '../cli/index.js';
import type { Config, ConnectionConfig, DatabaseTarget } from '../config/index.js';
import { createKit, type KeyRing, type Registry, silentLog, type Webhooks } from '../provider/index.js';
import { listHooks, type StoredHook } from '../store/index.js';
import { hookUrl } from '../webhooks/index.js';
import { ownConnections } from './own-connections.js';

/** A finding for each connection that can have webhooks, where `webhooks.url` is configured. */
export async function* webhookFindings(
  config: Config,
  registry: Registry,
  keys: KeyRing | undefined,
): AsyncGenerator<Finding> {
  const { url } = config.webhooks;
  if (url === undefined) return;
  const hooks = config.database === undefined ? null : await stored(config.database);
  for (const connection of config.connections) {
    const webhooks = connection.webhooks ? await webhooksOf(connection, registry) : undefined;
    if (webhooks === undefined) continue;
    const own = hooks?.filter((hook) => hook.connection === connection.name) ?? [];
    yield finding(`webhooks of ${connection.name}`, webhooks, own, hookUrl(url, connection.name), keys);
  }
}

/** Undefined where the API has none, or the connection's configuration cannot be used: that is said elsewhere. */
async function webhooksOf(connection: ConnectionConfig, registry: Registry): Promise<Webhooks | undefined> {
  try {
    const provider = await registry.load(connection.provider);
    const kit = createKit({ connection: connection.name, provider: provider.name, log: silentLog });
    return provider.configure(connection.settings).open(kit).webhooks;
  } catch {
    return undefined;
  }
}

/** Null where the database cannot say: it is not there, or nothing was ever started on it. */
async function stored(target: DatabaseTarget): Promise<readonly StoredHook[] | null> {
  try {
    const client = new pg.Client(await ownConnections(target));
    client.on('error', () => undefined);
    try {
      await client.connect();
      const found = await client.query<{ there: boolean }>(
        "SELECT to_regclass('upwrite.webhooks') IS NOT NULL AS there",
      );
      return found.rows[0]?.there === true ? await listHooks(client, null) : null;
    } finally {
      await client.end().catch(() => undefined);
    }
  } catch {
    return null;
  }
}

function finding(
  item: string,
  { registrar, hasSecret, byHand }: Webhooks,
  hooks: readonly StoredHook[],
  url: string,
  keys: KeyRing | undefined,
): Finding {
  const last = Math.max(0, ...hooks.map(({ lastDeliveryAt }) => lastDeliveryAt ?? 0));
  const delivered = last === 0 ? 'no delivery yet' : `last delivery ${new Date(last).toISOString()}`;
  if (registrar === undefined || hasSecret) {
    const advice = `: ${byHand.replaceAll('{url}', url)}`;
    return { ok: true, item, state: `set up by hand, ${delivered}${last === 0 ? advice : ''}` };
  }
  if (keys === undefined) {
    return {
      ok: false,
      item,
      state: 'their secrets cannot be kept',
      fix: 'set UPWRITE_ENCRYPTION_KEY to 32 random bytes (openssl rand -base64 32)',
    };
  }
  const failing = hooks.filter(({ state }) => state === 'failing');
  const [first] = failing;
  if (first !== undefined) {
    const where = first.scope === '' ? '' : ` for ${first.scope}`;
    const others = failing.length > 1 ? `, and ${failing.length - 1} more` : '';
    return {
      ok: false,
      item,
      state: `${first.reason ?? 'failing'}${where}${others}`,
      fix: byHand.replaceAll('{url}', url),
    };
  }
  const live = hooks.filter(({ state }) => state === 'live').length;
  return { ok: true, item, state: live === 0 ? 'registered by the next start' : `${live} live, ${delivered}` };
}

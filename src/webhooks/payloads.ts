/**
 * Fetches what hooks hold that only ping: from the cursor that was kept, page by page. What a page says and the cursor
 * behind it are one transaction, so a process that is killed leaves nothing out. Any process may do it, one a hook.
 */
import type pg from 'pg';
import { FaultError } from '../errors/index.js';
import type { HookRegistrar, KitLog, Webhooks } from '../provider/index.js';
import { dropPing, hookCursor, inTransaction, listPings, type Ping, runAlone, setHookCursor } from '../store/index.js';
import { each, type Loop, startLoop } from './loop.js';
import { type Placed, type Places, place } from './placing.js';
import { queueAll } from './queue.js';

export interface PayloadsOptions {
  readonly pool: pg.Pool;
  readonly places: Places;
  readonly connections: ReadonlyMap<string, Webhooks>;
  readonly log: KitLog;
  readonly onQueued: (placed: Placed) => Promise<void>;
  /** The API has no such hook, or not any more. */
  readonly onLost: (connection: string) => void;
}

/** Milliseconds between looks for pings that another process has left. */
const interval = 10_000;
/** Each has a connection of the pool for itself, and needs a second one now and then. */
export const hooksAtOnce = 3;
/** Milliseconds for one page. */
const patience = 30_000;

export function startPayloads(options: PayloadsOptions): Loop {
  const registrars = new Map<string, HookRegistrar>();
  for (const [connection, { registrar }] of options.connections) {
    if (registrar?.payloads !== undefined) registrars.set(connection, registrar);
  }
  return startLoop(async (signal) => {
    if (registrars.size === 0) return interval * 360;
    try {
      const pings = await listPings(options.pool, [...registrars.keys()]);
      await each(pings, hooksAtOnce, (ping) => fetchAlone(options, registrars.get(ping.connection), ping, signal));
    } catch (error) {
      if (!signal.aborted) options.log.warn({ error }, 'looking for pings of webhooks failed');
    }
    return interval;
  });
}

async function fetchAlone(
  options: PayloadsOptions,
  registrar: HookRegistrar | undefined,
  ping: Ping & { readonly order: string },
  signal: AbortSignal,
): Promise<void> {
  if (registrar === undefined || signal.aborted) return;
  const { pool, log, onLost } = options;
  const { connection, hook } = ping;
  try {
    await runAlone(pool, `webhook payloads ${connection} ${hook}`, async () => {
      await fetchAll(options, registrar, ping, signal);
      await dropPing(pool, ping, ping.order);
    });
  } catch (error) {
    if (signal.aborted) return;
    log.warn({ connection, hook, error }, 'the payloads of a webhook could not be fetched');
    if (error instanceof FaultError && error.fault.retry !== 'later') {
      await dropPing(pool, ping, ping.order).catch(() => undefined);
      onLost(connection);
    }
  }
}

async function fetchAll(options: PayloadsOptions, registrar: HookRegistrar, ping: Ping, stop: AbortSignal) {
  const { pool, places, onQueued } = options;
  const { connection, hook } = ping;
  const known = await hookCursor(pool, connection, hook);
  if (known === undefined) return;
  let { cursor } = known;
  for (;;) {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(patience)]);
    const page = await registrar.payloads?.(known.scope, hook, cursor, signal);
    if (page === undefined) return;
    const placed = place(places, [{ connection, news: page.news }]);
    await inTransaction(pool, async (client) => {
      await queueAll(client, placed);
      await setHookCursor(client, connection, known.scope, page.next);
    });
    await onQueued(placed);
    cursor = page.next;
    if (!page.more) return;
  }
}

/**
 * Fetches what hooks hold that only ping: from the cursor that was kept, page by page. What a page says and the cursor
 * behind it are one transaction, so a process that is killed leaves nothing out. Any process may do it, one a hook.
 */
import type pg from 'pg';
import { FaultError } from '../errors/index.js';
import type { HookRegistrar, KitLog, Webhooks } from '../provider/index.js';
import { hookCursor, inTransaction, runAlone, setHookCursor } from '../store/index.js';
import { type Ping, type Placed, type Places, place } from './placing.js';
import { type DeliveryJobs, queueAll } from './queue.js';

export interface PayloadsOptions {
  /** One of its connections is kept for a hook while its API is asked. */
  readonly pool: pg.Pool;
  readonly places: Places;
  readonly connections: ReadonlyMap<string, Webhooks>;
  readonly log: KitLog;
  readonly jobs: DeliveryJobs;
  /** Records are queued to be read again. */
  readonly onQueued: (placed: Placed) => Promise<void>;
  /** The API has no such hook, or not any more. */
  readonly onLost: (connection: string) => Promise<void>;
}

/** Milliseconds until another try: where another process is at it, or has the connection, and after a failure that passes. */
const busyMs = 500;
const strangerMs = 1000;
const retryMs = 10_000;
/** Milliseconds for one page. */
const patience = 30_000;

/** Fetches all that a hook holds. Answers milliseconds until another try; null: there is nothing left to do. */
export async function fetchPayloads(options: PayloadsOptions, ping: Ping, stop: AbortSignal): Promise<number | null> {
  const { pool, connections, log, onLost } = options;
  const { connection, hook } = ping;
  const webhooks = connections.get(connection);
  const registrar = webhooks?.registrar;
  try {
    if (webhooks === undefined) return (await hookCursor(pool, connection, hook)) === undefined ? null : strangerMs;
    if (registrar?.payloads === undefined) return null;
    const ran = await runAlone(pool, `webhook payloads ${connection} ${hook}`, () =>
      fetchAll(options, registrar, ping, stop),
    );
    return ran === null ? busyMs : null;
  } catch (error) {
    if (stop.aborted) return 0;
    log.warn({ connection, hook, error }, 'the payloads of a webhook could not be fetched');
    if (!(error instanceof FaultError) || error.fault.retry === 'later') return retryMs;
    await onLost(connection);
    return null;
  }
}

async function fetchAll(options: PayloadsOptions, registrar: HookRegistrar, ping: Ping, stop: AbortSignal) {
  const { pool, places, jobs, onQueued } = options;
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
      await queueAll(client, placed, jobs);
      await setHookCursor(client, connection, known.scope, page.next);
    });
    await onQueued(placed);
    cursor = page.next;
    if (!page.more) return;
  }
}

/**
 * Answers what APIs post. A delivery is taken once it has proved to be the API's, and is answered when it is in the
 * database; everything that is refused gets the same answer, whatever the reason.
 */
import type { Delivery, HookRequest, HookSecret, KitLog, Webhooks } from '../provider/index.js';
import type { Intake } from './intake.js';
import type { HookSecrets } from './secrets.js';

/** A request, its body read within bounds. */
export interface Incoming {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Path and query as they were sent. */
  readonly target: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Reply {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Below the public address: `/webhooks/<connection>`. */
export const folder = '/webhooks/';

/** Bytes of the longest delivery that is taken. An issue with all its text has less. */
export const maxBody = 1024 * 1024;

export interface ReceiverOptions {
  /** The public address, without a slash at its end. */
  readonly url: string;
  /** By the connection's name; those that take deliveries. */
  readonly connections: ReadonlyMap<string, Webhooks>;
  readonly secrets: HookSecrets;
  readonly intake: Intake;
  readonly log: KitLog;
  /** A delivery was taken, refused, or could not be stored. The connection is null where there is none. */
  readonly onDelivery: (connection: string | null, outcome: Outcome, hook: string | null) => void;
  readonly now?: () => number;
}

/**
 * `new`, `known` (it had come before): taken. Refused: `unknown` (no connection takes deliveries there), `unauthentic` (its
 * signature, or its time, is not the API's) and `unreadable` (it is the API's, and makes no sense). `failed`: it could not
 * be stored.
 */
export type Outcome = 'new' | 'known' | Refusal | 'failed';

export type Refusal = 'unknown' | 'unauthentic' | 'unreadable';

/** Of whatever is no delivery of a connection's API. */
export const refusal: Reply = { status: 401, body: 'not accepted\n' };
const accepted: Reply = { status: 200 };
const later: Reply = { status: 503, body: 'try again later\n', headers: { 'retry-after': '5' } };

/** Where an API delivers for a connection. */
export function hookUrl(base: string, connection: string): string {
  return `${base}${folder}${connection}`;
}

export function createReceiver(options: ReceiverOptions): (request: Incoming) => Promise<Reply> {
  const { connections, intake, log, onDelivery } = options;
  return async (request) => {
    const at = request.path.lastIndexOf(folder);
    const connection = at === -1 ? '' : request.path.slice(at + folder.length);
    const webhooks = connections.get(connection);
    if (webhooks === undefined) {
      onDelivery(null, 'unknown', null);
      return refusal;
    }
    let hook: string | null = null;
    try {
      const delivery = await authentic(options, connection, webhooks, request);
      if (typeof delivery === 'string') {
        onDelivery(connection, delivery, null);
        return refusal;
      }
      hook = delivery.hook ?? null;
      onDelivery(connection, await intake.accept({ connection, delivery, window: webhooks.window }), hook);
      return accepted;
    } catch (error) {
      log.warn({ connection, error }, 'a delivery could not be stored');
      onDelivery(connection, 'failed', hook);
      return later;
    }
  };
}

/** Secrets are looked up again for a delivery that none of the known ones has signed. Throws what the database throws. */
async function authentic(
  options: ReceiverOptions,
  connection: string,
  webhooks: Webhooks,
  request: Incoming,
): Promise<Delivery | Refusal> {
  const { secrets, log, now = Date.now } = options;
  const query = request.target.indexOf('?');
  const given: HookRequest = {
    method: request.method,
    url: `${hookUrl(options.url, connection)}${query === -1 ? '' : request.target.slice(query)}`,
    headers: request.headers,
    body: request.body,
    now: now(),
  };
  const read = (known: readonly HookSecret[]): Delivery | Refusal => {
    try {
      return webhooks.receive(given, known) ?? 'unauthentic';
    } catch {
      // What was wrong with it may quote it.
      log.warn({ connection }, 'an authentic delivery could not be read');
      return 'unreadable';
    }
  };
  const known = await secrets.of(connection);
  const delivery = read(known);
  if (delivery !== 'unauthentic') return delivery;
  const again = await secrets.again(connection);
  return again === known ? delivery : read(again);
}

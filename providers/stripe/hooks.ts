/**
 * What a session does with webhooks: endpoints registered through the API, and deliveries turned into news.
 * Source: API reference, "Webhook Endpoints"; docs page "Receive Stripe events in your webhook endpoint".
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type {
  Delivery,
  HookRegistrar,
  HookRequest,
  HookSecret,
  HookWish,
  NewHook,
  RegisteredHook,
  Webhooks,
} from '../../src/provider/index.js';
import { type ApiObject, apiVersion, isMissing, query, type StripeClient } from './client.js';
import type { StripeConfig } from './config.js';
import { Refused } from './failures.js';
import { tables } from './tables/index.js';
import { readEvent, tolerance } from './webhook.js';

const endpointSchema = z.object({ id: z.string(), url: z.string(), status: z.string() });
const pageSchema = z.object({ data: z.array(endpointSchema), has_more: z.boolean() });
const page = 100;

/** Ids of events are kept for the whole time in which a signature counts, on either side of now. */
const window = 2 * tolerance * 1000;

const path = '/v1/webhook_endpoints';

/** The types of events that tell of changes of these objects, each once. */
function eventTypes(objects: readonly string[]): readonly string[] {
  const wanted = new Set(objects);
  const types = tables.filter(({ object }) => wanted.has(object)).flatMap(({ events }) => events);
  return [...new Set(types)].sort();
}

function hookOf(value: z.output<typeof endpointSchema>): RegisteredHook {
  return { id: value.id, alive: value.status === 'enabled', expiresAt: null };
}

async function list(client: StripeClient, url: string, signal: AbortSignal): Promise<readonly RegisteredHook[]> {
  const found: RegisteredHook[] = [];
  let after: string | undefined;
  for (;;) {
    const parameters = { limit: page, ...(after === undefined ? {} : { starting_after: after }) };
    const { value } = await client.call({ verb: 'read', method: 'GET', path: `${path}${query(parameters)}`, signal });
    const { data, has_more: more } = pageSchema.parse(value);
    found.push(...data.filter((endpoint) => endpoint.url === url).map(hookOf));
    after = data.at(-1)?.id;
    if (!more || after === undefined) return found;
  }
}

async function create(client: StripeClient, connection: string, wish: HookWish, signal: AbortSignal): Promise<NewHook> {
  const { value }: { readonly value: ApiObject } = await client.call({
    verb: 'write',
    lane: 'sync',
    method: 'POST',
    path,
    params: {
      url: wish.url,
      enabled_events: eventTypes(wish.objects),
      api_version: apiVersion,
      description: 'Upwrite',
      metadata: { upwrite: connection },
    },
    // The secret comes only once, so a request whose answer was lost must be answered as it was the first time.
    idempotencyKey: `upwrite-hook-${randomUUID()}`,
    signal,
  });
  const { secret, ...endpoint } = endpointSchema.extend({ secret: z.string() }).parse(value);
  return { ...hookOf(endpoint), secret };
}

async function remove(client: StripeClient, hook: string, signal: AbortSignal): Promise<void> {
  const at = `${path}/${encodeURIComponent(hook)}`;
  try {
    await client.call({ verb: 'write', lane: 'sync', method: 'DELETE', path: at, signal });
  } catch (error) {
    if (!(error instanceof Refused && isMissing(error))) throw error;
  }
}

/** The first of the secrets that the signature is of decides. */
function receive(request: HookRequest, secrets: readonly HookSecret[]): Delivery | null {
  const header = request.headers['stripe-signature'];
  if (header === undefined) return null;
  for (const { hook, secret } of secrets) {
    const event = readEvent(request.body, header, secret, request.now);
    if (event === null) continue;
    return {
      id: event.id,
      ...(hook === '' ? {} : { hook }),
      news: event.changes.map(({ object, key, deleted }) => ({
        kind: 'record',
        object,
        key,
        state: deleted ? 'gone' : 'present',
      })),
    };
  }
  return null;
}

/** `faults` makes FaultErrors of the provider's own errors. */
export function webhooksOf(
  client: StripeClient,
  config: StripeConfig,
  connection: string,
  faults: <T>(work: Promise<T>) => Promise<T>,
): Webhooks {
  const own = config.webhook_secret;
  const registrar: HookRegistrar = {
    scopes: async (objects) => (eventTypes(objects).length === 0 ? [] : ['']),
    wants: (objects) => `${apiVersion} ${eventTypes(objects).join(' ')}`,
    list: (_scope, url, signal) => faults(list(client, url, signal)),
    create: (_scope, wish, signal) => faults(create(client, connection, wish, signal)),
    remove: (_scope, hook, signal) => faults(remove(client, hook, signal)),
  };
  return {
    registrar,
    hasSecret: own !== undefined,
    byHand: 'add an endpoint for {url} in the Stripe Dashboard, and its signing secret as webhook_secret',
    window,
    receive: (request, secrets) =>
      receive(request, own === undefined ? secrets : [{ hook: '', secret: own }, ...secrets]),
  };
}

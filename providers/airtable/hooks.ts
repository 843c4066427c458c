/**
 * What a session does with webhooks: one in each base, renewed before its seven days are over, whose payloads are fetched by
 * cursor when it pings.
 * Source: Web API documentation, "Webhooks overview", "Create a webhook", "List webhooks", "Refresh a webhook", "List
 * webhook payloads".
 */
import { z } from 'zod';
import type {
  Delivery,
  HookCursor,
  HookPayloads,
  HookRegistrar,
  HookRequest,
  HookSecret,
  HookWish,
  NewHook,
  RegisteredHook,
  Webhooks,
} from '../../src/provider/index.js';
import type { AirtableClient, ClientCall } from './client.js';
import { RequestRefused } from './transport.js';
import { isSigned, parsePayloads, parsePing } from './webhook.js';

/** A ping carries nothing, and one that comes again finds nothing new behind the cursor; milliseconds. */
const window = 3_600_000;

const hookSchema = z.object({
  id: z.string(),
  notificationUrl: z.string().nullish(),
  areNotificationsEnabled: z.boolean(),
  isHookEnabled: z.boolean(),
  expirationTime: z.string().nullish(),
});

const endSchema = z.object({ expirationTime: z.string().nullish() });
const createdSchema = endSchema.extend({ id: z.string(), macSecretBase64: z.string() });
const listSchema = z.object({ webhooks: z.array(hookSchema) });

/** Every change of a record, whoever makes it. */
const specification = { options: { filters: { dataTypes: ['tableData'] } } };

function timeOf(text: string | null | undefined): number | null {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? null : time;
}

function pathOf(base: string, hook?: string): string {
  const all = `/bases/${encodeURIComponent(base)}/webhooks`;
  return hook === undefined ? all : `${all}/${encodeURIComponent(hook)}`;
}

function changing(signal: AbortSignal): ClientCall {
  return { verb: 'write', lane: 'sync', signal };
}

async function list(client: AirtableClient, base: string, url: string, signal: AbortSignal) {
  const { value } = await client.get(pathOf(base), base, { verb: 'read', signal });
  return listSchema
    .parse(value)
    .webhooks.filter(({ notificationUrl }) => notificationUrl === url)
    .map(
      (hook): RegisteredHook => ({
        id: hook.id,
        alive: hook.isHookEnabled && hook.areNotificationsEnabled,
        expiresAt: timeOf(hook.expirationTime),
      }),
    );
}

async function create(client: AirtableClient, base: string, wish: HookWish, signal: AbortSignal): Promise<NewHook> {
  const body = { notificationUrl: wish.url, specification };
  const { value } = await client.send({ method: 'POST', path: pathOf(base), body }, base, changing(signal));
  const { id, macSecretBase64, expirationTime } = createdSchema.parse(value);
  return { id, secret: macSecretBase64, alive: true, expiresAt: timeOf(expirationTime) };
}

async function renew(client: AirtableClient, base: string, hook: string, signal: AbortSignal): Promise<number> {
  const request = { method: 'POST' as const, path: `${pathOf(base, hook)}/refresh`, body: {} };
  const { value, at } = await client.send(request, base, changing(signal));
  return timeOf(endSchema.parse(value).expirationTime) ?? at;
}

async function remove(client: AirtableClient, base: string, hook: string, signal: AbortSignal): Promise<void> {
  try {
    await client.send({ method: 'DELETE', path: pathOf(base, hook) }, base, changing(signal));
  } catch (error) {
    if (!(error instanceof RequestRefused && error.status === 404)) throw error;
  }
}

async function payloads(
  client: AirtableClient,
  base: string,
  hook: string,
  since: HookCursor | null,
  signal: AbortSignal,
): Promise<HookPayloads> {
  const query = typeof since === 'number' ? `?cursor=${since}` : '';
  const { value } = await client.get(`${pathOf(base, hook)}/payloads${query}`, base, { verb: 'read', signal });
  const { changes, cursor, more } = parsePayloads(base, value);
  return {
    news: changes.map(({ object, key, deleted }) => ({
      kind: 'record',
      object,
      key,
      state: deleted ? 'gone' : 'present',
    })),
    next: cursor,
    more,
  };
}

/** The body names the webhook, whose secret then has to be that of the body. */
function receive({ headers, body }: HookRequest, secrets: readonly HookSecret[]): Delivery | null {
  const ping = parsePing(jsonOf(body));
  const known = ping === undefined ? undefined : secrets.find(({ hook }) => hook === ping.webhook);
  const mac = headers['x-airtable-content-mac'];
  if (known === undefined || mac === undefined || !isSigned(body, mac, known.secret)) return null;
  return { id: mac, hook: known.hook, news: [{ kind: 'payloads', hook: known.hook }] };
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** `faults` makes FaultErrors of the provider's own errors. */
export function webhooksOf(client: AirtableClient, faults: <T>(work: Promise<T>) => Promise<T>): Webhooks {
  const registrar: HookRegistrar = {
    scopes: async (objects) => [...new Set(objects.flatMap((object) => object.split('/')[0] ?? []))],
    wants: () => JSON.stringify(specification),
    list: (base, url, signal) => faults(list(client, base, url, signal)),
    create: (base, wish, signal) => faults(create(client, base, wish, signal)),
    renew: (base, hook, signal) => faults(renew(client, base, hook, signal)),
    remove: (base, hook, signal) => faults(remove(client, base, hook, signal)),
    payloads: (base, hook, since, signal) => faults(payloads(client, base, hook, since, signal)),
  };
  return {
    registrar,
    hasSecret: false,
    byHand: 'give the token the scope webhook:manage, and its user the creator role in the bases',
    window,
    receive,
  };
}

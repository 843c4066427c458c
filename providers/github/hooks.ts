/**
 * What a session does with webhooks: a hook in each repository, and deliveries turned into news.
 * Source: GitHub Docs, REST API, "Repository webhooks"; "Validating webhook deliveries".
 */
import { createHash } from 'node:crypto';
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
import { type ClientCall, type GitHubClient, RequestRefused } from './client.js';
import { listScope } from './scope.js';
import { changesOf, eventsOf, isAuthentic } from './webhook.js';

/** GitHub signs no time; ids are kept this long, in milliseconds. */
const window = 3_600_000;
/** Secrets that one delivery is tried against where it does not say which hook it is of. */
const mostTried = 20;
/** A repository has at most twenty hooks for one event. */
const page = 100;

const hookSchema = z.object({
  id: z.number(),
  active: z.boolean(),
  config: z.object({ url: z.string().optional() }),
});

function target(scope: string): { readonly owner: string; readonly repo: string } {
  const [owner = '', repo = ''] = scope.split('/');
  return { owner, repo };
}

function isMissing(error: unknown): boolean {
  return error instanceof RequestRefused && error.status === 404;
}

async function list(client: GitHubClient, scope: string, url: string, signal: AbortSignal) {
  const { value } = await client.rest({ verb: 'read', signal }, (octokit) =>
    octokit.rest.repos.listWebhooks({ ...target(scope), per_page: page }),
  );
  const data: unknown = value.data;
  return z
    .array(hookSchema)
    .parse(data)
    .filter(({ config }) => config.url === url)
    .map(({ id, active }): RegisteredHook => ({ id: String(id), alive: active, expiresAt: null }));
}

async function remove(client: GitHubClient, scope: string, hook: string, signal: AbortSignal): Promise<void> {
  const call: ClientCall = { verb: 'write', lane: 'sync', signal };
  try {
    await client.rest(call, (octokit) => octokit.rest.repos.deleteWebhook({ ...target(scope), hook_id: Number(hook) }));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** GitHub takes no second hook for the same address and events, so those that are there go first. */
async function create(client: GitHubClient, scope: string, wish: HookWish, signal: AbortSignal): Promise<NewHook> {
  for (const { id } of await list(client, scope, wish.url, signal)) await remove(client, scope, id, signal);
  const { value } = await client.rest({ verb: 'write', lane: 'sync', signal }, (octokit) =>
    octokit.rest.repos.createWebhook({
      ...target(scope),
      name: 'web',
      active: true,
      events: [...eventsOf(wish.objects)],
      config: { url: wish.url, content_type: 'json', secret: wish.secret, insecure_ssl: '0' },
    }),
  );
  const data: unknown = value.data;
  const { id, active } = hookSchema.parse(data);
  return { id: String(id), alive: active, expiresAt: null, secret: wish.secret };
}

function jsonOf(body: Buffer): unknown {
  return JSON.parse(body.toString('utf8'));
}

/**
 * The names of the hook, the event and the delivery are in headers that are not signed: they choose among what is known,
 * and a wrong one costs the reading of a record.
 */
function receive(request: HookRequest, secrets: readonly HookSecret[]): Delivery | null {
  const { headers, body } = request;
  const from = headers['x-github-hook-id'];
  const candidates = secrets.filter(({ hook }) => from === undefined || hook === '' || hook === from);
  const signed = candidates
    .slice(0, mostTried)
    .some(({ secret }) => isAuthentic(body, headers['x-hub-signature-256'], secret));
  if (!signed) return null;
  const event = headers['x-github-event'] ?? '';
  const id = createHash('sha256')
    .update(headers['x-github-delivery'] ?? '')
    .update('\0')
    .update(body)
    .digest('hex');
  return {
    id,
    ...(from === undefined ? {} : { hook: from }),
    news: changesOf(event, event === 'ping' ? null : jsonOf(body)).map(({ object, key, deleted, version }) => ({
      kind: 'record',
      object,
      key,
      state: deleted ? 'gone' : 'present',
      ...(version === undefined ? {} : { version }),
    })),
  };
}

/** `faults` makes FaultErrors of the provider's own errors. */
export function webhooksOf(client: GitHubClient, faults: <T>(work: Promise<T>) => Promise<T>): Webhooks {
  const own = client.config.webhook_secret;
  const scopes = async (objects: readonly string[], signal: AbortSignal): Promise<readonly string[]> => {
    if (eventsOf(objects).length === 0) return [];
    const { repos } = await listScope(client, { verb: 'read', signal }, { extra: 'isArchived' });
    // Nothing changes in an archived repository, and it takes no hooks.
    return repos.filter(({ node }) => node['isArchived'] !== true).map(({ fullName }) => fullName);
  };
  const registrar: HookRegistrar = {
    scopes: (objects, signal) => faults(scopes(objects, signal)),
    wants: (objects) => eventsOf(objects).join(' '),
    list: (scope, url, signal) => faults(list(client, scope, url, signal)),
    create: (scope, wish, signal) => faults(create(client, scope, wish, signal)),
    remove: (scope, hook, signal) => faults(remove(client, scope, hook, signal)),
  };
  return {
    registrar,
    hasSecret: own !== undefined,
    byHand:
      'add a webhook for {url} (application/json) to the App, the organization or each repository, and its secret as webhook_secret',
    window,
    receive: (request, secrets) =>
      receive(request, own === undefined ? secrets : [{ hook: '', secret: own }, ...secrets]),
  };
}

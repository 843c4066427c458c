/** What the tests of the HubSpot provider share: a session over a sandbox, batches, pages. */
import {
  DEFAULT_CREDENTIALS,
  type HubspotSandbox,
  type HubspotSandboxOptions,
} from '../../../fixtures/hubspot/index.js';
import {
  type Batch,
  type Cursor,
  createKit,
  createRegistry,
  type KitLog,
  type Outcome,
  type Page,
  type Resource,
  type Session,
  silentLog,
  type Values,
  type Verb,
} from '../../../src/provider/index.js';

const { clientId, clientSecret, refreshToken, privateAppToken } = DEFAULT_CREDENTIALS;

export const signal = new AbortController().signal;

/** A small account whose limits no test meets by chance. */
export const sizes: HubspotSandboxOptions = {
  contacts: 6,
  companies: 3,
  others: 3,
  searchesPerSecond: 1000,
  requestsPerTenSeconds: 10_000,
};

export const oauth = {
  kind: 'oauth',
  client_id: clientId,
  client_secret: clientSecret,
  refresh_token: refreshToken,
};
export const privateApp = { kind: 'private_app', access_token: privateAppToken };

interface Opening {
  readonly auth?: Record<string, string>;
  readonly config?: Record<string, unknown>;
  readonly log?: KitLog;
  readonly now?: () => number;
}

/** A session over a sandbox, with an OAuth app unless told otherwise. */
export async function open(
  sandbox: HubspotSandbox,
  { auth = oauth, config = {}, log = silentLog, now = Date.now }: Opening = {},
): Promise<Session> {
  const provider = await createRegistry().load('hubspot');
  const kit = createKit({ connection: 'crm', provider: 'hubspot', log, now });
  return provider.configure({ auth, base_url: sandbox.url, ...config }).open(kit);
}

export async function tableOf(session: Session, name: string): Promise<Resource> {
  const found = (await session.describe(signal)).find((resource) => resource.name === name);
  if (found === undefined) throw new Error(`there is no table ${name}`);
  return found;
}

export type Row = { readonly key?: string; readonly values?: Values };

export function batch(resource: Resource, verb: Verb, rows: readonly Row[], patience = 20_000): Batch {
  return {
    verb,
    resource,
    rows: rows.map(({ key = null, values = {} }, index) => ({ key, values, idempotencyKey: `hs-${index}` })),
    deadline: Date.now() + patience,
  };
}

export async function write(session: Session, resource: Resource, verb: Verb, rows: readonly Row[], patience?: number) {
  return (await session.write(batch(resource, verb, rows, patience), signal)).outcomes;
}

export function codes(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.map((outcome) => (outcome.kind === 'applied' ? 'applied' : outcome.fault.code));
}

export function keyOf(outcome: Outcome | undefined): string {
  if (outcome?.kind !== 'applied') throw new Error(`not applied: ${outcome?.fault.detail}`);
  return outcome.record.key;
}

export async function pullAll(session: Session, resource: Resource, since: Cursor | null): Promise<readonly Page[]> {
  const pages: Page[] = [];
  for await (const page of session.pull(resource, since, signal)) pages.push(page);
  return pages;
}

export function endOf(pages: readonly Page[]): Cursor {
  return pages.at(-1)?.next ?? null;
}

export function idsIn(pages: readonly Page[]): readonly string[] {
  return pages.flatMap((page) => page.records.map((record) => record.key));
}

export function deletionsIn(pages: readonly Page[]): readonly string[] {
  return pages.flatMap((page) => page.deletions);
}

/** The requests that the sandbox has seen: method and path. */
export function paths(sandbox: HubspotSandbox): readonly string[] {
  return sandbox.requests.list().map(({ method, path }) => `${method} ${path.split('?')[0]}`);
}

/** What the tests of the Airtable provider share: its sandbox, sessions of it, batches. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { type AirtableSandbox, DEFAULT_CREDENTIALS, startAirtableSandbox } from '../../fixtures/airtable/index.js';
import {
  type Batch,
  createKit,
  createRegistry,
  type KitLog,
  type Outcome,
  type Resource,
  type Session,
  silentLog,
  type Values,
  type Verb,
} from '../../src/provider/index.js';

const { clientId, clientSecret, refreshToken, personalAccessToken } = DEFAULT_CREDENTIALS;

export const signal = new AbortController().signal;
export const crm = ['Caladan CRM', 'Contacts'] as const;
export const personal = { kind: 'personal_access_token', token: personalAccessToken };

/** A small sandbox of five records a page, fresh before each test of the file. */
export function useSandbox(): () => AirtableSandbox {
  let sandbox: AirtableSandbox;
  beforeAll(async () => {
    sandbox = await startAirtableSandbox({
      contacts: 12,
      companies: 4,
      others: 2,
      pageSize: 5,
      rateLimits: false,
      shuffleResults: true,
    });
  });
  afterAll(() => sandbox.close());
  beforeEach(() => sandbox.reset());
  return () => sandbox;
}

export function oauth(url: string, over: Record<string, unknown> = {}) {
  return {
    kind: 'oauth',
    client_id: clientId,
    client_secret: clientSecret,
    refresh_token: refreshToken,
    token_url: `${url}/oauth2/v1/token`,
    ...over,
  };
}

/** A session of the provider with the sandbox at `url`. */
export async function openAt(
  url: string,
  auth: object = personal,
  over: Record<string, unknown> = {},
  log: KitLog = silentLog,
  now: () => number = Date.now,
): Promise<Session> {
  const provider = await createRegistry().load('airtable');
  const config = { auth, endpoint_url: url, requests_per_second: 50, ...over };
  return provider.configure(config).open(createKit({ connection: 'crm', provider: 'airtable', log, now }));
}

export async function tableOf(session: Session, name = 'caladan_crm_contacts'): Promise<Resource> {
  const found = (await session.describe(signal)).find((resource) => resource.name === name);
  if (found === undefined) throw new Error(`there is no table ${name}`);
  return found;
}

export function batch(
  resource: Resource,
  verb: Verb,
  rows: readonly { key?: string; values?: Values }[],
  patience = 20_000,
): Batch {
  return {
    verb,
    resource,
    rows: rows.map(({ key = null, values = {} }, index) => ({ key, values, idempotencyKey: `at-${index}` })),
    deadline: Date.now() + patience,
  };
}

export function valuesOf(outcome: Outcome | undefined): Values {
  if (outcome?.kind !== 'applied') throw new Error(`it was not applied: ${JSON.stringify(outcome)}`);
  return outcome.record.values;
}

export function pathsOf(sandbox: AirtableSandbox): readonly string[] {
  return sandbox.requests.list().map((entry) => `${entry.method} ${entry.path.split('?')[0]}`);
}

/** What the tests of the GitHub provider share: a sandbox for each file, sessions on it, and writes of rows. */
import { expect } from 'vitest';
import { CREDENTIALS, type GitHubSandbox } from '../../../fixtures/github/index.js';
import {
  type Batch,
  createKit,
  createRegistry,
  type KitLog,
  type LocalBudget,
  type Outcome,
  type Resource,
  type Session,
  silentLog,
  type Values,
  type Verb,
} from '../../../src/provider/index.js';

export const signal = new AbortController().signal;
export const repository = 'caladan/harvester';

const auths = (sandbox: GitHubSandbox): Readonly<Record<string, Record<string, string>>> => ({
  token: { token: CREDENTIALS.token },
  app: {
    app_id: CREDENTIALS.appId,
    installation_id: CREDENTIALS.installationId,
    private_key: sandbox.settings.privateKey,
  },
  refresh_token: {
    client_id: CREDENTIALS.clientId,
    client_secret: CREDENTIALS.clientSecret,
    refresh_token: CREDENTIALS.refreshToken,
    login_url: sandbox.url,
  },
});

export interface Options {
  readonly kind?: string;
  readonly auth?: Record<string, unknown>;
  readonly config?: Record<string, unknown>;
  readonly log?: KitLog;
  readonly budget?: LocalBudget;
}

export async function openOn(
  sandbox: GitHubSandbox,
  { kind = 'token', auth = {}, config = {}, log = silentLog, budget }: Options = {},
): Promise<Session> {
  const provider = await createRegistry().load('github');
  const kit = createKit({
    connection: 'code',
    provider: 'github',
    log,
    ...(budget === undefined ? {} : { budgets: () => budget }),
  });
  return provider
    .configure({
      auth: { kind, ...auths(sandbox)[kind], ...auth },
      base_url: sandbox.url,
      owners: ['caladan'],
      delete_repositories: true,
      ...config,
    })
    .open(kit);
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
    rows: rows.map(({ key = null, values = {} }, index) => ({ key, values, idempotencyKey: `gh-${index}` })),
    deadline: Date.now() + patience,
  };
}

export async function write(session: Session, table: string, verb: Verb, rows: readonly Row[], patience = 20_000) {
  const resource = await tableOf(session, table);
  return session.write(batch(resource, verb, rows, patience), signal);
}

export function applied(outcome: Outcome | undefined): { readonly key: string; readonly values: Values } {
  if (outcome?.kind === 'applied') return outcome.record;
  throw new Error(JSON.stringify(outcome));
}

export function kinds(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.map((outcome) => (outcome.kind === 'applied' ? 'applied' : outcome.fault.code));
}

/** Writes one row and gives what the table has of it afterwards, which must agree with what was told. */
export async function one(session: Session, table: string, verb: Verb, row: Row): Promise<Values> {
  const { outcomes } = await write(session, table, verb, [row]);
  const told = applied(outcomes[0]);
  const [read] = await session.read(await tableOf(session, table), [told.key], signal);
  expect(read?.values).toMatchObject(told.values);
  return read?.values ?? {};
}

export async function all(session: Session, table: string): Promise<ReadonlyMap<string, Values>> {
  const rows = new Map<string, Values>();
  for await (const page of session.pull(await tableOf(session, table), null, signal)) {
    for (const { key, values } of page.records) rows.set(key, values);
  }
  return rows;
}

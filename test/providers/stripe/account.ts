/** A Stripe sandbox with a session on it, for each test afresh, and short ways to write through it. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { JsonObject } from '../../../fixtures/kit/index.js';
import { DEFAULT_KEYS, type StripeSandbox, startStripeSandbox } from '../../../fixtures/stripe/index.js';
import { provider } from '../../../providers/stripe/index.js';
import {
  type Batch,
  type BatchRow,
  createKit,
  guardSession,
  type Outcome,
  type Resource,
  type Session,
  silentLog,
  type Values,
  type Verb,
  type WriteResult,
} from '../../../src/provider/index.js';

export let sandbox: StripeSandbox;
export let session: Session;
export let resources: readonly Resource[];
export const { signal } = new AbortController();
let serial = 0;

export function open(key: string, limits: object = { requests_per_second: 5000 }): Session {
  const config = provider.parseConfig({ auth: { api_key: key }, base_url: sandbox.url, ...limits });
  const kit = createKit({ connection: 'billing', provider: 'stripe', log: silentLog });
  return guardSession(provider.open(config, kit), kit);
}

export function resource(name: string): Resource {
  const found = resources.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`there is no table ${name}`);
  return found;
}

export function row(values: Values, rest: Partial<BatchRow> = {}): BatchRow {
  serial += 1;
  return { key: null, values, idempotencyKey: `stripe-test-${process.pid}-${serial}`, ...rest };
}

export function batchOf(table: string, verb: Verb, rows: readonly BatchRow[], patience = 20_000): Batch {
  return { verb, resource: resource(table), rows, deadline: Date.now() + patience };
}

export async function run(
  table: string,
  verb: Verb,
  rows: readonly BatchRow[],
  patience?: number,
): Promise<WriteResult> {
  return session.write(batchOf(table, verb, rows, patience), signal);
}

export function valuesOf(outcome: Outcome | undefined): Values {
  if (outcome?.kind !== 'applied') throw new Error(`not applied: ${JSON.stringify(outcome)}`);
  return outcome.record.values;
}

export async function insert(table: string, values: Values): Promise<Values> {
  return valuesOf((await run(table, 'insert', [row(values)])).outcomes[0]);
}

export async function update(table: string, key: string, values: Values, old?: Values): Promise<Values> {
  const rest = { key, ...(old === undefined ? {} : { old }) };
  return valuesOf((await run(table, 'update', [row(values, rest)])).outcomes[0]);
}

export async function remove(table: string, key: string): Promise<Outcome | undefined> {
  return (await run(table, 'delete', [row({}, { key })])).outcomes[0];
}

export async function refusal(table: string, verb: Verb, given: BatchRow) {
  const [outcome] = (await run(table, verb, [given])).outcomes;
  if (outcome?.kind !== 'rejected') throw new Error(`it was ${outcome?.kind}`);
  const { sqlstate, column, detail, context, message } = outcome.fault;
  return { sqlstate, column, detail, context, message };
}

export function last(): { readonly method: string; readonly path: string } | undefined {
  return sandbox.requests.list().at(-1);
}

export function stored(path: string, id: unknown): JsonObject {
  const found = sandbox.records(path).find((record) => record.id === id);
  if (found === undefined) throw new Error(`${path} has no ${String(id)}`);
  return found;
}

/** Works on through another key. */
export async function openWith(key: string): Promise<void> {
  session = open(key);
  resources = await session.describe(signal);
}

/** Starts the sandbox for the tests of a file. */
export function useSandbox(): void {
  beforeAll(async () => {
    sandbox = await startStripeSandbox({ customers: 8 });
  });
  afterAll(() => sandbox.close());
  beforeEach(async () => {
    sandbox.reset();
    await openWith(DEFAULT_KEYS.secretKey);
  });
}

/** Airtable, through its official SDK. See README.md for what it offers and what it cannot do. */
import { z } from 'zod';
import { FaultError, fault } from '../../src/errors/index.js';
import {
  type Batch,
  CallFailure,
  guardedPages,
  type Kit,
  type Pace,
  type Provider,
  type Rec,
  type RequestPlan,
  type Resource,
  type Session,
  type Values,
  type Verb,
} from '../../src/provider/index.js';
import { grant } from './auth.js';
import { AirtableClient } from './client.js';
import { type AirtableConfig, parseConfig } from './config.js';
import { formulaOf } from './filter.js';
import { webhooksOf } from './hooks.js';
import { findEqual, holds } from './match.js';
import { createdAfter, pull, readRecords } from './pull.js';
import {
  type BaseDescription,
  basesSchema,
  type ChosenBase,
  chooseBases,
  splitObject,
  tablesSchema,
  toResources,
} from './resources.js';
import { RequestRefused } from './transport.js';
import { findUpserted } from './upsert.js';
import { write } from './write.js';

const whoSchema = z.object({ id: z.string(), email: z.string().optional(), scopes: z.array(z.string()).optional() });

const methods: Readonly<Record<Verb, string>> = { insert: 'POST', update: 'PATCH', delete: 'DELETE', upsert: 'PATCH' };

/** How far the time of a creation may lie before the time of sending, in milliseconds: whole seconds, and two clocks. */
const createdSlack = 5000;

/** Turns what the provider's own errors mean into faults; everything that leaves a session goes through here. */
async function asFaults<T>(kit: Kit, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof RequestRefused) && !(error instanceof CallFailure)) throw error;
    throw new FaultError(fault('internal', { params: { what: kit.describe(error) } }), { cause: error });
  }
}

async function listBases(client: AirtableClient, signal: AbortSignal): Promise<readonly BaseDescription[]> {
  const bases: BaseDescription[] = [];
  let offset: string | undefined;
  do {
    const query: string = offset === undefined ? '' : `?offset=${encodeURIComponent(offset)}`;
    const { value } = await client.get(`/meta/bases${query}`, undefined, { verb: 'read', signal });
    const page = basesSchema.parse(value);
    bases.push(...page.bases);
    offset = page.offset === offset ? undefined : page.offset;
  } while (offset !== undefined);
  return bases;
}

async function describe(client: AirtableClient, kit: Kit, config: AirtableConfig, signal: AbortSignal) {
  const { chosen, missing } = chooseBases(await listBases(client, signal), config.bases);
  if (missing.length > 0) kit.log.warn({ bases: missing }, 'airtable has no such bases, or the token may not see them');
  const described: ChosenBase[] = [];
  for (const { base, prefix } of chosen) {
    try {
      const { value } = await client.get(`/meta/bases/${base.id}/tables`, base.id, { verb: 'read', signal });
      described.push({ base, prefix, tables: tablesSchema.parse(value).tables });
    } catch (error) {
      if (!(error instanceof RequestRefused)) throw error;
      kit.log.warn({ base: base.id, error: error.message }, 'airtable does not describe this base');
    }
  }
  return toResources(described);
}

async function whoAmI(client: AirtableClient, signal: AbortSignal) {
  const call = { verb: 'read' as const, lane: 'write' as const, signal };
  const { value, at } = await client.get('/meta/whoami', undefined, call);
  return { who: whoSchema.parse(value), at };
}

function unsettled(kit: Kit, context: string): FaultError {
  return new FaultError(fault('outcome_unknown', { params: { provider: kit.provider }, context }));
}

function assignsSomething(values: Values): boolean {
  return Object.values(values).some((value) => value !== null && value !== '' && value !== false);
}

/**
 * The records of an insert whose answer was lost: made since just before it was sent, by Airtable's clock, with the values
 * that it assigned, one for each row. The request is applied as a whole or not at all; anything between is no answer.
 */
async function findInserted(
  client: AirtableClient,
  kit: Kit,
  batch: Batch,
  sentAt: number,
  signal: AbortSignal,
  taken: ReadonlySet<string> = new Set(),
): Promise<readonly (Rec | null)[]> {
  const { at } = await whoAmI(client, signal);
  // Airtable's time is of before now, so this is the least that its clock can be ahead: however long the question had to
  // wait for its turn, or its answer to be read, the search begins too early rather than behind the record.
  const ahead = at - kit.now();
  const all = await createdAfter(client, batch.resource, sentAt + ahead - createdSlack, signal);
  const made = all.filter((record) => !taken.has(record.key));
  if (made.length === 0) return batch.rows.map(() => null);
  const rows = batch.rows.map((row) => row.values);
  if (!rows.every(assignsSomething)) throw unsettled(kit, 'a row that assigns nothing cannot be told from others');
  const found = findEqual(batch.resource, rows, made);
  const count = found.filter((record) => record !== null).length;
  if (count === 0 || count === found.length) return found;
  throw unsettled(kit, `airtable has records like ${count} of the ${found.length} rows`);
}

async function check(client: AirtableClient, signal: AbortSignal): Promise<string> {
  const { who } = await whoAmI(client, signal);
  return `user ${who.email ?? who.id}`;
}

function plan(verb: Verb, resource: Resource): RequestPlan {
  const { base, table } = splitObject(resource);
  return { method: methods[verb], path: `/v0/${base}/${table}`, calls: 1 };
}

function open(config: AirtableConfig, kit: Kit): Session {
  const client = new AirtableClient(config, kit);
  return {
    describe: (signal) => asFaults(kit, describe(client, kit, config, signal)),
    plan,
    write: (batch, signal) => write(client, kit, batch, signal),
    pull: (resource, since, signal) =>
      guardedPages(pull(client, resource, since, signal), (work) => asFaults(kit, work)),
    read: (resource, keys, signal) => asFaults(kit, readRecords(client, resource, keys, { signal })),
    findInserted: (batch, sentAt, signal, taken) =>
      asFaults(kit, findInserted(client, kit, batch, sentAt, signal, taken)),
    findUpserted: (batch, signal) => asFaults(kit, findUpserted(client, batch, signal)),
    holds,
    narrowing: formulaOf,
    webhooks: webhooksOf(client, (work) => asFaults(kit, work)),
    check: (signal) => asFaults(kit, check(client, signal)),
  };
}

/** 100,000 calls a month of a Team workspace (Airtable support, "Managing API call limits"); larger plans have no such limit. */
const pace: Pace = { requests: 100_000, perMillis: 30 * 86_400_000, share: 0.5, look: 1, leastMillis: 30_000 };

export const provider: Provider<AirtableConfig> = { name: 'airtable', pace, parseConfig, grant, open };

/** Salesforce, through jsforce. See README.md for what it offers and what it cannot do. */
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
  type Verb,
} from '../../src/provider/index.js';
import { grant } from './auth.js';
import { RequestRefused, SalesforceClient } from './client.js';
import { parseConfig, type SalesforceConfig } from './config.js';
import { soqlCondition } from './filter.js';
import { matches } from './mapping.js';
import { createdSince, pull, read } from './pull.js';
import { chooseObjects, describeSchema, globalSchema, tableNames, toResource } from './resources.js';
import { findUpserted } from './upsert.js';
import { write } from './write.js';

/** Subrequests of one composite request (REST API Developer Guide, "Composite"); the whole counts as one API call. */
const compositeLimit = 25;

const compositeSchema = z.object({
  compositeResponse: z.array(z.object({ body: z.unknown(), httpStatusCode: z.number() })),
});

const userInfoSchema = z.object({
  user_id: z.string(),
  organization_id: z.string(),
  preferred_username: z.string().optional(),
});

const methods: Readonly<Record<Verb, string>> = { insert: 'POST', update: 'PATCH', delete: 'DELETE', upsert: 'PATCH' };

/** How far the clocks of Salesforce and of this machine may differ, in milliseconds. */
const clockSkew = 300_000;

/** Turns what the provider's own errors mean into faults; everything that leaves a session goes through here. */
async function asFaults<T>(kit: Kit, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof RequestRefused) && !(error instanceof CallFailure)) throw error;
    throw new FaultError(fault('internal', { params: { what: kit.describe(error) } }), { cause: error });
  }
}

async function describeObjects(client: SalesforceClient, kit: Kit, names: readonly string[], signal: AbortSignal) {
  const resources: Resource[] = [];
  const tables = tableNames(names);
  for (let from = 0; from < names.length; from += compositeLimit) {
    const part = names.slice(from, from + compositeLimit);
    const compositeRequest = part.map((name, index) => ({
      method: 'GET',
      url: client.path(`/sobjects/${name}/describe`),
      referenceId: `describe${index}`,
    }));
    const { value } = await client.call({ verb: 'read', signal }, (connection) =>
      connection.requestPost('/composite', { compositeRequest }),
    );
    for (const [index, answer] of compositeSchema.parse(value).compositeResponse.entries()) {
      const name = part[index] ?? '';
      if (answer.httpStatusCode >= 400) {
        kit.log.warn({ object: name, status: answer.httpStatusCode }, 'salesforce does not describe this object');
        continue;
      }
      const resource = toResource(describeSchema.parse(answer.body), tables.get(name) ?? name);
      if (resource !== undefined) resources.push(resource);
    }
  }
  return resources;
}

async function describe(client: SalesforceClient, kit: Kit, config: SalesforceConfig, signal: AbortSignal) {
  const { value } = await client.call({ verb: 'read', signal }, (connection) => connection.requestGet('/sobjects'));
  const { chosen, missing } = chooseObjects(globalSchema.parse(value), config.objects);
  if (missing.length > 0) {
    kit.log.warn({ objects: missing }, 'salesforce has no such objects, or the user may not see them');
  }
  return describeObjects(client, kit, chosen, signal);
}

async function userInfo(client: SalesforceClient, signal: AbortSignal) {
  const { value } = await client.call({ verb: 'read', lane: 'write', signal }, (connection) =>
    connection.requestGet('/services/oauth2/userinfo'),
  );
  return userInfoSchema.parse(value);
}

/**
 * The records of an insert whose answer was lost: made by this user since just before it was sent, with the values that
 * it assigned, one for each row, and not claimed by another write. All-or-none means all rows or none; anything between is no answer.
 */
async function findInserted(
  client: SalesforceClient,
  kit: Kit,
  batch: Batch,
  sentAt: number,
  signal: AbortSignal,
  taken: ReadonlySet<string> = new Set(),
): Promise<readonly (Rec | null)[]> {
  const { user_id } = await userInfo(client, signal);
  const made = await createdSince(client, batch.resource, sentAt - clockSkew, user_id, signal);
  const left = new Set(made.filter((record) => !taken.has(record.key)));
  const found = batch.rows.map((row) => {
    const match = [...left].find((record) => matches(batch.resource, record, row.values));
    if (match !== undefined) left.delete(match);
    return match ?? null;
  });
  const count = found.filter((record) => record !== null).length;
  if (count === 0 || count === found.length) return found;
  const context = `salesforce has records like ${count} of the ${found.length} rows`;
  throw new FaultError(fault('outcome_unknown', { params: { provider: kit.provider }, context }));
}

async function check(client: SalesforceClient, signal: AbortSignal): Promise<string> {
  const user = await userInfo(client, signal);
  return `user ${user.preferred_username ?? user.user_id} of organization ${user.organization_id}`;
}

function plan(client: SalesforceClient, verb: Verb, resource: Resource, conflict: readonly string[]): RequestPlan {
  const key = resource.columns.find((column) => column.name === conflict[0])?.field ?? '{field}';
  const suffix = verb === 'upsert' ? `/${resource.object}/${key}` : '';
  return { method: methods[verb], path: client.path(`/composite/sobjects${suffix}`), calls: 1 };
}

function open(config: SalesforceConfig, kit: Kit): Session {
  const client = new SalesforceClient(config, kit);
  return {
    describe: (signal) => asFaults(kit, describe(client, kit, config, signal)),
    plan: (verb, resource, _rows, conflict = []) => plan(client, verb, resource, conflict),
    write: (batch, signal) => write(client, kit, batch, signal),
    pull: (resource, since, signal) =>
      guardedPages(pull(client, resource, since, signal), (work) => asFaults(kit, work)),
    read: (resource, keys, signal) => asFaults(kit, read(client, resource, keys, signal)),
    findInserted: (batch, sentAt, signal, taken) =>
      asFaults(kit, findInserted(client, kit, batch, sentAt, signal, taken)),
    findUpserted: (batch, signal) => asFaults(kit, findUpserted(client, batch, signal)),
    holds: matches,
    narrowing: soqlCondition,
    check: (signal) => asFaults(kit, check(client, signal)),
  };
}

/**
 * API calls in 24 hours: 15,000 of a Developer Edition, 100,000 and more of the others (Salesforce Developer Limits, "API
 * Request Limits and Allocations").
 */
const pace: Pace = { requests: 15_000, perMillis: 86_400_000, share: 0.5, look: 1, leastMillis: 15_000 };

export const provider: Provider<SalesforceConfig> = { name: 'salesforce', pace, parseConfig, grant, open };

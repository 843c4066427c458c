/** Stripe, through its official SDK. See README.md for what it offers and what it cannot do. */
import { FaultError, fault } from '../../src/errors/index.js';
import {
  CallFailure,
  guardedPages,
  type Kit,
  type Pace,
  type Provider,
  type RequestPlan,
  type Resource,
  type Session,
  type Verb,
} from '../../src/provider/index.js';
import { StripeClient } from './client.js';
import { isRestricted, parseConfig, type StripeConfig } from './config.js';
import { Refused } from './failures.js';
import { listBounds } from './filter.js';
import { findInserted } from './find.js';
import { webhooksOf } from './hooks.js';
import { pull } from './pull.js';
import { eachOf, mayRead, read } from './read.js';
import { resources } from './resources.js';
import { tableOf } from './tables/index.js';
import { write } from './write.js';

/** What a refusal outside a write means: a missing permission, or a defect. */
function faultOf(error: CallFailure, kit: Kit): FaultError {
  const context = kit.describe(error);
  const { provider } = kit;
  const of =
    error instanceof Refused && error.status === 403
      ? fault('upstream_permission', { params: { provider, verb: 'SELECT', table: '' }, detail: context })
      : error.fate === 'unknown'
        ? fault('upstream_unavailable', { params: { provider }, context })
        : fault('internal', { params: { what: context } });
  return new FaultError(of, { cause: error });
}

/** Turns what the provider's own errors mean into faults; everything that leaves a session goes through here. */
async function asFaults<T>(kit: Kit, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof CallFailure ? faultOf(error, kit) : error;
  }
}

/** Every table, or those that a restricted key may read. */
async function describe(client: StripeClient, kit: Kit, config: StripeConfig, signal: AbortSignal) {
  if (!isRestricted(config)) return resources;
  const seen = await eachOf(resources, async (resource) => {
    return { resource, may: await mayRead(client, tableOf(resource.object).path, signal, kit) };
  });
  return seen.filter(({ may }) => may).map(({ resource }) => resource);
}

function planOf(verb: Verb, resource: Resource, rows: number): RequestPlan {
  const table = tableOf(resource.object);
  const record = `/v1/${table.path}/:id`;
  if (verb === 'insert') {
    return { method: 'POST', path: table.attaches === true ? `${record}/attach` : `/v1/${table.path}`, calls: rows };
  }
  if (verb === 'update') return { method: 'POST', path: record, calls: rows };
  return table.attaches === true
    ? { method: 'POST', path: `${record}/detach`, calls: rows }
    : { method: 'DELETE', path: record, calls: rows };
}

/** Who the key belongs to. A restricted key that may not read its account has proved itself by being told so. */
async function check(client: StripeClient, config: StripeConfig, signal: AbortSignal): Promise<string> {
  const mode = /_live_/.test(config.auth.api_key) ? 'live mode' : 'test mode';
  const kind = isRestricted(config) ? 'restricted key' : 'secret key';
  try {
    const { value } = await client.call({ verb: 'read', method: 'GET', path: '/v1/account', signal, lane: 'write' });
    return `${kind} of account ${String(value['id'])}, ${mode}`;
  } catch (error) {
    if (error instanceof Refused && error.status === 403) return `${kind}, ${mode}`;
    throw error;
  }
}

function open(config: StripeConfig, kit: Kit): Session {
  const client = new StripeClient(config, kit);
  return {
    describe: (signal) => asFaults(kit, describe(client, kit, config, signal)),
    plan: planOf,
    write: (batch, signal) => write(client, kit, batch, signal),
    pull: (resource, since, signal) =>
      guardedPages(pull(client, kit, resource, since, signal), (work) => asFaults(kit, work)),
    read: (resource, keys, signal) => asFaults(kit, read(client, resource, keys, { signal })),
    findInserted: (batch, sentAt, signal) => asFaults(kit, findInserted(client, kit, batch, sentAt, signal)),
    narrowing: (resource) => {
      const bounds = Object.entries(listBounds(resource)).map(([name, at]) => `${name}=${at}`);
      return bounds.length === 0 ? null : bounds.join('&');
    },
    webhooks: webhooksOf(client, config, kit.connection, (work) => asFaults(kit, work)),
    check: (signal) => asFaults(kit, check(client, config, signal)),
  };
}

/** 25 requests a second to one endpoint (API reference, "Rate limits"): every table looks at the same list of events. */
const pace: Pace = { requests: 25, perMillis: 1000, share: 0.05, look: 1, leastMillis: 10_000 };

export const provider: Provider<StripeConfig> = { name: 'stripe', pace, parseConfig, open };

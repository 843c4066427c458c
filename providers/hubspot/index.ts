/** HubSpot, through @hubspot/api-client. See README.md for what it offers and what it cannot do. */
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
import { accountSchema, labelsSchema, type Property, propertiesSchema, schemasSchema } from './answers.js';
import { choosePairs, isAssociation, type Pair, toAssociationResource } from './association-resources.js';
import { findAssociations, pullAssociations, readAssociations, writeAssociations } from './associations.js';
import { HubspotClient, Unreadable } from './client.js';
import { grant, type HubspotConfig, parseConfig } from './config.js';
import { RequestRefused } from './errors.js';
import { groupsOf, groupWords } from './filter.js';
import { webhooksOf } from './hooks.js';
import { findInserted } from './inserted.js';
import { matches } from './mapping.js';
import { pull } from './pull.js';
import { read } from './read.js';
import { chooseObjects, type ObjectChoice, toResource } from './resources.js';
import { findUpserted } from './upsert.js';
import { write } from './write.js';

/** Turns what the provider's own errors mean into faults; everything that leaves a session goes through here. */
async function asFaults<T>(kit: Kit, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const own = error instanceof RequestRefused || error instanceof Unreadable || error instanceof CallFailure;
    if (!own) throw error;
    throw new FaultError(fault('internal', { params: { what: kit.describe(error) } }), { cause: error });
  }
}

interface Describing {
  readonly client: HubspotClient;
  readonly kit: Kit;
  readonly config: HubspotConfig;
  readonly signal: AbortSignal;
}

/** What the app may not see, or the account does not have, is left out with a word in the log. */
async function unlessRefused<T>({ kit }: Describing, what: string, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof RequestRefused)) throw error;
    kit.log.warn({ object: what, words: kit.describe(error) }, 'hubspot does not describe this object');
    return undefined;
  }
}

async function describeCustom(describing: Describing) {
  const { client, signal } = describing;
  const asked = client.call({ verb: 'read', signal }, schemasSchema, (sdk) => sdk.schemas().getAll(false));
  return (await unlessRefused(describing, 'custom objects', asked))?.value.results ?? [];
}

async function describeObject(describing: Describing, object: ObjectChoice): Promise<Resource | undefined> {
  const { client, signal } = describing;
  let { properties }: { properties: readonly Property[] | undefined } = object;
  if (properties === undefined) {
    const asked = client.call({ verb: 'read', signal }, propertiesSchema, (sdk) =>
      sdk.properties().getAll(object.path, false),
    );
    properties = (await unlessRefused(describing, object.path, asked))?.value.results;
  }
  return properties === undefined ? undefined : toResource(object, properties);
}

async function describePair(describing: Describing, pair: Pair): Promise<Resource | undefined> {
  const { client, signal } = describing;
  const [from, to] = pair;
  const asked = client.call({ verb: 'read', signal }, labelsSchema, (sdk) =>
    sdk.definitions().getAll(from.path, to.path),
  );
  const labels = (await unlessRefused(describing, `${from.table}/${to.table}`, asked))?.value.results ?? [];
  return labels.length === 0 ? undefined : toAssociationResource(pair, labels);
}

/** One request for the custom objects, one for each other object, and one for each pair. */
async function describe(describing: Describing): Promise<readonly Resource[]> {
  const { config, kit } = describing;
  const choices = chooseObjects(await describeCustom(describing), config.objects);
  const resources = await Promise.all(choices.map((object) => describeObject(describing, object)));
  const known = choices.filter((_, index) => resources[index] !== undefined);
  const { pairs, missing } = choosePairs(known, config.associations);
  if (missing.length > 0) kit.log.warn({ pairs: missing }, 'associations of objects that are not synced are left out');
  const associations = await Promise.all(pairs.map((pair) => describePair(describing, pair)));
  return [...resources, ...associations].filter((resource): resource is Resource => resource !== undefined);
}

async function check(client: HubspotClient, signal: AbortSignal): Promise<string> {
  const { value } = await client.call({ verb: 'read', lane: 'write', signal }, accountSchema, (sdk) =>
    sdk.get('/account-info/v3/details'),
  );
  const kind = value.accountType == null ? '' : ` (${value.accountType.toLowerCase()})`;
  const place = value.dataHostingLocation == null ? '' : ` in ${value.dataHostingLocation}`;
  return `HubSpot account ${value.portalId}${kind}${place}`;
}

const batchVerbs: Readonly<Record<Verb, string>> = {
  insert: 'create',
  update: 'update',
  delete: 'archive',
  upsert: 'upsert',
};

function plan(verb: Verb, resource: Resource, rows: number): RequestPlan {
  const kind = batchVerbs[verb];
  if (isAssociation(resource)) {
    return { method: 'POST', path: `/crm/v4/associations/${resource.object}/batch/${kind}`, calls: 1 };
  }
  const base = `/crm/v3/objects/${resource.object}`;
  return { method: 'POST', path: verb === 'insert' && rows <= 1 ? base : `${base}/batch/${kind}`, calls: 1 };
}

function open(config: HubspotConfig, kit: Kit): Session {
  const client = new HubspotClient(config, kit);
  return {
    describe: (signal) => asFaults(kit, describe({ client, kit, config, signal })),
    plan,
    write: (batch, signal) =>
      isAssociation(batch.resource) ? writeAssociations(client, kit, batch, signal) : write(client, kit, batch, signal),
    pull: (resource, since, signal) => {
      const reading = { client, resource, signal };
      return guardedPages(isAssociation(resource) ? pullAssociations(reading, since) : pull(reading, since), (work) =>
        asFaults(kit, work),
      );
    },
    read: (resource, keys, signal) => {
      const reading = { client, resource, signal };
      return asFaults(kit, isAssociation(resource) ? readAssociations(reading, keys) : read(reading, keys));
    },
    findInserted: (batch, sentAt, signal) => {
      const reading = { client, resource: batch.resource, signal };
      return asFaults(
        kit,
        isAssociation(batch.resource) ? findAssociations(reading, batch) : findInserted(reading, kit, batch, sentAt),
      );
    },
    narrowing: (resource) => {
      const groups = isAssociation(resource) ? null : groupsOf(resource);
      return groups === null ? null : groupWords(groups);
    },
    webhooks: webhooksOf(config),
    findUpserted: (batch, signal) => asFaults(kit, findUpserted({ client, resource: batch.resource, signal }, batch)),
    holds: matches,
    check: (signal) => asFaults(kit, check(client, signal)),
  };
}

/** 250,000 calls a day of the smallest account; a look is a search and a listing of the archive (API usage guidelines). */
const pace: Pace = { requests: 250_000, perMillis: 86_400_000, share: 0.4, look: 2, leastMillis: 15_000 };

export const provider: Provider<HubspotConfig> = { name: 'hubspot', pace, parseConfig, grant, open };

/** A provider to start from: see README.md. It is complete, and speaks to an API that does not exist. */
import { z } from 'zod';
import { FaultError, fault } from '../../src/errors/index.js';
import type {
  Batch,
  Cursor,
  Kit,
  Pace,
  Page,
  Provider,
  Rec,
  RequestNote,
  RequestPlan,
  Resource,
  Session,
  Verb,
  WriteResult,
} from '../../src/provider/index.js';
import { Client, grant, RequestRefused } from './client.js';
import { type Config, parseConfig } from './config.js';
import { refusedOutcomes } from './errors.js';
import { type ApiRecord, recordSchema, toFields, toRec } from './mapping.js';
import { objectsSchema, toResources } from './resources.js';

/** The name of the folder. */
const name = 'template';
const pageSize = 100;

const recordsSchema = z.object({ records: z.array(recordSchema) });
const lookupSchema = z.object({ records: z.array(recordSchema.nullable()) });
const whoSchema = z.object({ login: z.string() });

/** Outside a write, a request that the API refuses is a defect of this provider, or news of the API. */
async function asFaults<T>(kit: Kit, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof RequestRefused)) throw error;
    throw new FaultError(fault('internal', { params: { what: kit.describe(error) } }), { cause: error });
  }
}

function pathOf(resource: Resource, rest: string): string {
  return `/objects/${encodeURIComponent(resource.object)}/${rest}`;
}

function plan(_verb: Verb, resource: Resource): RequestPlan {
  return { method: 'POST', path: pathOf(resource, 'batch'), calls: 1 };
}

/** One request, an outcome for each row in input order: results are matched by what the API guarantees, never by luck. */
async function write(client: Client, kit: Kit, batch: Batch, signal: AbortSignal): Promise<WriteResult> {
  const { verb, resource, rows, deadline } = batch;
  const requests: RequestNote[] = [];
  const body = {
    verb,
    records: rows.map(({ key, values, idempotencyKey }) => ({
      ...(key === null ? { ref: idempotencyKey } : { id: key }),
      fields: toFields(resource, values),
    })),
  };
  const path = pathOf(resource, 'batch');
  try {
    const call = { verb: 'write', method: 'POST', path, body, signal, deadline, notes: requests } as const;
    const { records } = await client.call(call, recordsSchema);
    const byPlace = records.length === rows.length ? records : [];
    const outcomes = rows.map((row, index) => {
      const found = row.key === null ? byPlace[index] : records.find(({ id }) => id === row.key);
      if (found !== undefined) return { kind: 'applied', record: toRec(resource, found) } as const;
      const context = `${kit.provider} did not answer for this row`;
      return {
        kind: 'unknown',
        fault: fault('outcome_unknown', { params: { provider: kit.provider }, context }),
      } as const;
    });
    return { outcomes, requests };
  } catch (error) {
    if (!(error instanceof RequestRefused)) throw error;
    return { outcomes: refusedOutcomes(error.errors, verb, resource, rows, kit), requests };
  }
}

/** Everything in the order of the last change, deletions included: a full listing and changes are the same request. */
async function* pull(client: Client, kit: Kit, resource: Resource, since: Cursor | null, signal: AbortSignal) {
  let after = typeof since === 'number' ? since : 0;
  for (;;) {
    const path = pathOf(resource, `changes?after=${after}&limit=${pageSize}`);
    const { records } = await asFaults(kit, client.call({ verb: 'read', method: 'GET', path, signal }, recordsSchema));
    after = records.at(-1)?.version ?? after;
    const last = records.length < pageSize;
    const page: Page = {
      records: records.filter(({ deleted }) => !deleted).map((record) => toRec(resource, record)),
      deletions: records.filter(({ deleted }) => deleted).map(({ id }) => id),
      next: after,
      last,
    };
    yield page;
    if (last) return;
  }
}

function open(config: Config, kit: Kit): Session {
  const client = new Client(config, kit);
  const lookup = async (resource: Resource, body: object, signal: AbortSignal): Promise<readonly (Rec | null)[]> => {
    const call = { verb: 'read', method: 'POST', path: pathOf(resource, 'lookup'), body, signal } as const;
    const { records } = await asFaults(kit, client.call(call, lookupSchema));
    return records.map((record: ApiRecord | null) => (record === null ? null : toRec(resource, record)));
  };
  return {
    describe: async (signal) => {
      const call = { verb: 'read', method: 'GET', path: '/objects', signal } as const;
      return toResources((await asFaults(kit, client.call(call, objectsSchema))).objects);
    },
    plan,
    write: (batch, signal) => write(client, kit, batch, signal),
    pull: (resource, since, signal) => pull(client, kit, resource, since, signal),
    read: (resource, keys, signal) => lookup(resource, { ids: keys }, signal),
    // The API keeps the reference that each new record was sent with: nothing has to be guessed.
    findInserted: ({ resource, rows }, _sentAt, signal) =>
      lookup(resource, { refs: rows.map((row) => row.idempotencyKey) }, signal),
    check: async (signal) => {
      const call = { verb: 'read', method: 'GET', path: '/me', signal } as const;
      return `user ${(await asFaults(kit, client.call(call, whoSchema))).login}`;
    },
  };
}

/** 10,000 requests an hour; a look at a table in which nothing has changed is one. */
const pace: Pace = { requests: 10_000, perMillis: 3_600_000, share: 0.4, look: 1, leastMillis: 15_000 };

export const provider: Provider<Config> = { name, pace, parseConfig, grant, open };

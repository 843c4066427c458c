/**
 * What became of inserts whose answer was lost. Three ways, none of which makes anything:
 *
 * - The events: each tells the idempotency key of the request that caused it.
 * - The key itself, within the 24 hours that Stripe keeps it: a request under the same key with a parameter that does not
 *   exist is refused in any case, as another request under a used key, or as an unknown parameter under a free one.
 *   Repeating the request under a used key gives its first answer again.
 * - An attachment is seen on the payment method itself.
 *
 * Source: API reference, "Idempotent requests", "The Event object" (request.idempotency_key).
 */
import { z } from 'zod';
import { FaultError, fault } from '../../src/errors/index.js';
import type { Batch, BatchRow, Kit, Rec, Resource } from '../../src/provider/index.js';
import { query, type StripeClient } from './client.js';
import { Refused } from './failures.js';
import { eachOf, readOne } from './read.js';
import { requestOf } from './requests.js';
import { type Table, tableOf } from './tables/index.js';

/** How far the clocks of Stripe and of this machine may differ, in milliseconds. */
const clockSkew = 300_000;

/** Stripe keeps a key for at least 24 hours; an hour is left for clocks and for the request itself. */
const keyLifetime = 23 * 3_600_000;

const eventList = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      request: z.object({ idempotency_key: z.string().nullable() }).nullish(),
      data: z.object({ object: z.object({ id: z.string() }) }),
    }),
  ),
  has_more: z.boolean(),
});

interface Search {
  readonly client: StripeClient;
  readonly kit: Kit;
  readonly resource: Resource;
  readonly signal: AbortSignal;
}

/** Ids by idempotency key, from the events since just before the sending; null where the key may not read events. */
async function fromEvents(search: Search, table: Table, sentAt: number): Promise<ReadonlyMap<string, string> | null> {
  const { client, signal } = search;
  const found = new Map<string, string>();
  let after: string | undefined;
  for (;;) {
    const path = `/v1/events${query({
      limit: 100,
      types: table.createdEvents,
      'created[gte]': Math.max(0, Math.floor((sentAt - clockSkew) / 1000)),
      ...(after === undefined ? {} : { starting_after: after }),
    })}`;
    try {
      const { value } = await client.call({ verb: 'read', method: 'GET', path, signal, lane: 'write' });
      const { data, has_more } = eventList.parse(value);
      for (const event of data) {
        const key = event.request?.idempotency_key ?? null;
        if (key !== null) found.set(key, event.data.object.id);
      }
      after = data.at(-1)?.id;
      if (!has_more || after === undefined) return found;
    } catch (error) {
      if (error instanceof Refused && error.status === 403) return null;
      throw error;
    }
  }
}

/** Whether the row's request has begun under its key. */
async function isKeyUsed(search: Search, path: string, row: BatchRow): Promise<boolean> {
  const { client, signal } = search;
  try {
    await client.call({
      verb: 'read',
      method: 'POST',
      path,
      params: { upwrite_probe: 'true' },
      idempotencyKey: row.idempotencyKey,
      signal,
      lane: 'write',
    });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.error.type === 'idempotency_error') return true;
    if (error.error.type === 'invalid_request_error') return false;
    throw error;
  }
  throw new Error('stripe took a parameter that does not exist');
}

/** The id of what the row's request made, from its kept answer; null where it made nothing. */
async function fromKey(search: Search, row: BatchRow): Promise<string | null> {
  const { client, signal, resource } = search;
  const request = requestOf(resource, 'insert', row, {});
  if (!(await isKeyUsed(search, request.path, row))) return null;
  try {
    const { value } = await client.call({
      verb: 'read',
      ...request,
      idempotencyKey: row.idempotencyKey,
      signal,
      lane: 'write',
    });
    return typeof value['id'] === 'string' ? value['id'] : null;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    // Its first answer was a refusal: nothing was made.
    if (error.error.type !== 'idempotency_error') return null;
    throw cannotTell(search.kit, 'its key was used by another request');
  }
}

function cannotTell(kit: Kit, words: string): FaultError {
  return new FaultError(fault('outcome_unknown', { params: { provider: kit.provider }, context: `stripe: ${words}` }));
}

async function attached(search: Search, row: BatchRow): Promise<Rec | null> {
  const { resource } = search;
  const key = row.values[resource.key];
  const customer = resource.columns.find((column) => column.field === 'customer')?.name ?? 'customer';
  const record = await readOne(search.client, resource, typeof key === 'string' ? key : '', search);
  return record !== null && record.values[customer] === row.values[customer] ? record : null;
}

/** The records that an insert of unknown outcome has made: one answer a row. Throws when Stripe cannot tell. */
export async function findInserted(
  client: StripeClient,
  kit: Kit,
  batch: Batch,
  sentAt: number,
  signal: AbortSignal,
): Promise<readonly (Rec | null)[]> {
  const { resource } = batch;
  const search: Search = { client, kit, resource, signal };
  const table = tableOf(resource.object);
  if (table.attaches === true) {
    const answers = await eachOf(batch.rows, async (row) => [row, await attached(search, row)] as const);
    const byRow = new Map(answers);
    return batch.rows.map((row) => byRow.get(row) ?? null);
  }
  const told = await fromEvents(search, table, sentAt);
  const isKept = kit.now() - sentAt < keyLifetime;
  if (told === null && !isKept) throw cannotTell(kit, 'the key may not read events, and idempotency keys have expired');
  const answers = await eachOf(batch.rows, async (row) => {
    const id = told?.get(row.idempotencyKey) ?? (isKept ? await fromKey(search, row) : null);
    return [row, id === null ? null : await readOne(client, resource, id, search)] as const;
  });
  const byRow = new Map(answers);
  return batch.rows.map((row) => byRow.get(row) ?? null);
}

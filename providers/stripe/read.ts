/** Single records. Stripe reads them one at a time: some requests are under way at once. */
import type { Kit, Lane, Rec, RequestNote, Resource } from '../../src/provider/index.js';
import { type ApiObject, isMissing, query, type StripeClient } from './client.js';
import { Refused } from './failures.js';
import { toRec } from './mapping.js';
import { isAddressable, recordPath } from './requests.js';
import { tableOf } from './tables/index.js';

/** Reads under way at once; the kit's budget may allow fewer. */
const concurrency = 10;

export interface ReadOptions {
  readonly signal: AbortSignal;
  readonly deadline?: number;
  readonly lane?: Lane;
  readonly notes?: RequestNote[];
}

/** Whether an object is a row: not a deleted one, and not a payment method that no customer has. */
export function isRow(resource: Resource, object: ApiObject): boolean {
  if (object['deleted'] === true) return false;
  return tableOf(resource.object).attaches !== true || (object['customer'] ?? null) !== null;
}

/** One record, or null where Stripe has none. */
export async function readOne(
  client: StripeClient,
  resource: Resource,
  key: string,
  options: ReadOptions,
): Promise<Rec | null> {
  if (!isAddressable(key)) return null;
  const table = tableOf(resource.object);
  const path = recordPath(table, key) + query(table.expand === undefined ? {} : { expand: table.expand });
  try {
    const { value } = await client.call({ verb: 'read', method: 'GET', path, ...options });
    return isRow(resource, value) ? { ...toRec(resource, value), key } : null;
  } catch (error) {
    if (error instanceof Refused && isMissing(error)) return null;
    throw error;
  }
}

/** Runs `work` over the items, some at once; the first error ends it. */
export async function eachOf<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results = new Map<number, Result>();
  let next = 0;
  let failed = false;
  const run = async (): Promise<void> => {
    while (!failed) {
      const index = next;
      const item = items[index];
      if (item === undefined) return;
      next += 1;
      try {
        results.set(index, await work(item));
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, run));
  return items.flatMap((_, index) => {
    const result = results.get(index);
    return result === undefined ? [] : [result];
  });
}

/** Records by key, in the order asked for; null where Stripe has none. */
export async function read(
  client: StripeClient,
  resource: Resource,
  keys: readonly string[],
  options: ReadOptions,
): Promise<readonly (Rec | null)[]> {
  const wanted = [...new Set(keys)];
  const found = await eachOf(wanted, async (key) => [key, await readOne(client, resource, key, options)] as const);
  const byKey = new Map(found);
  return keys.map((key) => byKey.get(key) ?? null);
}

/** Whether a table may be read, for keys that see only some. */
export async function mayRead(client: StripeClient, path: string, signal: AbortSignal, kit: Kit): Promise<boolean> {
  try {
    await client.call({ verb: 'read', method: 'GET', path: `/v1/${path}?limit=1`, signal, lane: 'write' });
    return true;
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 403) throw error;
    kit.log.info({ table: path }, 'the key may not read this table');
    return false;
  }
}

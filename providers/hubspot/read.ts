/**
 * Records by key.
 * Source: CRM API guide, "Objects" (read a batch of records).
 */
import type { Rec, Resource } from '../../src/provider/index.js';
import { type ApiRecord, batchSchema } from './answers.js';
import type { HubspotClient } from './client.js';
import { toRec } from './mapping.js';
import { batchLimit } from './resources.js';

/** What every read needs. */
export interface Reading {
  readonly client: HubspotClient;
  readonly resource: Resource;
  readonly signal: AbortSignal;
}

export function fieldsOf(resource: Resource): readonly string[] {
  return resource.columns.map((column) => column.field);
}

/**
 * Records by id, or by the value of a unique property; those that are not there are absent. One request for 100. `more`:
 * properties besides those of the columns.
 */
export async function readBatch(
  { client, resource, signal }: Reading,
  ids: readonly string[],
  { property, more = [] }: { readonly property?: string; readonly more?: readonly string[] } = {},
): Promise<readonly ApiRecord[]> {
  const input = {
    inputs: ids.map((id) => ({ id })),
    properties: [...new Set([...fieldsOf(resource), ...more])],
    propertiesWithHistory: [],
    ...(property === undefined ? {} : { idProperty: property }),
  };
  const { value } = await client.call({ verb: 'read', signal }, batchSchema, (sdk) =>
    sdk.batch().read(resource.object, input),
  );
  return value.results;
}

/** As many as are asked for, a hundred to a request; by id. */
export async function readAll(
  reading: Reading,
  ids: readonly string[],
  more: readonly string[] = [],
): Promise<ReadonlyMap<string, ApiRecord>> {
  const found = new Map<string, ApiRecord>();
  for (let from = 0; from < ids.length; from += batchLimit) {
    for (const record of await readBatch(reading, ids.slice(from, from + batchLimit), { more })) {
      found.set(record.id, record);
    }
  }
  return found;
}

/** Single records. The id of a merged record leads to another one, which is not the record asked for. */
export async function read(reading: Reading, keys: readonly string[]): Promise<readonly (Rec | null)[]> {
  const found = await readAll(reading, [...new Set(keys.filter((key) => /^\d{1,19}$/.test(key)))]);
  return keys.map((key) => {
    const record = found.get(key);
    return record === undefined ? null : toRec(reading.resource, record);
  });
}

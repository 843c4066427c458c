/**
 * Looking for records that an insert of unknown outcome may have made. HubSpot has no idempotency keys; a record is
 * known by a unique value that the row assigned, which is read at once and certain, or else by what was assigned and
 * when, through the search, whose index is behind.
 */
import { FaultError, fault } from '../../src/errors/index.js';
import type { Batch, Column, Kit, Rec } from '../../src/provider/index.js';
import type { ApiRecord } from './answers.js';
import { isoMoment, matches, toApi, toRec } from './mapping.js';
import { type Reading, readBatch } from './read.js';
import { batchLimit } from './resources.js';
import { searchFor } from './search.js';

/** How far the clocks of HubSpot and of this machine may differ, in milliseconds. */
const clockSkew = 300_000;

/** A record that the search does not show this long after it was sent was not made, in milliseconds. */
const indexLag = 120_000;

/** Searches of one look; at 200 records each. */
const mostSearches = 50;

/** A unique column that every row assigns, each with a value of its own. */
function uniqueColumn(batch: Batch): Column | undefined {
  return batch.resource.columns.find((column) => {
    if (column.upsertKey !== true) return false;
    const values = batch.rows.map((row) => toApi(column, row.values[column.name] ?? null).toLowerCase());
    return values.every((value) => value !== '') && new Set(values).size === values.length;
  });
}

function createdAt(record: ApiRecord): number {
  return Date.parse(isoMoment(record.createdAt ?? ''));
}

/** By a unique value. A record that was there before is not the one that was sent. */
async function findByUnique(
  reading: Reading,
  batch: Batch,
  column: Column,
  since: number,
): Promise<readonly (Rec | null)[]> {
  const values = batch.rows.map((row) => toApi(column, row.values[column.name] ?? null));
  const found = new Map<string, Rec>();
  for (let from = 0; from < values.length; from += batchLimit) {
    const records = await readBatch(reading, values.slice(from, from + batchLimit), { property: column.field });
    for (const record of records.filter((each) => createdAt(each) >= since)) {
      found.set((record.properties[column.field] ?? '').toLowerCase(), toRec(batch.resource, record));
    }
  }
  return values.map((value) => found.get(value.toLowerCase()) ?? null);
}

function createdField(batch: Batch): string | undefined {
  const names = ['createdate', 'hs_createdate'];
  return batch.resource.columns.map((column) => column.field).find((field) => names.includes(field));
}

/** Everything made since a time, oldest first. */
async function createdSince(reading: Reading, field: string, since: number): Promise<readonly ApiRecord[] | null> {
  const records = new Map<string, ApiRecord>();
  let from = since;
  for (let searches = 0; searches < mostSearches; searches += 1) {
    const found = await searchFor(reading, {
      filters: [{ field, operator: 'GTE', value: String(from) }],
      sort: field,
    });
    for (const record of found.records) records.set(record.id, record);
    const { last } = found;
    if (!found.more || last === undefined) return [...records.values()];
    if (createdAt(last) <= from) return null;
    from = createdAt(last);
  }
  return null;
}

function undecided(kit: Kit, context: string): FaultError {
  return new FaultError(fault('outcome_unknown', { params: { provider: kit.provider }, context }));
}

/**
 * One answer a row: the record, or null where there is none. Throws `outcome_unknown` where the search cannot be sure
 * yet, or where more was made meanwhile than can be looked through.
 */
export async function findInserted(
  reading: Reading,
  kit: Kit,
  batch: Batch,
  sentAt: number,
): Promise<readonly (Rec | null)[]> {
  const since = sentAt - clockSkew;
  const unique = uniqueColumn(batch);
  if (unique !== undefined) return findByUnique(reading, batch, unique, since);
  const field = createdField(batch);
  const made = field === undefined ? null : await createdSince(reading, field, since);
  if (made === null) throw undecided(kit, 'hubspot cannot list what was made since the request was sent');
  const left = new Set(made.map((record) => toRec(batch.resource, record)));
  const found = batch.rows.map((row) => {
    const match = [...left].find((record) => matches(batch.resource, record, row.values));
    if (match !== undefined) left.delete(match);
    return match ?? null;
  });
  if (found.includes(null) && kit.now() - sentAt < indexLag) {
    throw undecided(kit, "hubspot's search may not show the records yet");
  }
  return found;
}

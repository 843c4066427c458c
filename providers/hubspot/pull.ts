/**
 * Reading: full listings, changes since a cursor, deletions, single records.
 *
 * A full listing goes by the list endpoint, whose cursor is not bound to a process. Changes go by the search, sorted by
 * the time of change, never by its `after`: that counts positions, which move while records change, and it ends at
 * 10,000 results. Each page asks again from the last one's latest time; a page of one single time is gone through by id.
 * The search leaves out archived records, so that each run of changes ends with the listing of those.
 * Source: CRM API guide, "Search the CRM", "Objects".
 */
import { z } from 'zod';
import type { Cursor, Page, Resource } from '../../src/provider/index.js';
import { type ApiRecord, listSchema } from './answers.js';
import { RequestRefused } from './errors.js';
import { type Groups, groupsOf, type SearchFilter } from './filter.js';
import { toRec } from './mapping.js';
import { fieldsOf, type Reading, readAll } from './read.js';
import { type Found, mergedField, type Query, searchFor } from './search.js';

/** The largest page of the list. */
const listPage = 100;

/** Property names longer than this together, in bytes, do not go into an address, which would be refused with 414. */
const longestNames = 6000;

/**
 * The search's index is behind by seconds, at times by more. Each run of changes therefore begins this long before the
 * end of the last one, in milliseconds.
 */
const overlap = 120_000;

/** Going through the archive is put off for this long for each page that it had, past the first; in milliseconds. */
const archivePause = 10_000;

const moment = z.number().int().min(0).max(8.64e15);
const token = z.string().max(500);
const idText = z.string().regex(/^\d{1,19}$/);

/** What a finished run hands to the next: from when changes and deletions count, and when to look at the archive. */
const marks = { archivedFrom: moment, archiveDue: moment };

const cursorSchema = z.discriminatedUnion('phase', [
  /** In a full listing, begun at this time, behind this page. */
  z.object({ phase: z.literal('full'), after: token.nullable(), from: moment }),
  /** In a full listing of what a condition leaves, which only the search knows: behind the record of this id. */
  z.object({ phase: z.literal('narrowed'), afterId: idText, from: moment }),
  /** Between two runs. */
  z.object({ phase: z.literal('settled'), at: moment, ...marks }),
  /**
   * Among the changes at or after a time; with an id, among those of this very time behind that id. `from` is when the
   * run began, 0 before its first answer.
   */
  z.object({ phase: z.literal('changes'), at: moment, afterId: idText.nullable(), from: moment, ...marks }),
  /** Among the archived records, on the page of this number. */
  z.object({
    phase: z.literal('archived'),
    after: token.nullable(),
    page: z.number().int().min(0),
    from: moment,
    began: moment,
    archivedFrom: moment,
  }),
]);

type Position = z.output<typeof cursorSchema>;
type InFull = Extract<Position, { phase: 'full' }>;
type InNarrowed = Extract<Position, { phase: 'narrowed' }>;
type InChanges = Extract<Position, { phase: 'changes' }>;
type InArchive = Extract<Position, { phase: 'archived' }>;

function parseCursor(cursor: Cursor): Position {
  const parsed = cursorSchema.safeParse(cursor);
  if (!parsed.success) throw new Error('the cursor is not one of this provider');
  return parsed.data;
}

function versionField(resource: Resource): string {
  const field = resource.columns.find((column) => column.name === resource.version)?.field;
  if (field === undefined) throw new Error(`${resource.object} has no property that tells when a record changed`);
  return field;
}

interface Listed {
  readonly records: readonly ApiRecord[];
  readonly after: string | null;
  /** HubSpot's clock, epoch milliseconds. */
  readonly at: number;
}

/** One page of the list. Of a wide object it gives the ids only, and a batch read the rest. */
async function list(reading: Reading, after: string | null, archived: boolean): Promise<Listed> {
  const { client, resource, signal } = reading;
  const fields = fieldsOf(resource);
  const isWide = !archived && fields.reduce((sum, field) => sum + field.length + 14, 0) > longestNames;
  const named = archived || isWide ? ['hs_object_id'] : [...fields];
  const { value, at } = await client.call({ verb: 'read', signal }, listSchema, (sdk) =>
    sdk.basic().getPage(resource.object, listPage, after ?? undefined, named, undefined, undefined, archived),
  );
  const next = { after: value.paging?.next?.after ?? null, at };
  if (!isWide || value.results.length === 0) return { ...next, records: value.results };
  const ids = value.results.map((record) => record.id);
  return { ...next, records: [...(await readAll(reading, ids)).values()] };
}

/** How many records there are, for progress; undefined where the object cannot be searched. */
async function count(reading: Reading, groups: Groups = [[]]): Promise<number | undefined> {
  try {
    return (await searchFor(reading, { filters: [], groups, sort: 'hs_object_id', limit: 1, fields: [] })).total;
  } catch (error) {
    if (error instanceof RequestRefused) return undefined;
    throw error;
  }
}

function toPage(resource: Resource, records: readonly ApiRecord[], next: Position, last: boolean): Page {
  const merged = records.flatMap((record) => (record.properties[mergedField] ?? '').split(';'));
  return {
    records: records.map((record) => toRec(resource, record)),
    deletions: merged.filter((id) => id !== '' && !records.some((record) => record.id === id)),
    next,
    last,
  };
}

async function* pullAll(reading: Reading, start: InFull | null): AsyncGenerator<Page> {
  const { resource } = reading;
  const total = start === null ? await count(reading) : undefined;
  let position = start;
  for (;;) {
    const listed: Listed = await list(reading, position?.after ?? null, false);
    const from: number = position?.from ?? listed.at;
    const last = listed.after === null;
    const next: Position = !last
      ? { phase: 'full', after: listed.after, from }
      : resource.pull.incremental
        ? { phase: 'settled', at: from, archivedFrom: from, archiveDue: 0 }
        : { phase: 'full', after: null, from: listed.at };
    yield { ...toPage(resource, listed.records, next, last), ...(total === undefined ? {} : { total }) };
    if (next.phase !== 'full' || last) return;
    position = next;
  }
}

/**
 * Everything that the groups leave, by id. The search is behind by seconds: what it does not know yet has changed since
 * the listing began, and comes with the changes.
 */
async function* pullNarrowed(reading: Reading, groups: Groups, start: InNarrowed | null): AsyncGenerator<Page> {
  const { resource } = reading;
  const total = start === null ? await count(reading, groups) : undefined;
  let position = start;
  for (;;) {
    const behind: SearchFilter = { field: 'hs_object_id', operator: 'GT', value: position?.afterId ?? '0' };
    const found: Found = await searchFor(reading, { filters: [behind], groups, sort: 'hs_object_id' });
    const from: number = position?.from ?? found.at;
    const lastRecord = found.last;
    const last = !found.more || lastRecord === undefined;
    const restart: Position = resource.pull.incremental
      ? { phase: 'settled', at: from, archivedFrom: from, archiveDue: 0 }
      : { phase: 'full', after: null, from: found.at };
    const next: Position = last ? restart : { phase: 'narrowed', afterId: lastRecord.id, from };
    yield { ...toPage(resource, found.records, next, last), ...(total === undefined ? {} : { total }) };
    if (last || next.phase !== 'narrowed') return;
    position = next;
  }
}

function timeOf(record: ApiRecord | undefined, field: string): number {
  const at = Date.parse(record?.properties[field] ?? record?.updatedAt ?? '');
  if (Number.isNaN(at)) throw new Error(`a record came without ${field}`);
  return at;
}

/** Where to go on behind a page of changes; null at their end. */
function afterChanges(position: InChanges, found: Found, field: string): InChanges | null {
  const { at, afterId } = position;
  const lastRecord = found.last;
  if (afterId !== null) {
    // Among the records of one time, by id. Behind the last of them the next moment begins.
    return found.more && lastRecord !== undefined
      ? { ...position, afterId: lastRecord.id }
      : { ...position, at: at + 1, afterId: null };
  }
  if (!found.more || lastRecord === undefined) return null;
  const last = timeOf(lastRecord, field);
  return last > timeOf(found.first, field) ? { ...position, at: last } : { ...position, at: last, afterId: '0' };
}

function queryFor({ at, afterId }: InChanges, field: string): Query {
  const from = { field, operator: 'GTE', value: String(at) } as const;
  if (afterId === null) return { filters: [from], sort: field };
  const to = { field, operator: 'LTE', value: String(at) } as const;
  return { filters: [from, to, { field: 'hs_object_id', operator: 'GT', value: afterId }], sort: 'hs_object_id' };
}

async function* pullChanges(reading: Reading, start: Position): AsyncGenerator<Page> {
  const { resource } = reading;
  const field = versionField(resource);
  let position: InChanges | InArchive;
  if (start.phase === 'settled') {
    const { at, archivedFrom, archiveDue } = start;
    position = { phase: 'changes', at: Math.max(0, at - overlap), afterId: null, from: 0, archivedFrom, archiveDue };
  } else if (start.phase === 'changes' || start.phase === 'archived') position = start;
  else throw new Error('the cursor is one of a full listing');

  while (position.phase === 'changes') {
    const found: Found = await searchFor(reading, queryFor(position, field));
    // By the clock at the run's beginning: what changes during the run is the next one's.
    const from: number = position.from === 0 ? found.at : position.from;
    const on: InChanges | null = afterChanges({ ...position, from }, found, field);
    const { archivedFrom, archiveDue }: InChanges = position;
    if (on !== null) {
      yield toPage(resource, found.records, on, false);
      position = on;
    } else if (found.at < archiveDue) {
      const end: Position = { phase: 'settled', at: from, archivedFrom, archiveDue };
      return yield toPage(resource, found.records, end, true);
    } else {
      position = { phase: 'archived', after: null, page: 0, from, began: found.at, archivedFrom };
      yield toPage(resource, found.records, position, false);
    }
  }
  yield* pullArchived(reading, position);
}

/** Deletions: archived records, those that were archived since the last look. Ordered by id, so it is all of them. */
async function* pullArchived(reading: Reading, start: InArchive): AsyncGenerator<Page> {
  let position = start;
  for (;;) {
    const { after, at, records } = await list(reading, position.after, true);
    const since = position.archivedFrom - overlap;
    const deletions = records
      .filter((record) => Date.parse(record.archivedAt ?? '') >= since || record.archivedAt == null)
      .map((record) => record.id);
    if (after === null) {
      const { from, began, page } = position;
      const end: Position = { phase: 'settled', at: from, archivedFrom: began, archiveDue: at + page * archivePause };
      return yield { records: [], deletions, next: end, last: true };
    }
    position = { ...position, after, page: position.page + 1 };
    yield { records: [], deletions, next: position, last: false };
  }
}

/** Pages of everything, or of the changes after a cursor. */
export function pull(reading: Reading, since: Cursor | null): AsyncIterable<Page> {
  const position = since === null ? null : parseCursor(since);
  if (position?.phase === 'full') return pullAll(reading, position);
  if (position !== null && position.phase !== 'narrowed') return pullChanges(reading, position);
  const groups = groupsOf(reading.resource);
  return groups === null ? pullAll(reading, null) : pullNarrowed(reading, groups, position);
}

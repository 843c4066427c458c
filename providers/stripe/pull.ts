/**
 * Listings. Everything: the object's own list, newest first, by cursor. Changes: the account's events, which Stripe keeps
 * for 30 days; each tells which record to read again, since an event's own copy is in the API version of its day and may
 * be older than the record. Sources: API reference, "Pagination", "List all events".
 */
import { z } from 'zod';
import type { Cursor, Kit, Page, Rec, Resource } from '../../src/provider/index.js';
import { type Answered, type ApiObject, query, type StripeClient } from './client.js';
import { Refused } from './failures.js';
import { listBounds } from './filter.js';
import { toRec } from './mapping.js';
import { isRow, read } from './read.js';
import { type Table, tableOf } from './tables/index.js';

/** The most that a list gives. */
const pageSize = 100;

/** Each run over the events begins this long before the end of the last one, in seconds: some become visible late. */
const overlap = 300;

/** Stripe keeps events for 30 days; with a day to spare, in seconds. */
const retention = 29 * 86_400;

/** Events of the overlap that are remembered as done; those beyond are read again, which does no harm. */
const maxSeen = 1000;

const seconds = z.number().int().nonnegative();
const place = z.object({ after: z.string(), created: seconds.nullable() });

const cursorSchema = z.discriminatedUnion('phase', [
  /** In a full listing that began at this time: behind this object. */
  z.object({ phase: z.literal('full'), from: seconds, at: place.nullable() }),
  /**
   * Among the events since `from`; `run` within a run that began at its time, null between runs. `seen` has the events
   * that are done and may be listed again, with their times.
   */
  z.object({
    phase: z.literal('changes'),
    from: seconds,
    run: z.object({ began: seconds, at: place }).nullable(),
    seen: z.record(z.string(), seconds),
  }),
]);

type Position = z.output<typeof cursorSchema>;
type Place = z.output<typeof place>;
type Full = Extract<Position, { phase: 'full' }>;
type Changes = Extract<Position, { phase: 'changes' }>;

const listSchema = z.object({ data: z.array(z.record(z.string(), z.unknown())), has_more: z.boolean() });

const eventSchema = z.object({
  id: z.string(),
  created: seconds,
  data: z.object({ object: z.record(z.string(), z.unknown()) }),
});

function parseCursor(cursor: Cursor): Position {
  const parsed = cursorSchema.safeParse(cursor);
  if (!parsed.success) throw new Error('the cursor is not one of this provider');
  return parsed.data;
}

interface Listed {
  readonly data: readonly ApiObject[];
  readonly last: boolean;
  /** Stripe's clock, seconds. */
  readonly now: number;
}

type ListParams = Readonly<Record<string, string | number | readonly string[]>>;

async function list(client: StripeClient, path: string, params: ListParams, signal: AbortSignal): Promise<Listed> {
  const answered: Answered = await client.call({
    verb: 'read',
    method: 'GET',
    path: `/v1/${path}${query({ limit: pageSize, ...params })}`,
    signal,
  });
  const { data, has_more } = listSchema.parse(answered.value);
  return { data, last: !has_more, now: Math.floor(answered.at / 1000) };
}

/**
 * The page behind a place. Where the object there has been deleted since, Stripe refuses it as a cursor: the listing then
 * goes on at its time of creation, and lists again what was made in the same second.
 */
async function listBehind(
  client: StripeClient,
  path: string,
  params: ListParams,
  at: Place | null,
  signal: AbortSignal,
): Promise<Listed> {
  if (at === null) return list(client, path, params, signal);
  try {
    return await list(client, path, { ...params, starting_after: at.after }, signal);
  } catch (error) {
    const isCursor = error instanceof Refused && error.error.param === 'starting_after';
    if (!isCursor) throw error;
    return list(client, path, at.created === null ? params : { ...params, 'created[lte]': at.created }, signal);
  }
}

function placeOf(object: ApiObject | undefined, table: Table): Place | null {
  const id = object?.['id'];
  if (typeof id !== 'string') return null;
  const created = object?.['created'] ?? object?.['date'];
  return { after: id, created: table.hasCreated === true && typeof created === 'number' ? created : null };
}

async function* pullAll(
  client: StripeClient,
  resource: Resource,
  start: Full | null,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  const table = tableOf(resource.object);
  const expand = table.expand?.map((name) => `data.${name}`);
  const params = { ...table.listing, ...(expand === undefined ? {} : { expand }), ...listBounds(resource) };
  let from = start?.from;
  let at = start?.at ?? null;
  for (;;) {
    const { data, last, now } = await listBehind(client, table.path, params, at, signal);
    from ??= now;
    const records = data.filter((object) => isRow(resource, object)).map((object) => toRec(resource, object));
    at = placeOf(data.at(-1), table) ?? at;
    if (last) {
      yield { records, deletions: [], next: { phase: 'changes', from, run: null, seen: {} }, last: true };
      return;
    }
    yield { records, deletions: [], next: { phase: 'full', from, at }, last: false };
  }
}

/** The key of the record that an event is about: its object, or the customer of a discount. */
function keyOf(table: Table, object: ApiObject): string | undefined {
  const key = object['object'] === table.object ? object['id'] : object[table.object];
  return typeof key === 'string' ? key : undefined;
}

/** The events that may be listed again, the latest ones where there are too many. */
function remembered(seen: Readonly<Record<string, number>>, since: number): Record<string, number> {
  const kept = Object.entries(seen).filter(([, created]) => created >= since);
  kept.sort(([, a], [, b]) => b - a);
  return Object.fromEntries(kept.slice(0, maxSeen));
}

/** What the records are now: an event only says that something has happened to one. */
async function current(
  client: StripeClient,
  resource: Resource,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<{ records: readonly Rec[]; deletions: readonly string[] }> {
  const found = await read(client, resource, keys, { signal });
  return {
    records: found.filter((record) => record !== null),
    deletions: keys.filter((_, index) => found[index] === null),
  };
}

async function* pullChanges(
  client: StripeClient,
  resource: Resource,
  start: Changes,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  const table = tableOf(resource.object);
  const params = { types: table.events, 'created[gte]': Math.max(0, start.from - overlap) };
  let { seen, run } = start;
  for (;;) {
    const { data, last, now } = await listBehind(client, 'events', params, run?.at ?? null, signal);
    const began = run?.began ?? now;
    const events = data.map((event) => eventSchema.parse(event));
    const news = events.filter((event) => !Object.hasOwn(seen, event.id));
    const keys = [...new Set(news.flatMap((event) => keyOf(table, event.data.object) ?? []))];
    const page = await current(client, resource, keys, signal);
    const done = Object.fromEntries(news.map((event) => [event.id, event.created]));
    seen = remembered({ ...seen, ...done }, began - overlap);
    const end = events.at(-1);
    if (last || end === undefined) {
      yield { ...page, next: { phase: 'changes', from: began, run: null, seen }, last: true };
      return;
    }
    run = { began, at: { after: end.id, created: end.created } };
    yield { ...page, next: { phase: 'changes', from: start.from, run, seen }, last: false };
  }
}

/** Pages of everything, or of the changes after a cursor. A cursor that is older than the events begins anew. */
export function pull(
  client: StripeClient,
  kit: Kit,
  resource: Resource,
  since: Cursor | null,
  signal: AbortSignal,
): AsyncIterable<Page> {
  const position = since === null ? null : parseCursor(since);
  if (position === null || position.phase === 'full') return pullAll(client, resource, position, signal);
  if (position.from > kit.now() / 1000 - retention) return pullChanges(client, resource, position, signal);
  kit.log.warn(
    { connection: kit.connection, table: resource.name },
    'the last look at the events is longer ago than Stripe keeps them: everything is listed again, deletions are not known',
  );
  return pullAll(client, resource, null, signal);
}

/**
 * Reading: full listings, changes since a cursor, single records.
 *
 * Pages are key sets, not query locators: a locator ends after two days, belongs to one user's ten open ones, and cannot
 * be resumed in the middle by another process. A full listing goes by Id, the primary key, so that it works on tables
 * of any size. Changes go by (version, Id), read with queryAll, which also lists what is in the recycle bin.
 */
import type { Connection } from 'jsforce/lib/core.js';
import { z } from 'zod';
import type { Cursor, Page, Rec, Resource } from '../../src/provider/index.js';
import { type Answered, RequestRefused, type SalesforceClient } from './client.js';
import { soqlCondition } from './filter.js';
import { type ApiRecord, isoTime, longId, toRec } from './mapping.js';

/** Salesforce's largest query batch, and the most records of one collections retrieve. */
export const pageSize = 2000;

/**
 * Address and headers together may have 16,384 bytes (Salesforce Help, article 000386264); the token and the rest of
 * the headers stay well below 3,000. A query that is longer asks for ids and gets the records in a second request,
 * which carries its fields in the body.
 */
const longestAddress = 13_000;

/**
 * A change carries the time at which its transaction saved it and becomes visible when that transaction commits. Each
 * run of changes therefore begins this long before the end of the last one, in milliseconds.
 */
const overlap = 120_000;

const queryAnswer = z.object({
  totalSize: z.number(),
  done: z.boolean(),
  records: z.array(z.record(z.string(), z.unknown())),
});

const cursorSchema = z.discriminatedUnion('phase', [
  /** In a full listing: after this Id, begun at this time. */
  z.object({ phase: z.literal('full'), after: z.string().nullable(), from: z.string() }),
  /** Among the changes: after this (version, Id); `settled` at the end of a run, where the next one overlaps. */
  z.object({ phase: z.literal('changes'), at: z.string(), after: z.string(), settled: z.boolean() }),
]);

type Position = z.output<typeof cursorSchema>;

function parseCursor(cursor: Cursor): Position {
  const parsed = cursorSchema.safeParse(cursor);
  if (!parsed.success) throw new Error('the cursor is not one of this provider');
  for (const text of [parsed.data.after ?? '', 'at' in parsed.data ? parsed.data.at : parsed.data.from]) {
    if (!/^[\w.:-]*$/.test(text)) throw new Error('the cursor is not one of this provider');
  }
  return parsed.data;
}

async function runQuery(connection: Connection, soql: string, all: boolean): Promise<z.output<typeof queryAnswer>> {
  const answer: unknown = await connection.requestGet(`/${all ? 'queryAll' : 'query'}?q=${encodeURIComponent(soql)}`);
  return queryAnswer.parse(answer);
}

/** Records by id, in the order asked for. One request for up to 2,000. */
async function retrieve(
  client: SalesforceClient,
  resource: Resource,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ApiRecord>> {
  const fields = resource.columns.map((column) => column.field);
  const { value } = await client.call(
    { verb: 'read', signal },
    async (connection): Promise<unknown> => connection.retrieve(resource.object, [...ids], { fields }),
  );
  const records = z.array(z.record(z.string(), z.unknown()).nullable()).parse(value);
  const found = new Map<string, ApiRecord>();
  for (const record of records) {
    const id = record?.['Id'];
    if (record !== null && typeof id === 'string') found.set(longId(id), record);
  }
  return found;
}

interface Selection {
  readonly records: readonly ApiRecord[];
  /** The query's own last record, where the next page begins. */
  readonly lastRecord: ApiRecord | undefined;
  /** Whether the query has no more than these. */
  readonly complete: boolean;
  /** Salesforce's clock, epoch milliseconds. */
  readonly at: number;
}

interface Condition {
  /** From WHERE on. */
  readonly tail: string;
  /** Fields that the paging needs besides the columns. */
  readonly needed: readonly string[];
  /** Whether records in the recycle bin are listed too. */
  readonly all: boolean;
}

/** Runs one query of at most `pageSize` records, in two requests when its text would be too long for an address. */
async function select(
  client: SalesforceClient,
  resource: Resource,
  condition: Condition,
  signal: AbortSignal,
): Promise<Selection> {
  const { tail, needed, all } = condition;
  const query = (fields: readonly string[]): string =>
    `SELECT ${[...new Set(fields)].join(', ')} FROM ${resource.object} ${tail} LIMIT ${pageSize}`;
  const wide = query([...resource.columns.map((column) => column.field), ...needed]);
  const isWide = encodeURIComponent(wide).length > longestAddress;
  const soql = isWide ? query(['Id', ...needed]) : wide;
  const { value, at }: Answered<z.output<typeof queryAnswer>> = await client.call(
    { verb: 'read', signal },
    (connection) => runQuery(connection, soql, all),
  );
  const complete = value.done && value.records.length < pageSize;
  const selection = { complete, lastRecord: value.records.at(-1), at };
  if (!isWide || value.records.length === 0) return { ...selection, records: value.records };
  const living = value.records.filter((record) => record['IsDeleted'] !== true);
  const whole = await retrieve(client, resource, living.map(idOf), signal);
  // The paging fields are those of the query: a record may have changed between the two requests.
  const records = value.records.map((record) => ({ ...(whole.get(idOf(record)) ?? {}), ...record }));
  return {
    ...selection,
    records: records.filter((record) => record['IsDeleted'] === true || whole.has(idOf(record))),
  };
}

function idOf(record: ApiRecord): string {
  const id = record['Id'];
  return typeof id === 'string' ? longId(id) : '';
}

function toPage(resource: Resource, selection: Selection, next: Position, last: boolean): Page {
  const isDeleted = (record: ApiRecord): boolean => record['IsDeleted'] === true;
  return {
    records: selection.records.filter((record) => !isDeleted(record)).map((record) => toRec(resource, record)),
    deletions: selection.records.filter(isDeleted).map(idOf),
    next,
    last,
  };
}

function isoAt(millis: number): string {
  return new Date(millis).toISOString();
}

/** How many records there are, for progress; undefined when Salesforce does not count them in time. */
async function count(
  client: SalesforceClient,
  resource: Resource,
  condition: string | null,
  signal: AbortSignal,
): Promise<number | undefined> {
  const where = condition === null ? '' : ` WHERE ${condition}`;
  try {
    const { value } = await client.call({ verb: 'read', signal }, (connection) =>
      runQuery(connection, `SELECT COUNT() FROM ${resource.object}${where}`, false),
    );
    return value.totalSize;
  } catch (error) {
    if (error instanceof RequestRefused) return undefined;
    throw error;
  }
}

async function* pullAll(
  client: SalesforceClient,
  resource: Resource,
  start: Extract<Position, { phase: 'full' }> | null,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  let position = start;
  const narrowed = soqlCondition(resource);
  const total = start === null ? await count(client, resource, narrowed, signal) : undefined;
  for (;;) {
    const after: string | null = position?.after ?? null;
    const where = [...(narrowed === null ? [] : [narrowed]), ...(after === null ? [] : [`Id > '${after}'`])];
    const condition = {
      tail: `${where.length === 0 ? '' : `WHERE ${where.join(' AND ')} `}ORDER BY Id`,
      needed: ['Id'],
      all: false,
    };
    const selection = await select(client, resource, condition, signal);
    const from: string = position?.from ?? isoAt(selection.at);
    const { lastRecord } = selection;
    if (selection.complete || lastRecord === undefined) {
      const restart: Position = resource.pull.incremental
        ? { phase: 'changes', at: from, after: '', settled: true }
        : { phase: 'full', after: null, from: isoAt(selection.at) };
      yield { ...toPage(resource, selection, restart, true), ...(total === undefined ? {} : { total }) };
      return;
    }
    position = { phase: 'full', after: idOf(lastRecord), from };
    yield { ...toPage(resource, selection, position, false), ...(total === undefined ? {} : { total }) };
  }
}

async function* pullChanges(
  client: SalesforceClient,
  resource: Resource,
  start: Extract<Position, { phase: 'changes' }>,
  signal: AbortSignal,
): AsyncGenerator<Page> {
  const version = resource.columns.find((column) => column.name === resource.version)?.field;
  if (version === undefined) throw new Error(`${resource.object} has no field that tells when a record changed`);
  const all = resource.pull.deletions === 'listed';
  const needed = ['Id', version, ...(all ? ['IsDeleted'] : [])];
  let at = start.settled ? isoAt(Date.parse(start.at) - overlap) : start.at;
  let after = start.settled ? '' : start.after;
  for (;;) {
    const beyond = after === '' ? '' : ` AND (${version} > ${at} OR Id > '${after}')`;
    const tail = `WHERE ${version} >= ${at}${beyond} ORDER BY ${version}, Id`;
    const selection = await select(client, resource, { tail, needed, all }, signal);
    const { lastRecord } = selection;
    if (selection.complete || lastRecord === undefined) {
      // By the clock, not by the last record: a burst of changes is then read again once, not at every run.
      const end: Position = { phase: 'changes', at: isoAt(selection.at), after: '', settled: true };
      yield toPage(resource, selection, end, true);
      return;
    }
    at = isoTime(String(lastRecord[version]));
    after = idOf(lastRecord);
    yield toPage(resource, selection, { phase: 'changes', at, after, settled: false }, false);
  }
}

/** Pages of everything, or of the changes after a cursor. */
export function pull(
  client: SalesforceClient,
  resource: Resource,
  since: Cursor | null,
  signal: AbortSignal,
): AsyncIterable<Page> {
  const position = since === null ? null : parseCursor(since);
  return position?.phase === 'changes'
    ? pullChanges(client, resource, position, signal)
    : pullAll(client, resource, position, signal);
}

/** Single records; a key that cannot be an id is not there. */
export async function read(
  client: SalesforceClient,
  resource: Resource,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<readonly (Rec | null)[]> {
  const ids = [...new Set(keys.map(longId).filter((key) => /^[A-Za-z0-9]{18}$/.test(key)))];
  const found = new Map<string, ApiRecord>();
  for (let from = 0; from < ids.length; from += pageSize) {
    const part = await retrieve(client, resource, ids.slice(from, from + pageSize), signal);
    for (const [id, record] of part) found.set(id, record);
  }
  return keys.map((key) => {
    const record = found.get(longId(key));
    return record === undefined ? null : { ...toRec(resource, record), key };
  });
}

/** Every living record that a condition selects. */
export async function selectAll(
  client: SalesforceClient,
  resource: Resource,
  where: string,
  needed: readonly string[],
  signal: AbortSignal,
): Promise<readonly Rec[]> {
  const found: Rec[] = [];
  let after = '';
  for (;;) {
    const tail = `${where}${after === '' ? '' : ` AND Id > '${after}'`} ORDER BY Id`;
    const condition = { tail, needed: ['Id', ...needed], all: false };
    const { records, complete, lastRecord } = await select(client, resource, condition, signal);
    found.push(...records.map((record) => toRec(resource, record)));
    if (complete || lastRecord === undefined) return found;
    after = idOf(lastRecord);
  }
}

/** Every record that one user created at or after a time, oldest first. */
export async function createdSince(
  client: SalesforceClient,
  resource: Resource,
  since: number,
  userId: string,
  signal: AbortSignal,
): Promise<readonly Rec[]> {
  const found: Rec[] = [];
  let after: { at: string; id: string } | undefined;
  for (;;) {
    const from = after?.at ?? isoAt(since);
    const beyond = after === undefined ? '' : ` AND (CreatedDate > ${from} OR Id > '${after.id}')`;
    const tail = `WHERE CreatedDate >= ${from} AND CreatedById = '${userId}'${beyond} ORDER BY CreatedDate, Id`;
    const condition = { tail, needed: ['Id', 'CreatedDate'], all: false };
    const { records, complete, lastRecord: last } = await select(client, resource, condition, signal);
    found.push(...records.map((record) => toRec(resource, record)));
    if (complete || last === undefined) return found;
    after = { at: isoTime(String(last['CreatedDate'])), id: idOf(last) };
  }
}

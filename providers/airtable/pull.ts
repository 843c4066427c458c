/**
 * Reading: full listings, changes since a time, single records.
 *
 * Airtable has no paging by key: a listing is an iterator on its servers, whose records and order are fixed at the first page
 * and whose values are those of each page. An iterator that has gone begins anew, which repeats records and leaves none out.
 * Deletions are not listed anywhere: the sync sweeps.
 */
import { z } from 'zod';
import { FaultError, fault } from '../../src/errors/index.js';
import type { Cursor, Page, Rec, Resource } from '../../src/provider/index.js';
import type { AirtableClient, Answered, ClientCall } from './client.js';
import { formulaOf } from './filter.js';
import { toRec } from './mapping.js';
import { createdField, idField, splitObject } from './resources.js';
import { RequestRefused } from './transport.js';

/** Records of a page at most (Web API documentation, "List records"). */
export const pageSize = 100;

/**
 * Times of changes are in whole seconds, by other clocks than the one of the Date header, and a change may become visible
 * after its time: each run of changes begins this long before the end of the last one, in milliseconds.
 */
const overlap = 60_000;

/** How often one listing is begun anew before it is given up. */
const mostRestarts = 3;

const listSchema = z.object({
  records: z.array(
    z.object({ id: z.string().min(1), createdTime: z.string(), fields: z.record(z.string(), z.unknown()) }),
  ),
  offset: z.string().optional(),
});

type Listed = z.output<typeof listSchema>;

const offset = z.string().max(200);
const time = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);

const cursorSchema = z.discriminatedUnion('phase', [
  /** In a full listing: its next page, and when it began. */
  z.object({ phase: z.literal('full'), offset, from: time }),
  /** Between two runs of changes, of which the last began at `since`; or in one, at its next page. */
  z.object({ phase: z.literal('changes'), since: time, offset: offset.nullable(), from: time.nullable() }),
]);

type Position = z.output<typeof cursorSchema>;

/** Where a run is: how it selects, its next page, and when it began. */
interface Run {
  readonly formula: string | undefined;
  readonly offset: string | null;
  readonly from: string | null;
}

function parseCursor(cursor: Cursor): Position {
  const parsed = cursorSchema.safeParse(cursor);
  if (!parsed.success) throw new Error('the cursor is not one of this provider');
  return parsed.data;
}

function isoAt(millis: number): string {
  return new Date(millis).toISOString();
}

/** Types of a refusal that mean that the iterator is gone. */
const iteratorGone = new Set(['LIST_RECORDS_ITERATOR_NOT_AVAILABLE', 'INVALID_OFFSET_VALUE']);

/**
 * One page. The fields are named, so that one that has gone upstream is refused as unknown, and is not taken for empty. They
 * go in the body of a POST, since an address may have 16,000 characters only.
 */
async function list(
  client: AirtableClient,
  resource: Resource,
  selection: { readonly formula?: string | undefined; readonly offset?: string | null },
  call: Omit<ClientCall, 'verb'>,
): Promise<Answered<Listed>> {
  const { base, table } = splitObject(resource);
  const fields = resource.columns
    .map((column) => column.field)
    .filter((name) => name !== idField && name !== createdField);
  const body = {
    pageSize,
    returnFieldsByFieldId: true,
    ...(fields.length === 0 ? {} : { fields }),
    ...(selection.formula === undefined ? {} : { filterByFormula: selection.formula }),
    ...(selection.offset === undefined || selection.offset === null ? {} : { offset: selection.offset }),
  };
  const { value, at } = await client.call(base, { ...call, verb: 'read' }, async (kitBase) => {
    const answer = await kitBase.makeRequest({ method: 'POST', path: `/${table}/listRecords`, body });
    const found: unknown = answer.body;
    return listSchema.parse(found);
  });
  return { value, at };
}

/** Records made or changed after a time; a record that nobody has changed may have no time of change. */
function changedAfter(millis: number): string {
  const after = `DATETIME_PARSE("${isoAt(millis)}")`;
  return `OR(IS_AFTER(LAST_MODIFIED_TIME(), ${after}), IS_AFTER(CREATED_TIME(), ${after}))`;
}

/** The pages of a run; `next` makes the cursor behind a page, `end` the one behind the last. */
async function* pages(
  client: AirtableClient,
  resource: Resource,
  start: Run,
  cursors: { next(offset: string, from: string): Position; end(from: string): Position },
  signal: AbortSignal,
): AsyncGenerator<Page> {
  let { offset: position, from } = start;
  for (let restarts = 0; ; ) {
    let answered: Answered<Listed>;
    try {
      answered = await list(client, resource, { formula: start.formula, offset: position }, { signal });
    } catch (error) {
      if (!(error instanceof RequestRefused) || !iteratorGone.has(error.error.type) || position === null) throw error;
      restarts += 1;
      if (restarts > mostRestarts) throw gaveUp(error);
      position = null;
      from = null;
      continue;
    }
    const { value, at } = answered;
    const began: string = from ?? isoAt(at);
    from = began;
    const records = value.records.map((record) => toRec(resource, record));
    if (value.offset === undefined) {
      yield { records, deletions: [], next: cursors.end(began), last: true };
      return;
    }
    yield { records, deletions: [], next: cursors.next(value.offset, began), last: false };
    position = value.offset;
  }
}

function gaveUp(error: RequestRefused): FaultError {
  return new FaultError(fault('upstream_unavailable', { params: { provider: 'airtable' }, context: error.message }), {
    cause: error,
  });
}

/** Pages of everything, or of the changes after a cursor. */
export function pull(
  client: AirtableClient,
  resource: Resource,
  since: Cursor | null,
  signal: AbortSignal,
): AsyncIterable<Page> {
  const position = since === null ? null : parseCursor(since);
  const end = (from: string): Position => ({ phase: 'changes', since: from, offset: null, from: null });
  if (position?.phase === 'changes') {
    const run = {
      formula: changedAfter(Date.parse(position.since) - overlap),
      offset: position.offset,
      from: position.from,
    };
    const next = (at: string, from: string): Position => ({ ...position, offset: at, from });
    return pages(client, resource, run, { next, end }, signal);
  }
  const run = {
    formula: formulaOf(resource) ?? undefined,
    offset: position?.offset ?? null,
    from: position?.from ?? null,
  };
  const next = (at: string, from: string): Position => ({ phase: 'full', offset: at, from });
  return pages(client, resource, run, { next, end }, signal);
}

/** Single records, a hundred in one request; a key that cannot be an id is not there. Throws a RequestRefused or a FaultError. */
export async function readRecords(
  client: AirtableClient,
  resource: Resource,
  keys: readonly string[],
  call: Omit<ClientCall, 'verb'>,
): Promise<readonly (Rec | null)[]> {
  const ids = [...new Set(keys.filter((key) => /^rec[A-Za-z0-9]{14}$/.test(key)))];
  const found = new Map<string, Rec>();
  for (let from = 0; from < ids.length; from += pageSize) {
    const part = ids.slice(from, from + pageSize);
    const formula = `OR(${part.map((id) => `RECORD_ID()="${id}"`).join(', ')})`;
    for (const record of await selectRecords(client, resource, formula, call)) found.set(record.key, record);
  }
  return keys.map((key) => found.get(key) ?? null);
}

/** All records that a formula selects. A listing that is interrupted begins anew. */
export async function selectRecords(
  client: AirtableClient,
  resource: Resource,
  formula: string,
  call: Omit<ClientCall, 'verb'>,
): Promise<readonly Rec[]> {
  const found = new Map<string, Rec>();
  let position: string | null = null;
  for (let restarts = 0; ; ) {
    try {
      const { value }: Answered<Listed> = await list(client, resource, { formula, offset: position }, call);
      for (const record of value.records) found.set(record.id, toRec(resource, record));
      if (value.offset === undefined) return [...found.values()];
      position = value.offset;
    } catch (error) {
      if (!(error instanceof RequestRefused) || !iteratorGone.has(error.error.type) || position === null) throw error;
      restarts += 1;
      if (restarts > mostRestarts) throw gaveUp(error);
      position = null;
    }
  }
}

/** Every record created after a time, by Airtable's clock, in epoch milliseconds. */
export function createdAfter(
  client: AirtableClient,
  resource: Resource,
  millis: number,
  signal: AbortSignal,
): Promise<readonly Rec[]> {
  const formula = `IS_AFTER(CREATED_TIME(), DATETIME_PARSE("${isoAt(millis)}"))`;
  return selectRecords(client, resource, formula, { signal });
}

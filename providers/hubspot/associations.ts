/**
 * Associations as rows of a table: writing, listing and reading pairs of records.
 * Source: CRM API guide, "Associations v4".
 */
import { z } from 'zod';
import { fault } from '../../src/errors/index.js';
import type {
  Batch,
  BatchRow,
  Column,
  Cursor,
  JsonValue,
  Kit,
  Outcome,
  Page,
  Rec,
  RequestNote,
  Resource,
  Values,
  WriteResult,
} from '../../src/provider/index.js';
import { associationsReadSchema, associationsWriteSchema, type ErrorBody, listSchema } from './answers.js';
import { fieldOf, pathsOf, specOf } from './association-resources.js';
import { type HubspotClient, Unreadable } from './client.js';
import { RequestRefused, refusalFault } from './errors.js';

/** Records of the first object whose associations are asked for at once. */
const listPage = 100;
/** Ids of one batch read. */
const readLimit = 1000;

function columnOf(resource: Resource, field: 'from' | 'to'): string {
  return resource.columns.find((column) => column.field === field)?.name ?? field;
}

function keyOf(from: string, to: string): string {
  return `${from}-${to}`;
}

function idsOf(key: string): readonly [string, string] | undefined {
  const match = /^(\d{1,19})-(\d{1,19})$/.exec(key);
  return match === null ? undefined : [match[1] ?? '', match[2] ?? ''];
}

function labelColumns(resource: Resource): readonly Column[] {
  return resource.columns.filter((column) => column.type === 'boolean');
}

function recOf(resource: Resource, from: string, to: string, fields: ReadonlySet<string>): Rec {
  const key = keyOf(from, to);
  const values: Record<string, JsonValue> = {
    [resource.key]: key,
    [columnOf(resource, 'from')]: from,
    [columnOf(resource, 'to')]: to,
  };
  for (const column of labelColumns(resource)) values[column.name] = fields.has(column.field);
  return { key, values };
}

/** The pair of a row that is to be inserted. */
function pairOf(resource: Resource, values: Values): readonly [string, string] {
  return [String(values[columnOf(resource, 'from')] ?? ''), String(values[columnOf(resource, 'to')] ?? '')];
}

function typesOf(resource: Resource, values: Values) {
  const chosen = labelColumns(resource).filter((column) => values[column.name] === true);
  const key = resource.columns.find((column) => column.name === resource.key);
  const fields = chosen.length > 0 ? chosen.map((column) => column.field) : [key?.field ?? ''];
  return fields.flatMap((field) => specOf(field) ?? []);
}

/** Whether an error names a pair: its ids stand in the context, under names that differ from one error to another. */
function isAbout(error: ErrorBody, [from, to]: readonly [string, string]): boolean {
  const ids = Object.values(error.context ?? {}).flat();
  return ids.includes(from) || ids.includes(to);
}

function outcomeOf(
  batch: Batch,
  row: BatchRow,
  made: ReadonlySet<string>,
  errors: readonly ErrorBody[],
  kit: Kit,
): Outcome {
  const { resource } = batch;
  const pair = pairOf(resource, row.values);
  if (made.has(keyOf(...pair))) {
    const labels = labelColumns(resource).filter((column) => row.values[column.name] === true);
    // Other labels may have been there before: they are not known before the next sync.
    const { key, values } = recOf(resource, ...pair, new Set(labels.map((column) => column.field)));
    const known = Object.entries(values).filter(([name]) => row.values[name] !== undefined || name === resource.key);
    return { kind: 'applied', record: { key, values: Object.fromEntries(known) } };
  }
  const error = errors.find((each) => isAbout(each, pair)) ?? errors[0];
  if (error === undefined) {
    const context = 'hubspot answered neither with the association nor with an error for it';
    return { kind: 'unknown', fault: fault('outcome_unknown', { params: { provider: kit.provider }, context }) };
  }
  return { kind: 'rejected', fault: refusalFault(error, 207, resource, batch.verb, row, kit) };
}

interface Sending {
  readonly client: HubspotClient;
  readonly kit: Kit;
  readonly batch: Batch;
  readonly signal: AbortSignal;
  readonly notes: RequestNote[];
}

async function sendCreate({ client, kit, batch, signal, notes }: Sending): Promise<readonly Outcome[]> {
  const { resource, rows, deadline } = batch;
  const inputs = rows.map((row) => {
    const [from, to] = pairOf(resource, row.values);
    // The SDK's own name for `from`, which it writes as such.
    return { _from: { id: from }, to: { id: to }, types: typesOf(resource, row.values) };
  });
  const [from, to] = pathsOf(resource);
  const { value } = await client.call({ verb: 'write', deadline, signal, notes }, associationsWriteSchema, (sdk) => {
    const api = sdk.associations();
    // The SDK types the category as an enumeration of its own; its values are these words.
    return api.create(from, to, { inputs } as Parameters<typeof api.create>[2]);
  });
  const made = new Set(value.results.map(({ fromObjectId, toObjectId }) => keyOf(fromObjectId, toObjectId)));
  return rows.map((row) => outcomeOf(batch, row, made, value.errors ?? [], kit));
}

/** Answers with nothing, also for pairs that are not there. */
async function sendArchive({ client, batch, signal, notes }: Sending): Promise<readonly Outcome[]> {
  const { resource, rows, deadline } = batch;
  const inputs = rows.flatMap((row) => {
    const ids = idsOf(row.key ?? '');
    return ids === undefined ? [] : [{ _from: { id: ids[0] }, to: [{ id: ids[1] }] }];
  });
  const [from, to] = pathsOf(resource);
  await client.send({ verb: 'write', deadline, signal, notes }, (sdk) =>
    sdk.associations().archive(from, to, { inputs }),
  );
  return rows.map((row): Outcome => {
    const key = row.key ?? '';
    return { kind: 'applied', record: { key, values: { [resource.key]: key } } };
  });
}

/** Writes a batch with one request. */
export async function writeAssociations(
  client: HubspotClient,
  kit: Kit,
  batch: Batch,
  signal: AbortSignal,
): Promise<WriteResult> {
  const requests: RequestNote[] = [];
  const sending = { client, kit, batch, signal, notes: requests };
  try {
    const outcomes = await (batch.verb === 'insert' ? sendCreate(sending) : sendArchive(sending));
    return { outcomes, requests };
  } catch (error) {
    if (!(error instanceof RequestRefused) && !(error instanceof Unreadable)) throw error;
    const outcome: Outcome =
      error instanceof RequestRefused
        ? {
            kind: 'rejected',
            fault: refusalFault(error.error, error.status, batch.resource, batch.verb, undefined, kit),
          }
        : {
            kind: 'unknown',
            fault: fault('outcome_unknown', { params: { provider: kit.provider }, context: error.message }),
          };
    return { outcomes: batch.rows.map(() => outcome), requests };
  }
}

interface Reading {
  readonly client: HubspotClient;
  readonly resource: Resource;
  readonly signal: AbortSignal;
}

/** All associations of some records. HubSpot gives those of a record in parts where there are many. */
async function readFrom({ client, resource, signal }: Reading, ids: readonly string[]): Promise<readonly Rec[]> {
  const [from, to] = pathsOf(resource);
  const records: Rec[] = [];
  let inputs: { id: string; after?: string }[] = ids.map((id) => ({ id }));
  while (inputs.length > 0) {
    const asked = inputs;
    const { value } = await client.call({ verb: 'read', signal }, associationsReadSchema, (sdk) => {
      const api = sdk.associations();
      return api.getPage(from, to, { inputs: asked } as Parameters<typeof api.getPage>[2]);
    });
    inputs = [];
    for (const result of value.results) {
      for (const { toObjectId, associationTypes } of result.to) {
        records.push(recOf(resource, result.from.id, toObjectId, new Set(associationTypes.map(fieldOf))));
      }
      const after = result.paging?.next?.after;
      if (after !== undefined) inputs.push({ id: result.from.id, after });
    }
  }
  return records;
}

const cursorSchema = z.object({ phase: z.literal('full'), after: z.string().max(500).nullable() });

/** Everything, page by page of the first object's records. There is no listing of changes. */
export async function* pullAssociations(reading: Reading, since: Cursor | null): AsyncGenerator<Page> {
  const { client, resource, signal } = reading;
  const parsed = cursorSchema.safeParse(since ?? { phase: 'full', after: null });
  if (!parsed.success) throw new Error('the cursor is not one of this provider');
  const [path] = pathsOf(resource);
  let { after } = parsed.data;
  for (;;) {
    const position = after ?? undefined;
    const { value } = await client.call({ verb: 'read', signal }, listSchema, (sdk) =>
      sdk.basic().getPage(path, listPage, position, ['hs_object_id']),
    );
    const ids = value.results.map((record) => record.id);
    const records = ids.length === 0 ? [] : await readFrom(reading, ids);
    after = value.paging?.next?.after ?? null;
    const last = after === null;
    yield { records, deletions: [], next: { phase: 'full', after }, last };
    if (last) return;
  }
}

/** Single pairs by key, in the order asked for. */
export async function readAssociations(reading: Reading, keys: readonly string[]): Promise<readonly (Rec | null)[]> {
  const ids = [...new Set(keys.flatMap((key) => idsOf(key)?.[0] ?? []))];
  const found = new Map<string, Rec>();
  for (let from = 0; from < ids.length; from += readLimit) {
    for (const record of await readFrom(reading, ids.slice(from, from + readLimit))) found.set(record.key, record);
  }
  return keys.map((key) => found.get(key) ?? null);
}

/** An association is known by its pair: the same one made twice is one. */
export function findAssociations(reading: Reading, batch: Batch): Promise<readonly (Rec | null)[]> {
  const keys = batch.rows.map((row) => keyOf(...pairOf(batch.resource, row.values)));
  return readAssociations(reading, keys);
}

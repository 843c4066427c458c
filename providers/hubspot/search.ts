/**
 * The search: conditions, one sort, 200 records a page.
 *
 * A request of more than 3,000 characters is refused, and the names of an object's properties alone are easily more. Then
 * the search is asked for what paging needs, and the records are read by their ids; that costs a request for each hundred
 * records found, and nothing where nothing is.
 * Source: CRM API guide, "Search the CRM", "Limitations".
 */
import { type ApiRecord, searchSchema } from './answers.js';
import type { Groups, SearchFilter } from './filter.js';
import { fieldsOf, type Reading, readAll } from './read.js';

/** The largest page. */
const searchPage = 200;

/** Of a request's body, in characters, with some room. */
const longestBody = 2900;

/** Records that were merged into a record no longer exist under their own ids, and no listing says so. */
export const mergedField = 'hs_merged_object_ids';

export interface Found {
  /** Those that are still there, in the search's order. */
  readonly records: readonly ApiRecord[];
  /** The search's own first and last record, where paging goes on. */
  readonly first: ApiRecord | undefined;
  readonly last: ApiRecord | undefined;
  readonly total: number;
  /** Whether there are more than these. */
  readonly more: boolean;
  /** HubSpot's clock, epoch milliseconds. */
  readonly at: number;
}

export interface Query {
  readonly filters: readonly SearchFilter[];
  /** Alternatives, each together with the filters. */
  readonly groups?: Groups;
  readonly sort: string;
  readonly limit?: number;
  /** Default: those of the columns. */
  readonly fields?: readonly string[];
}

function bodyOf({ filters, groups = [[]], sort, limit = searchPage }: Query, properties: readonly string[]) {
  const all = groups.map((group) => [...group, ...filters]).filter((group) => group.length > 0);
  return {
    filterGroups: all.map((group) => ({
      filters: group.map(({ field, ...filter }) => ({ propertyName: field, ...filter })),
    })),
    sorts: [sort],
    properties: [...properties],
    limit,
  };
}

/** The records as they are now: what the search says of them can be older. */
async function whole(reading: Reading, found: readonly ApiRecord[]): Promise<readonly ApiRecord[]> {
  const ids = found.map((record) => record.id);
  const records = await readAll(reading, ids, [mergedField]);
  return ids.flatMap((id) => records.get(id) ?? []);
}

/** One search of at most 200 records. */
export async function searchFor(reading: Reading, query: Query): Promise<Found> {
  const { client, resource, signal } = reading;
  const wide = bodyOf(query, query.fields ?? [...fieldsOf(resource), mergedField]);
  const isWide = query.fields === undefined && JSON.stringify(wide).length > longestBody;
  const body = isWide ? bodyOf(query, [...new Set(['hs_object_id', query.sort])]) : wide;
  for (let after: string | undefined; ; ) {
    const asked = { ...body, ...(after === undefined ? {} : { after }) };
    const { value, at } = await client.call({ verb: 'read', signal, isSearch: true }, searchSchema, (sdk) =>
      // The SDK types the operator as an enumeration of its own; its values are these words.
      sdk.search().doSearch(resource.object, asked as Parameters<ReturnType<typeof sdk.search>['doSearch']>[1]),
    );
    after = value.paging?.next?.after;
    // A page of records that were archived a moment ago is empty, and not the end.
    if (value.results.length > 0 || after === undefined) {
      const records = isWide ? await whole(reading, value.results) : value.results;
      const [first] = value.results;
      return { records, first, last: value.results.at(-1), total: value.total, more: after !== undefined, at };
    }
  }
}

/** From what deliveries say to rows of tables: which records of which tables are to be read again. */
import type { Catalog, SyncedTable } from '../catalog/index.js';
import type { News } from '../provider/index.js';
import type { Expectation } from '../store/index.js';

/** A hook that has said that it holds something. */
export interface Ping {
  readonly connection: string;
  readonly hook: string;
}

/** What is to be done for some deliveries, each thing once. */
export interface Placed {
  /** By table: the keys, with what was said of the records, if anything. */
  readonly records: ReadonlyMap<number, ReadonlyMap<string, Expectation | null>>;
  readonly pings: readonly Ping[];
}

/** Finds the tables of an object. */
export interface Places {
  of(connection: string, object: string): readonly SyncedTable[];
}

/** Longer keys are no API's. */
const longestKey = 512;

const none: readonly SyncedTable[] = [];

export function createPlaces(catalog: Catalog): Places {
  let version = -1;
  let byObject = new Map<string, SyncedTable[]>();
  return {
    of: (connection, object) => {
      if (version !== catalog.version) {
        version = catalog.version;
        byObject = new Map();
        for (const table of catalog.all()) {
          const name = `${table.connection}\0${table.resource.object}`;
          byObject.set(name, [...(byObject.get(name) ?? []), table]);
        }
      }
      return byObject.get(`${connection}\0${object}`) ?? none;
    },
  };
}

/** The news of some deliveries together. News of what is not synced is left out. */
export function place(
  places: Places,
  deliveries: readonly { readonly connection: string; readonly news: readonly News[] }[],
): Placed {
  const records = new Map<number, Map<string, Expectation | null>>();
  const pings = new Map<string, Ping>();
  for (const { connection, news } of deliveries) {
    for (const item of news) {
      if (item.kind === 'payloads') {
        pings.set(`${connection}\0${item.hook}`, { connection, hook: item.hook });
        continue;
      }
      for (const table of places.of(connection, item.object)) {
        if (item.key === '' || item.key.length > longestKey || item.key.includes('\0')) continue;
        const known = records.get(table.oid) ?? new Map<string, Expectation | null>();
        known.set(item.key, expectationOf(item));
        records.set(table.oid, known);
      }
    }
  }
  // In one order, so that no two transactions that queue them wait for each other.
  return { records, pings: [...pings.keys()].sort().flatMap((name) => pings.get(name) ?? []) };
}

function expectationOf({ key, state, version }: Extract<News, { kind: 'record' }>): Expectation | null {
  if (state === undefined) return null;
  return { key, gone: state === 'gone', version: version ?? null };
}

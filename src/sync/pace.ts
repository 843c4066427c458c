/**
 * How often a table is looked at. The configuration may say so, for all tables or for one; otherwise it follows from the
 * API's quota: all tables of a connection together use the share of it that the provider declares.
 */
import type { Catalog, SyncedTable } from '../catalog/index.js';
import type { Pace } from '../provider/index.js';

/** What a configuration says of one table. */
export interface Cadence {
  /** Milliseconds, for this table. */
  readonly maxAge?: number;
  /** Milliseconds, for every table that has no `maxAge`. */
  readonly interval?: number;
  /** Of the table's provider. */
  readonly pace: Pace;
}

/** Milliseconds from one look to the next, of one of `tables` tables of a connection. */
export function everyMillis({ maxAge, interval, pace }: Cadence, tables: number): number {
  if (maxAge !== undefined) return maxAge;
  if (interval !== undefined) return interval;
  const budget = (pace.requests * pace.share) / pace.perMillis;
  return Math.max(pace.leastMillis, Math.ceil((tables * pace.look) / budget));
}

/** The cadence of the catalog's tables, counted anew when it changes. */
export function cadenceOf(
  catalog: Catalog,
  configured: (table: SyncedTable) => Cadence,
): (table: SyncedTable) => number {
  let version = -1;
  const counts = new Map<string, number>();
  return (table) => {
    if (version !== catalog.version) {
      version = catalog.version;
      counts.clear();
      for (const { connection } of catalog.all()) counts.set(connection, (counts.get(connection) ?? 0) + 1);
    }
    return everyMillis(configured(table), counts.get(table.connection) ?? 1);
  };
}

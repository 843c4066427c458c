/** A synced table as it is in the database, tied to the resource that it mirrors. */
import type { Resource, Verb } from '../provider/index.js';

export interface SyncedTable {
  /** pg_class.oid in the synced database. */
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** The connection's name in the configuration. */
  readonly connection: string;
  /** The provider's name, as messages show it. */
  readonly provider: string;
  readonly resource: Resource;
  /** The table's columns in the database, in their order: what an INSERT without a column list means. */
  readonly columnNames: readonly string[];
  /** Whether the configuration has it; one that it no longer has keeps its rows, and is neither synced nor written. */
  readonly attached: boolean;
  /** Grows whenever the table is registered anew: a sync that knows another one must not go on. */
  readonly definition: number;
  /** Rows a statement; an absent verb is not offered. Never above the resource's ceilings. */
  readonly limits: Readonly<Partial<Record<Verb, number>>>;
}

/** The synced tables of the database at this moment. Look-ups are in memory. */
export interface Catalog {
  /** Grows with every change: a cache keyed by it is never stale. */
  readonly version: number;
  find(schema: string, name: string): SyncedTable | undefined;
  /** All tables of that name, in whatever schema. */
  named(name: string): readonly SyncedTable[];
  byOid(oid: number): SyncedTable | undefined;
  all(): readonly SyncedTable[];
}

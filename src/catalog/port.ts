/** What the catalog needs of the store: the tables that are registered. The store's `tables` is one. */
import type pg from 'pg';

type Database = Pick<pg.ClientBase, 'query'> | Pick<pg.Pool, 'query'>;
type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A table as it is registered. */
export interface TableEntry {
  readonly tableOid: number;
  readonly connection: string;
  readonly provider: string;
  readonly object: string;
  readonly schema: string;
  readonly name: string;
  readonly resource: Json;
  readonly limits: Json;
  /** The names of its fields; see `KnownNames`. */
  readonly names: Json;
}

export interface RegisteredTable extends TableEntry {
  /** Whether the configuration has it: one that it no longer has is not synced. */
  readonly attached: boolean;
  /** Grows whenever the table is registered anew. */
  readonly definition: number;
  /** Why it is not synced although the configuration has it; null where it is. */
  readonly held: string | null;
  readonly notes: readonly string[];
}

export interface TableRegistry {
  /** All of them, or those of these connections. */
  list(db: Database, connections?: readonly string[]): Promise<readonly RegisteredTable[]>;
  /** Adds a table, or brings what is known of it up to date; it is attached from now on. */
  register(db: Database, table: TableEntry): Promise<void>;
  /** Has everything read again from the API, once what is under way has ended. */
  relist(db: Database, tableOid: number): Promise<void>;
  /** The table is not synced any more, for this reason, or again: null. */
  hold(db: Database, tableOid: number, reason: string | null): Promise<void>;
  /** The configuration no longer has the table. */
  detach(db: Database, tableOid: number): Promise<void>;
  /** Removes all that is kept of a table, its journal entries excepted. */
  forget(db: Database, tableOid: number): Promise<void>;
  /** What an operator should know of the table, in place of what was there. */
  note(db: Database, tableOid: number, notes: readonly string[]): Promise<void>;
}

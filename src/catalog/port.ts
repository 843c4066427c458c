/** What the catalog needs of the store: the tables that are registered. The store's `tables` is one. */
import type pg from 'pg';

type Database = Pick<pg.ClientBase, 'query'> | Pick<pg.Pool, 'query'>;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface RegisteredTable {
  readonly tableOid: number;
  readonly connection: string;
  readonly provider: string;
  readonly object: string;
  readonly schema: string;
  readonly name: string;
  readonly resource: Json;
  readonly limits: Json;
}

export interface TableRegistry {
  list(db: Database): Promise<readonly RegisteredTable[]>;
  register(db: Database, table: RegisteredTable): Promise<void>;
}

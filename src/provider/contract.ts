/**
 * The contract between Upwrite and an API. One folder under `providers/` implements it for each API.
 *
 * Who may call when: `open` does no I/O and is called once per connection and process. Every method of a `Session` may
 * be called at any time, concurrently, and ends early when its signal aborts. `write` is called only by the write path,
 * only for a verb that the resource declares, and only with at most `max` rows. A session holds no state that another
 * process would need.
 */
import type { Fault } from '../errors/index.js';
import type { Filter } from './filter.js';
import type { JsonValue } from './json.js';
import type { Kit } from './kit.js';
import type { Grant } from './tokens/index.js';
import type { Webhooks } from './webhook.js';

export type { JsonValue } from './json.js';

/**
 * The Postgres types that a column can have, and how a value of each travels between Upwrite and a provider:
 * boolean as true/false; integer and double precision as a number; bigint and numeric as a decimal string, so that
 * nothing is rounded; date as `YYYY-MM-DD`; time as `HH:MM:SS[.ffffff]`; timestamptz as ISO 8601 with an offset or Z;
 * bytea as base64; jsonb as the JSON value itself; text[] as an array of strings; NULL as null.
 */
export type ColumnType =
  | 'text'
  | 'boolean'
  | 'integer'
  | 'bigint'
  | 'double precision'
  | 'numeric'
  | 'date'
  | 'time'
  | 'timestamptz'
  | 'bytea'
  | 'jsonb'
  | 'text[]';

export interface Column {
  /** The SQL name: snake_case, at most 63 bytes, unique in its table. */
  readonly name: string;
  /** The API's own name of the field. */
  readonly field: string;
  readonly type: ColumnType;
  /** Whether the API may return it empty. Only the key is NOT NULL in the database. */
  readonly nullable: boolean;
  readonly insertable: boolean;
  readonly updatable: boolean;
  /** The API refuses an insert that does not give it. */
  readonly required?: boolean;
  /** In characters. */
  readonly maxLength?: number;
  readonly choices?: readonly string[];
  /** API names of the objects that it may refer to. */
  readonly references?: readonly string[];
  /** The API takes it as the key of an upsert. */
  readonly upsertKey?: boolean;
  /** False where the API says that its queries cannot filter by it. */
  readonly filterable?: boolean;
  /** The API's label or help text; becomes the column's COMMENT. */
  readonly comment?: string;
}

export type Verb = 'insert' | 'update' | 'delete' | 'upsert';

export interface WriteLimit {
  /** Rows per statement, unless the configuration says otherwise. */
  readonly max: number;
  /** What the API itself takes; a configuration may raise `max` up to it. */
  readonly ceiling: number;
  /** Whether one request applies all rows or none. */
  readonly atomic: boolean;
}

/** One request that updates the record that has a row's key values, and creates it where there is none. */
export interface UpsertLimit extends WriteLimit {
  /** Of how many columns a key may consist. */
  readonly keyColumns: number;
}

/** What a resource's records can be written with. A verb that is absent is refused before the provider is asked. */
export interface Writes {
  readonly insert?: WriteLimit;
  readonly update?: WriteLimit;
  readonly delete?: WriteLimit;
  readonly upsert?: UpsertLimit;
}

/** How fresh data can be had, as data: the sync chooses among what is declared. */
export interface PullModes {
  /** Changes since a cursor can be asked for. */
  readonly incremental: boolean;
  /** How deletions become known: by a listing, or only by sweeping the whole table. */
  readonly deletions: 'listed' | 'sweep';
}

export interface Resource {
  /** The table's name unless the configuration renames it. */
  readonly name: string;
  /** The API's own name of the object. */
  readonly object: string;
  /** The key column's name; its type is text. */
  readonly key: string;
  readonly columns: readonly Column[];
  /** The column whose value grows with every change of a record; absent where the API has none. */
  readonly version?: string;
  /** The column that holds when a record was made, a timestamptz; absent where the API has none. */
  readonly created?: string;
  readonly writes: Writes;
  readonly pull: PullModes;
  readonly comment?: string;
  /**
   * The configuration's condition, which no provider describes: only records of which it is true belong to the table.
   * See filter.ts for what a provider may do with it.
   */
  readonly filter?: Filter;
}

/** Values by column name. A column that is absent is unknown or unassigned, which differs from null. */
export type Values = Readonly<Record<string, JsonValue>>;

/** A record as the API has it: its key, and those columns whose values are known. */
export interface Rec {
  readonly key: string;
  readonly values: Values;
  /** Columns that are null because the API's value is not of their type. Set by the guard, never by a provider. */
  readonly unfit?: readonly string[];
}

export interface BatchRow {
  /** The key of the record; null on insert, and on upsert, where the API finds the record. */
  readonly key: string | null;
  /** The columns that the statement assigns; empty on delete. On upsert none of the batch's `conflict` columns is null. */
  readonly values: Values;
  /** Unique to this row of this statement, the same on every try; at most 64 characters of [a-z0-9-]. */
  readonly idempotencyKey: string;
  /**
   * On update, the row's values in the database before, where they are known: for APIs that merge what they are sent, so
   * that an assignment that replaces has to name what it removes.
   */
  readonly old?: Values;
}

export interface Batch {
  readonly verb: Verb;
  readonly resource: Resource;
  readonly rows: readonly BatchRow[];
  /**
   * Upsert: the columns by whose values the API finds a row's record, each with `upsertKey`, in the table's order. No two
   * rows have the same values of them.
   */
  readonly conflict?: readonly string[];
  /** When the statement has to have an answer, in epoch milliseconds; waiting for quota or retries must end before. */
  readonly deadline: number;
  /**
   * Aborts, with the client's FaultError, when the statement was stopped. The kit heeds it as long as nothing of the batch
   * has been sent; a provider need not.
   */
  readonly stopped?: AbortSignal;
}

/**
 * What became of one row. `applied` carries what is known of the record after the write: at least its key, the assigned
 * values as the API keeps them, and everything else that the API returned; `created` says of an upsert whether the record
 * is new, where the API tells. `unknown` means that the request may have
 * been applied. A provider never throws for a refusal: it answers `rejected`. `sibling` marks a row that the API undid, or
 * did not look at, only because of another row: the fault to show the client is one without it.
 */
export type Outcome =
  | { readonly kind: 'applied'; readonly record: Rec; readonly created?: boolean }
  | { readonly kind: 'rejected'; readonly fault: Fault; readonly sibling?: boolean }
  | { readonly kind: 'unknown'; readonly fault: Fault };

/** What a write did: an outcome for each row in the batch's order, and the requests that it took. */
export interface WriteResult {
  readonly outcomes: readonly Outcome[];
  readonly requests: readonly RequestNote[];
  /**
   * What the API did not do of rows that it applied, a sentence each: the client gets a WARNING. The records say the same
   * by their values.
   */
  readonly remarks?: readonly string[];
}

/** One API request, for the journal, the log and EXPLAIN: never a header, a body or a secret. */
export interface RequestNote {
  readonly method: string;
  readonly path: string;
  readonly status?: number;
  /** The API's own id of the request, where it gives one. */
  readonly requestId?: string;
  readonly millis?: number;
}

/** The request that a batch would be, without sending it. */
export interface RequestPlan {
  readonly method: string;
  readonly path: string;
  /** API calls that it counts as, in the API's own accounting. */
  readonly calls: number;
}

/** An opaque position in the changes of a resource; JSON, made and read only by the provider. */
export type Cursor = JsonValue;

export interface Page {
  readonly records: readonly Rec[];
  /** Keys of records deleted since the cursor. */
  readonly deletions: readonly string[];
  /** Where to go on after this page is stored; resuming from it neither skips nor loops. */
  readonly next: Cursor;
  /** Whether the listing ends here. */
  readonly last: boolean;
  /** Rows expected in all, where the API says so. */
  readonly total?: number;
}

export interface Session {
  /** Every object that the credentials can see, as tables. One name each. */
  describe(signal: AbortSignal): Promise<readonly Resource[]>;
  /** The request that this batch would be; `conflict` as in a batch. Does no I/O. */
  plan(verb: Verb, resource: Resource, rows: number, conflict?: readonly string[]): RequestPlan;
  /**
   * One API request (a request a row where the API has no batches); an outcome a row, in input order. When nothing was
   * applied to any row it may throw a FaultError instead. Aborting the signal gives up at once: a request that is under
   * way then has an unknown outcome, so whoever wants to grant it a grace aborts later.
   */
  write(batch: Batch, signal: AbortSignal): Promise<WriteResult>;
  /**
   * Everything (`since` null, or a cursor within a full listing) or the changes after a cursor, page by page. A full
   * listing may leave out what does not fulfil the resource's filter.
   */
  pull(resource: Resource, since: Cursor | null, signal: AbortSignal): AsyncIterable<Page>;
  /** Single records by key, in the order asked for; null where the API has no such record. */
  read(resource: Resource, keys: readonly string[], signal: AbortSignal): Promise<readonly (Rec | null)[]>;
  /**
   * Looks for records that an insert of unknown outcome may have made: one answer a row, the record or null.
   * `sentAt` is the time of sending in epoch milliseconds. A record of a key in `taken` was made by another write, and
   * is no answer. Throws when the API cannot tell.
   */
  findInserted(
    batch: Batch,
    sentAt: number,
    signal: AbortSignal,
    taken?: ReadonlySet<string>,
  ): Promise<readonly (Rec | null)[]>;
  /**
   * The records that have the `conflict` values of an upsert's rows now: one answer a row, the record or null. Where the
   * API has several, one that has all that the row assigns. Every session whose resources declare upserts has it.
   */
  findUpserted?(batch: Batch, signal: AbortSignal): Promise<readonly (Rec | null)[]>;
  /**
   * Whether a record has the values that a write assigned, as the API keeps them. Without it, equal JSON is what counts.
   * Does no I/O.
   */
  holds?(resource: Resource, record: Rec, values: Values): boolean;
  /**
   * What a full listing asks the API for because of the resource's filter, in the API's own words; null where it asks for
   * everything. Does no I/O. Absent: always everything.
   */
  narrowing?(resource: Resource): string | null;
  /** Absent: the API has no webhooks, or none that say anything of these resources. */
  readonly webhooks?: Webhooks;
  /** Proves the credentials with one cheap request; who Upwrite is to the API, in words. */
  check(signal: AbortSignal): Promise<string>;
}

/** What an API allows, and what of it looking for changes may take: how often a table is looked at follows from it. */
export interface Pace {
  /** Requests that the API takes within `perMillis`, on the smallest plan with which a sync makes sense. */
  readonly requests: number;
  readonly perMillis: number;
  /** The share of them that looking for changes may use, 0 to 1; the rest is for writes, listings and others. */
  readonly share: number;
  /** Requests of one look at a table in which nothing has changed. */
  readonly look: number;
  /** Milliseconds between two looks at least, however few tables there are. */
  readonly leastMillis: number;
}

/** What a connection's configuration holds for its provider: everything but the keys that Upwrite reads itself. */
export interface Provider<Config> {
  /** Lower-case name, the folder's name. */
  readonly name: string;
  readonly pace: Pace;
  /** Validates the `auth` part (and other keys of its own). Throws an Error whose message names the key and the fix. */
  parseConfig(input: unknown): Config;
  /** How its access tokens are come by; undefined, or absent, where the configuration holds the token itself. */
  grant?(config: Config): Grant | undefined;
  /** Does no I/O. */
  open(config: Config, kit: Kit): Session;
}

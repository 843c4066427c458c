/**
 * What the conformance suite needs of a provider: a stand-in of its API, steered by the suite, and some facts about one
 * of its tables. A provider takes part by a file of its own name in `stands/`, which exports `start` and `exceptions`.
 */
import type { JsonValue, Values, Verb } from '../../src/provider/index.js';

/** How the next write, or all requests of a kind, fail. */
export type Trouble =
  /** The connection is cut before, or after, the API has applied the request. */
  | { readonly kind: 'cut'; readonly phase: 'before' | 'after' }
  /** The API does not answer until the end of the test. */
  | { readonly kind: 'silence'; readonly phase: 'before' | 'after' }
  /** The API refuses as too fast, with this Retry-After in seconds. */
  | { readonly kind: 'rate'; readonly seconds: number }
  /** The API says that it is overloaded and did not take the request on. */
  | { readonly kind: 'busy' }
  /** The API failed, and does not say whether it applied the request. */
  | { readonly kind: 'crash' };

/** Tells when the first request has met a trouble. */
export interface Met {
  readonly reached: Promise<void>;
}

/** The same of a trouble that waits in several places. */
export function firstOf(places: readonly Met[]): Met {
  return { reached: Promise.race(places.map(({ reached }) => reached)) };
}

/** A value that the API refuses, and what the client is to get. */
export interface Refusal {
  readonly name: string;
  readonly values: Values;
  readonly sqlstate: string;
  readonly column?: string;
  readonly detail?: string;
}

/** A value that is assigned, and the one that the API keeps. */
export interface Kept {
  readonly name: string;
  readonly column: string;
  readonly given: JsonValue;
  readonly kept: JsonValue;
}

export interface Stand {
  /** The connection's configuration; a second one with credentials that the API refuses. */
  readonly config: unknown;
  readonly badConfig: unknown;
  /** Configurations that must be refused, with a part of the message. */
  readonly wrongConfigs: readonly (readonly [unknown, string])[];
  /** The table that the cases use, and the tables that describe must give. */
  readonly table: string;
  readonly tables: readonly string[];
  /** Rows of a statement unless the configuration says otherwise. */
  readonly limits: Readonly<Partial<Record<Verb, number>>>;
  /** A write is an idempotent request a row: where an answer is lost, the row is asked for again. Default false. */
  readonly rowRequests?: boolean;
  /** Records of one page of a pull at most; the suite makes more than twice as many. */
  readonly pageSize: number;
  /** A text column that may be set, changed and cleared, for marks and for difficult text. */
  readonly mark: string;
  readonly readOnly: string;
  /** A text column by which the API's upserts find records; absent where the table has none. */
  readonly upsertBy?: string;
  /** Values of a valid new record. */
  fresh(mark: string): Values;
  readonly refusals: readonly Refusal[];
  readonly kept: readonly Kept[];
  /** The API's own state, by key: the mark of each living record. */
  state(): ReadonlyMap<string, JsonValue>;
  /** What somebody else does upstream. */
  readonly upstream: {
    insert(mark: string): string;
    update(key: string, mark: string): void;
    delete(key: string): void;
  };
  /** A key of the right form of a record that never existed. */
  readonly missingKey: string;
  /** The API answers the deletion of a record that is not there as if it had been. */
  readonly deletesUnknown?: boolean;
  /** Write requests that reached the API so far, whatever became of them. */
  writes(): number;
  /** The next write meets the trouble, once; or reads too, `times` times. */
  trouble(trouble: Trouble, options?: { readonly times?: number; readonly reads?: boolean }): Met;
  /** The access token in use is refused from now on. */
  expireToken(): void;
  /** Moves the API's clock. */
  advance(millis: number): void;
  /** As freshly started. */
  reset(): void;
  close(): Promise<void>;
}

/** A case that a provider cannot meet, with the reason. */
export type Exceptions = Readonly<Record<string, string>>;

export interface StandModule {
  readonly start: () => Promise<Stand>;
  readonly exceptions: Exceptions;
}

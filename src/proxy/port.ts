/** What the proxy hands mutations to. The write path satisfies it; the composition root ties the two together. */
import type { Catalog } from '../catalog/index.js';
import type { Fault } from '../errors/index.js';
import type { Analyser, RelationName } from '../sql/index.js';
import type { LentSession, MutationVerb } from '../upstream/index.js';

export interface MutationResult {
  /** Rows for the command tag. */
  readonly rows: number;
  /** What the API left out although it applied the rows, for the client. */
  readonly remarks?: readonly string[];
}

/** Brings synced tables up to date for a reader. */
export interface FreshnessPort {
  /** Whether settings of the database or of the role may give its sessions `upwrite.max_staleness`. In memory. */
  preset(role: string): boolean;
  /**
   * Resolves when none of the synced tables that these relations are, or read as views, is older than `maxAgeMs`, with a
   * warning where it goes on without. Throws FaultError `not_fresh`; or the signal's reason.
   */
  refresh(relations: readonly RelationName[], maxAgeMs: number, signal: AbortSignal): Promise<Fault | null>;
}

export interface MutationPort {
  readonly catalog: Catalog;
  readonly analyser: Analyser;
  /** What a write inside the client's transaction block does: takes effect at once, or is refused. */
  readonly transactions: 'escape' | 'reject';
  /** Milliseconds that a statement waits for row locks while it is evaluated, unless its session says less. */
  readonly lockTimeout: number;
  /**
   * Carries one mutation through: evaluate, lock, journal, confirm, apply. When it resolves, the rows are committed and
   * the RETURNING list has been evaluated in the session. Throws FaultError for the client, or DatabaseRefusal with the
   * database's own error.
   */
  run(session: LentSession): Promise<MutationResult>;
  /** null: sessions cannot ask for fresh data. */
  readonly freshness: FreshnessPort | null;
  /**
   * The API request that a mutation of the table would be, in lines for EXPLAIN (ASCII); `conflict` are the columns of an
   * upsert's target. Asks nobody.
   */
  explain(tableOid: number, verb: MutationVerb, conflict: readonly string[]): readonly string[];
}

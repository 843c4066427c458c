/**
 * A client's own database session, lent to the write path for the length of one mutation. Whatever is evaluated here is
 * evaluated as the client: its role, privileges, row-level security, search_path, time zone, temporary tables and
 * uncommitted data. Nothing of it is ever committed: each evaluation runs in a savepoint that is rolled back.
 */
export type MutationVerb = 'insert' | 'update' | 'delete' | 'upsert';

/** What the write path needs to know of the statement. */
export interface MutationFacts {
  readonly verb: MutationVerb;
  /** pg_class.oid of the synced table. */
  readonly tableOid: number;
  /** The columns that the statement names: its SET list or its column list, in order; empty for a delete. */
  readonly columns: readonly string[];
  /** insert … values: for each row, which of `columns` are the keyword DEFAULT. Empty: none. */
  readonly defaults: readonly (readonly boolean[])[];
  /** What to do on a conflict with an existing row. */
  readonly onConflict: 'error' | 'nothing' | 'update';
  /** upsert: the columns of the conflict target, in the table's order; otherwise empty. */
  readonly conflict: readonly string[];
  /** Whether the client's own transaction block is open: the write escapes it. */
  readonly inTransaction: boolean;
  /** For the journal: the role that asked, and the application's own name for itself. */
  readonly role: string;
  readonly application: string;
}

export interface EvaluatedRow {
  /** The key; of a new row the provisional one unless the statement gave it. */
  readonly key: string;
  /** The whole row as the statement leaves it (a delete: as it is), as the JSON text that to_jsonb gives. */
  readonly base: string;
  /**
   * For each of `columns` the value's canonical text, or null: see ColumnType for the forms; double precision as the
   * hexadecimal form of its eight bytes.
   */
  readonly values: readonly (string | null)[];
}

export interface Evaluation {
  /** The first rows, at most one more than asked for. */
  readonly rows: readonly EvaluatedRow[];
  /** How many there are in all. */
  readonly total: number;
}

/** A row for the client's RETURNING list: the evaluated row with what the API confirmed laid over it. */
export interface ConfirmedRow {
  readonly base: string;
  /** A JSON object by column name. */
  readonly overlay: string;
}

/**
 * The database refused something in the client's session; the frame is its ErrorResponse, to be passed on as it is. The
 * message is the database's own, where the session's encoding can be read as UTF-8.
 */
export class DatabaseRefusal extends Error {
  readonly frame: Buffer;

  constructor(frame: Buffer) {
    super(primaryMessage(frame));
    this.name = 'DatabaseRefusal';
    this.frame = frame;
  }
}

/** Field M of an ErrorResponse (manual, "Error and Notice Message Fields"). */
function primaryMessage(frame: Buffer): string {
  const fields = frame.toString('utf8', 5).split('\0');
  return fields.find((field) => field.startsWith('M'))?.slice(1) ?? 'the database refused the statement';
}

/** The client's connection or the backend's is gone: there is nobody to answer. */
export class SessionGone extends Error {
  constructor() {
    super('the session is gone');
    this.name = 'SessionGone';
  }
}

export interface LentSession {
  readonly facts: MutationFacts;
  /**
   * Runs the statement and rolls it back; keeps at most `keep` rows and counts the others. `upserts` is the value of the
   * setting that says which rows of an upsert are which records; without it every row is evaluated as a new one.
   * Throws DatabaseRefusal with whatever error the statement itself has, SessionGone when a side is lost.
   */
  evaluate(keep: number, upserts?: string): Promise<Evaluation>;
  /** Proves, before anything is sent, that the RETURNING list can be evaluated over confirmed rows. */
  prepareReturning(): Promise<void>;
  /** Evaluates the RETURNING list over the confirmed rows and keeps the result for the answer. */
  evaluateReturning(rows: readonly ConfirmedRow[]): Promise<void>;
  /** statement_timeout of the session in milliseconds; 0 for none. */
  statementTimeout(): Promise<number>;
  /** Aborts on a CancelRequest, on statement_timeout or when the client vanishes; `reason` says which. */
  readonly signal: AbortSignal;
}

/** Why a lent session's signal aborted. */
export type StopReason = 'cancelled' | 'timeout' | 'vanished' | 'shutdown';

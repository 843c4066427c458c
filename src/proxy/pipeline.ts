/**
 * Where a session stands between the two sides, told from message headers alone: which answers are still to come, and the
 * transaction status. Costs an addition a message, so that it can run under a byte pump.
 * Source: PostgreSQL manual, "Message Flow" (Extended Query, Pipelining, COPY Operations).
 */
import { Back, Front, type TransactionStatus } from '../wire/index.js';

/** Backend messages that end the answer to one Parse, Bind, Describe, Execute or Close. */
const answers = new Uint8Array(256);
for (const type of [
  Back.parseComplete,
  Back.bindComplete,
  Back.closeComplete,
  Back.noData,
  Back.rowDescription,
  Back.commandComplete,
  Back.emptyQuery,
  Back.portalSuspended,
])
  answers[type] = 1;

/** Frontend messages that get one such answer. */
const questions = new Uint8Array(256);
for (const type of [Front.parse, Front.bind, Front.describe, Front.execute, Front.close]) questions[type] = 1;

/** 1 for the frontend types whose header changes the pipeline, by type. */
export const frontendCounts = questions;
export const backendCounts = answers;

export class Pipeline {
  /** As the last ReadyForQuery said. */
  status: TransactionStatus = 'I';
  /** Extended-protocol messages sent since the last Sync (or Query). */
  asked = 0;
  /** Their answers that have come since the last ReadyForQuery. */
  answered = 0;
  /** The client has executed something since its last Sync: `status` may no longer hold (BEGIN, COMMIT, ROLLBACK). */
  executed = false;
  /** An ErrorResponse has come since the last ReadyForQuery. */
  failed = false;
  /** The database reads COPY data: it ignores Sync and Flush until the copy is ended. */
  copyIn = false;
  /** The interception is blank: nothing that passes need be told it. */
  plain = false;
  /**
   * The ReadyForQuery messages still to come, oldest first: 0 for a Sync; for a Query or FunctionCall 1 plus the number
   * of extended messages before it that no Sync had followed.
   */
  readonly #pending: number[] = [];

  /** Whether every request has been answered up to its ReadyForQuery, extended messages without a Sync aside. */
  get idle(): boolean {
    return this.#pending.length === 0;
  }

  /** Whether nothing at all is outstanding: safe to talk to the backend in between. */
  get quiet(): boolean {
    return this.#pending.length === 0 && (this.failed || this.answered >= this.asked);
  }

  sentSync(): void {
    if (this.copyIn) return;
    this.#pending.push(0);
    this.asked = 0;
    this.executed = false;
  }

  sentQuery(): void {
    this.#pending.push(1 + this.asked);
    this.asked = 0;
    this.executed = false;
  }

  sentCopyEnd(): void {
    this.copyIn = false;
  }

  /** CopyInResponse: every Sync already sent behind the COPY is swallowed by it. */
  gotCopyIn(): void {
    this.copyIn = true;
    const oldest = this.#pending[0];
    this.#pending.length = oldest === undefined || oldest === 0 ? 0 : 1;
  }

  gotError(): void {
    this.failed = true;
    this.copyIn = false;
    const oldest = this.#pending[0];
    // An error among extended messages before a Query makes the database skip that Query too, up to the next Sync.
    if (oldest !== undefined && oldest > 1 && this.answered < oldest - 1) {
      const sync = this.#pending.indexOf(0);
      this.#pending.splice(0, sync < 0 ? this.#pending.length : sync);
    }
  }

  gotReady(status: TransactionStatus): void {
    this.status = status;
    this.#pending.shift();
    this.answered = 0;
    this.failed = false;
    this.copyIn = false;
  }
}

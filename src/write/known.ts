/**
 * What this process knows of writes whose outcome it could not put in the journal, because the database was away: the
 * API has not to be asked about them, and could not always tell. It is lost with the process, and then the API is asked.
 */
import type { Report } from '../store/index.js';

/** So many are kept; of older ones the API is asked. */
const capacity = 10_000;

export class Known {
  readonly #reports = new Map<string, Omit<Report, 'settleAfterMs'>>();

  /** `statement` is the idempotency key of the first row. */
  note(statement: string, report: Omit<Report, 'settleAfterMs'>): void {
    this.#reports.set(statement, report);
    const oldest = this.#reports.keys().next().value;
    if (this.#reports.size > capacity && oldest !== undefined) this.#reports.delete(oldest);
  }

  of(statement: string): Omit<Report, 'settleAfterMs'> | undefined {
    return this.#reports.get(statement);
  }

  forget(statement: string): void {
    this.#reports.delete(statement);
  }
}

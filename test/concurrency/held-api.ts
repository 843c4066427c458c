/** An API whose writes a test holds as long as it likes: time passes by events, not by the clock. */
import { fault } from '../../src/errors/index.js';
import {
  type Batch,
  createKit,
  guardSession,
  type Outcome,
  type Session,
  silentLog,
  type WriteResult,
} from '../../src/provider/index.js';
import { waitFor } from '../support/wait.js';
import type { WritableApi } from '../support/writable-api.js';

/** A write that has arrived and has no answer yet. */
export interface Held {
  readonly batch: Batch;
  /** The API applies it now, if it has not yet, and answers. */
  answer(): void;
  /** The API applies it now, and does not answer yet. */
  apply(): void;
}

export class HeldApi {
  /** Which writes are held; the others are answered at once. */
  holds: (batch: Batch) => boolean = () => false;
  /** What the API says of a write instead of accepting it; null: it accepts. */
  answers: (batch: Batch) => readonly Outcome[] | null = () => null;
  /** Writes without an answer, in the order in which they came. */
  readonly held: Held[] = [];
  /** Every write, in the order in which they came. */
  readonly arrived: Batch[] = [];
  /** The most writes that were under way at once. */
  most = 0;
  #underWay = 0;

  /** The session that the write path is to use. Records are those of `api`, for reads and the sync. */
  session(api: WritableApi): Session {
    const kit = createKit({ connection: 'salesforce', provider: 'salesforce', log: silentLog });
    return guardSession({ ...api.session, write: (batch, signal) => this.#write(api, batch, signal) }, kit);
  }

  async untilHeld(count: number): Promise<void> {
    await waitFor(`${count} writes at the API`, () => this.held.length >= count);
  }

  /** Answers everything that is held, and holds nothing more. */
  letGo(): void {
    this.holds = () => false;
    for (const each of this.held.slice()) each.answer();
  }

  async #write(api: WritableApi, batch: Batch, signal: AbortSignal): Promise<WriteResult> {
    this.arrived.push(batch);
    this.#underWay += 1;
    this.most = Math.max(this.most, this.#underWay);
    try {
      const outcomes = this.answers(batch);
      if (outcomes !== null) return { outcomes, requests: [] };
      return this.holds(batch) ? await this.#hold(api, batch, signal) : api.accept(batch);
    } finally {
      this.#underWay -= 1;
    }
  }

  async #hold(api: WritableApi, batch: Batch, signal: AbortSignal): Promise<WriteResult> {
    let applied: WriteResult | undefined;
    const apply = (): WriteResult => {
      applied ??= api.accept(batch);
      return applied;
    };
    const { promise, resolve } = deferred<WriteResult>();
    const entry: Held = { batch, apply, answer: () => resolve(apply()) };
    this.held.push(entry);
    const aborted = (): void => resolve(unanswered(batch));
    signal.addEventListener('abort', aborted);
    if (signal.aborted) aborted();
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', aborted);
      this.held.splice(this.held.indexOf(entry), 1);
    }
  }
}

/** What a provider says of a request that it has given up. */
function unanswered(batch: Batch): WriteResult {
  const unknown = fault('outcome_unknown', { params: { provider: 'salesforce' } });
  return { requests: [], outcomes: batch.rows.map((): Outcome => ({ kind: 'unknown', fault: unknown })) };
}

/** A promise and the way to resolve it. */
export function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((given) => {
    resolve = given;
  });
  return { promise, resolve };
}

/**
 * Bounds the writes in flight of this process; the others wait in order, and not for ever. A table, or an API, that is
 * slow fills its own share of the places and no more: whoever waits for others goes past those who wait for it.
 */
import { FaultError, fault } from '../errors/index.js';

export interface GateOptions {
  /** Writes at once. */
  readonly maxInFlight: number;
  /** Milliseconds that a write waits for its turn. */
  readonly queueTimeout: number;
}

/** What a write waits for. */
export interface Place {
  readonly provider: string;
  readonly connection: string;
  /** The table's oid. */
  readonly table: number;
}

interface Waiting {
  readonly place: Place;
  readonly enter: () => void;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #queue: Waiting[] = [];
  readonly #byTable = new Map<number, number>();
  readonly #byConnection = new Map<string, number>();
  #inFlight = 0;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Waits for a place; the answer gives it back. Throws `queue_timeout`, or the signal's reason when it aborts. */
  async enter(place: Place, signal: AbortSignal): Promise<() => void> {
    if (this.#hasRoom(place)) this.#take(place);
    else await this.#wait(place, signal);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#leave(place);
    };
  }

  /**
   * A table may have three places, and an API seven, for each that is free, but the last free one is for who has none. So
   * one slow API leaves an eighth of the places to the others, and however many are slow, what they give back goes to who
   * has none first. Fewer than eight places are too few to keep one free.
   * (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches", on such thresholds.)
   */
  #hasRoom({ table, connection }: Place): boolean {
    const { maxInFlight } = this.#options;
    const free = maxInFlight - this.#inFlight;
    const shared = maxInFlight < 8 ? free : free - 1;
    const may = (held: number, share: number): boolean => (held === 0 ? free > 0 : held < share * shared);
    return may(this.#byTable.get(table) ?? 0, 3) && may(this.#byConnection.get(connection) ?? 0, 7);
  }

  #take({ table, connection }: Place): void {
    this.#inFlight++;
    this.#byTable.set(table, (this.#byTable.get(table) ?? 0) + 1);
    this.#byConnection.set(connection, (this.#byConnection.get(connection) ?? 0) + 1);
  }

  #wait(place: Place, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (action: () => void): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
        action();
      };
      const entry: Waiting = { place, enter: () => finish(resolve) };
      const remove = (): void => {
        const at = this.#queue.indexOf(entry);
        if (at >= 0) this.#queue.splice(at, 1);
      };
      const aborted = (): void => {
        remove();
        finish(() => reject(signal.reason));
      };
      const timer = setTimeout(() => {
        remove();
        finish(() => reject(timedOut(place.provider, this.#options.queueTimeout)));
      }, this.#options.queueTimeout);
      signal.addEventListener('abort', aborted);
      this.#queue.push(entry);
      if (signal.aborted) aborted();
    });
  }

  /** The place goes to the longest waiting that may have it; with more room, others may have one that could not before. */
  #leave({ table, connection }: Place): void {
    this.#inFlight--;
    lower(this.#byTable, table);
    lower(this.#byConnection, connection);
    for (;;) {
      const at = this.#queue.findIndex((waiting) => this.#hasRoom(waiting.place));
      const next = at < 0 ? undefined : this.#queue.splice(at, 1)[0];
      if (next === undefined) return;
      this.#take(next.place);
      next.enter();
    }
  }
}

function lower<Key>(counts: Map<Key, number>, key: Key): void {
  const left = (counts.get(key) ?? 0) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}

function timedOut(provider: string, milliseconds: number): FaultError {
  return new FaultError(fault('queue_timeout', { params: { provider, seconds: milliseconds / 1000 } }));
}

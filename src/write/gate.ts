/** Bounds the writes in flight of this process; the others wait in order, and not for ever. */
import { raise } from '../errors/index.js';

export interface GateOptions {
  /** Writes at once. */
  readonly maxInFlight: number;
  /** Milliseconds that a write waits for its turn. */
  readonly queueTimeout: number;
}

interface Waiting {
  readonly enter: () => void;
  readonly signal: AbortSignal;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #queue: Waiting[] = [];
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
  async enter(provider: string, signal: AbortSignal): Promise<() => void> {
    if (this.#inFlight >= this.#options.maxInFlight) await this.#wait(provider, signal);
    else this.#inFlight++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#leave();
    };
  }

  #wait(provider: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (action: () => void): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
        action();
      };
      const entry: Waiting = { enter: () => finish(resolve), signal };
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
        finish(() => reject(timedOut(provider, this.#options.queueTimeout)));
      }, this.#options.queueTimeout);
      signal.addEventListener('abort', aborted);
      this.#queue.push(entry);
      if (signal.aborted) aborted();
    });
  }

  /** The place goes to the longest waiting, without becoming free in between. */
  #leave(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#inFlight--;
    else next.enter();
  }
}

function timedOut(provider: string, milliseconds: number): unknown {
  try {
    return raise('queue_timeout', { params: { provider, seconds: milliseconds / 1000 } });
  } catch (error) {
    return error;
  }
}

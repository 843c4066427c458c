/** What may stop a statement: a cancel, its own time limit, a client that is gone, a shutdown. */
import { FaultError, fault } from '../errors/index.js';
import type { StopReason } from '../upstream/index.js';

export class Stop {
  /** When the statement began, by the monotonic clock. */
  readonly begun = performance.now();
  /** When the statement's own time is up, in epoch milliseconds; infinite where it has no limit. */
  readonly deadline: number;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #source: AbortSignal;
  readonly #forward: () => void;

  /** `timeout` in milliseconds; 0 for none. */
  constructor(source: AbortSignal, timeout: number) {
    this.#source = source;
    this.deadline = timeout > 0 ? Date.now() + timeout : Number.POSITIVE_INFINITY;
    this.#forward = () => this.#controller.abort(source.reason);
    source.addEventListener('abort', this.#forward);
    if (source.aborted) this.#forward();
    if (timeout > 0) {
      this.#timer = setTimeout(() => this.#controller.abort('timeout' satisfies StopReason), timeout);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Throws the client's error if the statement has been stopped. Only before anything is sent. */
  check(provider: string): void {
    if (this.signal.aborted) throw this.fault(provider);
  }

  /** The client's error for a statement that was stopped before anything was sent. */
  fault(provider: string): FaultError {
    const code = this.signal.reason === 'timeout' ? 'write_timed_out' : 'write_cancelled';
    return new FaultError(fault(code, { params: { provider } }));
  }

  /**
   * For a request: `stopped` aborts when the statement is stopped, `signal` that many milliseconds of `grace` later, for
   * a request that is under way. The reason of both is the client's error, for where nothing has been sent.
   */
  withGrace(grace: number, provider: string): { signal: AbortSignal; stopped: AbortSignal; done(): void } {
    const late = new AbortController();
    const now = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const begin = (): void => {
      timer = setTimeout(() => late.abort(this.fault(provider)), grace);
      now.abort(this.fault(provider));
    };
    this.signal.addEventListener('abort', begin);
    if (this.signal.aborted) begin();
    return {
      signal: late.signal,
      stopped: now.signal,
      done: () => {
        clearTimeout(timer);
        this.signal.removeEventListener('abort', begin);
      },
    };
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#source.removeEventListener('abort', this.#forward);
  }
}

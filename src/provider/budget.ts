/**
 * The quota of one connection: how many requests are under way, and whether the API still lets any be sent. A client's
 * write goes before the sync. This implementation serves one process; one that all processes share through the database
 * satisfies the same interface.
 */
import { FaultError, fault } from '../errors/index.js';
import { waitUntil } from './wait.js';

/** Writes of clients go first; `sync` is everything that can wait. */
export type Lane = 'write' | 'sync';

export interface BudgetRequest {
  readonly lane: Lane;
  /** Epoch milliseconds after which waiting is pointless. */
  readonly deadline: number;
  readonly signal: AbortSignal;
}

/** What an API's answer says about its quota. Absent means unknown. */
export interface QuotaReport {
  /** Requests of the whole period, and how many of them are used. */
  readonly limit?: number;
  readonly used?: number;
  /** Nothing may be sent before, in epoch milliseconds: a 429's Retry-After, or a window's reset. */
  readonly closedUntil?: number;
}

export interface Budget {
  /**
   * Waits for permission to send one request; the returned function gives the place back and must be called once.
   * Throws a FaultError `rate_limited`, with the seconds to wait, when permission cannot come before the deadline, and
   * the signal's reason when it aborts.
   */
  take(request: BudgetRequest): Promise<() => void>;
  report(quota: QuotaReport): void;
}

export interface BudgetOptions {
  readonly provider: string;
  readonly now: () => number;
  /** Requests under way at once; default 10. */
  readonly concurrency?: number;
  /** Requests that may start within `windowMillis`; default unlimited. */
  readonly perWindow?: number;
  readonly windowMillis?: number;
  /**
   * Whether a request counts for `windowMillis` from its start (the default), or while it is under way and from its answer
   * on. The latter never passes the API's own count, however unevenly requests travel.
   */
  readonly windowFrom?: 'start' | 'answer';
  /** Share of the API's quota that only writes may use, 0 to 1; default 0.1. */
  readonly reserve?: number;
}

/** One request of the window: when it began to leave it, undefined while it cannot. */
interface Counted {
  since: number | undefined;
}

interface Waiter {
  readonly request: BudgetRequest;
  readonly wake: () => void;
}

/** A budget within one process. */
export class LocalBudget implements Budget {
  private readonly options: Required<BudgetOptions>;
  private underWay = 0;
  private counted: Counted[] = [];
  private closedUntil = 0;
  private quota: { limit: number; used: number } | undefined;
  private readonly waiters: Waiter[] = [];

  constructor(options: BudgetOptions) {
    this.options = {
      concurrency: 10,
      perWindow: Number.POSITIVE_INFINITY,
      windowMillis: 1000,
      windowFrom: 'start',
      reserve: 0.1,
      ...options,
    };
  }

  async take(request: BudgetRequest): Promise<() => void> {
    let waiter: Waiter | undefined;
    try {
      for (;;) {
        request.signal.throwIfAborted();
        // One reading of the clock for the whole turn: with two, a gate that opens in between would be slept past.
        const now = this.options.now();
        const opensAt = this.opensAt(request.lane, now);
        const first = !this.waiters.some((other) => other !== waiter && this.isAhead(other, request, waiter));
        if (first && opensAt <= now && this.underWay < this.options.concurrency) {
          return this.admit(request.lane);
        }
        if (opensAt > request.deadline) throw this.refusal(opensAt);
        if (now >= request.deadline) throw this.refusal(now + 1000);
        let wake = (): void => {};
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const next: Waiter = { request, wake };
        if (waiter === undefined) this.waiters.push(next);
        else this.waiters.splice(this.waiters.indexOf(waiter), 1, next);
        waiter = next;
        const until = opensAt > now ? Math.min(opensAt, request.deadline) : request.deadline;
        await waitUntil(until, this.options.now, request.signal, woken);
      }
    } finally {
      if (waiter !== undefined) {
        this.waiters.splice(this.waiters.indexOf(waiter), 1);
        this.wakeAll();
      }
    }
  }

  report(quota: QuotaReport): void {
    if (quota.limit !== undefined && quota.used !== undefined && quota.limit > 0) {
      this.quota = { limit: quota.limit, used: quota.used };
    }
    if (quota.closedUntil !== undefined) this.closedUntil = Math.max(this.closedUntil, quota.closedUntil);
    this.wakeAll();
  }

  /** Whether `other` has its turn before the request that waits as `self`. */
  private isAhead(other: Waiter, request: BudgetRequest, self: Waiter | undefined): boolean {
    if (other.request.lane !== request.lane) return other.request.lane === 'write';
    return self === undefined || this.waiters.indexOf(other) < this.waiters.indexOf(self);
  }

  private admit(lane: Lane): () => void {
    this.underWay += 1;
    const counted: Counted = { since: this.options.windowFrom === 'start' ? this.options.now() : undefined };
    this.counted.push(counted);
    if (this.quota !== undefined && lane === 'sync') this.quota.used += 1;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      counted.since ??= this.options.now();
      this.underWay -= 1;
      this.wakeAll();
    };
  }

  /** The earliest time at which the lane may send, as far as is known. */
  private opensAt(lane: Lane, now: number): number {
    const { perWindow, windowMillis } = this.options;
    this.counted = this.counted.filter(({ since }) => since === undefined || since > now - windowMillis);
    const ends = this.counted.flatMap(({ since }) => (since === undefined ? [] : [since + windowMillis]));
    // Where all of them are under way, the end of one of them wakes whoever waits.
    const window = this.counted.length >= perWindow && ends.length > 0 ? Math.min(...ends) : 0;
    return Math.max(this.closedUntil, window, lane === 'sync' && this.isReserved() ? now + 3_600_000 : 0);
  }

  private isReserved(): boolean {
    return this.quota !== undefined && this.quota.used >= this.quota.limit * (1 - this.options.reserve);
  }

  private wakeAll(): void {
    for (const waiter of this.waiters) waiter.wake();
  }

  private refusal(opensAt: number): FaultError {
    const seconds = Math.max(1, Math.ceil((opensAt - this.options.now()) / 1000));
    return new FaultError(
      fault('rate_limited', { params: { provider: this.options.provider, seconds }, detail: 'Nothing was sent.' }),
    );
  }
}

/**
 * A budget that all processes share. This process's part: it uses the permits that it holds, waits in the order of the
 * lanes, and meets the others at the board (`board.ts`) only when it lacks permits or is told that another one does.
 */
import { FaultError, fault } from '../../errors/index.js';
import type { Budget, BudgetOptions, BudgetRequest, Lane, QuotaReport } from '../budget.js';
import { waitUntil } from '../wait.js';
import { type Answer, type BoardState, exchange, freshBoard, isBoardState, type Quota, type Wants } from './board.js';

/** A step of a board: what it becomes, and what the process that takes the step learns. */
export interface BoardStep<T> {
  readonly state: BoardState;
  /** Whether the other processes are told to look. */
  readonly tell: boolean;
  readonly result: T;
}

/** Where the boards are, one for each budget's name. */
export interface BudgetBoards {
  /** This process, in the boards' accounts. */
  readonly holder: string;
  /** Whether no other process can take this one for dead. */
  isAlive(): boolean;
  /**
   * Changes a board while no other process does. `step` may be run more than once, without effect but the last time;
   * `now` is the boards' clock, read after `change` was called, `alive` all processes that live.
   */
  change<T>(name: string, step: (state: unknown, now: number, alive: ReadonlySet<string>) => BoardStep<T>): Promise<T>;
}

export interface SharedBudgetOptions extends BudgetOptions {
  /** The board's name: the connection and the limit. */
  readonly name: string;
  readonly boards: BudgetBoards;
  readonly onError: (error: unknown) => void;
}

interface Waiter {
  readonly request: BudgetRequest;
  readonly wake: () => void;
}

const firstRetry = 250;
const longestRetry = 1000;
/** How long the sync of this process stands back for writes of others, unless the board says sooner that it need not. */
const yieldMillis = 1000;
/** A quota that nobody has spoken of for so long may have come back: one request of the sync finds out. */
const staleQuota = 300_000;
const nothing: Wants = { write: 0, sync: 0 };

/**
 * The API's limit is `perWindow` where that is given, and `concurrency` otherwise: one of them, not both. The guarantee:
 * all processes together never have more than so many requests within any window, by the time at which they start, or in
 * which they are under way.
 */
export class SharedBudget implements Budget {
  private readonly options: SharedBudgetOptions;
  private readonly size: number;
  private readonly windowMillis: number;
  private readonly fromStart: boolean;
  private readonly reserve: number;
  /** When each permit that is not under way can be used, ascending. */
  private permits: number[] = [];
  private underWay = 0;
  /** Permits that came and were not used yet. */
  private fresh = 0;
  /** Permits of an epoch before were lost with the lease. */
  private epoch = 0;
  private starts: number[] = [];
  private closedUntil = 0;
  private quota: (Quota & { readonly at: number }) | undefined;
  private news: { closedUntil?: number; quota?: Quota } = {};
  private others: Wants & { readonly until: number } = { ...nothing, until: 0 };
  private running: Promise<void> | undefined;
  private again = false;
  private retryAfter = firstRetry;
  private retryAt = 0;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;
  private lastMissing: Wants = nothing;
  private readonly waiters: Waiter[] = [];

  constructor(options: SharedBudgetOptions) {
    this.options = options;
    const { perWindow = Number.POSITIVE_INFINITY, concurrency = 10, windowMillis = 1000 } = options;
    const isWindow = Number.isFinite(perWindow);
    this.size = isWindow ? perWindow : concurrency;
    this.windowMillis = isWindow ? windowMillis : 0;
    this.fromStart = isWindow && options.windowFrom !== 'answer';
    this.reserve = options.reserve ?? 0.1;
  }

  async take(request: BudgetRequest): Promise<() => void> {
    let waiter: Waiter | undefined;
    const { lane, deadline, signal } = request;
    try {
      for (;;) {
        signal.throwIfAborted();
        const now = this.options.now();
        this.dropWhenDead();
        const gate = this.gate(lane, now);
        const first = !this.waiters.some((other) => other !== waiter && this.isAhead(other, request, waiter));
        const next = this.permits[0] ?? Number.POSITIVE_INFINITY;
        if (first && gate <= now && next <= now) return this.admit(lane, now);
        if (gate > deadline) throw this.refusal(gate);
        // Nobody else has a permit that could come sooner.
        const isAll = this.underWay === 0 && this.permits.length === this.size;
        if (now >= deadline || (isAll && next > deadline)) throw this.refusal(isAll ? next : now + 1000);
        let wake = (): void => {};
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const place: Waiter = { request, wake };
        if (waiter === undefined) this.waiters.push(place);
        else this.waiters.splice(this.waiters.indexOf(waiter), 1, place);
        waiter = place;
        this.seek(now);
        const opens = Math.max(gate, next);
        await waitUntil(opens > now ? Math.min(opens, deadline) : deadline, this.options.now, signal, woken);
      }
    } finally {
      if (waiter !== undefined) {
        this.waiters.splice(this.waiters.indexOf(waiter), 1);
        this.wakeAll();
      }
    }
  }

  report({ limit, used, closedUntil }: QuotaReport): void {
    const now = this.options.now();
    if (limit !== undefined && used !== undefined && limit > 0) {
      const was = this.isReserved(now);
      this.quota = { limit, used, at: now };
      if (was !== this.isReserved(now)) this.news = { ...this.news, quota: { limit, used } };
    }
    // What is known to be closed for about as long is no news.
    if (closedUntil !== undefined && closedUntil > this.closedUntil) {
      if (closedUntil > this.closedUntil + firstRetry) this.news = { ...this.news, closedUntil };
      this.closedUntil = closedUntil;
    }
    if (this.news.quota !== undefined || this.news.closedUntil !== undefined) this.look();
    this.wakeAll();
  }

  /** Another process has changed the board. Whoever has and wants nothing will see when it next does. */
  look(): void {
    if (this.isClosed) return;
    const isIdle = this.holds === 0 && this.waiters.length === 0 && Object.keys(this.news).length === 0;
    if (isIdle && this.running === undefined) return;
    if (this.running !== undefined) this.again = true;
    else this.meet(true);
  }

  /** Gives back what it has. Requests that still wait are not served any more. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.running;
    if (this.holds === 0 || !this.options.boards.isAlive()) return;
    await this.meetOnce(true, true).catch(this.options.onError);
  }

  private get holds(): number {
    return this.permits.length + this.underWay;
  }

  /** Without its lease others may take this process for dead, and use its permits. */
  private dropWhenDead(): void {
    if (this.holds === 0 || this.options.boards.isAlive()) return;
    this.permits = [];
    this.underWay = 0;
    this.fresh = 0;
    this.epoch += 1;
  }

  /** Whether `other` has its turn before the request that waits as `self`. */
  private isAhead(other: Waiter, request: BudgetRequest, self: Waiter | undefined): boolean {
    if (other.request.lane !== request.lane) return other.request.lane === 'write';
    return self === undefined || this.waiters.indexOf(other) < this.waiters.indexOf(self);
  }

  /** Until when the lane is closed, whatever permits there are. */
  private gate(lane: Lane, now: number): number {
    if (lane === 'write') return this.closedUntil;
    const yields = this.others.write > 0 ? this.others.until : 0;
    return Math.max(this.closedUntil, yields > now ? yields : 0, this.isReserved(now) ? now + 3_600_000 : 0);
  }

  private isReserved(now: number): boolean {
    const { quota } = this;
    return quota !== undefined && quota.at + staleQuota > now && quota.used >= quota.limit * (1 - this.reserve);
  }

  private admit(lane: Lane, now: number): () => void {
    this.permits.shift();
    this.fresh = Math.max(0, this.fresh - 1);
    this.starts.push(now);
    if (this.starts.length > this.size) this.starts.shift();
    if (this.quota !== undefined && lane === 'sync') {
      this.quota = {
        ...this.quota,
        used: this.quota.used + 1,
        at: this.quota.at + staleQuota > now ? this.quota.at : now,
      };
    }
    if (this.fromStart) {
      this.putBack(now + this.windowMillis);
      return () => undefined;
    }
    this.underWay += 1;
    const { epoch } = this;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      if (epoch !== this.epoch) return;
      this.underWay -= 1;
      this.putBack(this.options.now() + this.windowMillis);
      if (this.others.write > 0 && this.others.until > this.options.now()) this.look();
      this.wakeAll();
    };
  }

  private putBack(...times: readonly number[]): void {
    this.permits = [...this.permits, ...times].sort((a, b) => a - b);
  }

  private waiting(): Wants {
    const write = this.waiters.filter(({ request }) => request.lane === 'write').length;
    return { write, sync: this.waiters.length - write };
  }

  /** Permits that are missing now for those who wait, where their lane is open. */
  private missing(now: number): Wants {
    const { write, sync } = this.waiting();
    const room = this.size - this.holds;
    const ready = this.permits.filter((at) => at <= now).length;
    const writes = this.gate('write', now) > now ? 0 : Math.min(room, Math.max(0, write - ready));
    const open = this.closedUntil > now || this.isReserved(now) ? 0 : sync;
    return { write: writes, sync: Math.min(room - writes, Math.max(0, open - Math.max(0, ready - write))) };
  }

  /** Goes to the board when permits are missing and it has not just said that there are none. */
  private seek(now: number): void {
    if (this.isClosed || this.running !== undefined) return;
    const { write, sync } = this.missing(now);
    if (write + sync === 0) return;
    if (now >= this.retryAt || (write > 0 && this.lastMissing.write === 0)) this.meet(false);
    else this.retryLater(this.retryAt - now);
  }

  private retryLater(millis: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.seek(this.options.now()), Math.max(1, millis));
    this.timer.unref();
  }

  private meet(gives: boolean): void {
    this.again = false;
    this.running = this.meetOnce(gives || this.others.write + this.others.sync > 0, false)
      .catch((error: unknown) => {
        this.options.onError(error);
        this.retryAt = this.options.now() + longestRetry;
      })
      .then(() => {
        this.running = undefined;
        this.wakeAll();
        if (this.isClosed) return;
        if (this.again) this.meet(true);
        else this.seek(this.options.now());
      });
  }

  /** One meeting. Permits that may be given back are out of use meanwhile. */
  private async meetOnce(gives: boolean, isLeaving: boolean): Promise<void> {
    const { boards, name, now } = this.options;
    const { news } = this;
    this.news = {};
    const began = now();
    this.dropWhenDead();
    const spare = gives ? this.permits : [];
    if (gives) this.permits = [];
    const { epoch } = this;
    let given = 0;
    let heard = began;
    try {
      const answer = await boards.change(name, (state, boardNow, alive) => {
        heard = now();
        const here = isBoardState(state) ? state : freshBoard(this.size, boardNow);
        const done = exchange(here, this.ask(spare, began, heard, isLeaving, news), boardNow, alive);
        given = done.answer.given;
        return { state: done.state, tell: done.answer.tell, result: done.answer };
      });
      if (epoch !== this.epoch) return;
      this.putBack(...spare.slice(given));
      this.learn(answer, heard);
    } catch (error) {
      // Whether it was done is not known: what was to be given is not used again. The board finds out at the next meeting.
      if (epoch === this.epoch) this.putBack(...spare.slice(given));
      this.news = { ...news, ...this.news };
      throw error;
    }
  }

  private ask(spare: readonly number[], began: number, now: number, isLeaving: boolean, news: typeof this.news) {
    const missing = isLeaving ? nothing : this.missingWith(spare, now);
    this.lastMissing = missing;
    return {
      holder: this.options.boards.holder,
      size: this.size,
      windowMillis: this.windowMillis,
      holds: this.holds + spare.length,
      spare: spare.map((at) => Math.max(0, at - began)),
      waiting: isLeaving ? nothing : this.waiting(),
      missing,
      recent: this.starts.filter((start) => start > now - 1000).length,
      fresh: this.fresh,
      isLeaving,
      ...(news.closedUntil === undefined ? {} : { closedFor: Math.max(0, news.closedUntil - began) }),
      ...(news.quota === undefined ? {} : { quota: news.quota }),
    };
  }

  /** What is missing when the spare permits are in use again. */
  private missingWith(spare: readonly number[], now: number): Wants {
    const { permits } = this;
    this.permits = [...permits, ...spare];
    const missing = this.missing(now);
    this.permits = permits;
    return missing;
  }

  private learn(answer: Answer, heard: number): void {
    const { granted, lost, others, closedFor, quota } = answer;
    if (lost > 0) this.permits.splice(0, lost);
    this.putBack(...granted.map((millis) => heard + millis));
    this.fresh = Math.min(this.fresh + granted.length, this.permits.length);
    this.others = { ...others, until: heard + yieldMillis };
    this.closedUntil = Math.max(this.closedUntil, closedFor === 0 ? 0 : heard + closedFor);
    if (quota !== null && heard - quota.age > (this.quota?.at ?? 0)) {
      this.quota = { limit: quota.limit, used: quota.used, at: heard - quota.age };
    }
    this.retryAfter = granted.length > 0 ? firstRetry : Math.min(longestRetry, this.retryAfter * 2);
    this.retryAt = granted.length > 0 ? 0 : heard + this.retryAfter;
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

/**
 * What Upwrite lends to a provider's session: the log, the clock, HTTP, the quota, the tokens, and the one place that
 * decides about retries. A provider holds no timers, no retry loop and no connection pool of its own.
 */
import { type Budget, type BudgetOptions, LocalBudget } from './budget.js';
import { type Attempt, type Call, runCall } from './call.js';
import { type HttpAnswer, type HttpRequest, httpRequest } from './http.js';
import { describeError, Redactor } from './redact.js';
import { LocalTokenKeeper, type TokenKeeper } from './tokens/index.js';

/** Structured log lines; values are redacted by the logger, but no caller may pass a secret. */
export interface KitLog {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface Kit {
  /** The connection's name in the configuration. */
  readonly connection: string;
  /** The provider's name, as messages show it. */
  readonly provider: string;
  readonly log: KitLog;
  readonly budget: Budget;
  readonly tokens: TokenKeeper;
  /**
   * A further budget of the connection, for a limit that the API has on some of its requests: a window of so many in so
   * many milliseconds. The same name is the same budget, with the options of the first call.
   */
  pace(name: string, options: RateWindow): Budget;
  /** Epoch milliseconds. */
  now(): number;
  /**
   * Runs the attempts of one call by the retry table of `call.ts`. An attempt sends one request and throws a CallFailure
   * when it fails; a CallFailure of kind `request` comes back to the provider, everything else as a FaultError.
   */
  call<T>(call: Call, attempt: (attempt: Attempt) => Promise<T>): Promise<T>;
  /** One HTTP request without retries; see `http.ts`. */
  http(request: HttpRequest): Promise<HttpAnswer>;
  /** Registers a secret of the connection, which no text may show from now on. */
  secret(value: string | undefined): void;
  /** A text or an error in words without secrets, at most 500 characters. */
  describe(error: unknown): string;
}

/** A limit on requests within a window. */
export interface RateWindow {
  readonly perWindow: number;
  readonly windowMillis: number;
  readonly windowFrom?: 'start' | 'answer';
}

export interface KitOptions {
  readonly connection: string;
  readonly provider: string;
  readonly log: KitLog;
  readonly now?: () => number;
  /** Makes the connection's budgets, by name; default: of this process alone. */
  readonly budgets?: (name: string, options: BudgetOptions) => Budget;
  /** Makes the token keeper, which tells of every secret that it comes by; default: one of this process alone. */
  readonly tokens?: (secret: (value: string) => void) => TokenKeeper;
}

/** The kit of one connection in one process. */
export function createKit(options: KitOptions): Kit {
  const now = options.now ?? Date.now;
  const { connection, provider, log } = options;
  const makeBudget = options.budgets ?? ((_name: string, wanted: BudgetOptions) => new LocalBudget(wanted));
  const budget = makeBudget('requests', { provider, now });
  const paces = new Map<string, Budget>();
  const redactor = new Redactor();
  const context = { provider, connection, now, budget, log };
  return {
    connection,
    provider,
    log,
    budget,
    tokens: options.tokens?.((value) => redactor.add(value)) ?? new LocalTokenKeeper(now),
    pace: (name, pace) => {
      const known = paces.get(name);
      if (known !== undefined) return known;
      const made = makeBudget(name, { provider, now, concurrency: Number.POSITIVE_INFINITY, ...pace });
      paces.set(name, made);
      return made;
    },
    now,
    call: (call, attempt) => runCall(call, context, attempt),
    http: httpRequest,
    secret: (value) => redactor.add(value),
    describe: (error) => (typeof error === 'string' ? redactor.clean(error) : describeError(error, redactor)),
  };
}

/** A log that keeps nothing, for tools that have none. */
export const silentLog: KitLog = { debug: () => {}, info: () => {}, warn: () => {} };

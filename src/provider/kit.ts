/** What Upwrite lends to a provider's session: the log, the clock, and the one place that decides about retries. */

/** Structured log lines; values are redacted by the logger, but no caller may pass a secret. */
export interface KitLog {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface Kit {
  /** The connection's name in the configuration. */
  readonly connection: string;
  readonly log: KitLog;
  /** Epoch milliseconds. */
  now(): number;
}

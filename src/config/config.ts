/** The configuration as the rest of Upwrite sees it: complete, checked, read-only. Durations are in milliseconds. */
import type { DatabaseTarget } from './database.js';

/** `auto`: busy connections without TLS are read and written past Node, where that can be; `always`: all without TLS. */
export type DirectIo = 'auto' | 'always' | 'off';

export interface ListenConfig {
  readonly host: string;
  readonly port: number;
  /** Client sessions at once; one more is refused with 53300. */
  readonly maxConnections: number;
  /** How long a client may take from connecting to being logged in. */
  readonly startupTimeout: number;
  readonly directIo: DirectIo;
}

/** `disable`: no TLS is offered; `allow`: the client may use it; `require`: a client without it is refused. */
export type TlsMode = 'disable' | 'allow' | 'require';

export interface TlsConfig {
  readonly mode: TlsMode;
  /** File with the certificate chain (PEM). Present unless the mode is `disable`. */
  readonly cert?: string;
  /** File with the private key (PEM). Present unless the mode is `disable`. */
  readonly key?: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

export interface ColumnSelection {
  /** Columns or API fields to sync; absent: all but the excluded ones. */
  readonly include?: readonly string[];
  readonly exclude: readonly string[];
  /** New column names by column or API field. */
  readonly rename: Readonly<Record<string, string>>;
}

export interface TableSelection {
  /** The resource's name as the provider describes it, or the API's own name of the object. */
  readonly resource: string;
  /** The table's name; absent: the resource's. */
  readonly table?: string;
  readonly columns: ColumnSelection;
  /** How old it may be at most, in milliseconds; absent: as `SyncConfig.interval`. */
  readonly maxAge?: number;
  /** A condition in SQL over the table's columns; only records that fulfil it are synced. */
  readonly where?: string;
}

export interface LimitsConfig {
  readonly insert?: number;
  readonly update?: number;
  readonly delete?: number;
  readonly upsert?: number;
}

export interface ConnectionConfig {
  readonly name: string;
  readonly provider: string;
  /** The schema of its tables. */
  readonly schema: string;
  /** Absent: the provider's default tables. */
  readonly tables?: readonly TableSelection[];
  /** Rows per statement, instead of the provider's own limits. */
  readonly limits: LimitsConfig;
  /** `sync_external_id` of its records in generic records tables. */
  readonly externalId?: string;
  /** `sync_metadata` there. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Whether webhooks are registered and taken. */
  readonly webhooks: boolean;
  /** Everything else in the connection, `auth` among it: for the provider's `parseConfig`. Never to be logged. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** A generic records table and what feeds it: all connections of a provider, or one connection. */
export interface RecordsConfig {
  readonly table: { readonly schema: string; readonly name: string };
  readonly provider?: string;
  readonly connection?: string;
  /** Absent: the synced database. */
  readonly database?: DatabaseTarget;
}

export interface WritesConfig {
  /** Statements that may be between evaluation and commit at once, in this process. */
  readonly maxInFlight: number;
  /** How long a statement waits for its turn. */
  readonly queueTimeout: number;
  /** How long a statement waits for rows that others hold. */
  readonly lockTimeout: number;
  /** How long a statement may take in all, unless its own statement_timeout is shorter. */
  readonly timeout: number;
  /** Beyond `timeout`: how long an API may still be working on a request without an answer. */
  readonly settleAfter: number;
}

export interface SyncConfig {
  /** From one look for changes to the next; absent: as the API's quota allows. */
  readonly interval?: number;
  /** From one full listing to the next, where the API does not list deletions. */
  readonly sweep: number;
  /** From one look at an API's description to the next. */
  readonly describe: number;
  /** Jobs that one process works on at once. */
  readonly jobs: number;
  /** How long a reader waits for fresh data, and what happens then. */
  readonly staleness: { readonly timeout: number; readonly late: 'error' | 'warn' };
  /** The truth check: from one pass over a table to the next, and the share of time that it may take, 0 to 1. */
  readonly verify: { readonly interval: number; readonly share: number };
}

export interface AdminConfig {
  /** Absent: no HTTP listener. */
  readonly listen?: { readonly host: string; readonly port: number };
}

export interface HealthConfig {
  /** URL that is told of changes of a table's state. It may hold a secret: never to be logged. */
  readonly hook?: string;
}

export interface WebhooksConfig {
  /** The public address, without a slash at its end; absent: no webhooks. */
  readonly url?: string;
  /** Where deliveries are taken. */
  readonly listen: { readonly host: string; readonly port: number };
}

export interface Config {
  /** The file that it was read from; absent: the built-in defaults. */
  readonly file?: string;
  readonly listen: ListenConfig;
  /** Absent: the embedded Postgres. */
  readonly database?: DatabaseTarget;
  readonly tls: TlsConfig;
  readonly webhooks: WebhooksConfig;
  readonly connections: readonly ConnectionConfig[];
  readonly records: readonly RecordsConfig[];
  /** Writes inside a transaction block: `escape` it with a warning, or are refused. */
  readonly transactions: 'escape' | 'reject';
  /** Whether tables follow the API's description by themselves, or by `upwrite apply` only. */
  readonly schemaChanges: 'auto' | 'manual';
  readonly writes: WritesConfig;
  readonly sync: SyncConfig;
  readonly admin: AdminConfig;
  readonly health: HealthConfig;
  readonly journal: { readonly retention: number };
  readonly shutdown: { readonly grace: number };
  readonly log: {
    readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
    readonly format: 'json' | 'pretty';
  };
}

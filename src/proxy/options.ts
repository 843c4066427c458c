/** What the listener needs to know; made from the configuration by the composition root. */
import type { SecureContext } from 'node:tls';
import type { DatabaseTarget } from '../upstream/index.js';
import type { MutationPort } from './port.js';

export interface ProxyLog {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export type ClientTlsMode = 'disable' | 'allow' | 'require';

export interface ProxyOptions {
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  readonly database: DatabaseTarget;
  /** TLS towards clients; the context is asked for at each handshake, so that it can be replaced. */
  readonly tls: { readonly mode: ClientTlsMode; readonly context: () => SecureContext } | null;
  /** Client sessions at once; one more is answered with 53300. */
  readonly maxConnections: number;
  /** Milliseconds that a client has for TLS, start-up packet and login together. */
  readonly startupTimeout: number;
  /** Which connections are read and written past Node, where that can be; default `auto`: those that are busy. */
  readonly directIo?: 'auto' | 'always' | 'off';
  /** Milliseconds that a running statement has to end when the proxy is drained. */
  readonly grace: number;
  /** Bytes of the longest statement that is looked at; a longer one passes unseen and the guard stands behind it. */
  readonly maxInspected: number;
  /** Where mutations of synced tables go; null passes everything through. */
  readonly mutations: MutationPort | null;
  readonly log: ProxyLog;
}

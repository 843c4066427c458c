/** What the processes of the fault tests say to each other. */
import type { Boundary } from '../../src/write/index.js';

export interface ApiConfig {
  readonly salesforcePort: number;
  /** What the sandbox tells its clients to call. */
  readonly salesforceUrl: string;
  readonly partialPort: number;
  /** A folder for the records. */
  readonly directory: string;
}

export interface UpwriteConfig {
  readonly port: number;
  readonly database: string;
  /** See BenchOptions. */
  readonly pace: number;
  /** The configuration beside address and database. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export type ToUpwrite =
  /** From now on these boundaries are reported and waited at. */
  | { readonly kind: 'arm'; readonly names: readonly Boundary[] }
  /** The write that waits goes on; `all` that wait do, and nothing waits any more. */
  | { readonly kind: 'go'; readonly id: number | 'all' };

export type FromChild =
  | { readonly kind: 'ready' }
  | { readonly kind: 'armed' }
  | { readonly kind: 'boundary'; readonly id: number; readonly name: Boundary }
  | { readonly kind: 'log'; readonly line: string };

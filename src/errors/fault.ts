/**
 * A failure as a Postgres client will see it: the fields of an ErrorResponse, filled in from the catalogue.
 * Source: PostgreSQL manual, "Error and Notice Message Fields".
 */
import { type CatalogueEntry, catalogue, type FaultCode, type Retry } from './catalogue.js';

/** What a single occurrence adds to its catalogue entry. Every text is shown to the client: no secrets. */
export interface FaultDetails {
  /** Values for the `{placeholders}` of the catalogue's texts. */
  readonly params?: Readonly<Record<string, string | number>>;
  readonly detail?: string;
  readonly hint?: string;
  /** Where it happened, or the API's own words: the CONTEXT line. */
  readonly context?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
}

export interface Fault {
  readonly code: FaultCode;
  readonly sqlstate: string;
  readonly retry: Retry;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly context?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
  /** Seconds until the API's limit allows a retry, for `rate_limited`. */
  readonly retryAfter?: number;
}

function fill(template: string, params: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = params[name];
    return value === undefined ? whole : String(value);
  });
}

/** Builds the fault of a catalogue entry; what `details` gives wins over the entry's own detail and hint. */
export function fault(code: FaultCode, details: FaultDetails = {}): Fault {
  const entry: CatalogueEntry = catalogue[code];
  const params = details.params ?? {};
  const detail = details.detail ?? (entry.detail === undefined ? undefined : fill(entry.detail, params));
  const hint = details.hint ?? (entry.hint === undefined ? undefined : fill(entry.hint, params));
  return {
    code,
    sqlstate: entry.sqlstate,
    retry: entry.retry,
    message: fill(entry.message, params),
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
    ...(details.context === undefined ? {} : { context: details.context }),
    ...(details.schema === undefined ? {} : { schema: details.schema }),
    ...(details.table === undefined ? {} : { table: details.table }),
    ...(details.column === undefined ? {} : { column: details.column }),
    ...(details.constraint === undefined ? {} : { constraint: details.constraint }),
    ...(code === 'rate_limited' && typeof params['seconds'] === 'number' ? { retryAfter: params['seconds'] } : {}),
  };
}

/** A fault on its way up the stack. */
export class FaultError extends Error {
  readonly fault: Fault;

  constructor(of: Fault, options?: { cause?: unknown }) {
    super(of.message, options);
    this.name = 'FaultError';
    this.fault = of;
  }
}

/** Throws the fault of a catalogue entry. */
export function raise(code: FaultCode, details: FaultDetails = {}, cause?: unknown): never {
  throw new FaultError(fault(code, details), cause === undefined ? undefined : { cause });
}

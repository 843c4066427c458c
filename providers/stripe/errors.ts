/** From Stripe's error object to a fault. Source: API reference, "Errors". */
import { type Fault, type FaultCode, fault } from '../../src/errors/index.js';
import type { BatchRow, Column, JsonValue, Kit, Resource, Verb } from '../../src/provider/index.js';
import { type Meaning, meanings } from './codes.js';
import { fieldOf } from './tables/index.js';

/** The `error` of an answer. */
export interface ApiError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  /** The parameter that it is about: `email`, `address[country]`, `items[0][price]`. */
  readonly param?: string;
  /** The card issuer's reason. */
  readonly declineCode?: string;
  /** What the card issuer advises after a decline: `try_again_later`. */
  readonly adviceCode?: string;
  /** HTTP status of the answer. */
  readonly status?: number;
}

function member(error: object, name: string): string | undefined {
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The error in a body of an answer; undefined when it is something else. */
export function parseError(body: unknown): ApiError | undefined {
  const error: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'error') : undefined;
  if (typeof error !== 'object' || error === null) return undefined;
  const type = member(error, 'type');
  if (type === undefined) return undefined;
  const code = member(error, 'code');
  const param = member(error, 'param');
  const declineCode = member(error, 'decline_code');
  const adviceCode = member(error, 'advice_code');
  return {
    type,
    message: member(error, 'message') ?? 'no reason was given',
    ...(code === undefined ? {} : { code }),
    ...(param === undefined ? {} : { param }),
    ...(declineCode === undefined ? {} : { declineCode }),
    ...(adviceCode === undefined ? {} : { adviceCode }),
  };
}

/** Statuses that say more than `validation` where the code says nothing. 424: a dependency outside of Stripe failed. */
const statuses: ReadonlyMap<number | undefined, Meaning> = new Map<number, Meaning>([
  [403, 'upstream_permission'],
  [424, 'upstream_unavailable'],
]);

/** What an error means to a client by its code; codes that Stripe adds later are `validation`. */
export function meaningOf(error: ApiError): Meaning {
  const known = error.code === undefined ? undefined : meanings.get(error.code);
  return known ?? statuses.get(error.status) ?? 'validation';
}

/** How to proceed after a decline. Source: API reference, "Errors", advice_code. */
const advice: Readonly<Record<string, string>> = {
  confirm_card_data: 'The card’s issuer advises to check the card’s data.',
  do_not_try_again: 'The card’s issuer advises not to try this card again.',
  try_again_later: 'The card’s issuer advises to try again later.',
};

/** Stripe's own code and words, for the CONTEXT line. */
export function contextOf(error: ApiError, kit: Kit): string {
  const code = [error.code ?? error.type, error.declineCode].filter((part) => part !== undefined).join('/');
  return kit.describe(`stripe answered ${code}: ${error.message}`);
}

/** A value in a DETAIL line, as Postgres shows one in `Key (a)=(b)`; long ones are cut. */
function shown(value: JsonValue | undefined): string {
  const text =
    value === null || value === undefined ? 'null' : typeof value === 'string' ? value : JSON.stringify(value);
  const characters = [...text];
  return characters.length > 100 ? `${characters.slice(0, 99).join('')}…` : text;
}

/** The column whose parameter, or a member of it, the error names: the longest match. */
function columnOf(error: ApiError, resource: Resource): Column | undefined {
  const { param } = error;
  if (param === undefined) return undefined;
  let best: { column: Column; length: number } | undefined;
  for (const column of resource.columns) {
    const own = fieldOf(resource.object, column.field)?.param ?? column.field;
    const matches = param === own || param.startsWith(`${own}[`);
    if (matches && own.length > (best?.length ?? 0)) best = { column, length: own.length };
  }
  return best?.column;
}

/** Stripe has no code for a text that is too long. */
function isTooLong(error: ApiError, column: Column | undefined, value: JsonValue | undefined): boolean {
  if (error.code !== undefined || column === undefined) return false;
  if (typeof value === 'string') return column.maxLength !== undefined && [...value].length > column.maxLength;
  if (column.field !== 'metadata' || typeof value !== 'object' || value === null) return false;
  // Docs page "Metadata": 40 characters for a key, 500 for a value.
  return Object.entries(value).some(([key, text]) => [...key].length > 40 || [...shownWhole(text)].length > 500);
}

function shownWhole(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

interface Refusal {
  readonly error: ApiError;
  readonly resource: Resource;
  readonly verb: Verb;
  readonly row: BatchRow;
  readonly column: Column | undefined;
}

/** Whether the error is about the record that the row itself names. */
function isOwnKey({ error, resource, verb, column }: Refusal): boolean {
  if (verb === 'insert') return false;
  return (
    error.param === undefined ||
    error.param === 'id' ||
    error.param === resource.object ||
    column?.name === resource.key
  );
}

function faultCode(refusal: Refusal): FaultCode {
  const { error, column, row } = refusal;
  const meaning = meaningOf(error);
  if (error.code === 'resource_missing' && isOwnKey(refusal)) return 'record_gone';
  if (isTooLong(error, column, column === undefined ? undefined : row.values[column.name])) return 'too_long';
  // These messages name a column; without one the general case says more.
  return meaning === 'read_only_column' && column === undefined ? 'validation' : meaning;
}

/** Sentences by code, where the column is known; `key` is Postgres' own `Key (column)=(value)`. */
const details: Readonly<Record<string, (key: string, column: Column) => string>> = {
  email_invalid: (key) => `${key} is not a valid email address.`,
  parameter_missing: (_, column) => `Column "${column.name}" is required and has no value.`,
  parameter_invalid_empty: (_, column) => `Column "${column.name}" is required and has no value.`,
  parameter_invalid_string_empty: (_, column) => `Column "${column.name}" is required and has no value.`,
  parameter_invalid_string_blank: (_, column) => `Column "${column.name}" is required and has no value.`,
  parameter_invalid_integer: (key) => `${key} is not an integer that the field allows.`,
  resource_already_exists: (key) => `${key} already exists.`,
  resource_missing: (key, column) => `${key} is not present in ${column.references?.join(' or ') ?? 'stripe'}.`,
};

function detailOf(refusal: Refusal, code: FaultCode): string {
  const { error, resource, row, column } = refusal;
  if (code === 'record_gone') return `Key (${resource.key})=(${row.key}) is not present in stripe.`;
  if (column === undefined) return sentence(error.message);
  const key = `Key (${column.name})=(${shown(row.values[column.name])})`;
  const isWhole = error.param === (fieldOf(resource.object, column.field)?.param ?? column.field);
  if (code === 'too_long' && column.maxLength !== undefined) {
    return `${key} is longer than ${column.maxLength} characters.`;
  }
  const specific = error.code === undefined || !isWhole ? undefined : details[error.code];
  if (specific !== undefined) return specific(key, column);
  return sentence(isWhole ? inColumnNames(error.message, column, error.param) : error.message);
}

/** Stripe's sentence with its parameter's name as the column's. */
function inColumnNames(message: string, column: Column, param: string | undefined): string {
  return param === undefined || param === column.name ? message : message.replaceAll(param, column.name);
}

function hintOf({ adviceCode }: ApiError): { readonly hint?: string } {
  const hint = adviceCode === undefined || !Object.hasOwn(advice, adviceCode) ? undefined : advice[adviceCode];
  return hint === undefined ? {} : { hint };
}

/** The fault of a row that Stripe refused. */
export function refusalFault(error: ApiError, resource: Resource, verb: Verb, row: BatchRow, kit: Kit): Fault {
  const column = columnOf(error, resource);
  const refusal: Refusal = { error, resource, verb, row, column };
  const code = faultCode(refusal);
  const isAboutColumn = column !== undefined && code !== 'record_gone';
  return fault(code, {
    params: {
      provider: kit.provider,
      connection: kit.connection,
      table: resource.name,
      verb: verb.toUpperCase(),
      column: column?.name ?? '',
      seconds: 60,
    },
    detail: kit.describe(detailOf(refusal, code)),
    context: contextOf(error, kit),
    ...hintOf(error),
    ...(isAboutColumn ? { column: column.name } : {}),
  });
}

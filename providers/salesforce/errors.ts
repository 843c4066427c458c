/** From Salesforce's refusals to Upwrite's catalogue: what a code means is in codes.ts, which row and column here. */
import { type Fault, type FaultCode, type FaultDetails, fault } from '../../src/errors/index.js';
import type { BatchRow, Column, JsonValue, Kit, Resource, Verb } from '../../src/provider/index.js';
import { meaningOf } from './codes.js';

/** One error of a record's result, or of a whole request. */
export interface ApiError {
  readonly code: string;
  readonly message: string;
  readonly fields: readonly string[];
}

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

/** A value in a DETAIL line, as Postgres shows one in `Key (a)=(b)`; long ones are cut. */
function shown(value: JsonValue | undefined): string {
  const text =
    value === null || value === undefined
      ? 'null'
      : typeof value === 'string'
        ? value
        : Array.isArray(value)
          ? value.join(';')
          : JSON.stringify(value);
  const characters = [...text];
  return characters.length > 100 ? `${characters.slice(0, 99).join('')}…` : text;
}

/** A lookup that leads nowhere is often refused without its field: where the row assigns only one, it is that one. */
function assignedReference(error: ApiError, resource: Resource, row: BatchRow | undefined): readonly Column[] {
  if (row === undefined || !/^(INVALID_CROSS_REFERENCE|ENTITY_IS_DELETED)/.test(error.code)) return [];
  if (error.code === 'ENTITY_IS_DELETED' && row.key !== null) return [];
  const assigned = resource.columns.filter(
    (column) => column.references !== undefined && typeof row.values[column.name] === 'string',
  );
  return assigned.length === 1 ? assigned : [];
}

/** Field names stand in `fields`; some messages only mention them. */
function columnsOf(error: ApiError, resource: Resource, row: BatchRow | undefined): readonly Column[] {
  const byField = new Map(resource.columns.map((column) => [column.field.toLowerCase(), column]));
  const named = error.fields.flatMap((field) => byField.get(field.toLowerCase()) ?? []);
  if (named.length > 0) return named;
  const reference = assignedReference(error, resource, row);
  if (reference.length > 0) return reference;
  const mentioned = /duplicate value found: (\w+)|No such column '(\w+)'|update fields: ([\w, ]+)/.exec(error.message);
  return words((mentioned?.slice(1).find(Boolean) ?? '').replaceAll(',', ' ')).flatMap(
    (field) => byField.get(field.toLowerCase()) ?? [],
  );
}

/** The API's sentence with its field names as column names. */
function inColumnNames(message: string, columns: readonly Column[]): string {
  return columns.reduce(
    (text, column) => text.replace(new RegExp(`(?<![\\w.])${column.field}(?!\\w)`, 'g'), column.name),
    message,
  );
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

interface Refusal {
  readonly error: ApiError;
  readonly columns: readonly Column[];
  readonly row: BatchRow | undefined;
  readonly resource: Resource;
}

function requiredDetail({ columns }: Refusal): string {
  const names = columns.map((column) => `"${column.name}"`);
  return names.length === 1
    ? `Column ${names[0]} is required and has no value.`
    : `Columns ${names.join(', ')} are required and have no value.`;
}

/** Sentences by code, where the column is known; `key` is Postgres' own `Key (column)=(value)`. */
const details: Readonly<Record<string, (key: string, refusal: Refusal) => string>> = {
  INVALID_EMAIL_ADDRESS: (key) => `${key} is not a valid email address.`,
  REQUIRED_FIELD_MISSING: (_, refusal) => requiredDetail(refusal),
  DUPLICATE_VALUE: (key) => `${key} already exists.`,
  DUPLICATE_EXTERNAL_ID: (key) => `${key} is the value of more than one record.`,
  STRING_TOO_LONG: (key, { columns }) => {
    const length = columns[0]?.maxLength;
    return length === undefined ? `${key} is too long.` : `${key} is longer than ${length} characters.`;
  },
  INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST: (key) => `${key} is not one of the values that the field allows.`,
  NUMBER_OUTSIDE_VALID_RANGE: (key) => `${key} is outside the range that the field allows.`,
  INVALID_TYPE_ON_FIELD_IN_RECORD: (key) => `${key} does not have the type of the field.`,
  ENTITY_IS_DELETED: (key, { columns }) => referenceDetail(key, columns[0]),
  MALFORMED_ID: (key) => `${key} is not a well-formed record id.`,
  INVALID_CROSS_REFERENCE_KEY: (key, { columns }) => referenceDetail(key, columns[0]),
  INVALID_CROSS_REFERENCE_TYPE_FOR_FIELD: (key, { columns }) => referenceDetail(key, columns[0]),
  FIELD_NOT_UPDATABLE: (_, { columns }) => `Column "${columns[0]?.name}" cannot be changed.`,
};

function referenceDetail(key: string, column: Column | undefined): string {
  return `${key} is not present in ${column?.references?.join(' or ') ?? 'salesforce'}.`;
}

function detailOf(refusal: Refusal, code: FaultCode): string {
  const { error, columns, row, resource } = refusal;
  const [column] = columns;
  const isOwn = column === undefined || column.name === resource.key;
  const specific = details[error.code];
  if (specific !== undefined && !isOwn) {
    return specific(`Key (${column.name})=(${shown(row?.values[column.name])})`, refusal);
  }
  const key = row?.key ?? null;
  if (key !== null && (error.code === 'DELETE_FAILED' || error.code === 'DEPENDENCY_EXISTS')) {
    return `Key (${resource.key})=(${key}) is still referenced: ${sentence(error.message)}`;
  }
  if (key !== null && code === 'record_gone') {
    return `Key (${resource.key})=(${key}) is not present in salesforce.`;
  }
  return sentence(inColumnNames(error.message, columns));
}

/** A wrong id without a field, or on the Id itself, is the row's own record, which is not there. */
function faultCode(refusal: Refusal, verb: Verb): FaultCode {
  const { error, columns, resource } = refusal;
  const meaning = meaningOf(error.code);
  const isOwn = columns.every((column) => column.name === resource.key) && error.fields.every((f) => f === 'Id');
  const namesItself = verb === 'update' || verb === 'delete';
  if (error.code === 'INVALID_CROSS_REFERENCE_KEY' && isOwn && namesItself) return 'record_gone';
  // What a new record refers to is gone; without a reference the whole address is wrong.
  if (meaning === 'record_gone' && !namesItself) return error.code === 'NOT_FOUND' ? 'validation' : 'bad_reference';
  // These messages name a column; without one the general case says more.
  if (meaning === 'read_only_column' && columns.length === 0) return 'validation';
  return meaning;
}

/** The API's own code and words, for the CONTEXT line. */
export function contextOf(errors: readonly ApiError[], kit: Kit): string {
  return kit.describe(`salesforce answered ${errors.map((error) => `${error.code}: ${error.message}`).join('; ')}`);
}

/** The fault of a refused row, or of every row (`row` undefined) when the whole request was refused. */
export function refusalFault(
  errors: readonly ApiError[],
  resource: Resource,
  verb: Verb,
  row: BatchRow | undefined,
  kit: Kit,
): Fault {
  const error = errors[0] ?? { code: 'UNKNOWN_EXCEPTION', message: 'no reason was given', fields: [] };
  const columns = columnsOf(error, resource, row);
  const refusal: Refusal = { error, columns, row, resource };
  const column = columns[0]?.name;
  const code = faultCode(refusal, verb);
  const givenDetail = kit.describe(detailOf(refusal, code));
  const occurrence: FaultDetails = {
    params: {
      provider: kit.provider,
      connection: kit.connection,
      table: resource.name,
      verb: verb.toUpperCase(),
      column: column ?? '',
      seconds: 60,
    },
    detail: givenDetail,
    context: contextOf(errors, kit),
    ...(column === undefined ? {} : { column }),
  };
  return fault(code, occurrence);
}

/** The errors in a top-level error body, an array of `{errorCode, message, fields}`; empty when it is something else. */
export function parseErrors(body: unknown): readonly ApiError[] {
  if (!Array.isArray(body)) return [];
  return body.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return [];
    const code: unknown = Reflect.get(entry, 'errorCode') ?? Reflect.get(entry, 'statusCode');
    const message: unknown = Reflect.get(entry, 'message');
    const fields: unknown = Reflect.get(entry, 'fields');
    if (typeof code !== 'string') return [];
    return [
      {
        code,
        message: typeof message === 'string' ? message.trim() : '',
        fields: Array.isArray(fields) ? fields.filter((field): field is string => typeof field === 'string') : [],
      },
    ];
  });
}

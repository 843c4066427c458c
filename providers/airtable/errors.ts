/**
 * From Airtable's refusals to Upwrite's catalogue. An answer refuses the whole request and names no record: which row it is
 * about is told from the values and ids that its words quote.
 * Sources: Web API documentation, "Errors", "Field types and cell values", "Create records", "Update multiple records",
 * "List records"; Airtable support, "Airtable API: Common troubleshooting"; recorded answers.
 */
import { type Fault, type FaultCode, type FaultDetails, fault } from '../../src/errors/index.js';
import type { BatchRow, Column, JsonValue, Kit, Outcome, Resource, Verb } from '../../src/provider/index.js';
import { fieldName } from './fields.js';

/** What an answer's body says. */
export interface ApiError {
  readonly type: string;
  readonly message: string;
}

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

/** Every type that these calls are known to give, by what it means to a client. What is not here is `validation`. */
export const typesByMeaning = {
  bad_reference: words('ROW_TABLE_DOES_NOT_MATCH_LINKED_TABLE LINKED_RECORD_NOT_FOUND'),
  record_gone: words('ROW_DOES_NOT_EXIST MODEL_ID_NOT_FOUND RECORD_NOT_FOUND'),
  too_long: words('REQUEST_TOO_LARGE REQUEST_ENTITY_TOO_LARGE'),
  malformed: words(`
    INVALID_RECORD_ID INVALID_ATTACHMENT_OBJECT INVALID_VALUE_FOR_COLUMN INVALID_REQUEST_BODY BAD_REQUEST
    CANNOT_PARSE_REQUEST_BODY INVALID_OFFSET_VALUE INVALID_FILTER_BY_FORMULA`),
  upstream_permission: words(`
    INVALID_PERMISSIONS INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND NOT_AUTHORIZED FORBIDDEN NOT_FOUND TABLE_NOT_FOUND
    MODEL_NOT_FOUND CANNOT_CREATE_RECORDS CANNOT_UPDATE_RECORDS CANNOT_DELETE_RECORDS OPERATION_NOT_ALLOWED
    FEATURE_NOT_AVAILABLE BILLING_REQUIRED PAYMENT_REQUIRED`),
  read_only_column: words('UNKNOWN_FIELD_NAME COMPUTED_FIELD'),
  rate_limited: words('RATE_LIMIT_REACHED TOO_MANY_REQUESTS PUBLIC_API_BILLING_LIMIT_EXCEEDED'),
  /** Nothing was applied, and the same request can succeed a little later: "it is safe to retry the request". */
  upstream_unavailable: words('RETRIABLE_ERROR LIST_RECORDS_ITERATOR_NOT_AVAILABLE'),
  credentials_refused: words(`
    AUTHENTICATION_REQUIRED UNAUTHORIZED INVALID_API_KEY INVALID_TOKEN TOKEN_EXPIRED USER_ACCOUNT_DEACTIVATED`),
  validation: words(`
    INVALID_MULTIPLE_CHOICE_OPTIONS INVALID_REQUEST INVALID_REQUEST_UNKNOWN INVALID_REQUEST_MISSING_FIELDS
    INVALID_RECORDS ATTACHMENTS_FAILED_UPLOADING UNPROCESSABLE_ENTITY RECORD_LIMIT_EXCEEDED FAILED_STATE_CHECK`),
} as const satisfies Partial<Record<FaultCode, readonly string[]>>;

type Meaning = keyof typeof typesByMeaning;

const meanings = new Map<string, Meaning>();
for (const [meaning, types] of Object.entries(typesByMeaning)) {
  for (const type of types) meanings.set(type, meaning as Meaning);
}

/** What a type means to a client; types that Airtable adds later are `validation`. */
export function meaningOf(type: string): Meaning {
  return meanings.get(type) ?? 'validation';
}

function stringOf(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const found: unknown = Reflect.get(value, name);
  return typeof found === 'string' ? found : undefined;
}

/**
 * The error in an answer's body: `{"error":{"type","message"}}`, the same without a message, `{"error":"NOT_FOUND"}`, or
 * `{"errors":[{"error","message"}]}`. Undefined when it is something else.
 */
export function parseError(body: unknown): ApiError | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const list: unknown = Reflect.get(body, 'errors');
  const holder: unknown = Array.isArray(list) ? list[0] : body;
  const plain = stringOf(holder, 'error');
  if (plain !== undefined) return { type: plain, message: stringOf(holder, 'message') ?? '' };
  const error: unknown = typeof holder === 'object' && holder !== null ? Reflect.get(holder, 'error') : undefined;
  const type = stringOf(error, 'type');
  return type === undefined ? undefined : { type, message: stringOf(error, 'message')?.trim() ?? '' };
}

/** The API's own type and words, for the CONTEXT line. */
export function contextOf(error: ApiError, kit: Kit): string {
  return kit.describe(`airtable answered ${error.type}${error.message === '' ? '' : `: ${error.message}`}`);
}

/** Texts that a message quotes, and ids that it names. */
function quoted(message: string): readonly string[] {
  const texts = [...message.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? '');
  const ids = [...message.matchAll(/\brec[A-Za-z0-9]{14}\b/g)].map((match) => match[0]);
  return [...texts, ...ids];
}

/**
 * The column whose field the message names: `Field "X" …`, `field name: "X"`, or as its last words, `… for field X`, or
 * with its id, `… in field X (fldXXXXXXXXXXXXXX)`.
 */
function namedColumn(message: string, resource: Resource): Column | undefined {
  const id = /\((fld\w+)\)/.exec(message)?.[1];
  const byId = id === undefined ? undefined : resource.columns.find((column) => column.field === id);
  if (byId !== undefined) return byId;
  const inQuotes = /\bfield(?: names?)?:? "([^"]+)"/i.exec(message)?.[1];
  const atEnd = /\bfor field ([^"]+?)(?:$|[:.] ?)/.exec(message)?.[1];
  const name = inQuotes ?? atEnd;
  if (name === undefined) return undefined;
  return resource.columns.find((column) => name === fieldName(column) || name === column.field);
}

function items(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? value : [value ?? null];
}

/** Whether a row's column holds one of the texts that the message quotes. */
function isQuoted(value: JsonValue | undefined, texts: ReadonlySet<string>): boolean {
  return items(value).some((item) => typeof item === 'string' && texts.has(item));
}

function isNumberLike(column: Column): boolean {
  return column.type === 'numeric' || column.type === 'integer';
}

/** Whether a value breaks what the column's description says: its choices, its length. */
function breaksRules(column: Column, value: JsonValue | undefined): boolean {
  if (value === null || value === undefined) return false;
  if (column.choices !== undefined) return items(value).some((item) => !column.choices?.includes(String(item)));
  if (column.maxLength !== undefined) return typeof value === 'string' && [...value].length > column.maxLength;
  return false;
}

/** The row and the column that a refusal is about, as far as it can be told. */
interface Culprit {
  readonly rows: readonly BatchRow[];
  readonly column: Column | undefined;
}

function quotedColumn(resource: Resource, rows: readonly BatchRow[], texts: ReadonlySet<string>): Column | undefined {
  const holding = resource.columns.filter((column) => rows.some((row) => isQuoted(row.values[column.name], texts)));
  // An option that a select does not have breaks its rules; elsewhere the same text may be right.
  const breaking = holding.find((column) => rows.some((row) => breaksRules(column, row.values[column.name])));
  return breaking ?? (holding.length === 1 ? holding[0] : undefined);
}

/** The column of a select whose options a row does not keep to. */
function breakingColumn(resource: Resource, rows: readonly BatchRow[]): Column | undefined {
  const selects = resource.columns.filter((column) => column.choices !== undefined);
  return selects.find((column) => rows.some((row) => breaksRules(column, row.values[column.name])));
}

function culpritOf(error: ApiError, resource: Resource, rows: readonly BatchRow[]): Culprit {
  const texts = new Set(quoted(error.message));
  const byKey = rows.filter((row) => row.key !== null && texts.has(row.key));
  if (byKey.length > 0) return { rows: byKey, column: undefined };
  const column =
    namedColumn(error.message, resource) ??
    quotedColumn(resource, rows, texts) ??
    (error.type === 'INVALID_MULTIPLE_CHOICE_OPTIONS' ? breakingColumn(resource, rows) : undefined);
  if (column === undefined) return { rows: rows.length === 1 ? rows : [], column };
  const assigning = rows.filter((row) => (row.values[column.name] ?? null) !== null);
  const narrower = [
    rows.filter((row) => isQuoted(row.values[column.name], texts)),
    assigning.filter((row) => breaksRules(column, row.values[column.name])),
    assigning,
  ].find((some) => some.length > 0);
  return { rows: rows.length === 1 ? rows : (narrower ?? []), column };
}

function faultCode(error: ApiError, column: Column | undefined, row: BatchRow | undefined, verb: Verb): FaultCode {
  const meaning = meaningOf(error.type);
  if (/the field is computed/.test(error.message) && column !== undefined) return 'read_only_column';
  // The record that is missing is one that a link names, not the one that is written.
  if (meaning === 'record_gone' && (verb === 'insert' || verb === 'upsert' || column?.references !== undefined))
    return 'bad_reference';
  if (meaning === 'read_only_column' && column === undefined) return 'validation';
  if (error.type !== 'INVALID_VALUE_FOR_COLUMN') return meaning;
  const value = column === undefined || row === undefined ? undefined : row.values[column.name];
  if (column !== undefined && column.choices === undefined && breaksRules(column, value)) return 'too_long';
  return column === undefined || isNumberLike(column) || column.type === 'text' ? 'validation' : 'malformed';
}

/** A value in a DETAIL line, as Postgres shows one in `Key (a)=(b)`; long ones are cut. */
function shown(value: JsonValue | undefined): string {
  const text =
    value === null || value === undefined
      ? 'null'
      : typeof value === 'string'
        ? value
        : Array.isArray(value) && value.every((item) => typeof item === 'string')
          ? `{${value.join(',')}}`
          : JSON.stringify(value);
  const characters = [...text];
  return characters.length > 100 ? `${characters.slice(0, 99).join('')}…` : text;
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return trimmed === '' || /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

/** The API's sentence with its field's name as the column's. */
function inColumnNames(message: string, column: Column | undefined): string {
  if (column === undefined) return message;
  return message
    .replaceAll(`"${fieldName(column)}"`, `"${column.name}"`)
    .replaceAll(`"${column.field}"`, `"${column.name}"`);
}

/** What is said of a value that the API did not take, by the error's type. */
const saidOfValue: Readonly<Record<string, string>> = {
  INVALID_MULTIPLE_CHOICE_OPTIONS: 'is not one of the values that the field allows.',
  INVALID_VALUE_FOR_COLUMN: 'is not a value that the field accepts.',
  INVALID_RECORD_ID: 'is not a well-formed record id.',
  INVALID_ATTACHMENT_OBJECT: 'is not an attachment: give objects with a url, or the id of one that is there.',
  ATTACHMENTS_FAILED_UPLOADING: 'could not be fetched by airtable.',
  ROW_DOES_NOT_EXIST: 'is not present in the linked table.',
  ROW_TABLE_DOES_NOT_MATCH_LINKED_TABLE: 'is not present in the linked table.',
};

function detailOf(
  error: ApiError,
  code: FaultCode,
  column: Column | undefined,
  row: BatchRow | undefined,
  key: string,
) {
  if (code === 'record_gone' && typeof row?.key === 'string')
    return `Key (${key})=(${row.key}) is not present in airtable.`;
  if (error.type === 'UNKNOWN_FIELD_NAME' && column !== undefined) {
    return `Airtable no longer has the field of column "${column.name}".`;
  }
  const said = saidOfValue[error.type];
  if (column === undefined || row === undefined || said === undefined || code === 'read_only_column') {
    return sentence(inColumnNames(error.message, column)) || 'Airtable gave no reason.';
  }
  const value = `Key (${column.name})=(${shown(row.values[column.name])})`;
  return code === 'too_long' ? `${value} is longer than ${column.maxLength} characters.` : `${value} ${said}`;
}

/** The fault of one row. */
function rowFault(
  error: ApiError,
  resource: Resource,
  verb: Verb,
  kit: Kit,
  of: { readonly row?: BatchRow | undefined; readonly column?: Column | undefined },
): Fault {
  const code = faultCode(error, of.column, of.row, verb);
  const occurrence: FaultDetails = {
    params: {
      provider: kit.provider,
      connection: kit.connection,
      table: resource.name,
      verb: verb.toUpperCase(),
      column: of.column?.name ?? '',
      seconds: 30,
    },
    detail: kit.describe(detailOf(error, code, of.column, of.row, resource.key)),
    context: contextOf(error, kit),
    ...(of.column === undefined ? {} : { column: of.column.name }),
  };
  return fault(code, occurrence);
}

/**
 * Outcomes for a request that was refused as a whole. Where the culprits can be told, the others are siblings, which Airtable
 * did not apply because of them; where they cannot, every row carries the fault.
 */
export function refusedOutcomes(
  error: ApiError,
  resource: Resource,
  verb: Verb,
  rows: readonly BatchRow[],
  kit: Kit,
): readonly Outcome[] {
  const culprit = culpritOf(error, resource, rows);
  return rows.map((row): Outcome => {
    const isCulprit = culprit.rows.includes(row);
    const isAlone = culprit.rows.length === 1;
    const { column } = culprit;
    const refused = rowFault(error, resource, verb, kit, {
      column,
      row: isCulprit || isAlone ? culprit.rows[0] : undefined,
    });
    const isSibling = culprit.rows.length > 0 && !isCulprit;
    return isSibling
      ? { kind: 'rejected', fault: refused, sibling: true }
      : {
          kind: 'rejected',
          fault: isCulprit && !isAlone ? rowFault(error, resource, verb, kit, { column, row }) : refused,
        };
  });
}

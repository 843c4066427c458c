/**
 * From HubSpot's refusals to Upwrite's catalogue. HubSpot has no published list of codes: those here are the categories
 * and codes of its error guide, its API reference, its SDKs and published answers.
 * Source: API guide, "Error handling"; CRM API guide, "Properties".
 */
import { type Fault, type FaultCode, type FaultDetails, fault } from '../../src/errors/index.js';
import type { BatchRow, Column, JsonValue, Kit, Resource, Verb } from '../../src/provider/index.js';
import type { ErrorBody } from './answers.js';
import { isAssociation } from './association-resources.js';

/** A request that HubSpot refused for what it says. */
export class RequestRefused extends Error {
  readonly error: ErrorBody;
  readonly status: number;

  constructor(error: ErrorBody, status: number, words: string) {
    super(words);
    this.name = 'RequestRefused';
    this.error = error;
    this.status = status;
  }
}

/** One thing that is wrong: with a property, or with the whole. */
export interface Complaint {
  readonly code: string;
  readonly message: string;
  readonly property: string | undefined;
}

/** The code for required properties that are missing: HubSpot names them in the context and gives none. */
const requiredCode = 'REQUIRED_PROPERTY';

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

/** Codes, categories and sub-categories by what they mean to a client. What is not here is `validation`. */
export const codesByMeaning = {
  required_missing: words(`REQUIRED_PROPERTY REQUIRED_FIELD MISSING_REQUIRED_PROPERTY MISSING_REQUIRED_PROPERTIES`),
  duplicate: words(`
    CONFLICT OBJECT_ALREADY_EXISTS CONTACT_EXISTS CONFLICTING_UNIQUE_VALUE DUPLICATE_UNIQUE_PROPERTY_VALUE
    STORAGE_UNIQUE_CONFLICT`),
  bad_reference: words(`
    INVALID_OBJECT_IDS FROM_OBJECT_NOT_FOUND TO_OBJECT_NOT_FOUND INVALID_OWNER INVALID_OWNER_ID ASSOCIATION_FAILED`),
  too_long: words(`PROPERTY_VALUE_TOO_LONG VALUE_TOO_LONG STRING_TOO_LONG MAX_LENGTH_EXCEEDED`),
  malformed: words(`
    INVALID_LONG INVALID_INTEGER INVALID_DOUBLE INVALID_FLOAT INVALID_NUMBER INVALID_NUMERIC INVALID_DATE
    INVALID_DATETIME INVALID_BOOLEAN INVALID_JSON INVALID_VALUE INVALID_COORDINATES`),
  upstream_permission: words(`MISSING_SCOPES FORBIDDEN PERMISSION_DENIED UNAUTHORIZED USER_DOES_NOT_HAVE_PERMISSIONS`),
  read_only_column: words(`READ_ONLY_VALUE PROPERTY_DOESNT_EXIST PROPERTY_NOT_FOUND`),
  record_gone: words(`OBJECT_NOT_FOUND NOT_FOUND`),
  credentials_refused: words(`INVALID_AUTHENTICATION EXPIRED_AUTHENTICATION REVOKED_AUTHENTICATION`),
  upstream_unavailable: words(`LOCKED MIGRATION_IN_PROGRESS`),
  rate_limited: words(`RATE_LIMITS RATE_LIMIT`),
  validation: words(`
    VALIDATION_ERROR INVALID_EMAIL INVALID_OPTION INVALID_PHONE_NUMBER INVALID_URL INVALID_DOMAIN NUMBER_OUT_OF_RANGE
    GDPR_BLOCKLISTED GDPR_BLACKLISTED INVALID_PIPELINE INVALID_PIPELINE_STAGE OBJECT_LIMIT_EXCEEDED LIMIT_EXCEEDED
    INVALID_ASSOCIATION_TYPE BUSINESS_RULES_VIOLATION INTERNAL_ERROR`),
} as const satisfies Partial<Record<FaultCode, readonly string[]>>;

type Meaning = keyof typeof codesByMeaning;

const meanings = new Map<string, Meaning>();
for (const [meaning, codes] of Object.entries(codesByMeaning)) {
  for (const code of codes) meanings.set(code, meaning as Meaning);
}

/** What a code means; sub-categories have a prefix, as `crm.associations.INVALID_OBJECT_IDS` has, which says nothing more. */
function meaningOfCode(code: string): Meaning | undefined {
  return meanings.get(code) ?? meanings.get(code.slice(code.lastIndexOf('.') + 1));
}

/** What a status means where no code says more. */
const statusMeanings: Readonly<Record<number, Meaning>> = {
  403: 'upstream_permission',
  404: 'record_gone',
  409: 'duplicate',
};

function textMember(value: unknown, name: string): string | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof found === 'string' ? found : undefined;
}

/** Complaints about values stand whole in the message, as JSON; `errors` has at most three of them. */
function complaintsInMessage(message: string): readonly Complaint[] {
  const start = message.indexOf('[');
  if (start === -1 || !message.endsWith(']')) return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(message.slice(start));
  } catch {
    return [];
  }
  if (!Array.isArray(parsed)) return [];
  return parsed.flatMap((entry: unknown) => {
    const [code, property] = [textMember(entry, 'error'), textMember(entry, 'name')];
    if (code === undefined || property === undefined) return [];
    return [{ code, property, message: textMember(entry, 'message') ?? '' }];
  });
}

function overall(error: ErrorBody): Complaint {
  const known = [error.subCategory, error.category].find((code) => code != null && meaningOfCode(code) !== undefined);
  const code = known ?? error.category ?? error.errorType ?? 'ERROR';
  return { code, message: error.message, property: undefined };
}

/** Everything that an error says is wrong; at least one. */
export function complaintsOf(error: ErrorBody): readonly Complaint[] {
  const embedded = complaintsInMessage(error.message);
  if (embedded.length > 0) return embedded;
  const required = error.context?.['properties'] ?? [];
  if (required.length > 0) {
    return required.map((property) => ({ code: requiredCode, property, message: error.message }));
  }
  const listed = (error.errors ?? []).flatMap((entry): readonly Complaint[] => {
    const property = entry.context?.['propertyName']?.[0] ?? entry.in ?? undefined;
    if (entry.code == null && property === undefined) return [];
    return [{ code: entry.code ?? overall(error).code, property, message: entry.message }];
  });
  return listed.length > 0 ? listed : [overall(error)];
}

/** HubSpot's own codes and words, for the CONTEXT line. */
export function contextOf(error: ErrorBody, status: number, kit: Kit): string {
  const told = complaintsOf(error).map(({ code, message }) =>
    message === '' ? `HTTP ${status}` : `${code === 'ERROR' ? `HTTP ${status}` : code}: ${message}`,
  );
  return kit.describe(`hubspot answered ${[...new Set(told)].join('; ')}`);
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

/** The column that a complaint is about. A conflict often names none: it is the one unique column that is assigned. */
function columnOf(complaint: Complaint, meaning: Meaning, resource: Resource, row: BatchRow | undefined) {
  const name = complaint.property?.toLowerCase();
  if (name !== undefined) return resource.columns.find((column) => column.field.toLowerCase() === name);
  if (meaning !== 'duplicate' || row === undefined) return undefined;
  const unique = resource.columns.filter(
    (column) => column.upsertKey === true && typeof row.values[column.name] === 'string',
  );
  return unique.length === 1 ? unique[0] : undefined;
}

/** HubSpot's sentence with its property's name as the column's. */
function inColumnName(message: string, column: Column | undefined): string {
  if (column === undefined) return message;
  return message.replace(new RegExp(`(?<![\\w.])${column.field}(?!\\w)`, 'g'), column.name);
}

function sentence(text: string): string {
  const trimmed = text.trim();
  return trimmed === '' || /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

/** Sentences by code, where the column is known; `key` is Postgres' own `Key (column)=(value)`. */
const details: Readonly<Record<string, (key: string, column: Column) => string>> = {
  INVALID_EMAIL: (key) => `${key} is not a valid email address.`,
  INVALID_OPTION: (key) => `${key} is not one of the values that the field allows.`,
  NUMBER_OUT_OF_RANGE: (key) => `${key} is outside the range that the field allows.`,
  [requiredCode]: (_, column) => `Column "${column.name}" is required and has no value.`,
  READ_ONLY_VALUE: (_, column) => `Column "${column.name}" cannot be set.`,
};

const detailsByMeaning: Readonly<Partial<Record<Meaning, (key: string, column: Column) => string>>> = {
  duplicate: (key) => `${key} already exists.`,
  too_long: (key) => `${key} is too long.`,
  malformed: (key) => `${key} does not have the type of the field.`,
};

interface Occurrence {
  readonly complaint: Complaint;
  readonly meaning: Meaning;
  readonly column: Column | undefined;
  readonly resource: Resource;
  readonly row: BatchRow | undefined;
}

function detailOf({ complaint, meaning, column, resource, row }: Occurrence): string {
  if (column !== undefined) {
    const write = details[complaint.code] ?? detailsByMeaning[meaning];
    if (write !== undefined) return write(`Key (${column.name})=(${shown(row?.values[column.name])})`, column);
  }
  const key = row?.key ?? null;
  if (key !== null && meaning === 'record_gone') return `Key (${resource.key})=(${key}) is not present in hubspot.`;
  return sentence(inColumnName(complaint.message, column));
}

/** What a complaint means. Of a row without a key, what is not there is a record that it refers to, or the whole address. */
function meaningOf(complaint: Complaint, status: number, resource: Resource, row: BatchRow | undefined): Meaning {
  const meaning = meaningOfCode(complaint.code) ?? 'validation';
  const generic = meaning === 'validation' ? (statusMeanings[status] ?? meaning) : meaning;
  if (generic !== 'record_gone' || (row !== undefined && row.key !== null)) return generic;
  return isAssociation(resource) ? 'bad_reference' : 'validation';
}

/** The fault of a refused row, or of a whole request (`row` undefined). */
export function refusalFault(
  error: ErrorBody,
  status: number,
  resource: Resource,
  verb: Verb,
  row: BatchRow | undefined,
  kit: Kit,
): Fault {
  const [complaint = overall(error)] = complaintsOf(error);
  const meaning = meaningOf(complaint, status, resource, row);
  const column = columnOf(complaint, meaning, resource, row);
  const code: FaultCode = meaning === 'read_only_column' && column === undefined ? 'validation' : meaning;
  const occurrence: FaultDetails = {
    params: {
      provider: kit.provider,
      connection: kit.connection,
      table: resource.name,
      verb: verb.toUpperCase(),
      column: column?.name ?? '',
      seconds: 10,
    },
    detail: kit.describe(detailOf({ complaint, meaning, column, resource, row })),
    context: contextOf(error, status, kit),
    ...(column === undefined ? {} : { column: column.name }),
  };
  return fault(code, occurrence);
}

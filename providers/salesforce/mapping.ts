/**
 * Values between columns and Salesforce's JSON, in both directions, and what Salesforce makes of a value that it keeps.
 * Sources: REST API Developer Guide, "Valid Date and DateTime Formats"; Object Reference, "Primitive Data Types" and
 * "Field Types"; Apex Developer Guide, "Primitive Data Types" (strings, the same rules as in the API).
 */
import type { Column, JsonValue, Rec, Resource, Values } from '../../src/provider/index.js';

/** A record as the API sends it. */
export type ApiRecord = Readonly<Record<string, unknown>>;

/** The decimal digits of a finite number without an exponent. */
export function decimalText(value: number): string {
  const text = String(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const shift = Number(exponent);
  const digits = whole + fraction;
  if (shift < 0) return `${sign}0.${'0'.repeat(-shift - 1)}${digits}`;
  return `${sign}${digits.padEnd(shift + 1, '0')}`;
}

/** A decimal without sign of zero, leading and trailing zeros, so that equal numbers have equal texts. */
function normalDecimal(text: string): string {
  const match = /^([+-]?)0*(\d*)(?:\.(\d*))?$/.exec(text.trim());
  if (match === null) return text;
  const fraction = (match[3] ?? '').replace(/0+$/, '');
  const whole = match[2] === '' ? '0' : match[2];
  const sign = match[1] === '-' && (whole !== '0' || fraction !== '') ? '-' : '';
  return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345';

/** The 18-character form of a 15-character id: three check characters tell which letters are capitals. */
export function longId(id: string): string {
  if (!/^[A-Za-z0-9]{15}$/.test(id)) return id;
  let out = id;
  for (let part = 0; part < 3; part += 1) {
    let bits = 0;
    for (let index = 0; index < 5; index += 1) {
      if (/[A-Z]/.test(id.charAt(part * 5 + index))) bits |= 1 << index;
    }
    out += alphabet.charAt(bits);
  }
  return out;
}

/** `2021-12-03T17:59:20.000+0000` as ISO 8601 with Z; what is no such time stamp stays as it is. */
export function isoTime(text: string): string {
  const parsed = Date.parse(text.replace(/([+-]\d{2})(\d{2})$/, '$1:$2').replace(/([+-]\d{2})$/, '$1:00'));
  return Number.isNaN(parsed) ? text : new Date(parsed).toISOString();
}

function fromText(column: Column, value: string): JsonValue {
  switch (column.type) {
    case 'timestamptz':
      return isoTime(value);
    case 'time':
      return value.replace(/Z$/, '');
    case 'text[]':
      return value.split(';');
    case 'integer':
    case 'double precision':
      return Number(value);
    default:
      return value;
  }
}

/** Copies what came out of JSON.parse into the contract's JSON type. */
function toJson(value: unknown): JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toJson(inner)]));
  }
  return null;
}

/** A value as the column has it. A value of a form that the column's type does not have becomes text or null. */
export function fromApi(column: Column, value: unknown): JsonValue {
  if (value === null || value === undefined) return null;
  if (column.type === 'jsonb') return toJson(value);
  if (typeof value === 'string') return fromText(column, value);
  if (typeof value === 'number') {
    return column.type === 'integer' || column.type === 'double precision' ? value : decimalText(value);
  }
  if (typeof value === 'boolean') return column.type === 'boolean' ? value : String(value);
  return JSON.stringify(value);
}

/** A number in JSON where it survives JavaScript's doubles, otherwise its text, which Salesforce parses itself. */
function apiNumber(text: string): number | string {
  const parsed = Number(text);
  if (text.trim() === '' || !Number.isFinite(parsed)) return text;
  return normalDecimal(decimalText(parsed)) === normalDecimal(text) ? parsed : text;
}

function toApiText(column: Column, value: string): JsonValue {
  if (value === '') return null;
  switch (column.type) {
    case 'numeric':
    case 'bigint':
      return apiNumber(value);
    case 'timestamptz':
      return isoTime(value);
    case 'time': {
      const [clock = value, fraction = ''] = value.split('.');
      return `${clock}.${fraction.slice(0, 3).padEnd(3, '0')}Z`;
    }
    default:
      return value;
  }
}

/** A value for a request. NULL is sent as null, which clears the field; so is '', which Salesforce cannot hold. */
export function toApi(column: Column, value: JsonValue): JsonValue {
  if (column.type === 'jsonb') return value;
  if (Array.isArray(value)) return value.length === 0 ? null : value.join(';');
  return typeof value === 'string' ? toApiText(column, value) : value;
}

/** A multi-select picklist keeps its choices once each, in the order of the picklist. */
function keptChoices(column: Column, value: readonly JsonValue[]): JsonValue {
  const { choices = [] } = column;
  const chosen = [...new Set(value)];
  const listed = choices.filter((choice) => chosen.includes(choice));
  const others = chosen.filter((choice) => typeof choice !== 'string' || !choices.includes(choice));
  return chosen.length === 0 ? null : [...listed, ...others];
}

/**
 * The value that Salesforce is known to keep of one that was sent: text without white space at its ends, '' as NULL,
 * time stamps to the second, references in 18 characters. Salesforce answers a write with ids only, so this is all that
 * is known before the next sync.
 */
export function kept(column: Column, value: JsonValue): JsonValue {
  if (column.type === 'text[]') return Array.isArray(value) ? keptChoices(column, value) : value;
  if (typeof value !== 'string') return value;
  switch (column.type) {
    case 'text': {
      // Only these: a no-break space survives.
      const trimmed = value.replace(/^[ \t\r\n\f\v]+|[ \t\r\n\f\v]+$/g, '');
      if (trimmed === '') return null;
      return column.references === undefined ? trimmed : longId(trimmed);
    }
    case 'timestamptz':
      return isoTime(value).replace(/\.\d{3}Z$/, '.000Z');
    case 'numeric':
    case 'bigint':
      return normalDecimal(value);
    case 'time':
      return toApiText(column, value)?.toString().replace(/Z$/, '') ?? null;
    default:
      return value;
  }
}

/** The API's field names and values of the assigned columns. */
export function toFields(resource: Resource, values: Values): Record<string, JsonValue> {
  const fields: Record<string, JsonValue> = {};
  for (const column of resource.columns) {
    const value = values[column.name];
    if (value !== undefined) fields[column.field] = toApi(column, value);
  }
  return fields;
}

/** What is known of a record after a write that assigned `values`. */
export function keptRecord(resource: Resource, key: string, values: Values): Rec {
  const known: Record<string, JsonValue> = { [resource.key]: key };
  for (const column of resource.columns) {
    const value = values[column.name];
    if (value !== undefined && column.name !== resource.key) known[column.name] = kept(column, value);
  }
  return { key, values: known };
}

/** A record of the API as the contract has it; columns that it does not mention are absent. */
export function toRec(resource: Resource, record: ApiRecord): Rec {
  const values: Record<string, JsonValue> = {};
  for (const column of resource.columns) {
    if (column.field in record) values[column.name] = fromApi(column, record[column.field]);
  }
  return { key: String(values[resource.key] ?? ''), values };
}

/** Whether a record has the values that a write assigned, as Salesforce keeps them. */
export function matches(resource: Resource, record: Rec, values: Values): boolean {
  return resource.columns.every((column) => {
    const value = values[column.name];
    if (value === undefined) return true;
    const wanted = kept(column, value);
    const found = kept(column, record.values[column.name] ?? null);
    if (Array.isArray(wanted) && Array.isArray(found)) {
      return wanted.length === found.length && wanted.every((item) => found.includes(item));
    }
    return wanted === found || JSON.stringify(wanted) === JSON.stringify(found);
  });
}

/**
 * Values between columns and Airtable's JSON, in both directions.
 * Source: Web API documentation, "Field types and cell values".
 */
import type { Column, JsonValue, Rec, Resource, Values } from '../../src/provider/index.js';
import { createdField, idField } from './resources.js';

/** A record as the API sends it, with fields by id; empty ones are absent. */
export interface ApiRecord {
  readonly id: string;
  readonly createdTime: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

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

/** What a computed field holds when it has no value: `{"specialValue":"NaN"}`, `{"error":"#ERROR!"}`. */
function isSpecial(value: object): boolean {
  return 'specialValue' in value || 'error' in value;
}

function isTime(text: string): boolean {
  return !Number.isNaN(Date.parse(text));
}

function fromText(column: Column, value: string): JsonValue {
  switch (column.type) {
    case 'timestamptz':
      return isTime(value) ? new Date(value).toISOString() : null;
    case 'date':
      return /^\d{4}-\d{2}-\d{2}/.test(value) ? value.slice(0, 10) : null;
    case 'numeric':
    case 'integer':
      // A formula may give text where its description promises a number.
      return null;
    case 'boolean':
      return value !== '';
    case 'text[]':
      return [value];
    default:
      return value;
  }
}

/** A value as the column has it. A computed value of a form that the column's type does not have is NULL. */
export function fromApi(column: Column, value: unknown): JsonValue {
  if (value === null || value === undefined) return column.type === 'boolean' && !column.nullable ? false : null;
  if (column.type === 'jsonb') return toJson(value);
  if (typeof value === 'object' && !Array.isArray(value) && isSpecial(value)) return null;
  if (typeof value === 'string') return fromText(column, value);
  if (typeof value === 'number') {
    if (column.type === 'integer') return Number.isSafeInteger(value) ? value : null;
    if (column.type === 'boolean') return value !== 0;
    return column.type === 'numeric' || column.type === 'text' ? decimalText(value) : null;
  }
  if (typeof value === 'boolean') {
    if (column.type === 'boolean') return value;
    if (column.type === 'text') return String(value);
    return column.type === 'numeric' ? String(Number(value)) : null;
  }
  if (!Array.isArray(value)) return null;
  const texts = value.map((each: unknown) => (typeof each === 'string' ? each : JSON.stringify(each)));
  if (column.type === 'text[]') return texts;
  return column.type === 'text' ? texts.join(', ') : null;
}

function isObject(value: JsonValue): value is { readonly [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Ids of users and of groups of them, of which a list of collaborators is made. */
const isPerson = (id: string): boolean => /^(?:usr|ugp)/.test(id);

/**
 * An element of an attachment, or a collaborator, as it is to be sent. What was read has more members than may be written: of
 * an attachment that exists its id is sent; for a new record, which can keep none, the address that Airtable fetches anew.
 */
function toReference(value: JsonValue, isNew: boolean): JsonValue {
  if (!isObject(value)) return value;
  const { id, url, filename, email } = value;
  if (typeof url === 'string' && (isNew || typeof id !== 'string')) {
    return typeof filename === 'string' ? { url, filename } : { url };
  }
  if (typeof id === 'string') return { id };
  return typeof email === 'string' ? { email } : value;
}

/** A list of collaborators is one of ids, where a single one is an object ("Field types and cell values"). */
function toApiJson(value: JsonValue, isNew: boolean): JsonValue {
  if (!Array.isArray(value)) return toReference(value, isNew);
  return value.map((each: JsonValue) => {
    const id = isObject(each) ? each['id'] : undefined;
    return typeof id === 'string' && isPerson(id) ? id : toReference(each, isNew);
  });
}

/** A time stamp in milliseconds, which is what Airtable keeps; what is no finite time is left to it to refuse. */
function isoTime(text: string): string {
  const millis = Date.parse(text);
  return Number.isNaN(millis) ? text : new Date(millis).toISOString();
}

/** A value for a request. NULL is sent as null, which empties the cell; so is '', which Airtable cannot hold. */
export function toApi(column: Column, value: JsonValue, isNew: boolean): JsonValue {
  if (value === null || value === '') return null;
  if (column.type === 'jsonb') return toApiJson(value, isNew);
  if (typeof value !== 'string') return value;
  if (column.type === 'timestamptz') return isoTime(value);
  if (column.type !== 'numeric') return value;
  // Airtable's numbers are doubles, as JavaScript's are. NaN and infinities have no form in JSON: it refuses the text.
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : value;
}

/** The API's field ids and values of the assigned columns. */
export function toFields(resource: Resource, values: Values, isNew: boolean): Record<string, JsonValue> {
  const fields: Record<string, JsonValue> = {};
  for (const column of resource.columns) {
    const value = values[column.name];
    if (value !== undefined) fields[column.field] = toApi(column, value, isNew);
  }
  return fields;
}

/** A whole record of the API as the contract has it: a field that is absent is empty. */
export function toRec(resource: Resource, record: ApiRecord): Rec {
  const values: Record<string, JsonValue> = {};
  for (const column of resource.columns) {
    if (column.field === idField) values[column.name] = record.id;
    else if (column.field === createdField) values[column.name] = fromApi(column, record.createdTime);
    else values[column.name] = fromApi(column, record.fields[column.field]);
  }
  return { key: record.id, values };
}

/**
 * Values between columns and HubSpot's properties. Every value travels as text: numbers, booleans and lists too; the
 * empty text is no value. Moments come as ISO 8601 or, in the answer to a create, as epoch milliseconds.
 * Source: CRM API guide, "Properties", "Understand property types".
 */
import type { Column, JsonValue, Rec, Resource, Values } from '../../src/provider/index.js';
import type { ApiRecord } from './answers.js';

const epoch = /^-?\d{1,15}$/;

/** A decimal without exponent, sign of zero, leading and trailing zeros, so that equal numbers have equal texts. */
export function normalDecimal(text: string): string {
  const match = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,4}))?$/.exec(text.trim());
  if (match === null || (match[2] === '' && match[3] === '')) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  const before = (point > 0 ? digits.slice(0, point).padEnd(point, '0') : '').replace(/^0+/, '');
  const after = (point > 0 ? digits.slice(point) : '0'.repeat(-point) + digits).replace(/0+$/, '');
  const isZero = before === '' && after === '';
  return `${sign === '-' && !isZero ? '-' : ''}${before === '' ? '0' : before}${after === '' ? '' : `.${after}`}`;
}

/** A moment as ISO 8601 with Z; what is no moment stays as it is. */
export function isoMoment(text: string): string {
  const at = epoch.test(text) ? Number(text) : Date.parse(text);
  return Number.isNaN(at) || Math.abs(at) > 8.64e15 ? text : new Date(at).toISOString();
}

/** A calendar date; milliseconds are those of its midnight in UTC. */
function isoDay(text: string): string {
  const moment = isoMoment(text);
  return /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(moment) ? moment.slice(0, 10) : text;
}

function parsedJson(text: string): JsonValue {
  try {
    const value: JsonValue = JSON.parse(text);
    return value;
  } catch {
    return text;
  }
}

/** A value as the column has it; what is not of its type stays as it is. */
export function fromApi(column: Column, value: string | null): JsonValue {
  if (value === null || value === '') return null;
  switch (column.type) {
    case 'boolean':
      return value === 'true' ? true : value === 'false' ? false : value;
    case 'numeric':
      return normalDecimal(value);
    case 'date':
      return isoDay(value);
    case 'timestamptz':
      return isoMoment(value);
    case 'text[]': {
      const items = value.split(';').filter((item) => item !== '');
      return items.length === 0 ? null : items;
    }
    case 'jsonb':
      return parsedJson(value);
    default:
      return value;
  }
}

/** A value as HubSpot takes it. The empty text clears a property. */
export function toApi(column: Column, value: JsonValue): string {
  if (value === null) return '';
  if (column.type === 'text[]' && Array.isArray(value)) return value.map(String).join(';');
  if (column.type === 'jsonb') return JSON.stringify(value);
  if (typeof value !== 'string') return typeof value === 'object' ? JSON.stringify(value) : String(value);
  switch (column.type) {
    case 'timestamptz':
      return isoMoment(value);
    case 'numeric':
      return normalDecimal(value);
    default:
      return value;
  }
}

/** The value that a write leaves behind, as far as is known without HubSpot's answer. */
export function kept(column: Column, value: JsonValue): JsonValue {
  return fromApi(column, toApi(column, value));
}

/** Property names and values of the assigned columns. */
export function toProperties(resource: Resource, values: Values): Record<string, string> {
  const properties: Record<string, string> = {};
  for (const column of resource.columns) {
    const value = values[column.name];
    if (value !== undefined) properties[column.field] = toApi(column, value);
  }
  return properties;
}

/** A record as the contract has it; columns that it does not mention are absent. */
export function toRec(resource: Resource, record: ApiRecord): Rec {
  const values: Record<string, JsonValue> = {};
  for (const column of resource.columns) {
    const value = record.properties[column.field];
    if (column.name === resource.key) values[column.name] = record.id;
    else if (value !== undefined) values[column.name] = fromApi(column, value);
  }
  const { version } = resource;
  // An update's answer need not have the property, and always has the record's own time.
  if (version !== undefined && values[version] === undefined && record.updatedAt !== undefined) {
    values[version] = isoMoment(record.updatedAt);
  }
  return { key: record.id, values };
}

/** What is known of a record after a write: HubSpot's answer, and what was assigned where the answer is silent. */
export function writtenRec(resource: Resource, record: ApiRecord, assigned: Values): Rec {
  const answered = toRec(resource, record);
  const values: Record<string, JsonValue> = { ...answered.values };
  for (const column of resource.columns) {
    const value = assigned[column.name];
    if (value !== undefined && values[column.name] === undefined) values[column.name] = kept(column, value);
  }
  return { key: answered.key, values };
}

function sameValue(a: JsonValue, b: JsonValue): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item: JsonValue) => b.some((other: JsonValue) => other === item));
  }
  // HubSpot keeps e-mail addresses and domains in lower case.
  if (typeof a === 'string' && typeof b === 'string') return a.toLowerCase() === b.toLowerCase();
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Whether a record has the values that a write assigned. */
export function matches(resource: Resource, record: Rec, values: Values): boolean {
  return resource.columns.every((column) => {
    const value = values[column.name];
    return value === undefined || sameValue(kept(column, value), record.values[column.name] ?? null);
  });
}

/** Values from Stripe's objects to columns. Source: API reference; amounts in minor units, times in Unix seconds. */
import type { Column, JsonValue, Rec, Resource } from '../../src/provider/index.js';
import type { ApiObject } from './client.js';
import { fieldOf } from './tables/index.js';

/** A member by its dotted path, in which `:type` is the one that `type` names; undefined where there is none. */
function at(object: unknown, path: string): unknown {
  let current: unknown = object;
  for (const part of path.split('.')) {
    if (typeof current !== 'object' || current === null) return undefined;
    const name: unknown = part.startsWith(':') ? Reflect.get(current, part.slice(1)) : part;
    current = typeof name === 'string' ? Reflect.get(current, name) : undefined;
  }
  return current;
}

/** Copies what came out of JSON.parse into the contract's JSON type. */
export function toJson(value: unknown): JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toJson(inner)]));
  }
  return null;
}

/** A reference as its id, whether Stripe sent the id or the object. */
function idOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  const id: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'id') : undefined;
  return typeof id === 'string' ? id : null;
}

/** Seconds since 1970 as ISO 8601. */
export function isoSeconds(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** The decimal digits of a finite number without an exponent. */
export function decimalText(value: number): string {
  const text = String(value);
  if (!text.includes('e')) return text;
  return value.toFixed(20).replace(/\.?0+$/, '');
}

/** A subscription's items with what an assignment can change. */
function itemsFrom(value: unknown): JsonValue {
  if (!Array.isArray(value)) return null;
  return value.map(
    (item: unknown): JsonValue => ({
      id: idOf(item),
      price: idOf(at(item, 'price')),
      quantity: toJson(at(item, 'quantity')),
      metadata: toJson(at(item, 'metadata') ?? {}),
    }),
  );
}

/** A value as the column has it. A value of a form that the column's type does not have becomes text or null. */
export function fromApi(column: Column, value: unknown): JsonValue {
  if (value === null || value === undefined) return null;
  switch (column.type) {
    case 'jsonb':
      return toJson(value);
    case 'text[]':
      return Array.isArray(value) ? value.map((item: unknown) => idOf(item) ?? JSON.stringify(item)) : null;
    case 'timestamptz':
      return typeof value === 'number' ? isoSeconds(value) : null;
    case 'bigint':
    case 'numeric':
      return typeof value === 'number' ? decimalText(value) : typeof value === 'string' ? value : null;
    case 'integer':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    default:
      if (typeof value === 'object') return idOf(value);
      return String(value);
  }
}

/** A record of the API as the contract has it: every column, since Stripe answers with whole objects. */
export function toRec(resource: Resource, object: ApiObject): Rec {
  const values: Record<string, JsonValue> = {};
  for (const column of resource.columns) {
    const value = at(object, column.field);
    const isItems = fieldOf(resource.object, column.field)?.writing === 'items';
    values[column.name] = isItems ? itemsFrom(value) : fromApi(column, value);
  }
  return { key: String(values[resource.key] ?? ''), values };
}

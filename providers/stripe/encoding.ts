/**
 * Values from columns to parameters. In SQL an assignment replaces; Stripe lays what it is sent over what it has, and
 * takes an empty value as unsetting. So what an assignment leaves out is sent empty.
 * Source: API reference, "Metadata" and the parameters of each endpoint.
 */
import type { JsonValue } from '../../src/provider/index.js';
import type { Field, Members } from './tables/index.js';

type JsonHash = { readonly [name: string]: JsonValue };

export function isJsonHash(value: JsonValue | undefined): value is JsonHash {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sameJson(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  return canonical(a ?? null) === canonical(b ?? null);
}

/** JSON text with members in order, the same for the same value. */
export function canonical(value: JsonValue): string {
  return JSON.stringify(sorted(value));
}

/** With members in order: Stripe compares repeated requests with their first one. */
export function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonHash(value)) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, inner]) => [name, sorted(inner)]));
}

/** A value in the form of parameters: null and empty lists or objects are sent as an empty value. */
export function plain(value: JsonValue): JsonValue {
  if (value === null) return '';
  if (Array.isArray(value)) return value.length === 0 ? '' : value.map(plain);
  if (!isJsonHash(value)) return value;
  const members = Object.entries(value);
  return members.length === 0 ? '' : Object.fromEntries(members.map(([name, inner]) => [name, plain(inner)]));
}

/**
 * Metadata that replaces `old`: keys that the new value does not have, or has as null, are removed. `old` undefined means
 * that the record is new.
 */
function metadataParam(value: JsonValue, old: JsonValue | undefined): JsonValue | undefined {
  if (!isJsonHash(value)) return plain(value);
  const kept = Object.entries(value).filter(([, inner]) => inner !== null);
  if (kept.length === 0) return old === undefined ? undefined : '';
  const removed = isJsonHash(old) ? Object.keys(old).filter((key) => (value[key] ?? null) === null) : [];
  return Object.fromEntries([...removed.map((key) => [key, '']), ...kept.map(([key, inner]) => [key, plain(inner)])]);
}

/**
 * An object's members. Members that cannot be written are passed over as long as they keep their values; one that an
 * assignment leaves out is unset unless it is known to be empty. `old` undefined means unknown.
 */
function hashParam(value: JsonHash, members: Members, old: JsonValue | undefined): JsonHash {
  const before = isJsonHash(old) ? old : undefined;
  const out: Record<string, JsonValue> = {};
  for (const name of new Set([...Object.keys(members), ...Object.keys(value)])) {
    const given = value[name] ?? null;
    const known = old === undefined ? undefined : (before?.[name] ?? null);
    const writable = Object.hasOwn(members, name) ? members[name] : undefined;
    if (writable === undefined && (given === null || sameJson(given, known))) continue;
    if (given === null) {
      if (known !== null) out[name] = '';
    } else if (isJsonHash(given) && typeof writable === 'object') {
      const inner = hashParam(given, writable, known);
      if (Object.keys(inner).length > 0) out[name] = inner;
    } else {
      out[name] = plain(given);
    }
  }
  return out;
}

function itemsById(items: JsonValue | undefined): ReadonlyMap<string, JsonHash> {
  const found = new Map<string, JsonHash>();
  for (const item of Array.isArray(items) ? items : []) {
    if (isJsonHash(item) && typeof item['id'] === 'string') found.set(item['id'], item);
  }
  return found;
}

function itemParam(item: JsonHash, old: JsonHash | undefined): JsonHash {
  const out: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(item)) {
    if (name === 'metadata') {
      const metadata = sameJson(value, old?.['metadata']) ? undefined : metadataParam(value, old?.['metadata']);
      if (metadata !== undefined) out[name] = metadata;
    } else if (name === 'id' || (value !== null && !sameJson(value, old?.[name]))) {
      out[name] = plain(value);
    }
  }
  return out;
}

/**
 * A subscription's items that replace `old`. An item without an id is the old one of the same price, if there is one that
 * is not named otherwise, so that its period and usage go on; what is left of the old ones is deleted.
 */
function itemsParam(value: JsonValue, old: JsonValue | undefined): JsonValue {
  if (!Array.isArray(value)) return plain(value);
  const before = new Map(itemsById(old));
  const given = value.filter(isJsonHash);
  for (const item of given) if (typeof item['id'] === 'string') before.delete(item['id']);
  const known = itemsById(old);
  const params = given.map((item): JsonValue => {
    const own = typeof item['id'] === 'string' ? item['id'] : undefined;
    const found = own ?? [...before].find(([, candidate]) => sameJson(candidate['price'], item['price']))?.[0];
    if (found === undefined) return itemParam(item, undefined);
    before.delete(found);
    return itemParam({ ...item, id: found }, known.get(found));
  });
  const deleted = [...before.keys()].map((id): JsonValue => ({ id, deleted: true }));
  return [...params, ...deleted];
}

function discountsParam(value: JsonValue): JsonValue {
  if (!Array.isArray(value)) return plain(value);
  return plain(value.map((item: JsonValue) => (typeof item === 'string' ? { discount: item } : item)));
}

function structured(field: Field, value: JsonValue, old: JsonValue | undefined): JsonValue | undefined {
  switch (field.writing) {
    case 'metadata':
      return metadataParam(value, old);
    case 'items':
      return itemsParam(value, old);
    case 'discounts':
      return discountsParam(value);
    case 'hash':
      if (!isJsonHash(value) || Object.keys(value).length === 0) return plain(value);
      return hashParam(value, field.members ?? {}, old);
    case 'plain':
      return plain(value);
  }
}

/** Whole seconds since 1970; what is no such time stamp is left for Stripe to refuse. */
function secondsOf(text: string): JsonValue {
  const millis = Date.parse(text);
  return Number.isNaN(millis) ? text : Math.floor(millis / 1000);
}

/**
 * The parameter for a value; undefined where nothing is to be sent. On insert NULL is left out, and `old` is undefined
 * for metadata and null for objects, since there is nothing to be unset.
 */
export function paramOf(
  field: Field,
  value: JsonValue,
  isInsert: boolean,
  old: JsonValue | undefined,
): JsonValue | undefined {
  if (value === null) return isInsert ? undefined : '';
  if (field.type === 'jsonb') {
    const before = isInsert ? (field.writing === 'metadata' ? undefined : null) : (old ?? undefined);
    const param = structured(field, value, before);
    return isInsert && (param === '' || (isJsonHash(param) && Object.keys(param).length === 0)) ? undefined : param;
  }
  if (field.type === 'timestamptz' && typeof value === 'string') return secondsOf(value);
  return plain(value);
}

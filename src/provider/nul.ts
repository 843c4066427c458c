/**
 * The one character that Postgres cannot hold, in text as in JSON: U+0000. An API may have it, and a record with it would
 * stop the sync of its table for ever; it is left out.
 */
import type { JsonValue, Rec, Values } from './contract.js';

const nul = '\u0000';

function without(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.includes(nul) ? value.replaceAll(nul, '') : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items: readonly JsonValue[] = value;
    return items.some((item) => without(item) !== item) ? items.map(without) : value;
  }
  const entries: readonly (readonly [string, JsonValue])[] = Object.entries(value);
  const isClean = entries.every(([name, item]) => !name.includes(nul) && without(item) === item);
  return isClean ? value : Object.fromEntries(entries.map(([name, item]) => [name.replaceAll(nul, ''), without(item)]));
}

/** The record, the same object unless there was something to leave out. */
export function withoutNul<R extends Rec | null>(record: R): R | Rec {
  if (record === null) return record;
  let values: Record<string, JsonValue> | undefined;
  const given: Values = record.values;
  for (const name in given) {
    const value = given[name];
    if (value === undefined || value === null || typeof value === 'number' || typeof value === 'boolean') continue;
    const kept = without(value);
    if (kept === value) continue;
    values ??= { ...given };
    values[name] = kept;
  }
  return values === undefined ? record : { key: record.key, values };
}

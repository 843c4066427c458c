/** JSON as it is kept in the database. */
import type { TableEntry } from './port.js';

type Json = TableEntry['resource'];

export function asJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value));
}

/** jsonb orders keys by itself, so both sides are put in one order before they are compared. */
export function sameJson(a: unknown, b: unknown): boolean {
  return stable(a) === stable(b);
}

function stable(value: unknown): string {
  return (
    JSON.stringify(value, (_key, inner: unknown) => {
      if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
      return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
    }) ?? ''
  );
}

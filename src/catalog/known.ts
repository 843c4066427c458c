/** What is remembered of a table from the last time: names stay the same whatever the API calls things today. */
import type { Resource } from '../provider/index.js';

/** The name that a field got first, before the configuration's choices, and the column that it had last. */
export interface KnownName {
  readonly base: string;
  readonly name: string;
}

/** By the field's identity (see `identities`); fields that the API no longer has are in it too. */
export type KnownNames = Readonly<Record<string, KnownName>>;

/** A registered table that is in the database. */
export interface KnownTable {
  readonly oid: number;
  readonly object: string;
  /** Where it is now. */
  readonly schema: string;
  readonly name: string;
  readonly names: KnownNames;
  readonly resource: Resource;
  /** Why it is not synced; null where it is. */
  readonly held: string | null;
}

/**
 * What to remember: the names of today, and of those that have gone the ones whose columns nobody else has. The name of
 * a column is so never given away while its field may come back, unless a new field claims it.
 */
export function remember(before: KnownNames, now: KnownNames): KnownNames {
  const taken = new Set(Object.values(now).flatMap(({ base, name }) => [base, name]));
  const gone = Object.entries(before).filter(
    ([field, { base, name }]) => !(field in now || taken.has(base) || taken.has(name)),
  );
  return { ...Object.fromEntries(gone), ...now };
}

/** What tells a resource's columns apart over time, by column name: the field, with the name where fields have several. */
export function identities(resource: Resource): ReadonlyMap<string, string> {
  const fields = resource.columns.map(({ field }) => field);
  const repeated = new Set(fields.filter((field, index) => fields.indexOf(field) !== index));
  return new Map(resource.columns.map(({ name, field }) => [name, repeated.has(field) ? `${field} ${name}` : field]));
}

/** The identity of the field that a column belonged to last, or undefined. */
export function ownerOf(names: KnownNames, column: string): string | undefined {
  return Object.entries(names).find(([, { name }]) => name === column)?.[0];
}

/** `name` with a suffix, cut so that both have at most the 63 bytes of a name in PostgreSQL. */
export function withSuffix(name: string, suffix: string): string {
  let stem = name;
  while (Buffer.byteLength(stem) + Buffer.byteLength(suffix) > 63) stem = stem.slice(0, -1);
  return `${stem}${suffix}`;
}

/** Names by id: those known stay, a new one that is taken gets a number. */
export function keepNames(
  items: readonly { readonly id: string; readonly name: string }[],
  known: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const { id } of items) {
    const name = known.get(id);
    if (name === undefined || taken.has(name)) continue;
    names.set(id, name);
    taken.add(name);
  }
  for (const { id, name } of items) {
    if (names.has(id)) continue;
    let free = name;
    for (let n = 2; taken.has(free); n += 1) free = withSuffix(name, `_${n}`);
    names.set(id, free);
    taken.add(free);
  }
  return names;
}

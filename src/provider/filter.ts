/**
 * The condition that a configuration may give a table, as a typed tree with SQL's own three-valued meaning. Only records
 * of which it is true belong to the table.
 *
 * Whether a record belongs is decided by PostgreSQL, over the record as it would be stored. A provider may use the
 * condition to read less in a *full* listing: what it asks its API for has to contain every record that belongs, and may
 * contain others. It must not narrow a listing of changes, since a record that has just ceased to belong is news.
 */
import type { JsonValue } from './json.js';

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=';

/** Columns by name; values in the form that the contract has for the column's type, never null. */
export type Filter =
  | { readonly kind: 'and' | 'or'; readonly of: readonly Filter[] }
  | { readonly kind: 'not'; readonly of: Filter }
  | Test
  | { readonly kind: 'constant'; readonly value: boolean | null };

/** A test of one column. */
export type Test =
  | { readonly kind: 'compare'; readonly column: string; readonly operator: Comparison; readonly value: JsonValue }
  | { readonly kind: 'in'; readonly column: string; readonly values: readonly JsonValue[] }
  | { readonly kind: 'null'; readonly column: string }
  /** `IS TRUE` and `IS FALSE`: never null. */
  | { readonly kind: 'is'; readonly column: string; readonly value: boolean }
  | { readonly kind: 'like'; readonly column: string; readonly pattern: string; readonly caseless: boolean };

/** A condition without NOT except on single tests, as they are. */
export type Plain =
  | { readonly kind: 'and' | 'or'; readonly of: readonly Plain[] }
  | { readonly kind: 'test'; readonly test: Test; readonly negated: boolean }
  | { readonly kind: 'constant'; readonly value: boolean };

const opposites: Readonly<Record<Comparison, Comparison>> = {
  '=': '<>',
  '<>': '=',
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
};

/**
 * The condition with every NOT pushed down to the tests. It is true of the same records, which is all that matters: an
 * unknown, which `NOT` keeps, counts as false. NOT of a comparison is the opposite comparison: both are unknown of NULL.
 */
export function plain(filter: Filter, negated = false): Plain {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const kind = (filter.kind === 'and') === negated ? 'or' : 'and';
      return { kind, of: filter.of.map((part) => plain(part, negated)) };
    }
    case 'not':
      return plain(filter.of, !negated);
    case 'constant':
      return { kind: 'constant', value: filter.value !== null && filter.value !== negated };
    case 'compare':
      return negated
        ? { kind: 'test', test: { ...filter, operator: opposites[filter.operator] }, negated: false }
        : { kind: 'test', test: filter, negated: false };
    default:
      return { kind: 'test', test: filter, negated };
  }
}

/**
 * A condition in an API's words, from its tests in those words. A test that the API cannot express is null: it is left
 * out of an AND, and takes a whole OR with it, so that what remains is true wherever the condition is. Null: nothing
 * remains.
 */
export function widen<Words>(
  condition: Plain,
  words: {
    readonly test: (test: Test, negated: boolean) => Words | null;
    readonly and: (parts: readonly Words[]) => Words;
    readonly or: (parts: readonly Words[]) => Words | null;
  },
): Words | null {
  switch (condition.kind) {
    case 'constant':
      return null;
    case 'test':
      return words.test(condition.test, condition.negated);
    case 'and': {
      const parts = condition.of.map((part) => widen(part, words)).filter((part) => part !== null);
      return parts.length === 0 ? null : words.and(parts);
    }
    case 'or': {
      // What is never true adds nothing.
      const open = condition.of.filter((part) => part.kind !== 'constant' || part.value);
      const parts = open.map((part) => widen(part, words));
      const known = parts.filter((part) => part !== null);
      return known.length < parts.length || known.length === 0 ? null : words.or(known);
    }
  }
}

/** A pattern of LIKE, taken apart: runs of plain characters, `%` and `_`. A backslash takes the next one literally. */
export function patternParts(pattern: string): readonly (string | { readonly any: 'run' | 'one' })[] {
  const parts: (string | { any: 'run' | 'one' })[] = [];
  let literal = '';
  const flush = (): void => {
    if (literal !== '') parts.push(literal);
    literal = '';
  };
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? '';
    if (character === '%' || character === '_') {
      flush();
      parts.push({ any: character === '%' ? 'run' : 'one' });
    } else if (character === '\\') {
      at += 1;
      literal += characters[at] ?? '';
    } else literal += character;
  }
  flush();
  return parts;
}

/** The columns that a condition looks at. */
export function columnsOf(filter: Filter): ReadonlySet<string> {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return new Set(filter.of.flatMap((part) => [...columnsOf(part)]));
    case 'not':
      return columnsOf(filter.of);
    case 'constant':
      return new Set();
    default:
      return new Set([filter.column]);
  }
}

/** Texts that no query language has trouble with: no control characters and no halves of surrogate pairs. */
export function isPlainText(value: JsonValue): value is string {
  return typeof value === 'string' && value !== '' && !/[\p{Cc}\p{Cs}]/u.test(value);
}

/** A number's decimal text of at most 15 digits, which a double holds exactly as it is written; undefined otherwise. */
export function shortDecimal(value: JsonValue): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const text = String(value);
  const digits = /^-?(\d+)(?:\.(\d*))?$/.exec(text);
  if (digits === null || `${digits[1]}${digits[2] ?? ''}`.replace(/^0+/, '').length > 15) return undefined;
  return text.replace(/\.$/, '');
}

/**
 * The longest run of plain characters in a LIKE pattern: whatever fulfils the pattern contains it. Undefined where there
 * is none, or where a comparison without case is more than one of ASCII letters.
 */
export function containedText(pattern: string, caseless: boolean): string | undefined {
  const runs = patternParts(pattern).filter((part) => typeof part === 'string');
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  if (!isPlainText(longest)) return undefined;
  return caseless && !/^[\x20-\x7e]*$/.test(longest) ? undefined : longest;
}

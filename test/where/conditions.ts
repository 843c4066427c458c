/** Random conditions as people write them, over the columns of `contacts()`, and rows that they tell apart. */
import fc from 'fast-check';
import type { Column, JsonValue, Resource, Values } from '../../src/provider/index.js';

const words = ['', 'a', 'A', 'ab', 'Ab_c', 'b%', "it's", 'é', 'É', 'x y', '\\', 'c\\d', 'null', '0'];
const patterns = ['a%', '%b%', '_', 'A_', '%', '', '%\\%%', "it's", '%\\\\%', 'ab', '%é', 'x%y', '\\a%'];
const days = ['1999-12-31', '2020-02-29', '2024-01-01'];
const moments = ['2020-02-29 12:00:00Z', '2024-01-01 00:00:00.5+02', '2024-01-01', '1999-12-31 23:59:59.999999'];

/** What may be written for a value of a column, and what a row may hold. */
interface Domain {
  readonly written: readonly string[];
  readonly held: readonly JsonValue[];
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const domains: Readonly<Partial<Record<Column['type'], Domain>>> = {
  text: { written: words.map(quote), held: words },
  boolean: { written: ['true', 'false', "'t'", "'no'"], held: [true, false] },
  integer: { written: ['0', '-7', '5', "'5'", '2147483647', '5::bigint'], held: [0, -7, 5, 2147483647] },
  bigint: { written: ['9223372036854775807', '-1', "'0'::bigint"], held: ['9223372036854775807', '-1', '0'] },
  numeric: {
    written: ['1.5', '-0.25', '12345678901234567890.123456789', "'2'::numeric", '0'],
    held: ['1.5', '-0.25', '12345678901234567890.123456789', '2.00', '0'],
  },
  'double precision': { written: ['0.1', '-3', '2.5'], held: [0.1, -3, 2.5] },
  date: { written: [...days.map(quote), "'2020-02-29'::date", "date '1999-12-31'"], held: days },
  time: { written: ["'06:30'", "'06:30:00.5'::time"], held: ['06:30:00', '06:30:00.5'] },
  timestamptz: {
    written: [...moments.map(quote), "'2024-01-01T00:00:00Z'::timestamptz"],
    held: ['2020-02-29T12:00:00Z', '2023-12-31T22:00:00.5Z', '2024-01-01T00:00:00Z', '1999-12-31T23:59:59.999999Z'],
  },
};

const pick = <T>(items: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...items);

/** Texts to be written for a column's values, in place of the usual ones. */
export type Written = (column: Column) => readonly string[];

function atom(column: Column, written: Written): fc.Arbitrary<string> {
  const name = /^[a-z_][a-z0-9_]*$/.test(column.name) ? column.name : `"${column.name}"`;
  const isNull = pick([`${name} IS NULL`, `${name} IS NOT NULL`]);
  const domain = domains[column.type];
  if (domain === undefined) return isNull;
  const own = written(column);
  const value = pick(own.length === 0 ? domain.written : [...own, ...own, ...domain.written]);
  const operator = pick(['=', '<>', '!=', '<', '<=', '>', '>=']);
  const common = [
    fc.tuple(operator, value).map(([sign, of]) => `${name} ${sign} ${of}`),
    fc.tuple(operator, value).map(([sign, of]) => `${of} ${sign} ${name}`),
    fc
      .tuple(pick(['IN', 'NOT IN']), fc.array(value, { minLength: 1, maxLength: 3 }))
      .map(([sign, of]) => `${name} ${sign} (${of.join(', ')})`),
    fc
      .tuple(pick(['BETWEEN', 'NOT BETWEEN']), value, value)
      .map(([sign, low, high]) => `${name} ${sign} ${low} AND ${high}`),
    isNull,
  ];
  if (column.type === 'boolean') {
    return fc.oneof(
      ...common,
      pick([name, `${name} IS TRUE`, `${name} IS NOT TRUE`, `${name} IS FALSE`, `${name} IS NOT FALSE`]),
    );
  }
  if (column.type !== 'text') return fc.oneof(...common);
  const like = fc
    .tuple(pick(['LIKE', 'NOT LIKE', 'ILIKE', 'NOT ILIKE']), pick(patterns))
    .map(([sign, pattern]) => `${name} ${sign} ${quote(pattern)}`);
  if (own.length > 0) {
    const part = fc.tuple(pick(['LIKE', 'ILIKE']), pick(own), fc.integer({ min: 1, max: 6 }));
    const begun = part.map(
      ([sign, text, length]) => `${name} ${sign} '%${text.slice(1, 1 + length).replace(/'/g, '')}%'`,
    );
    return fc.oneof(...common, like, begun);
  }
  return fc.oneof(...common, like);
}

/** Conditions over these columns, with and without parentheses. */
export function conditions(columns: readonly Column[], written: Written = () => []): fc.Arbitrary<string> {
  const atoms = fc.oneof(...columns.map((column) => atom(column, written)));
  const { condition } = fc.letrec<{ condition: string }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      { weight: 3, arbitrary: atoms },
      { weight: 1, arbitrary: fc.constantFrom('true', 'false') },
      {
        weight: 4,
        arbitrary: fc
          .tuple(tie('condition'), pick(['AND', 'OR', 'and']), tie('condition'), fc.boolean())
          .map(([left, sign, right, closed]) => (closed ? `(${left}) ${sign} (${right})` : `${left} ${sign} ${right}`)),
      },
      {
        weight: 2,
        arbitrary: fc
          .tuple(tie('condition'), fc.boolean())
          .map(([inner, closed]) => (closed ? `NOT (${inner})` : `NOT ${inner}`)),
      },
    ),
  }));
  return condition;
}

/** Values of a row: of each column something that conditions mention, or null. */
export function rowValues(resource: Resource, columns: readonly Column[]): fc.Arbitrary<Values> {
  const of = (column: Column): fc.Arbitrary<JsonValue> => {
    const held = domains[column.type]?.held ?? [];
    return held.length === 0 ? fc.constant(null) : fc.option(pick(held), { freq: 5 });
  };
  return fc
    .tuple(...columns.map((column) => (column.name === resource.key ? fc.constant(null) : of(column))))
    .map((values) => Object.fromEntries(columns.map(({ name }, index) => [name, values[index] ?? null])));
}

/** Column types as PostgreSQL writes them, and which of them can become which without losing a value. */
import type { ColumnType } from '../provider/index.js';

/** As PostgreSQL's format_type writes them. */
export const typeNames: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  boolean: 'boolean',
  integer: 'integer',
  bigint: 'bigint',
  'double precision': 'double precision',
  numeric: 'numeric',
  date: 'date',
  time: 'time without time zone',
  timestamptz: 'timestamp with time zone',
  bytea: 'bytea',
  jsonb: 'jsonb',
  'text[]': 'text[]',
};

/** The conversion of a quoted column name. */
type Conversion = (name: string) => string;

const cast =
  (type: string): Conversion =>
  (name) =>
    `${name}::${type}`;
const toText = cast('text');
const toJson: Conversion = (name) => `to_jsonb(${name})`;

/**
 * Every value of the first type has its equal in the second. `double precision` goes to `numeric` by its shortest text,
 * since the cast itself keeps 15 digits; a text becomes the one element of an array.
 */
const conversions: Readonly<Record<string, Readonly<Record<string, Conversion>>>> = {
  integer: {
    bigint: cast('bigint'),
    numeric: cast('numeric'),
    'double precision': cast('double precision'),
    text: toText,
  },
  bigint: { numeric: cast('numeric'), text: toText },
  'double precision': { numeric: (name) => `${name}::text::numeric`, text: toText },
  numeric: { text: toText },
  boolean: { text: toText },
  date: { text: toText, timestamptz: (name) => `${name}::timestamp AT TIME ZONE 'UTC'` },
  'time without time zone': { text: toText },
  'timestamp with time zone': { text: toText },
  text: { 'text[]': (name) => `CASE WHEN ${name} IS NOT NULL THEN ARRAY[${name}] END`, jsonb: toJson },
  'text[]': { jsonb: toJson },
  jsonb: { text: toText },
};

/** The expression that turns a column (its quoted name) into the wanted type, or undefined where values could be lost. */
export function conversion(from: string, to: ColumnType, name: string): string | undefined {
  const direct = conversions[from]?.[to];
  if (direct !== undefined) return direct(name);
  return to === 'jsonb' && from !== 'bytea' && from !== 'jsonb' ? toJson(name) : undefined;
}

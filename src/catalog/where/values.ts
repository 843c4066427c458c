/** Values in a condition: checked against the column's type, and brought into the form that the contract has for it. */
import type { ColumnType, JsonValue } from '../../provider/index.js';

/** Types that a value of a column may be cast to: a cast never changes what is compared. */
const families: readonly (readonly string[])[] = [
  ['text', 'varchar', 'character varying', 'char', 'bpchar'],
  ['boolean', 'bool'],
  ['smallint', 'int2', 'integer', 'int', 'int4', 'bigint', 'int8', 'numeric', 'decimal'],
  ['double precision', 'float8', 'real', 'float4', 'float'],
  ['date'],
  ['time', 'time without time zone'],
  ['timestamptz', 'timestamp with time zone', 'timestamp', 'timestamp without time zone'],
];

/** Whether a value of a column of the type may be cast to a type of this name. */
export function mayCast(type: ColumnType, to: string): boolean {
  const family = families.find((names) => names.includes(type));
  if (family === undefined) return false;
  if (family.includes(to.toLowerCase())) return true;
  return type === 'double precision' && (families[2]?.includes(to.toLowerCase()) ?? false);
}

/** A literal: its text, and whether it stood in quotes or what else it was. */
export interface Literal {
  readonly kind: 'string' | 'number' | 'boolean';
  readonly text: string;
}

const integer = /^[+-]?\d+$/;
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)$/;

function inRange(text: string, bits: bigint): boolean {
  const value = BigInt(text);
  const limit = 1n << (bits - 1n);
  return value >= -limit && value < limit;
}

const truths = new Set(['true', 't', 'yes', 'y', 'on', '1']);
const lies = new Set(['false', 'f', 'no', 'n', 'off', '0']);

function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return false;
  const at = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text) && match[1] !== '0000';
}

function time(text: string): string | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d(?:\.\d{1,6})?))?$/.exec(text);
  return match === null ? undefined : `${match[1]}:${match[2]}:${match[3] ?? '00'}`;
}

/** A point in time; without a zone it is UTC. At most microseconds, which a Date does not have. */
function timestamp(text: string): string | undefined {
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?))?\s*(Z|[+-]\d{2}(?::?\d{2})?)?$/i.exec(text);
  const [, date = '', clock = '00:00', zone = 'Z'] = match ?? [];
  const day = isDate(date) ? date : undefined;
  const of = time(clock);
  if (day === undefined || of === undefined) return undefined;
  const offset = /^z$/i.test(zone) ? 'Z' : zone.length === 3 ? `${zone}:00` : zone.replace(/^(...)(\d\d)$/, '$1:$2');
  return Number.isNaN(Date.parse(`${day}T${of}${offset}`)) ? undefined : `${day}T${of}${offset}`;
}

/** What a value has to look like, for messages. */
export const shapes: Readonly<Partial<Record<ColumnType, string>>> = {
  text: "a text in quotes: 'Energy'",
  boolean: 'true or false',
  integer: 'a whole number: 5',
  bigint: 'a whole number: 5',
  numeric: 'a number: 12.5',
  'double precision': 'a number: 12.5',
  date: "a date in quotes: '2024-02-29'",
  time: "a time in quotes: '06:30:00'",
  timestamptz: "a time stamp in quotes: '2024-02-29 12:00:00Z' (UTC unless it names a zone)",
};

/** The value in the contract's form, or undefined where it is not one of the type. */
export function columnValue(type: ColumnType, { kind, text }: Literal): JsonValue | undefined {
  const trimmed = text.trim();
  switch (type) {
    case 'text':
      return kind === 'string' && !text.includes('\0') ? text : undefined;
    case 'boolean':
      if (kind === 'number') return undefined;
      return truths.has(trimmed.toLowerCase()) ? true : lies.has(trimmed.toLowerCase()) ? false : undefined;
    case 'integer':
      return kind !== 'boolean' && integer.test(trimmed) && inRange(trimmed, 32n) ? Number(trimmed) : undefined;
    case 'bigint':
      return kind !== 'boolean' && integer.test(trimmed) && inRange(trimmed, 64n) ? `${BigInt(trimmed)}` : undefined;
    case 'numeric':
      return kind !== 'boolean' && decimal.test(trimmed) ? trimmed.replace(/^\+/, '') : undefined;
    case 'double precision':
      return kind !== 'boolean' && decimal.test(trimmed) && Number.isFinite(Number(trimmed))
        ? Number(trimmed)
        : undefined;
    case 'date':
      return kind === 'string' && isDate(trimmed) ? trimmed : undefined;
    case 'time':
      return kind === 'string' ? time(trimmed) : undefined;
    case 'timestamptz':
      return kind === 'string' ? timestamp(trimmed) : undefined;
    default:
      return undefined;
  }
}

/** From the text that the database evaluated to the values that a provider is given. */
import type { Column, ColumnType, JsonValue } from '../provider/index.js';

/**
 * A value's canonical text (see ColumnType; a double precision as its eight bytes in hexadecimal) as the JSON value that
 * stands for it between Upwrite and a provider.
 */
export function providerValue(type: ColumnType, text: string | null): JsonValue {
  if (text === null) return null;
  switch (type) {
    case 'boolean':
      return text === 'true';
    case 'integer':
      return Number(text);
    case 'double precision':
      return double(Buffer.from(text, 'hex').readDoubleBE());
    case 'jsonb':
    case 'text[]':
      return JSON.parse(text) as JsonValue;
    default:
      return text;
  }
}

/** A text of JSON in its order of strings, which are passed over, and numbers. */
const jsonTokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * The first number within a text of JSON that a double would round, or null. Postgres keeps numbers in JSON exactly;
 * between Upwrite and an API they are JavaScript's.
 */
export function inexactNumber(json: string): string | null {
  for (const [token] of json.matchAll(jsonTokens)) {
    if (!token.startsWith('"') && significant(token) !== significant(String(Number(token)))) return token;
  }
  return null;
}

/** A decimal number's sign, digits and exponent, the same however it is written. */
function significant(text: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return text;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const kept = digits.replace(/0+$/, '');
  return kept === '' ? '0' : `${sign}${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`;
}

/** NaN and the infinities are no JSON numbers. */
function double(value: number): JsonValue {
  return Number.isFinite(value) ? value : String(value);
}

/** A confirmed value in the form that jsonb_populate_recordset reads into the column. */
export function storedValue(column: Column | undefined, value: JsonValue): JsonValue {
  if (column?.type === 'bytea' && typeof value === 'string') {
    return `\\x${Buffer.from(value, 'base64').toString('hex')}`;
  }
  return value;
}

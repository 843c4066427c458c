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

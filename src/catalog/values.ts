/** Values of the provider contract as PostgreSQL reads them. Source: PostgreSQL manual, "COPY", "Arrays", "bytea". */
import type { ColumnType, JsonValue } from '../provider/index.js';

/**
 * The text form of a value, as the type's input function takes it; null is NULL. What PostgreSQL's text cannot hold (NUL
 * and halves of surrogate pairs, which JSON can) becomes U+FFFD, so that one odd character does not stop a table.
 */
export function textForm(type: ColumnType, value: JsonValue | undefined): string | null {
  if (value === null || value === undefined) return null;
  switch (type) {
    case 'jsonb':
      return holdable(
        JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'string' ? holdable(inner) : inner)),
      );
    case 'text[]':
      return arrayForm(value);
    case 'bytea':
      return typeof value === 'string' ? `\\x${Buffer.from(value, 'base64').toString('hex')}` : scalar(value);
    default:
      return scalar(value);
  }
}

function scalar(value: JsonValue): string {
  return holdable(typeof value === 'string' ? value : JSON.stringify(value));
}

/** With the `u` flag a surrogate in the class matches only where it is not half of a pair. */
const unholdable = /[\0\uD800-\uDFFF]/u;
const everyUnholdable = /[\0\uD800-\uDFFF]/gu;

function holdable(text: string): string {
  return unholdable.test(text) ? text.replace(everyUnholdable, '\uFFFD') : text;
}

function arrayForm(value: JsonValue): string {
  if (!Array.isArray(value)) return scalar(value);
  const items = value.map((item: JsonValue) =>
    item === null ? 'NULL' : `"${scalar(item).replace(/["\\]/g, '\\$&')}"`,
  );
  return `{${items.join(',')}}`;
}

const copyEscapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A value as a field of COPY's text format. */
export function copyField(text: string | null): string {
  if (text === null) return '\\N';
  return /[\\\n\r\t]/.test(text) ? text.replace(/[\\\n\r\t]/g, (c) => copyEscapes[c] ?? c) : text;
}

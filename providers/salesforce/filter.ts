/**
 * A table's condition as SOQL, for full listings: true of every record that the condition is true of, and perhaps of
 * more, since SOQL compares text whatever its case and times by the second.
 * Source: SOQL and SOSL Reference, "Condition Expression Syntax", "Comparison Operators", "Date Formats".
 */
import {
  type Column,
  containedText,
  isPlainText,
  type JsonValue,
  patternParts,
  plain,
  type Resource,
  shortDecimal,
  type Test,
  widen,
} from '../../src/provider/index.js';

/** Longer conditions are not sent: an address has to hold them. */
const longest = 4000;

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function isReference(resource: Resource, column: Column): boolean {
  return column.name === resource.key || (column.references?.length ?? 0) > 0;
}

/** A value as SOQL writes it, for types that it compares exactly or more loosely than PostgreSQL; undefined for others. */
function operand(resource: Resource, column: Column, value: JsonValue): string | undefined {
  switch (column.type) {
    case 'text':
      if (!isPlainText(value)) return undefined;
      return isReference(resource, column) && !/^[A-Za-z0-9]{18}$/.test(value) ? undefined : quoted(value);
    case 'integer':
    case 'bigint':
    case 'numeric':
      return shortDecimal(value);
    case 'date':
      return typeof value === 'string' ? value : undefined;
    default:
      return undefined;
  }
}

/** Whole seconds at or before, or at or after, a time. */
function second(value: JsonValue, up: boolean): string {
  const millis = Date.parse(String(value));
  // Microseconds are lost in a Date, always downwards.
  const seconds = Math.floor(millis / 1000) + (up ? 1 : 0);
  return new Date(seconds * 1000).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

function compareTime(field: string, test: Extract<Test, { kind: 'compare' }>): string | null {
  const from = `${field} >= ${second(test.value, false)}`;
  const to = `${field} <= ${second(test.value, true)}`;
  switch (test.operator) {
    case '=':
      return `(${from} AND ${to})`;
    case '<>':
      return null;
    default:
      return test.operator.startsWith('>') ? from : to;
  }
}

function compare(resource: Resource, column: Column, test: Extract<Test, { kind: 'compare' }>): string | null {
  const { field, type } = column;
  const { operator, value } = test;
  if (type === 'timestamptz') return compareTime(field, test);
  if (type === 'boolean') {
    return operator === '=' ? `${field} = ${value}` : operator === '<>' ? `${field} = ${value !== true}` : null;
  }
  const written = operand(resource, column, value);
  if (written === undefined) return null;
  if (operator === '=') return `${field} = ${written}`;
  if (type === 'text') return null;
  if (operator === '<>') return `${field} != ${written}`;
  return `${field} ${operator.startsWith('>') ? '>=' : '<='} ${written}`;
}

/** `_` is one character there and one there, but of different kinds: any run takes its place. */
function like(column: Column, pattern: string, caseless: boolean): string | null {
  const parts = patternParts(pattern);
  if (containedText(pattern, caseless) === undefined) return null;
  const texts = parts.filter((part) => typeof part === 'string');
  if (!texts.every((text) => isPlainText(text) && !text.includes('\\') && (!caseless || /^[\x20-\x7e]*$/.test(text)))) {
    return null;
  }
  const written = parts.map((part) =>
    typeof part === 'string' ? part.replaceAll("'", "\\'").replace(/[%_]/g, '\\$&') : '%',
  );
  return `${column.field} LIKE '${written.join('')}'`;
}

function testOf(resource: Resource, test: Test, negated: boolean): string | null {
  const column = resource.columns.find((each) => each.name === test.column);
  if (column === undefined || column.filterable === false) return null;
  const { field, type } = column;
  switch (test.kind) {
    case 'compare':
      return compare(resource, column, test);
    case 'null':
      if (type === 'boolean' || type === 'jsonb' || type === 'text[]') return null;
      return `${field} ${negated ? '!=' : '='} null`;
    case 'is':
      return `${field} ${negated ? '!=' : '='} ${test.value}`;
    case 'in': {
      const written = test.values.map((value) => operand(resource, column, value));
      if (written.some((each) => each === undefined) || (negated && type === 'text')) return null;
      return `${field} ${negated ? 'NOT IN' : 'IN'} (${written.join(', ')})`;
    }
    case 'like':
      return negated || isReference(resource, column) ? null : like(column, test.pattern, test.caseless);
  }
}

/** What follows WHERE, or null where SOQL cannot narrow the listing. */
export function soqlCondition(resource: Resource): string | null {
  if (resource.filter === undefined) return null;
  const soql = widen<string>(plain(resource.filter), {
    test: (test, negated) => testOf(resource, test, negated),
    and: (parts) => (parts.length === 1 ? (parts[0] ?? '') : `(${parts.join(' AND ')})`),
    or: (parts) => (parts.length === 1 ? (parts[0] ?? '') : `(${parts.join(' OR ')})`),
  });
  return soql === null || soql.length > longest ? null : soql;
}

/**
 * A table's condition as a formula, for full listings: true of every record that the condition is true of, and perhaps of
 * more. Formulas take an empty cell for 0 or for the empty text, and times are left some room.
 * Source: Web API documentation, "List records" (filterByFormula); Formula field reference.
 */
import {
  type Column,
  containedText,
  isPlainText,
  type JsonValue,
  plain,
  type Resource,
  shortDecimal,
  type Test,
  widen,
} from '../../src/provider/index.js';
import { createdField, idField } from './resources.js';

/** Longer formulas are not sent. */
const longest = 8000;
/** The room that times are left, in milliseconds: a date has a time zone of its own, and clocks have seconds. */
const room = { date: 2 * 86_400_000, timestamptz: 60_000 } as const;

function cell({ field }: Column): string {
  if (field === idField) return 'RECORD_ID()';
  return field === createdField ? 'CREATED_TIME()' : `{${field}}`;
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** Long texts may be formatted, and a formula sees another text than the API gives. */
function isShort(column: Column): boolean {
  return column.type === 'text' && column.maxLength === undefined;
}

function moment(of: string, type: 'date' | 'timestamptz', operator: string, value: JsonValue): string | null {
  const at = Date.parse(String(value));
  const bound = (by: number): string => `DATETIME_PARSE("${new Date(at + by).toISOString()}")`;
  const after = `IS_AFTER(${of}, ${bound(-room[type])})`;
  const before = `IS_BEFORE(${of}, ${bound(room[type])})`;
  if (operator === '=') return `AND(${after}, ${before})`;
  return operator === '<>' ? null : operator.startsWith('>') ? after : before;
}

function compare(column: Column, operator: string, value: JsonValue): string | null {
  const of = cell(column);
  switch (column.type) {
    case 'text':
      return operator === '=' && isShort(column) && isPlainText(value) ? `${of}=${quoted(value)}` : null;
    case 'boolean':
      if (operator !== '=' && operator !== '<>') return null;
      return (value === true) === (operator === '=') ? of : `NOT(${of})`;
    case 'integer':
    case 'bigint':
    case 'numeric':
    case 'double precision': {
      const number = shortDecimal(value);
      if (number === undefined || operator === '<>') return null;
      return `${of}${operator === '=' ? '=' : operator.startsWith('>') ? '>=' : '<='}${number}`;
    }
    case 'date':
    case 'timestamptz':
      return moment(of, column.type, operator, value);
    default:
      return null;
  }
}

function isNull(column: Column, negated: boolean): string | null {
  const of = cell(column);
  switch (column.type) {
    case 'text':
    case 'date':
    case 'timestamptz':
      return negated ? `${of}!=""` : `${of}=""`;
    case 'integer':
    case 'bigint':
    case 'numeric':
      // 0 is taken for empty.
      return negated ? null : `${of}=BLANK()`;
    default:
      return null;
  }
}

function testOf(resource: Resource, test: Test, negated: boolean): string | null {
  const column = resource.columns.find((each) => each.name === test.column);
  if (column === undefined) return null;
  switch (test.kind) {
    case 'compare':
      return compare(column, test.operator, test.value);
    case 'null':
      return isNull(column, negated);
    case 'is':
      return test.value === negated ? `NOT(${cell(column)})` : cell(column);
    case 'in': {
      const parts = negated ? [null] : test.values.map((value) => compare(column, '=', value));
      return parts.some((part) => part === null) ? null : `OR(${parts.join(', ')})`;
    }
    case 'like': {
      const text = negated || !isShort(column) ? undefined : containedText(test.pattern, test.caseless);
      if (text === undefined) return null;
      return test.caseless
        ? `FIND(LOWER(${quoted(text)}), LOWER(${cell(column)}))>0`
        : `FIND(${quoted(text)}, ${cell(column)})>0`;
    }
  }
}

/** The formula, or null where none can narrow the listing. */
export function formulaOf(resource: Resource): string | null {
  if (resource.filter === undefined) return null;
  const formula = widen<string>(plain(resource.filter), {
    test: (test, negated) => testOf(resource, test, negated),
    and: (parts) => (parts.length === 1 ? (parts[0] ?? '') : `AND(${parts.join(', ')})`),
    or: (parts) => (parts.length === 1 ? (parts[0] ?? '') : `OR(${parts.join(', ')})`),
  });
  return formula === null || formula.length > longest ? null : formula;
}

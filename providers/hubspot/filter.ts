/**
 * A table's condition as the filter groups of a search, for full listings: fulfilled by every record that the condition is
 * true of, and perhaps by more. A search takes five groups of six filters each, eighteen in all, of which paging needs
 * one in each group. What does not fit in is left out.
 * Source: CRM API guide, "Search the CRM".
 */
import {
  type Column,
  isPlainText,
  type JsonValue,
  plain,
  type Resource,
  shortDecimal,
  type Test,
  widen,
} from '../../src/provider/index.js';

export interface SearchFilter {
  readonly field: string;
  readonly operator: 'EQ' | 'GTE' | 'LTE' | 'GT' | 'IN' | 'HAS_PROPERTY' | 'NOT_HAS_PROPERTY';
  readonly value?: string;
  readonly values?: readonly string[];
}

/** Alternatives; of each, all filters. */
export type Groups = readonly (readonly SearchFilter[])[];

const mostGroups = 5;
const mostFilters = 6;
const mostInAll = 18;
/** Values of an IN, and characters of a value. */
const mostValues = 100;
const longestValue = 1000;
/** Characters of the groups: with the rest of the request they are to stay below the search's 3,000. */
const longestGroups = 2000;

/** Whether a search takes the groups, with one more filter in each. */
function fits(groups: Groups): boolean {
  const count = groups.reduce((sum, group) => sum + group.length + 1, 0);
  const isShort = JSON.stringify(groups).length <= longestGroups;
  return (
    isShort && groups.length <= mostGroups && count <= mostInAll && groups.every(({ length }) => length < mostFilters)
  );
}

function both(left: Groups, right: Groups): Groups {
  return left.flatMap((one) => right.map((other) => [...one, ...other]));
}

/** Days and times as HubSpot's search has them, in milliseconds; a day is left another one of room. */
function moment(column: Column, value: JsonValue, up: boolean): string {
  const by = column.type === 'date' ? 86_400_000 : 1;
  return String(Math.floor(Date.parse(String(value))) + (up ? by : column.type === 'date' ? -by : 0));
}

function compare(resource: Resource, column: Column, operator: string, value: JsonValue): Groups | null {
  const { field, type } = column;
  const from = (bound: string): SearchFilter => ({ field, operator: 'GTE', value: bound });
  const to = (bound: string): SearchFilter => ({ field, operator: 'LTE', value: bound });
  const range = (low: string, high: string): Groups | null => {
    if (operator === '=') return [[from(low), to(high)]];
    return operator === '<>' ? null : operator.startsWith('>') ? [[from(low)]] : [[to(high)]];
  };
  switch (type) {
    case 'text':
      if (operator !== '=' || !isPlainText(value) || value.length > longestValue) return null;
      if (column.name === resource.key && !/^\d{1,19}$/.test(value)) return null;
      return [[{ field, operator: 'EQ', value }]];
    case 'boolean':
      if (operator !== '=' && operator !== '<>') return null;
      return [[{ field, operator: 'EQ', value: String((value === true) === (operator === '=')) }]];
    case 'numeric': {
      const number = shortDecimal(value);
      return number === undefined ? null : range(number, number);
    }
    case 'date':
    case 'timestamptz':
      return range(moment(column, value, false), moment(column, value, true));
    default:
      return null;
  }
}

function oneOf(resource: Resource, column: Column, values: readonly JsonValue[]): Groups | null {
  if (column.choices !== undefined && values.length <= mostValues && values.every(isPlainText)) {
    return [[{ field: column.field, operator: 'IN', values: values.map(String) }]];
  }
  const each = values.map((value) => compare(resource, column, '=', value));
  return each.some((groups) => groups === null) ? null : each.flatMap((groups) => groups ?? []);
}

function testOf(resource: Resource, test: Test, negated: boolean): Groups | null {
  const column = resource.columns.find((each) => each.name === test.column);
  if (column === undefined) return null;
  const { field } = column;
  const has: SearchFilter = { field, operator: 'HAS_PROPERTY' };
  const hasNot: SearchFilter = { field, operator: 'NOT_HAS_PROPERTY' };
  switch (test.kind) {
    case 'compare':
      return compare(resource, column, test.operator, test.value);
    case 'null':
      if (column.name === resource.key || column.type === 'jsonb' || column.type === 'boolean') return null;
      return [[negated ? has : hasNot]];
    case 'is': {
      const equal: SearchFilter = { field, operator: 'EQ', value: String(test.value !== negated) };
      return negated ? [[equal], [hasNot]] : [[equal]];
    }
    case 'in':
      return negated ? null : oneOf(resource, column, test.values);
    case 'like':
      // CONTAINS_TOKEN goes by words, which a pattern does not.
      return null;
  }
}

/** The groups, or null where a search cannot narrow the listing. */
export function groupsOf(resource: Resource): Groups | null {
  if (resource.filter === undefined) return null;
  return widen<Groups>(plain(resource.filter), {
    test: (test, negated) => {
      const groups = testOf(resource, test, negated);
      return groups !== null && fits(groups) ? groups : null;
    },
    and: (parts) => parts.reduce((all, part) => (fits(both(all, part)) ? both(all, part) : all)),
    or: (parts) => {
      const all = parts.flat();
      return fits(all) ? all : null;
    },
  });
}

/** The groups in words, for the operator. */
export function groupWords(groups: Groups): string {
  const filter = ({ field, operator, value, values }: SearchFilter): string =>
    [field, operator, value ?? values?.join(', ')].filter((part) => part !== undefined).join(' ');
  return groups.map((group) => group.map(filter).join(' and ')).join(', or ');
}

/** Values between columns and GitHub's objects, in both directions. */
import type { BatchRow, Column, JsonValue, Rec, Resource, Values } from '../../src/provider/index.js';
import type { Field } from './fields.js';
import { type ApiNode, sorted } from './nodes.js';
import { type Table, tableOf } from './tables.js';

/** GraphQL answers '' where the REST API answers null: an absent text is NULL here, so that both are the same. */
const emptyIsNull = new Set(['body', 'description', 'homepageUrl']);

function fieldOf(table: Table, column: Column): Field | undefined {
  return table.fields.find(({ field }) => field === column.field);
}

function scalar(column: Column, value: unknown): JsonValue {
  if (value === null || value === undefined) return null;
  switch (column.type) {
    case 'bigint':
    case 'numeric':
      return String(value);
    case 'integer':
    case 'double precision':
      return typeof value === 'number' ? value : Number(value);
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    default:
      return typeof value === 'string' ? value : JSON.stringify(value);
  }
}

/** The value that a column has in an object. */
export function fromApi(field: Field, column: Column, value: unknown): JsonValue {
  const found = field.read === undefined ? scalar(column, value) : field.read(value);
  return found === '' && emptyIsNull.has(column.field) && column.nullable ? null : found;
}

/**
 * An object as the contract has it. Columns whose members it does not mention, or that `missing` lists because GitHub
 * answered an error in their place, are absent.
 */
export function toRec(resource: Resource, node: ApiNode, missing: ReadonlySet<string> = new Set()): Rec {
  const table = tableOf(resource.object);
  const values: Record<string, JsonValue> = {};
  for (const column of resource.columns) {
    const field = fieldOf(table, column);
    if (field === undefined) continue;
    const member = field.from ?? field.field;
    if (node[member] === undefined || missing.has(member)) continue;
    values[column.name] = fromApi(field, column, node[member]);
  }
  return { key: String(values[resource.key] ?? ''), values };
}

/** What a row assigns, by GraphQL's name of the field. */
export function assignedFields(resource: Resource, values: Values): ReadonlyMap<string, JsonValue> {
  const assigned = new Map<string, JsonValue>();
  for (const column of resource.columns) {
    const value = values[column.name];
    if (value !== undefined) assigned.set(column.field, value);
  }
  return assigned;
}

/** The column of a field of GraphQL's, under the name that the configuration gave it. */
export function columnOf(resource: Resource, field: string): Column | undefined {
  return resource.columns.find((column) => column.field === field);
}

export function assigned(resource: Resource, row: BatchRow, field: string): JsonValue | undefined {
  const column = columnOf(resource, field);
  return column === undefined ? undefined : row.values[column.name];
}

/** A list of texts, whatever the value. */
export function listOf(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/** Names of repositories, labels and people are the same in every case. */
const caseless = new Set(['repository', 'owner', 'labels', 'assignees', 'repositoryTopics', 'color']);

/** A value in the one form in which what was sent and what is kept can be compared. */
function comparable(column: Column, value: JsonValue): JsonValue {
  const fold = (text: string): string => (caseless.has(column.field) ? text.toLowerCase() : text);
  if (column.type === 'text[]') return sorted(listOf(value).map(fold));
  if (typeof value !== 'string') return value;
  if (column.type === 'timestamptz') {
    const time = Date.parse(value);
    // GitHub moves a due date to a time of day of its own choice.
    return Number.isNaN(time) ? value : new Date(time).toISOString().slice(0, column.field === 'dueOn' ? 10 : 19);
  }
  const text = fold(value.replace(/\r\n/g, '\n').trim());
  if (column.field === 'headRefName') return text.slice(text.indexOf(':') + 1);
  return text === '' ? null : text;
}

/** Whether a record has the values that an insert assigned, as GitHub keeps them. */
export function matches(resource: Resource, record: Rec, values: Values): boolean {
  return resource.columns.every((column) => {
    const value = values[column.name];
    if (value === undefined) return true;
    const wanted = comparable(column, value);
    const found = comparable(column, record.values[column.name] ?? null);
    return JSON.stringify(wanted) === JSON.stringify(found);
  });
}

/** From a row of a batch to the one request that it is. */
import { type Fault, fault } from '../../src/errors/index.js';
import type { BatchRow, Column, JsonValue, Kit, Resource, Values, Verb } from '../../src/provider/index.js';
import type { Params } from './client.js';
import { isJsonHash, paramOf, sorted } from './encoding.js';
import { type Field, fieldOf, type Table, type Transition, tableOf } from './tables/index.js';

export interface RowRequest {
  readonly method: 'POST' | 'DELETE';
  readonly path: string;
  readonly params: Params;
}

/** The address of a record. */
export function recordPath(table: Table, key: string): string {
  return `/v1/${table.path}/${encodeURIComponent(key)}`;
}

/** A key that can stand in an address: not empty, and no path of its own. */
export function isAddressable(key: string): boolean {
  return key !== '' && key.length <= 255 && key !== '.' && key !== '..';
}

/** Puts a value at `a[b]` in the parameters. */
function place(params: Record<string, JsonValue>, name: string, value: JsonValue): void {
  const open = name.indexOf('[');
  if (open === -1) {
    params[name] = value;
    return;
  }
  const outer = name.slice(0, open);
  const known = params[outer];
  params[outer] = { ...(isJsonHash(known) ? known : {}), [name.slice(open + 1, -1)]: value };
}

function assigned(resource: Resource, values: Values): readonly { column: Column; field: Field; value: JsonValue }[] {
  return resource.columns.flatMap((column) => {
    const value = values[column.name];
    const field = fieldOf(resource.object, column.field);
    return value === undefined || field === undefined ? [] : [{ column, field, value }];
  });
}

function paramsOf(resource: Resource, values: Values, isInsert: boolean, old: Values): Params {
  const params: Record<string, JsonValue> = {};
  for (const { column, field, value } of assigned(resource, values)) {
    const param = paramOf(field, value, isInsert, old[column.name]);
    if (param !== undefined) place(params, field.param, param);
  }
  const { expand } = tableOf(resource.object);
  if (expand !== undefined) params['expand'] = expand;
  const ordered = sorted(params);
  return isJsonHash(ordered) ? ordered : {};
}

/** The assigned column of Stripe's `status`, where a change of it is a request of its own. */
function statusOf(resource: Resource, row: BatchRow): { column: Column; value: JsonValue } | undefined {
  if (tableOf(resource.object).transitions === undefined) return undefined;
  return assigned(resource, row.values).find(({ field }) => field.field === 'status');
}

/** The columns whose parameters depend on what the record has: what an assignment leaves out has to be named. */
export function needsOld(resource: Resource, row: BatchRow): readonly string[] {
  if (row.key === null) return [];
  return assigned(resource, row.values).flatMap(({ column, field, value }) => {
    const replaces = field.writing === 'items' || (field.writing === 'metadata' && isJsonHash(value));
    return replaces && row.old?.[column.name] === undefined ? [column.name] : [];
  });
}

/** An attachment needs the id of what is to be attached, for its address. */
function attachmentRefusal(
  resource: Resource,
  row: BatchRow,
  params: Readonly<Record<string, string>>,
): Fault | undefined {
  const id = row.values[resource.key];
  if (typeof id === 'string' && isAddressable(id)) return undefined;
  return fault('required_missing', {
    params,
    detail: `Column "${resource.key}" is required and has no value.`,
    hint: 'Insert the id of a payment method that Stripe.js or a setup intent has made.',
    context: 'not sent',
    column: resource.key,
  });
}

function transitionOf(resource: Resource, { value }: { readonly value: JsonValue }): Transition | undefined {
  const { transitions = {} } = tableOf(resource.object);
  return typeof value === 'string' && Object.hasOwn(transitions, value) ? transitions[value] : undefined;
}

/** A field that only a change of status takes along, without one. */
function strayRefusal(resource: Resource, row: BatchRow, params: Readonly<Record<string, string>>): Fault | undefined {
  for (const [status, { with: along = [] }] of Object.entries(tableOf(resource.object).transitions ?? {})) {
    const stray = assigned(resource, row.values).find(({ field }) => along.includes(field.field));
    if (stray === undefined) continue;
    const { column, value } = stray;
    return fault('validation', {
      params,
      detail: `Key (${column.name})=(${String(value)}) is taken by stripe only together with status = '${status}'.`,
      context: 'not sent',
      column: column.name,
    });
  }
  return undefined;
}

/** Why the row cannot be one request, or undefined. */
export function refusalBefore(resource: Resource, verb: Verb, row: BatchRow, kit: Kit): Fault | undefined {
  const params = { provider: kit.provider, table: resource.name, verb: verb.toUpperCase() };
  if (row.key !== null && !isAddressable(row.key)) {
    return fault('record_gone', { params, detail: `Key (${resource.key})=(${row.key}) is not present in stripe.` });
  }
  if (verb === 'insert' && tableOf(resource.object).attaches === true) return attachmentRefusal(resource, row, params);
  const status = statusOf(resource, row);
  if (status === undefined) return strayRefusal(resource, row, params);
  const along = transitionOf(resource, status)?.with ?? [];
  if (assigned(resource, row.values).some(({ field }) => field.field !== 'status' && !along.includes(field.field))) {
    return fault('unsupported', {
      params: { ...params, what: `changing ${status.column.name} together with other columns` },
      detail: 'Stripe takes a change of status as a request of its own.',
      hint: `Change ${status.column.name} in a statement of its own.`,
      column: status.column.name,
    });
  }
  const allowed = Object.keys(tableOf(resource.object).transitions ?? {});
  if (typeof status.value === 'string' && allowed.includes(status.value)) return undefined;
  return fault('validation', {
    params,
    detail: `Key (${status.column.name})=(${String(status.value)}) cannot be set; it can be: ${allowed.join(', ')}.`,
    context: 'not sent',
    column: status.column.name,
  });
}

function attachment(table: Table, resource: Resource, row: BatchRow): RowRequest {
  const byField = new Map(assigned(resource, row.values).map(({ field, value }) => [field.field, value]));
  const key = byField.get('id');
  const customer = byField.get('customer') ?? null;
  return {
    method: 'POST',
    path: `${recordPath(table, typeof key === 'string' ? key : '')}/attach`,
    params: customer === null ? {} : { customer },
  };
}

/** The request that a row is. `old` holds what is known of the record before. */
export function requestOf(resource: Resource, verb: Verb, row: BatchRow, old: Values): RowRequest {
  const table = tableOf(resource.object);
  if (row.key === null) {
    if (table.attaches === true) return attachment(table, resource, row);
    return { method: 'POST', path: `/v1/${table.path}`, params: paramsOf(resource, row.values, true, {}) };
  }
  const path = recordPath(table, row.key);
  if (verb === 'delete') {
    return table.attaches === true
      ? { method: 'POST', path: `${path}/detach`, params: {} }
      : { method: 'DELETE', path, params: {} };
  }
  const status = statusOf(resource, row);
  const transition = status === undefined ? undefined : transitionOf(resource, status);
  if (transition !== undefined) {
    const { with: along = [] } = transition;
    const rest = assigned(resource, row.values).filter(({ field }) => along.includes(field.field));
    const values = Object.fromEntries(rest.map(({ column, value }): [string, JsonValue] => [column.name, value]));
    const params = rest.length === 0 ? {} : paramsOf(resource, values, true, {});
    return { method: transition.method, path: `${path}${transition.suffix}`, params };
  }
  return { method: 'POST', path, params: paramsOf(resource, row.values, false, old) };
}

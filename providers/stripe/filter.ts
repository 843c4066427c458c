/**
 * A table's condition as parameters of a list, for full listings: bounds of the time of creation, where the object has
 * one. Everything else is left to whoever reads, as is what stands in an OR.
 * Source: API reference, the `created` parameter of the list calls.
 */
import { type Plain, plain, type Resource, type Test } from '../../src/provider/index.js';
import { tableOf } from './tables/index.js';

/** Whole seconds, both included. */
export type ListBounds = { readonly 'created[gte]'?: number; readonly 'created[lte]'?: number };

/** The comparisons that all have to hold. */
function comparisons(condition: Plain): readonly Extract<Test, { kind: 'compare' }>[] {
  if (condition.kind === 'and') return condition.of.flatMap(comparisons);
  return condition.kind === 'test' && condition.test.kind === 'compare' ? [condition.test] : [];
}

/** Empty where the list cannot be narrowed. */
export function listBounds(resource: Resource): ListBounds {
  const created = resource.columns.find((column) => column.field === 'created');
  if (resource.filter === undefined || created === undefined) return {};
  if (tableOf(resource.object).hasCreated !== true) return {};
  const own = comparisons(plain(resource.filter)).filter(({ column }) => column === created.name);
  // What a Date loses of a time it loses downwards.
  const second = (value: unknown): number => Math.floor(Date.parse(String(value)) / 1000);
  const from = own
    .filter(({ operator }) => operator === '=' || operator.startsWith('>'))
    .map((test) => second(test.value));
  const to = own.filter(({ operator }) => /^(?:=|<=?)$/.test(operator)).map((test) => second(test.value) + 1);
  return {
    ...(from.length === 0 ? {} : { 'created[gte]': Math.max(0, ...from) }),
    ...(to.length === 0 ? {} : { 'created[lte]': Math.max(0, Math.min(...to)) }),
  };
}

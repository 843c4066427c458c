/** The declared tables as resources. */
import type { Resource, WriteLimit, Writes } from '../../src/provider/index.js';
import { type Field, type Table, tables } from './tables/index.js';

/** Rows of a statement: each is a request of its own, so the limit is not Stripe's but the contract's. */
export const rowLimit: WriteLimit = { max: 100, ceiling: 100, atomic: false };

function toColumn(field: Field): Resource['columns'][number] {
  const { param: _param, writing: _writing, members: _members, ...column } = field;
  return column;
}

function toResource(table: Table): Resource {
  const { verbs } = table;
  const writes: Writes = {
    ...(verbs.includes('insert') ? { insert: rowLimit } : {}),
    ...(verbs.includes('update') ? { update: rowLimit } : {}),
    ...(verbs.includes('delete') ? { delete: rowLimit } : {}),
  };
  const created = table.fields.find(({ field, type }) => field === 'created' && type === 'timestamptz')?.name;
  return {
    name: table.name,
    object: table.object,
    key: 'id',
    columns: table.fields.map(toColumn),
    ...(created === undefined ? {} : { created }),
    writes,
    pull: { incremental: true, deletions: 'listed' },
    comment: table.comment,
  };
}

/** Every table of Stripe. No version column: Stripe's objects do not tell when they were changed. */
export const resources: readonly Resource[] = tables.map(toResource);

/** Tables from the API's own description of its objects. */
import { z } from 'zod';
import {
  assignNames,
  type Column,
  type ColumnType,
  pluralName,
  type Resource,
  sqlName,
} from '../../src/provider/index.js';

export const objectsSchema = z.object({
  objects: z.array(
    z.object({
      name: z.string(),
      label: z.string(),
      fields: z.array(
        z.object({
          name: z.string(),
          type: z.string(),
          label: z.string(),
          writable: z.boolean(),
          required: z.boolean(),
          max_length: z.number().int().positive().optional(),
          choices: z.array(z.string()).optional(),
        }),
      ),
    }),
  ),
});

type ApiObject = z.output<typeof objectsSchema>['objects'][number];
type ApiField = ApiObject['fields'][number];

/** Records of one request, which the API applies as a whole or not at all. */
export const batchSize = 25;

const types: Readonly<Record<string, ColumnType>> = {
  string: 'text',
  boolean: 'boolean',
  integer: 'bigint',
  decimal: 'numeric',
  date: 'date',
  timestamp: 'timestamptz',
};

/** A field of a kind that is not known, and of any kind that is to come, is JSON. */
function columnOf(field: ApiField, name: string): Column {
  return {
    name,
    field: field.name,
    type: types[field.type] ?? 'jsonb',
    nullable: !field.required,
    insertable: field.writable,
    updatable: field.writable,
    comment: field.label,
    ...(field.required && field.writable ? { required: true } : {}),
    ...(field.max_length === undefined ? {} : { maxLength: field.max_length }),
    ...(field.choices === undefined ? {} : { choices: field.choices }),
  };
}

const computed = { nullable: false, insertable: false, updatable: false } as const;
const ownColumns: readonly Column[] = [
  { ...computed, name: 'id', field: 'id', type: 'text' },
  { ...computed, name: 'version', field: 'version', type: 'bigint' },
];
const limit = { max: batchSize, ceiling: batchSize, atomic: true };

function columnsOf(object: ApiObject): readonly Column[] {
  const own = ownColumns.map(({ name }) => ({ id: `own ${name}`, candidates: [name] }));
  const fields = object.fields.map(({ name }) => ({ id: name, candidates: [sqlName(name), sqlName(`${name}_field`)] }));
  const names = assignNames([...own, ...fields]);
  const [key, version] = ownColumns;
  const others = object.fields.map((field) => columnOf(field, names.get(field.name) ?? field.name));
  return [key, ...others, version].filter((column) => column !== undefined);
}

export function toResources(objects: readonly ApiObject[]): readonly Resource[] {
  const tables = objects.map(({ name }) => ({ id: name, candidates: [pluralName(name), sqlName(name)] }));
  const names = assignNames(tables, { columns: false });
  return objects.map((object) => ({
    name: names.get(object.name) ?? object.name,
    object: object.name,
    key: 'id',
    version: 'version',
    columns: columnsOf(object),
    writes: { insert: limit, update: limit, delete: limit },
    pull: { incremental: true, deletions: 'listed' },
    comment: object.label,
  }));
}

/**
 * From bases and tables to resources.
 * Source: Web API documentation, "List bases", "Get base schema".
 */
import { z } from 'zod';
import {
  assignNames,
  type Column,
  type Nameable,
  type Resource,
  snakeCase,
  sqlName,
  type WriteLimit,
  type Writes,
} from '../../src/provider/index.js';
import type { AirtableConfig, BaseChoice } from './config.js';
import { fieldSchema, isVersion, toColumn } from './fields.js';

/** Records of one request (Web API documentation, "Create records"; more are refused as INVALID_RECORDS). */
export const batchLimit = 10;

/** Fields that an upsert may merge on (Web API documentation, "Update multiple records"). */
const mostMergeFields = 3;

export const basesSchema = z.object({
  bases: z.array(z.object({ id: z.string(), name: z.string(), permissionLevel: z.string().optional() })),
  offset: z.string().optional(),
});

export const tablesSchema = z.object({
  tables: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      description: z.string().nullish(),
      fields: z.array(fieldSchema),
    }),
  ),
});

export type BaseDescription = z.output<typeof basesSchema>['bases'][number];
export type TableDescription = z.output<typeof tablesSchema>['tables'][number];

/** A base, what stands before its tables' names, and its tables. */
export interface ChosenBase {
  readonly base: BaseDescription;
  readonly prefix: string;
  readonly tables: readonly TableDescription[];
}

/** The fields that every record has of itself. */
export const idField = 'id';
export const createdField = 'createdTime';
const createdName = 'created_time';

const own: readonly Column[] = [
  { name: 'id', field: idField, type: 'text', nullable: false, insertable: false, updatable: false },
  {
    name: createdName,
    field: createdField,
    type: 'timestamptz',
    nullable: false,
    insertable: false,
    updatable: false,
  },
];

/** Base and table, by which the API's addresses are made. */
export function splitObject(resource: Resource): { readonly base: string; readonly table: string } {
  const [base = '', table = ''] = resource.object.split('/');
  return { base, table };
}

function objectOf(baseId: string, tableId: string): string {
  return `${baseId}/${tableId}`;
}

/** Which bases to describe: each with the words before its tables' names. */
export function chooseBases(
  bases: readonly BaseDescription[],
  choice: AirtableConfig['bases'],
): {
  readonly chosen: readonly { readonly base: BaseDescription; readonly prefix: string }[];
  readonly missing: readonly string[];
} {
  const all = (base: BaseDescription, prefix = base.name) => ({ base, prefix });
  if (choice === 'all') return { chosen: bases.map((base) => all(base)), missing: [] };
  const found = choice.map((each: BaseChoice) => {
    const base = bases.find((one) => one.id === each.base) ?? bases.find((one) => one.name === each.base);
    return base === undefined ? undefined : all(base, each.prefix);
  });
  const chosen = new Map(found.flatMap((each) => (each === undefined ? [] : [[each.base.id, each]])));
  return {
    chosen: [...chosen.values()],
    missing: choice.filter((_, index) => found[index] === undefined).map((each) => each.base),
  };
}

/**
 * Table names: base and table in snake_case, `Caladan CRM` and `Contacts` → `caladan_crm_contacts`. They do not depend on
 * which other bases there are. Tables that come to the same name are served in the order of their ids: the first has the
 * name, each other one gets a hash of its id.
 */
export function tableNames(bases: readonly ChosenBase[]): ReadonlyMap<string, string> {
  const nameable: Nameable[] = bases.flatMap(({ base, prefix, tables }) =>
    tables.map((table) => ({
      id: objectOf(base.id, table.id),
      candidates: [snakeCase(`${prefix} ${table.name}`) || sqlName(table.name)],
    })),
  );
  return assignNames(
    nameable.sort((a, b) => (a.id < b.id ? -1 : 1)),
    { columns: false },
  );
}

/** The key and the record's own time come first; a field that is called so is `id_field`, `created_time_field`. */
function columnNames(table: TableDescription): ReadonlyMap<string, string> {
  const fields = table.fields.map(({ id, name }): Nameable => {
    const plain = snakeCase(name) || `field_${id.toLowerCase()}`;
    return { id, candidates: [plain, `${plain}_field`] };
  });
  return assignNames([...own.map(({ field, name }) => ({ id: field, candidates: [name] })), ...fields]);
}

const limit: WriteLimit = { max: batchLimit, ceiling: batchLimit, atomic: true };
const writers = new Set(['edit', 'create', 'owner']);

/** The resource of a table; `name` is its table's. */
export function toResource(base: BaseDescription, table: TableDescription, name: string): Resource {
  const names = columnNames(table);
  const columns = table.fields.map((field) =>
    toColumn(field, names.get(field.id) ?? sqlName(field.name), (linked) => objectOf(base.id, linked)),
  );
  const version = table.fields.find(isVersion);
  const versionName = version === undefined ? undefined : names.get(version.id);
  // Where the level is not told, the API itself decides.
  const mayWrite = base.permissionLevel === undefined || writers.has(base.permissionLevel);
  const upserts = columns.some((column) => column.upsertKey === true);
  const writes: Writes = mayWrite
    ? {
        insert: limit,
        update: limit,
        delete: limit,
        ...(upserts ? { upsert: { ...limit, keyColumns: mostMergeFields } } : {}),
      }
    : {};
  const label = `${base.name}: ${table.name}`;
  const description = table.description?.trim() ?? '';
  return {
    name,
    object: objectOf(base.id, table.id),
    key: 'id',
    columns: [...own, ...columns],
    ...(versionName === undefined ? {} : { version: versionName }),
    created: createdName,
    writes,
    pull: { incremental: true, deletions: 'sweep' },
    comment: description === '' ? label : `${label}\n${description}`,
  };
}

export function toResources(bases: readonly ChosenBase[]): readonly Resource[] {
  const names = tableNames(bases);
  return bases.flatMap(({ base, tables }) =>
    tables.map((table) => {
      const name = names.get(objectOf(base.id, table.id));
      if (name === undefined) throw new Error(`table ${table.id} has no name`);
      return toResource(base, table, name);
    }),
  );
}

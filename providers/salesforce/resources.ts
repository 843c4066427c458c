/**
 * From Salesforce's object descriptions to resources.
 * Sources: REST API Developer Guide, "sObject Describe"; Object Reference, "Primitive Data Types" and "Field Types".
 */
import { z } from 'zod';
import {
  assignNames,
  type Column,
  type ColumnType,
  type Nameable,
  pluralName,
  type Resource,
  snakeCase,
  type WriteLimit,
  type Writes,
} from '../../src/provider/index.js';

/** Records in one sObject Collections request (REST API Developer Guide, "sObject Collections"). */
export const collectionLimit = 200;

const nullableText = z.string().nullish();

const fieldSchema = z.object({
  name: z.string(),
  label: nullableText,
  type: z.string(),
  length: z.number().nullish(),
  nillable: z.boolean(),
  createable: z.boolean(),
  updateable: z.boolean(),
  defaultedOnCreate: z.boolean().nullish(),
  externalId: z.boolean().nullish(),
  idLookup: z.boolean().nullish(),
  restrictedPicklist: z.boolean().nullish(),
  filterable: z.boolean().nullish(),
  deprecatedAndHidden: z.boolean().nullish(),
  inlineHelpText: nullableText,
  picklistValues: z.array(z.object({ value: z.string().nullish(), active: z.boolean().nullish() })).nullish(),
  referenceTo: z.array(z.string()).nullish(),
});

export const describeSchema = z.object({
  name: z.string(),
  label: nullableText,
  createable: z.boolean(),
  updateable: z.boolean(),
  deletable: z.boolean(),
  queryable: z.boolean(),
  fields: z.array(fieldSchema),
});

export const globalSchema = z.object({
  sobjects: z.array(
    z.object({
      name: z.string(),
      custom: z.boolean(),
      queryable: z.boolean(),
      customSetting: z.boolean().nullish(),
      deprecatedAndHidden: z.boolean().nullish(),
    }),
  ),
});

export type ObjectDescription = z.output<typeof describeSchema>;
export type GlobalDescription = z.output<typeof globalSchema>;
type Field = z.output<typeof fieldSchema>;

/**
 * Column types by field type. `double`, `currency` and `percent` are decimals of up to 18 digits, so `numeric`.
 * `address` and `location` are absent: they repeat their component fields, which are columns and writable. `base64` is
 * absent: a query of many records does not return file contents.
 */
const columnTypes: Readonly<Record<string, ColumnType>> = {
  id: 'text',
  reference: 'text',
  string: 'text',
  textarea: 'text',
  email: 'text',
  phone: 'text',
  url: 'text',
  picklist: 'text',
  combobox: 'text',
  encryptedstring: 'text',
  datacategorygroupreference: 'text',
  multipicklist: 'text[]',
  boolean: 'boolean',
  int: 'integer',
  long: 'bigint',
  double: 'numeric',
  currency: 'numeric',
  percent: 'numeric',
  date: 'date',
  datetime: 'timestamptz',
  time: 'time',
  anyType: 'jsonb',
  complexvalue: 'jsonb',
  json: 'jsonb',
};

const skipped = new Set(['address', 'location', 'base64']);

/** Values of these types are pieces of text whose `length` is a limit in characters. */
const measured = new Set(['string', 'textarea', 'email', 'phone', 'url', 'encryptedstring', 'combobox', 'picklist']);

/** Custom names end in `__c`, components of custom locations in `__s`: nobody wants to type that. */
const customSuffix = /__[cs]$/;

/** A standard field has the better claim to a name: `Note__c` is `note`, or `note_c` beside a standard `Note`. */
function columnNames(fields: readonly Field[]): ReadonlyMap<string, string> {
  const nameable = (field: Field): Nameable =>
    customSuffix.test(field.name)
      ? { id: field.name, candidates: [snakeCase(field.name.replace(customSuffix, '')), snakeCase(field.name)] }
      : { id: field.name, candidates: [snakeCase(field.name)] };
  const isCustom = (field: Field): boolean => field.name.includes('__');
  const standardFirst = [...fields].sort((a, b) => Number(isCustom(a)) - Number(isCustom(b)));
  return assignNames(standardFirst.map(nameable));
}

/** Table names of objects, standard ones first: `Contact` → `contacts`, `Invoice_Item__c` → `invoice_items`. */
export function tableNames(objects: readonly string[]): ReadonlyMap<string, string> {
  const isCustom = (name: string): boolean => name.includes('__');
  const ordered = [...objects].sort(
    (a, b) => Number(isCustom(a)) - Number(isCustom(b)) || (a < b ? -1 : a > b ? 1 : 0),
  );
  const nameable = (name: string): Nameable => {
    const plain = pluralName(name.replace(customSuffix, ''));
    return { id: name, candidates: customSuffix.test(name) ? [plain, `${plain}_c`] : [plain] };
  };
  return assignNames(ordered.map(nameable), { columns: false });
}

function commentOf(field: Field): string | undefined {
  const parts = [field.label, field.inlineHelpText].filter((part): part is string => Boolean(part));
  return parts.length === 0 ? undefined : parts.join(': ');
}

function choicesOf(field: Field): readonly string[] | undefined {
  if (field.restrictedPicklist !== true) return undefined;
  const values = (field.picklistValues ?? []).flatMap((choice) =>
    choice.active === false || typeof choice.value !== 'string' ? [] : [choice.value],
  );
  return values.length === 0 ? undefined : values;
}

function column(field: Field, name: string): Column {
  const known = columnTypes[field.type];
  // JSON is shown as the API gives it, and not written: what form it would have to have, no documentation says.
  const isWritable = known !== undefined && known !== 'jsonb';
  const isBoolean = field.type === 'boolean';
  const required = isWritable && field.createable && !field.nillable && field.defaultedOnCreate !== true && !isBoolean;
  const choices = choicesOf(field);
  const comment = commentOf(field);
  const references = field.referenceTo ?? [];
  const isKey = field.type !== 'id' && (field.externalId === true || field.idLookup === true);
  const upsertKey = isKey && field.createable && field.updateable && isWritable;
  return {
    name,
    field: field.name,
    type: known ?? 'jsonb',
    nullable: field.nillable,
    insertable: field.createable && isWritable,
    updatable: field.updateable && isWritable,
    ...(required ? { required } : {}),
    ...(measured.has(field.type) && field.length ? { maxLength: field.length } : {}),
    ...(choices === undefined ? {} : { choices }),
    ...(references.length === 0 ? {} : { references }),
    ...(upsertKey ? { upsertKey } : {}),
    ...(field.filterable === false ? { filterable: false } : {}),
    ...(comment === undefined ? {} : { comment }),
  };
}

const limit: WriteLimit = { max: collectionLimit, ceiling: collectionLimit, atomic: true };

/** Field names that tell when a record changed, best first. SystemModstamp also moves with changes made by triggers. */
const versionFields = ['SystemModstamp', 'LastModifiedDate'];

/** The resource of one object; `name` is its table's. Undefined for an object without an Id, which cannot be a table. */
export function toResource(object: ObjectDescription, name: string): Resource | undefined {
  const fields = object.fields.filter((field) => !skipped.has(field.type) && field.deprecatedAndHidden !== true);
  const names = columnNames(fields);
  const columns = fields.map((field) => column(field, names.get(field.name) ?? snakeCase(field.name)));
  const key = columns.find((candidate) => candidate.field === 'Id');
  if (key === undefined) return undefined;
  const version = versionFields
    .map((field) => columns.find((candidate) => candidate.field === field))
    .find((candidate) => candidate !== undefined);
  const created = columns.find(({ field, type }) => field === 'CreatedDate' && type === 'timestamptz');
  const hasDeletedFlag = columns.some((candidate) => candidate.field === 'IsDeleted');
  const upserts = object.createable && object.updateable && columns.some((candidate) => candidate.upsertKey === true);
  const writes: Writes = {
    ...(object.createable ? { insert: limit } : {}),
    ...(object.updateable ? { update: limit } : {}),
    ...(object.deletable ? { delete: limit } : {}),
    ...(upserts ? { upsert: { ...limit, keyColumns: 1 } } : {}),
  };
  return {
    name,
    object: object.name,
    key: key.name,
    columns: [key, ...columns.filter((candidate) => candidate !== key)],
    ...(version === undefined ? {} : { version: version.name }),
    ...(created === undefined ? {} : { created: created.name }),
    writes,
    pull: {
      incremental: version !== undefined,
      deletions: version !== undefined && hasDeletedFlag ? 'listed' : 'sweep',
    },
    ...(object.label ? { comment: object.label } : {}),
  };
}

const standardDefaults = new Set(['Contact', 'Account']);

/**
 * The objects to describe. By default Contact, Account and the custom objects; custom settings, custom metadata types
 * (`__mdt`), platform events (`__e`), big (`__b`) and external (`__x`) objects, and the tables that Salesforce keeps
 * beside an object (`__History`, `__Share`, `__Feed`, …) only by name or with `all`.
 */
export function chooseObjects(
  global: GlobalDescription,
  choice: 'default' | 'all' | readonly string[],
): { readonly chosen: readonly string[]; readonly missing: readonly string[] } {
  const usable = global.sobjects.filter((object) => object.queryable && object.deprecatedAndHidden !== true);
  if (choice === 'all') return { chosen: usable.map((object) => object.name), missing: [] };
  if (choice === 'default') {
    const chosen = usable.filter(
      (object) => standardDefaults.has(object.name) || (/__c$/.test(object.name) && object.customSetting !== true),
    );
    return { chosen: chosen.map((object) => object.name), missing: [] };
  }
  const byName = new Map(usable.map((object) => [object.name.toLowerCase(), object.name]));
  const found = choice.map((name) => byName.get(name.toLowerCase()));
  return {
    chosen: [...new Set(found.filter((name): name is string => name !== undefined))],
    missing: choice.filter((_, index) => found[index] === undefined),
  };
}

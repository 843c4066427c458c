/**
 * From HubSpot's properties and schemas to resources.
 * Sources: CRM API guide, "Properties", "Custom objects", "Object type IDs".
 */
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
import type { CustomObject, Property } from './answers.js';

/** Records in one batch (CRM API guide, "Objects"). */
export const batchLimit = 100;

/** Characters of a text (HubSpot Knowledge Base, "Property field types in HubSpot"). */
const longestText = 65_536;

/** The objects that every account has, by the name that paths take, with the singular for references to them. */
export const standardObjects: ReadonlyMap<string, string> = new Map([
  ['contacts', 'contact'],
  ['companies', 'company'],
  ['deals', 'deal'],
  ['tickets', 'ticket'],
  ['products', 'product'],
  ['line_items', 'line_item'],
]);

/** An object that becomes a table. */
export interface ObjectChoice {
  /** As paths take it: a name, or the type id of a custom object. */
  readonly path: string;
  readonly typeId: string | undefined;
  readonly table: string;
  readonly singular: string;
  readonly label: string | undefined;
  readonly required: readonly string[];
  /** Those of a custom object come with its schema. */
  readonly properties: readonly Property[] | undefined;
  /** Type ids of the objects that it may be associated with. */
  readonly associated: readonly string[];
}

const standardTypeIds: Readonly<Record<string, string>> = {
  contacts: '0-1',
  companies: '0-2',
  deals: '0-3',
  tickets: '0-5',
  products: '0-7',
  line_items: '0-8',
};

function standardChoice(name: string, table: string): ObjectChoice {
  return {
    path: name,
    typeId: standardTypeIds[name],
    table,
    singular: standardObjects.get(name) ?? snakeCase(name).replace(/s$/, ''),
    label: undefined,
    required: [],
    properties: undefined,
    associated: [],
  };
}

function customChoice(object: CustomObject, table: string): ObjectChoice {
  const own = object.objectTypeId;
  return {
    path: own,
    typeId: own,
    table,
    singular: snakeCase(object.name),
    label: object.labels?.plural ?? object.labels?.singular ?? undefined,
    required: object.requiredProperties ?? [],
    properties: object.properties,
    associated: (object.associations ?? [])
      .flatMap(({ fromObjectTypeId, toObjectTypeId }) => [fromObjectTypeId, toObjectTypeId])
      .filter((typeId, index, all) => typeId !== own && all.indexOf(typeId) === index),
  };
}

function isNamed(object: CustomObject, name: string): boolean {
  const names = [object.name, object.objectTypeId, object.fullyQualifiedName ?? object.name];
  return names.some((own) => own.toLowerCase() === name.toLowerCase());
}

/** The objects to describe, standard ones first, with the names of their tables. */
export function chooseObjects(
  custom: readonly CustomObject[],
  wanted: 'default' | readonly string[],
): readonly ObjectChoice[] {
  const living = custom.filter((object) => object.archived !== true);
  const named = wanted === 'default' ? [...standardObjects.keys()] : wanted;
  const others = named.filter((name) => !living.some((object) => isNamed(object, name)));
  const customs =
    wanted === 'default' ? living : living.filter((object) => named.some((name) => isNamed(object, name)));
  const items: readonly Nameable[] = [
    ...others.map((name) => ({ id: name, candidates: [name] })),
    ...customs.map((object) => {
      const plural = pluralName(object.name);
      return { id: object.objectTypeId, candidates: [plural, `${plural}_custom`] };
    }),
  ];
  const tables = assignNames(items, { columns: false });
  return [
    ...others.map((name) => standardChoice(name.toLowerCase(), tables.get(name) ?? name)),
    ...customs.map((object) => customChoice(object, tables.get(object.objectTypeId) ?? object.name)),
  ];
}

function isYesOrNo(property: Property): boolean {
  const options = property.options ?? [];
  return options.length > 0 && options.every(({ value }) => value === 'true' || value === 'false');
}

/**
 * The column's type, or undefined for a type that this version does not know. Numbers have no precision of their own,
 * so `numeric`. A single checkbox is an enumeration of `true` and `false` as often as a bool.
 */
function typeOf(property: Property): ColumnType | undefined {
  switch (property.type) {
    case 'string':
    case 'phone_number':
      return 'text';
    case 'number':
      return 'numeric';
    case 'bool':
      return 'boolean';
    case 'date':
      return 'date';
    case 'datetime':
    case 'dateTime':
      return 'timestamptz';
    case 'json':
      return 'jsonb';
    case 'enumeration':
      if (property.fieldType === 'checkbox') return 'text[]';
      return property.fieldType === 'booleancheckbox' && isYesOrNo(property) ? 'boolean' : 'text';
    default:
      return undefined;
  }
}

/** Options that HubSpot checks values against. Those of owners and pipelines are kept elsewhere. */
function choicesOf(property: Property): readonly string[] | undefined {
  if (property.type !== 'enumeration' || property.externalOptions === true) return undefined;
  const values = (property.options ?? []).map((option) => option.value);
  return values.length === 0 ? undefined : values;
}

function commentOf(property: Property): string | undefined {
  const parts = [property.label, property.description].filter((part): part is string => Boolean(part));
  return parts.length === 0 ? undefined : [...new Set(parts)].join(': ');
}

function column(property: Property, name: string, required: boolean): Column {
  const type = typeOf(property);
  const writable =
    type !== undefined && property.modificationMetadata?.readOnlyValue !== true && property.calculated !== true;
  const choices = type === 'boolean' ? undefined : choicesOf(property);
  const comment = commentOf(property);
  return {
    name,
    field: property.name,
    type: type ?? 'text',
    nullable: true,
    insertable: writable,
    updatable: writable,
    ...(required && writable ? { required } : {}),
    ...(property.type === 'string' ? { maxLength: longestText } : {}),
    ...(choices === undefined ? {} : { choices }),
    ...(property.referencedObjectType ? { references: [property.referencedObjectType] } : {}),
    ...(property.hasUniqueValue === true && writable ? { upsertKey: true } : {}),
    ...(comment === undefined ? {} : { comment }),
  };
}

const keyColumn: Column = {
  name: 'id',
  field: 'hs_object_id',
  type: 'text',
  nullable: false,
  insertable: false,
  updatable: false,
  comment: 'Record ID',
};

/** HubSpot's own properties have the better claim to a name. */
function columnNames(properties: readonly Property[]): ReadonlyMap<string, string> {
  const ownFirst = [...properties].sort(
    (a, b) => Number(b.hubspotDefined === true) - Number(a.hubspotDefined === true),
  );
  const items = ownFirst.map((property) => ({ id: property.name, candidates: [snakeCase(property.name)] }));
  return assignNames([{ id: keyColumn.field, candidates: [keyColumn.name] }, ...items]);
}

/** Properties that tell when a record changed: contacts have the first, everything else the second. */
const versionFields = ['lastmodifieddate', 'hs_lastmodifieddate'];

/** The same for when it was made. */
const createdFields = ['createdate', 'hs_createdate'];

const insertLimit: WriteLimit = { max: 1, ceiling: batchLimit, atomic: false };
const batchWrites: WriteLimit = { max: batchLimit, ceiling: batchLimit, atomic: false };

/** A contact's address is unique although its property need not say so. */
function isIdentity(object: ObjectChoice, property: Property): boolean {
  return object.path === 'contacts' && property.name === 'email';
}

/** The resource of one object. */
export function toResource(object: ObjectChoice, properties: readonly Property[]): Resource {
  const usable = properties.filter((property) => property.archived !== true && property.name !== keyColumn.field);
  const names = columnNames(usable);
  const columns = usable.map((property) => {
    const made = column(property, names.get(property.name) ?? property.name, object.required.includes(property.name));
    return isIdentity(object, property) ? { ...made, upsertKey: true } : made;
  });
  const firstOf = (fields: readonly string[]) =>
    fields
      .map((field) => columns.find((candidate) => candidate.field === field))
      .find((candidate) => candidate?.type === 'timestamptz');
  const version = firstOf(versionFields);
  const created = firstOf(createdFields);
  const upserts = columns.some((candidate) => candidate.upsertKey === true);
  const writes: Writes = {
    insert: insertLimit,
    update: batchWrites,
    delete: batchWrites,
    ...(upserts ? { upsert: { ...batchWrites, keyColumns: 1 } } : {}),
  };
  return {
    name: object.table,
    object: object.path,
    key: keyColumn.name,
    columns: [keyColumn, ...columns],
    ...(version === undefined ? {} : { version: version.name }),
    ...(created === undefined ? {} : { created: created.name }),
    writes,
    pull: { incremental: version !== undefined, deletions: version === undefined ? 'sweep' : 'listed' },
    ...(object.label === undefined ? {} : { comment: object.label }),
  };
}

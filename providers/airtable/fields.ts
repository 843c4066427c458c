/**
 * From a field of the metadata API to a column.
 * Source: Web API documentation, "Field types and cell values".
 */
import { z } from 'zod';
import type { Column, ColumnType } from '../../src/provider/index.js';

const optionsSchema = z.object({
  choices: z.array(z.object({ name: z.string() })).nullish(),
  linkedTableId: z.string().nullish(),
  isValid: z.boolean().nullish(),
  referencedFieldIds: z.array(z.string()).nullish(),
  result: z.object({ type: z.string() }).nullish(),
});

export const fieldSchema = z.object({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  description: z.string().nullish(),
  // A type that is not known may have options of any shape.
  options: optionsSchema.nullish().catch(undefined),
});

export type Field = z.output<typeof fieldSchema>;

/** Characters of a long text at most. */
const longText = 100_000;

interface Kind {
  readonly type: ColumnType;
  /** Takes values by the API. */
  readonly writable: boolean;
  readonly maxLength?: number;
  /** Can be one of the fields that an upsert merges on ("Update multiple records", fieldsToMergeOn). */
  readonly merges?: boolean;
}

const writable = (type: ColumnType, more: Partial<Kind> = {}): Kind => ({ type, writable: true, ...more });
const computed = (type: ColumnType): Kind => ({ type, writable: false });

/**
 * Numbers are `numeric` whatever precision they are shown with: the precision is a format, and a cell may hold more digits.
 * A duration is its seconds, with a fraction where the field shows one.
 */
const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['singleLineText', writable('text', { merges: true })],
  ['multilineText', writable('text', { maxLength: longText, merges: true })],
  ['richText', writable('text', { maxLength: longText })],
  ['email', writable('text')],
  ['url', writable('text')],
  ['phoneNumber', writable('text')],
  ['number', writable('numeric', { merges: true })],
  ['currency', writable('numeric')],
  ['percent', writable('numeric')],
  ['duration', writable('numeric')],
  ['rating', writable('integer')],
  ['checkbox', writable('boolean')],
  ['singleSelect', writable('text', { merges: true })],
  // Airtable merges on these as well; in which order their choices count is not documented.
  ['multipleSelects', writable('text[]')],
  ['date', writable('date', { merges: true })],
  ['dateTime', writable('timestamptz')],
  ['multipleRecordLinks', writable('text[]')],
  ['multipleAttachments', writable('jsonb')],
  ['singleCollaborator', writable('jsonb')],
  ['multipleCollaborators', writable('jsonb')],
  ['barcode', writable('jsonb')],
  ['count', computed('integer')],
  ['autoNumber', computed('integer')],
  ['externalSyncSource', computed('text')],
  ['createdBy', computed('jsonb')],
  ['lastModifiedBy', computed('jsonb')],
  ['button', computed('jsonb')],
  ['aiText', computed('jsonb')],
  ['multipleLookupValues', computed('jsonb')],
]);

/** The column type of a formula or rollup, by the type of its result; one that is not scalar is the JSON it comes as. */
function resultType(field: Field): ColumnType {
  const result = field.options?.result?.type;
  const known = result === undefined || field.options?.isValid === false ? undefined : kinds.get(result);
  // A result that says integer may still be a number of another kind, such as a quotient.
  if (known?.type === 'integer') return 'numeric';
  return known === undefined || known.type === 'text[]' ? 'jsonb' : known.type;
}

function kindOf(field: Field): Kind {
  switch (field.type) {
    case 'formula':
    case 'rollup':
      return computed(resultType(field));
    case 'createdTime':
    case 'lastModifiedTime':
      return computed(field.options?.result?.type === 'date' ? 'date' : 'timestamptz');
    default:
      // A type that this version does not know is kept as the JSON that the API gives, and not written.
      return kinds.get(field.type) ?? computed('jsonb');
  }
}

/**
 * Whether the field tells when anything in the record was last changed: a time of the day, over all fields. A field that
 * watches some fields lists them.
 */
export function isVersion(field: Field): boolean {
  const { options } = field;
  if (field.type !== 'lastModifiedTime' || options === null || options === undefined) return false;
  const watchesAll = options.referencedFieldIds?.length === 0;
  return watchesAll && options.isValid !== false && options.result?.type === 'dateTime';
}

/** The field's own name, in the first line of a column's comment: errors of the API name fields so. */
export function fieldName(column: Column): string {
  return (column.comment ?? '').split('\n')[0] ?? '';
}

function commentOf(field: Field): string {
  const name = field.name.replace(/\s+/g, ' ');
  const description = field.description?.trim() ?? '';
  return description === '' ? name : `${name}\n${description}`;
}

/** The column of a field; `object` gives the name of a linked table's resource. */
export function toColumn(field: Field, name: string, object: (tableId: string) => string): Column {
  const kind = kindOf(field);
  const choices = field.type === 'externalSyncSource' ? undefined : field.options?.choices?.map((each) => each.name);
  const linked = field.options?.linkedTableId;
  return {
    name,
    field: field.id,
    type: kind.type,
    // An unchecked box comes as an absent one, which is false.
    nullable: field.type !== 'checkbox',
    insertable: kind.writable,
    updatable: kind.writable,
    ...(kind.maxLength === undefined ? {} : { maxLength: kind.maxLength }),
    ...(choices === undefined || choices.length === 0 ? {} : { choices }),
    ...(field.type === 'multipleRecordLinks' && linked ? { references: [object(linked)] } : {}),
    ...(kind.merges === true ? { upsertKey: true } : {}),
    comment: commentOf(field),
  };
}

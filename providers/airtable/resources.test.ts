import { describe, expect, it } from 'vitest';
import type { Column } from '../../src/provider/index.js';
import type { Field } from './fields.js';
import { chooseBases, type TableDescription, tablesSchema, toResource, toResources } from './resources.js';

const base = { id: 'appA', name: 'Caladan CRM', permissionLevel: 'create' };

function field(name: string, type: string, options?: Field['options']): Field {
  return { id: `fld${name.replace(/\W/g, '')}`, name, type, options };
}

function table(fields: readonly Field[], id = 'tblA', name = 'Contacts'): TableDescription {
  return { id, name, fields: [...fields] };
}

function columnOf(one: Field): Column | undefined {
  return toResource(base, table([one]), 't').columns.find((column) => column.field === one.id);
}

describe('field types', () => {
  it.each<[string, Column['type'], boolean]>([
    ['singleLineText', 'text', true],
    ['multilineText', 'text', true],
    ['richText', 'text', true],
    ['email', 'text', true],
    ['url', 'text', true],
    ['phoneNumber', 'text', true],
    ['number', 'numeric', true],
    ['currency', 'numeric', true],
    ['percent', 'numeric', true],
    ['duration', 'numeric', true],
    ['rating', 'integer', true],
    ['checkbox', 'boolean', true],
    ['singleSelect', 'text', true],
    ['multipleSelects', 'text[]', true],
    ['date', 'date', true],
    ['dateTime', 'timestamptz', true],
    ['multipleRecordLinks', 'text[]', true],
    ['multipleAttachments', 'jsonb', true],
    ['singleCollaborator', 'jsonb', true],
    ['multipleCollaborators', 'jsonb', true],
    ['barcode', 'jsonb', true],
    ['count', 'integer', false],
    ['autoNumber', 'integer', false],
    ['createdBy', 'jsonb', false],
    ['lastModifiedBy', 'jsonb', false],
    ['createdTime', 'timestamptz', false],
    ['lastModifiedTime', 'timestamptz', false],
    ['button', 'jsonb', false],
    ['aiText', 'jsonb', false],
    ['externalSyncSource', 'text', false],
    ['multipleLookupValues', 'jsonb', false],
    ['formula', 'jsonb', false],
    ['rollup', 'jsonb', false],
    ['somethingNew', 'jsonb', false],
  ])('%s is %s', (type, column, writable) => {
    expect(columnOf(field('F', type))).toMatchObject({ type: column, insertable: writable, updatable: writable });
  });

  it.each<[string, Column['type']]>([
    ['number', 'numeric'],
    ['rating', 'numeric'],
    ['singleLineText', 'text'],
    ['checkbox', 'boolean'],
    ['date', 'date'],
    ['dateTime', 'timestamptz'],
    ['multipleSelects', 'jsonb'],
    ['singleCollaborator', 'jsonb'],
    ['notYetKnown', 'jsonb'],
  ])('a formula and a rollup with a result of %s are %s', (result, type) => {
    for (const computed of ['formula', 'rollup']) {
      expect(columnOf(field('F', computed, { isValid: true, result: { type: result } }))?.type).toBe(type);
    }
  });

  it('a formula that is invalid has the JSON of its error', () => {
    expect(columnOf(field('F', 'formula', { isValid: false, result: { type: 'number' } }))?.type).toBe('jsonb');
  });

  it('tells choices, links, merge fields and empty boxes', () => {
    const choices = [{ name: 'Lead' }, { name: 'Customer' }];
    expect(columnOf(field('S', 'singleSelect', { choices }))).toMatchObject({
      choices: ['Lead', 'Customer'],
      upsertKey: true,
    });
    expect(columnOf(field('L', 'multipleRecordLinks', { linkedTableId: 'tblB' }))?.references).toEqual(['appA/tblB']);
    expect(columnOf(field('E', 'email'))).not.toHaveProperty('upsertKey');
    expect(columnOf(field('C', 'checkbox'))?.nullable).toBe(false);
    expect(columnOf({ ...field('D', 'date'), description: 'Day of birth' })?.comment).toBe('D\nDay of birth');
  });

  it('takes options of any shape for types that it does not know', () => {
    const body = {
      tables: [{ id: 't', name: 'T', fields: [{ id: 'f', name: 'F', type: 'new', options: { result: 5 } }] }],
    };
    expect(tablesSchema.parse(body).tables[0]?.fields[0]).toMatchObject({ type: 'new' });
  });
});

describe('versions', () => {
  const dateTime = { type: 'dateTime' };
  it.each<[Field['options'], string | undefined]>([
    [{ isValid: true, referencedFieldIds: [], result: dateTime }, 'changed'],
    [{ isValid: true, referencedFieldIds: ['fldX'], result: dateTime }, undefined],
    [{ isValid: false, referencedFieldIds: [], result: dateTime }, undefined],
    [{ isValid: true, referencedFieldIds: [], result: { type: 'date' } }, undefined],
    [{ isValid: true, referencedFieldIds: null, result: dateTime }, undefined],
    [undefined, undefined],
  ])('%o', (options, version) => {
    expect(toResource(base, table([field('Changed', 'lastModifiedTime', options)]), 't').version).toBe(version);
  });
});

describe('names', () => {
  it('keeps the key and the record time from fields of that name', () => {
    const fields = [field('ID', 'number'), field('Created time', 'createdTime'), field('id', 'email')];
    const twice = fields.map((each, index) => ({ ...each, id: `fld${index}` }));
    const names = toResource(base, table(twice), 't').columns.map((column) => column.name);
    expect(names.slice(0, 4)).toEqual(['id', 'created_time', 'id_field', 'created_time_field']);
    expect(names[4]).toMatch(/^id_field_[0-9a-f]{8}$/);
  });

  it('names fields without letters after their ids', () => {
    expect(columnOf({ ...field('x', 'number'), id: 'fldAbc', name: '🎉' })?.name).toBe('field_fldabc');
  });

  it('makes table names of base and table, the same whatever other bases there are', () => {
    const calendar = { id: 'appB', name: '📅 Calendar', permissionLevel: 'edit' };
    const one = { base, prefix: base.name, tables: [table([])] };
    const two = { base: calendar, prefix: calendar.name, tables: [table([], 'tblB', '📣 Posts'), table([], 'tblC')] };
    expect(toResources([one, two]).map((each) => each.name)).toEqual([
      'caladan_crm_contacts',
      'calendar_posts',
      'calendar_contacts',
    ]);
    expect(toResources([one]).map((each) => each.name)).toEqual(['caladan_crm_contacts']);
    expect(toResources([{ ...one, prefix: '' }]).map((each) => each.name)).toEqual(['contacts']);
  });

  it('gives a clash to the lower id, in whatever order they come', () => {
    const twin = { ...base, id: 'appZ' };
    const both = [
      { base: twin, prefix: twin.name, tables: [table([], 'tblZ')] },
      { base, prefix: base.name, tables: [table([])] },
    ];
    const names = (given: typeof both) => new Map(toResources(given).map((each) => [each.object, each.name]));
    expect(names(both)).toEqual(names([...both].reverse()));
    expect(names(both).get('appA/tblA')).toBe('caladan_crm_contacts');
    expect(names(both).get('appZ/tblZ')).toMatch(/^caladan_crm_contacts_[0-9a-f]{8}$/);
  });
});

describe('what may be written', () => {
  it.each<[string | undefined, readonly string[]]>([
    ['none', []],
    ['read', []],
    ['comment', []],
    ['edit', ['insert', 'update', 'delete']],
    ['create', ['insert', 'update', 'delete']],
    [undefined, ['insert', 'update', 'delete']],
  ])('%s', (permissionLevel, verbs) => {
    const given = { id: 'appA', name: 'A', ...(permissionLevel === undefined ? {} : { permissionLevel }) };
    expect(Object.keys(toResource(given, table([]), 't').writes)).toEqual(verbs);
  });
});

it('chooses bases by id before name, once, and tells which are not there', () => {
  const other = { id: 'appB', name: 'appA', permissionLevel: 'read' };
  const choice = ['appA', 'Caladan CRM', 'appX'].map((each) => ({ base: each, prefix: undefined }));
  const { chosen, missing } = chooseBases([other, base], choice);
  expect(chosen.map((each) => each.base.id)).toEqual(['appA']);
  expect(missing).toEqual(['appX']);
});

import { describe, expect, it } from 'vitest';
import { chooseObjects, describeSchema, tableNames, toResource } from './resources.js';

function field(name: string, type: string, over: Record<string, unknown> = {}) {
  return { name, type, label: name, nillable: true, createable: true, updateable: true, ...over };
}

function object(fields: readonly object[], over: Record<string, unknown> = {}) {
  return describeSchema.parse({
    name: 'Thing__c',
    label: 'Thing',
    createable: true,
    updateable: true,
    deletable: true,
    queryable: true,
    fields,
    ...over,
  });
}

const system = { createable: false, updateable: false, nillable: false };
const id = field('Id', 'id', { ...system, idLookup: true });

describe('toResource', () => {
  it('has the key first, names, types and rights', () => {
    const resource = toResource(
      object([
        field('Email', 'email', { length: 80, externalId: true }),
        id,
        field('SLASerialNumber__c', 'string', { length: 10, nillable: false, label: 'SLA', inlineHelpText: 'The no.' }),
        field('Active__c', 'boolean', { nillable: false }),
        field('OwnerId', 'reference', { nillable: false, defaultedOnCreate: true, referenceTo: ['User', 'Group'] }),
        field('Langs__c', 'multipicklist'),
        field('Level__c', 'picklist', {
          restrictedPicklist: true,
          picklistValues: [
            { value: 'A', active: true },
            { value: 'Old', active: false },
          ],
        }),
        field('SystemModstamp', 'datetime', system),
        field('IsDeleted', 'boolean', system),
        field('BillingAddress', 'address', system),
        field('Body', 'base64'),
        field('Strange', 'hologram'),
      ]),
      'things',
    );
    expect(resource).toMatchObject({
      name: 'things',
      object: 'Thing__c',
      key: 'id',
      version: 'system_modstamp',
      comment: 'Thing',
      writes: { insert: { max: 200, ceiling: 200, atomic: true } },
      pull: { incremental: true, deletions: 'listed' },
    });
    const columns = new Map(resource?.columns.map((column) => [column.name, column]));
    expect([...columns.keys()]).toEqual([
      'id',
      'email',
      'sla_serial_number',
      'active',
      'owner_id',
      'langs',
      'level',
      'system_modstamp',
      'is_deleted',
      'strange',
    ]);
    expect(columns.get('id')).toMatchObject({ type: 'text', insertable: false, updatable: false });
    expect(columns.get('id')?.upsertKey).toBeUndefined();
    expect(columns.get('email')).toMatchObject({ maxLength: 80, upsertKey: true, nullable: true });
    expect(columns.get('sla_serial_number')).toMatchObject({ required: true, comment: 'SLA: The no.' });
    expect(columns.get('active')?.required).toBeUndefined();
    expect(columns.get('owner_id')?.required).toBeUndefined();
    expect(columns.get('owner_id')).toMatchObject({ references: ['User', 'Group'] });
    expect(columns.get('langs')).toMatchObject({ type: 'text[]' });
    expect(columns.get('level')).toMatchObject({ choices: ['A'] });
    expect(columns.get('strange')).toMatchObject({ type: 'jsonb', insertable: false, updatable: false });
  });

  // Apex Reference Guide, "DisplayType Enum", in the words of describe.
  it.each([
    ['anyType', 'jsonb'],
    ['boolean', 'boolean'],
    ['combobox', 'text'],
    ['complexvalue', 'jsonb'],
    ['currency', 'numeric'],
    ['datacategorygroupreference', 'text'],
    ['date', 'date'],
    ['datetime', 'timestamptz'],
    ['double', 'numeric'],
    ['email', 'text'],
    ['encryptedstring', 'text'],
    ['id', 'text'],
    ['int', 'integer'],
    ['json', 'jsonb'],
    ['long', 'bigint'],
    ['multipicklist', 'text[]'],
    ['percent', 'numeric'],
    ['phone', 'text'],
    ['picklist', 'text'],
    ['reference', 'text'],
    ['string', 'text'],
    ['textarea', 'text'],
    ['time', 'time'],
    ['url', 'text'],
  ])('%s is %s', (type, expected) => {
    const resource = toResource(object([id, field('Field__c', type)]), 't');
    const column = resource?.columns.find((candidate) => candidate.name === 'field');
    expect(column).toMatchObject({ type: expected, insertable: expected !== 'jsonb', updatable: expected !== 'jsonb' });
  });

  it('has no column for compound fields and files, and JSON that nobody writes for what it does not know', () => {
    const fields = ['address', 'location', 'base64', 'floatarray', 'junctionIdList', 'sobject'];
    const resource = toResource(object([id, ...fields.map((type) => field(`${type}__c`, type))]), 't');
    expect(resource?.columns.map(({ name, type, insertable }) => [name, type, insertable])).toEqual([
      ['id', 'text', false],
      ['floatarray', 'jsonb', false],
      ['junction_id_list', 'jsonb', false],
      ['sobject', 'jsonb', false],
    ]);
  });

  it('tells reserved words, system columns and long names apart from nothing', () => {
    const long = `${'Very_long_name_'.repeat(5)}__c`;
    const names = ['Order__c', 'Xmin__c', 'User', long, `${long.slice(0, -3)}X__c`, '2nd__c'].map((name) =>
      field(name, 'string'),
    );
    const columns = toResource(object([id, ...names]), 't')?.columns.map((column) => column.name) ?? [];
    expect(columns.slice(0, 4)).toEqual(['id', 'order', 'xmin_c', 'user']);
    expect(new Set(columns).size).toBe(7);
    for (const name of columns) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    expect(columns.at(-1)).toBe('_2nd');
  });

  it('offers the verbs that the object allows', () => {
    expect(toResource(object([id], { createable: false, deletable: false }), 't')?.writes).toEqual({
      update: { max: 200, ceiling: 200, atomic: true },
    });
  });

  it('lists no deletions without a flag, and no changes without a time stamp', () => {
    expect(toResource(object([id]), 't')?.pull).toEqual({ incremental: false, deletions: 'sweep' });
    expect(toResource(object([id, field('LastModifiedDate', 'datetime', system)]), 't')?.pull).toEqual({
      incremental: true,
      deletions: 'sweep',
    });
  });

  it('is no table without an Id', () => {
    expect(toResource(object([field('Name', 'string')]), 't')).toBeUndefined();
  });

  it('gives a standard field the better name, whatever the order', () => {
    const resource = toResource(object([id, field('Note__c', 'string'), field('Note', 'string')]), 't');
    expect(resource?.columns.map((column) => [column.field, column.name])).toEqual([
      ['Id', 'id'],
      ['Note__c', 'note_c'],
      ['Note', 'note'],
    ]);
  });
});

describe('tableNames', () => {
  it('pluralises, and lets standard objects go first', () => {
    expect(Object.fromEntries(tableNames(['Account__c', 'Account', 'Invoice_Item__c', 'Acme__Deal__c']))).toEqual({
      Account: 'accounts',
      Account__c: 'accounts_c',
      Invoice_Item__c: 'invoice_items',
      Acme__Deal__c: 'acme_deals',
    });
  });
});

describe('chooseObjects', () => {
  const sobject = (name: string, over: Record<string, unknown> = {}) => ({
    name,
    custom: name.includes('__'),
    queryable: true,
    ...over,
  });
  const global = {
    sobjects: [
      sobject('Account'),
      sobject('Contact'),
      sobject('Lead'),
      sobject('Deal__c'),
      sobject('Setting__c', { customSetting: true }),
      sobject('Deal__Share'),
      sobject('Kind__mdt'),
      sobject('Hidden__c', { deprecatedAndHidden: true }),
      sobject('Event__e', { queryable: false }),
    ],
  };

  it('by default takes contacts, accounts and custom objects', () => {
    expect(chooseObjects(global, 'default').chosen).toEqual(['Account', 'Contact', 'Deal__c']);
  });

  it('takes all, or those named, and tells which are missing', () => {
    expect(chooseObjects(global, 'all').chosen).toHaveLength(7);
    expect(chooseObjects(global, ['lead', 'Nope', 'Event__e'])).toEqual({
      chosen: ['Lead'],
      missing: ['Nope', 'Event__e'],
    });
  });
});

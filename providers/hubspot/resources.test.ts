import { describe, expect, it } from 'vitest';
import type { Resource } from '../../src/provider/index.js';
import type { CustomObject, Property } from './answers.js';
import { choosePairs, toAssociationResource } from './association-resources.js';
import { chooseObjects, type ObjectChoice, toResource } from './resources.js';

function property(name: string, over: Partial<Property> = {}): Property {
  return { name, type: 'string', fieldType: 'text', hubspotDefined: true, ...over };
}

function custom(name: string, over: Partial<CustomObject> = {}): CustomObject {
  return { name, objectTypeId: `2-${name.length}`, properties: [property('name')], ...over };
}

function choices(list: readonly CustomObject[] = [], wanted: 'default' | readonly string[] = 'default') {
  return chooseObjects(list, wanted);
}

function contacts(): ObjectChoice {
  const [first] = choices([], ['contacts']);
  if (first === undefined) throw new Error('no contacts');
  return first;
}

function columnOf(resource: Resource, field: string) {
  return resource.columns.find((column) => column.field === field);
}

describe('chooseObjects', () => {
  it('takes the standard objects and every custom one', () => {
    const found = choices([custom('pet'), custom('old', { archived: true }), custom('contact')]);
    expect(found.map(({ path, table }) => [path, table])).toEqual([
      ['contacts', 'contacts'],
      ['companies', 'companies'],
      ['deals', 'deals'],
      ['tickets', 'tickets'],
      ['products', 'products'],
      ['line_items', 'line_items'],
      ['2-3', 'pets'],
      ['2-7', 'contacts_custom'],
    ]);
  });

  it('takes names of every kind', () => {
    const pet = custom('pet', { fullyQualifiedName: 'p1_pet' });
    for (const name of ['pet', 'P1_pet', '2-3']) {
      expect(choices([pet], ['deals', name]).map(({ path }) => path)).toEqual(['deals', '2-3']);
    }
    expect(choices([], ['calls'])[0]).toMatchObject({ path: 'calls', singular: 'call' });
  });
});

describe('toResource', () => {
  const resource = toResource(contacts(), [
    property('hs_object_id', { type: 'number' }),
    property('email', { hasUniqueValue: false }),
    property('lastmodifieddate', { type: 'datetime', modificationMetadata: { readOnlyValue: true } }),
    property('score', { type: 'number', calculated: true }),
    property('vip', {
      type: 'enumeration',
      fieldType: 'booleancheckbox',
      options: [{ value: 'true' }, { value: 'false' }],
    }),
    property('level', { type: 'enumeration', fieldType: 'select', options: [{ value: 'A' }, { value: 'B' }] }),
    property('tags', { type: 'enumeration', fieldType: 'checkbox', options: [{ value: 'x' }] }),
    property('hubspot_owner_id', {
      type: 'enumeration',
      fieldType: 'select',
      externalOptions: true,
      options: [],
      referencedObjectType: 'OWNER',
    }),
    property('id', { hubspotDefined: false }),
    property('place', { type: 'object_coordinates' }),
    property('gone', { archived: true }),
    property('label', { label: 'Label', description: 'What it is called' }),
  ]);

  it('has the record id as its key, before any property of that name', () => {
    expect(resource.columns[0]).toMatchObject({ name: 'id', field: 'hs_object_id', insertable: false });
    expect(resource.columns.filter((column) => column.field === 'hs_object_id')).toHaveLength(1);
    expect(columnOf(resource, 'id')?.name).not.toBe('id');
  });

  it('knows types, choices and references', () => {
    const types = ['vip', 'level', 'tags', 'hubspot_owner_id', 'score', 'place'].map(
      (field) => columnOf(resource, field)?.type,
    );
    expect(types).toEqual(['boolean', 'text', 'text[]', 'text', 'numeric', 'text']);
    expect(columnOf(resource, 'level')?.choices).toEqual(['A', 'B']);
    expect(columnOf(resource, 'vip')?.choices).toBeUndefined();
    expect(columnOf(resource, 'hubspot_owner_id')).toMatchObject({ references: ['OWNER'] });
    expect(columnOf(resource, 'hubspot_owner_id')?.choices).toBeUndefined();
    expect(columnOf(resource, 'label')?.comment).toBe('Label: What it is called');
    expect(columnOf(resource, 'gone')).toBeUndefined();
  });

  // CRM API guide, "Properties", "Property type and fieldType values".
  it.each([
    ['bool', 'booleancheckbox', 'boolean'],
    ['bool', 'calculation_equation', 'boolean'],
    ['enumeration', 'booleancheckbox', 'text'],
    ['enumeration', 'checkbox', 'text[]'],
    ['enumeration', 'radio', 'text'],
    ['enumeration', 'select', 'text'],
    ['enumeration', 'calculation_equation', 'text'],
    ['date', 'date', 'date'],
    ['datetime', 'date', 'timestamptz'],
    ['dateTime', 'date', 'timestamptz'],
    ['string', 'file', 'text'],
    ['string', 'text', 'text'],
    ['string', 'textarea', 'text'],
    ['string', 'html', 'text'],
    ['string', 'phonenumber', 'text'],
    ['string', 'calculation_equation', 'text'],
    ['number', 'number', 'numeric'],
    ['number', 'calculation_equation', 'numeric'],
    ['phone_number', 'phonenumber', 'text'],
    ['json', 'text', 'jsonb'],
  ])('a property of type %s and field type %s is %s', (type, fieldType, expected) => {
    const isCalculated = fieldType.startsWith('calculation');
    const made = toResource(contacts(), [property('p', { type, fieldType, calculated: isCalculated })]);
    expect(columnOf(made, 'p')).toMatchObject({ type: expected, insertable: !isCalculated, updatable: !isCalculated });
  });

  it('knows what cannot be set', () => {
    const writable = resource.columns.filter((column) => column.insertable).map((column) => column.field);
    expect(writable).toEqual(['email', 'vip', 'level', 'tags', 'hubspot_owner_id', 'id', 'label']);
    expect(columnOf(resource, 'email')?.upsertKey).toBe(true);
  });

  it('reads changes by the version, and sweeps without one', () => {
    expect(resource).toMatchObject({ version: 'lastmodifieddate', pull: { incremental: true, deletions: 'listed' } });
    const plain = toResource(contacts(), [property('email')]);
    expect(plain).toMatchObject({ pull: { incremental: false, deletions: 'sweep' } });
    expect(plain.version).toBeUndefined();
  });

  it('requires what a custom object requires', () => {
    const [pet] = choices([custom('pet', { requiredProperties: ['name'] })], ['pet']);
    if (pet === undefined) throw new Error('no pet');
    expect(columnOf(toResource(pet, pet.properties ?? []), 'name')?.required).toBe(true);
  });
});

describe('associations', () => {
  const linked = custom('pet', { associations: [{ fromObjectTypeId: '2-3', toObjectTypeId: '0-1' }] });

  it('are the usual pairs of what is chosen, and those of custom objects, once', () => {
    const names = (wanted: 'default' | 'none' | readonly string[], objects = choices([linked])) => {
      const { pairs, missing } = choosePairs(objects, wanted);
      return { pairs: pairs.map(([from, to]) => `${from.table}/${to.table}`), missing };
    };
    expect(names('default', choices([linked], ['contacts', 'companies', 'pet'])).pairs).toEqual([
      'contacts/companies',
      'pets/contacts',
    ]);
    expect(names('none').pairs).toEqual([]);
    expect(names(['Deals/contacts', '2-3/contacts', 'pets/butterflies'])).toEqual({
      pairs: ['deals/contacts', 'pets/contacts'],
      missing: ['pets/butterflies'],
    });
  });

  it('have a row for a pair and a column for a label', () => {
    const [from, to] = choices([], ['contacts', 'companies']);
    if (from === undefined || to === undefined) throw new Error('no pair');
    const resource = toAssociationResource(
      [from, to],
      [
        { category: 'HUBSPOT_DEFINED', typeId: 279, label: null },
        { category: 'HUBSPOT_DEFINED', typeId: 1, label: 'Primary' },
        { category: 'USER_DEFINED', typeId: 28, label: 'Contact ID' },
      ],
    );
    expect(resource).toMatchObject({ name: 'contacts_companies', object: 'contacts/companies', key: 'id' });
    expect(resource.columns.map(({ name, field, type }) => [name, field, type])).toEqual([
      ['id', 'HUBSPOT_DEFINED:279', 'text'],
      ['contact_id', 'from', 'text'],
      ['company_id', 'to', 'text'],
      ['primary', 'HUBSPOT_DEFINED:1', 'boolean'],
      ['label_contact_id', 'USER_DEFINED:28', 'boolean'],
    ]);
    const self = toAssociationResource([from, from], [{ category: 'HUBSPOT_DEFINED', typeId: 449, label: null }]);
    expect(self.columns.map(({ name }) => name)).toEqual(['id', 'contact_id', 'to_contact_id']);
  });
});

/** Describe, member by member, as real orgs give it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type SalesforceSandbox, startSalesforceSandbox } from '../../fixtures/salesforce/index.js';
import { Client, list, object } from './client.js';

let sandbox: SalesforceSandbox;
let client: Client;

beforeAll(async () => {
  sandbox = await startSalesforceSandbox({ contacts: 24, accounts: 4, invoiceItems: 2, dailyApiLimit: 500 });
  client = await Client.login(sandbox, 'v42.0');
});
afterAll(() => sandbox.close());

const FIELD_MEMBERS = [
  'aggregatable',
  'aiPredictionField',
  'autoNumber',
  'byteLength',
  'calculated',
  'calculatedFormula',
  'cascadeDelete',
  'caseSensitive',
  'compoundFieldName',
  'controllerName',
  'createable',
  'custom',
  'defaultValue',
  'defaultValueFormula',
  'defaultedOnCreate',
  'dependentPicklist',
  'deprecatedAndHidden',
  'digits',
  'displayLocationInDecimal',
  'encrypted',
  'externalId',
  'extraTypeInfo',
  'filterable',
  'filteredLookupInfo',
  'formulaTreatNullNumberAsZero',
  'groupable',
  'highScaleNumber',
  'htmlFormatted',
  'idLookup',
  'inlineHelpText',
  'label',
  'length',
  'mask',
  'maskType',
  'name',
  'nameField',
  'namePointing',
  'nillable',
  'permissionable',
  'picklistValues',
  'polymorphicForeignKey',
  'precision',
  'queryByDistance',
  'referenceTargetField',
  'referenceTo',
  'relationshipName',
  'relationshipOrder',
  'restrictedDelete',
  'restrictedPicklist',
  'scale',
  'searchPrefilterable',
  'soapType',
  'sortable',
  'type',
  'unique',
  'updateable',
  'writeRequiresMasterRead',
];

const OBJECT_MEMBERS = [
  'actionOverrides',
  'activateable',
  'associateEntityType',
  'associateParentEntity',
  'childRelationships',
  'compactLayoutable',
  'createable',
  'custom',
  'customSetting',
  'deepCloneable',
  'defaultImplementation',
  'deletable',
  'deprecatedAndHidden',
  'extendedBy',
  'extendsInterfaces',
  'feedEnabled',
  'fields',
  'hasSubtypes',
  'implementedBy',
  'implementsInterfaces',
  'isInterface',
  'isSubtype',
  'keyPrefix',
  'label',
  'labelPlural',
  'layoutable',
  'listviewable',
  'lookupLayoutable',
  'mergeable',
  'mruEnabled',
  'name',
  'namedLayoutInfos',
  'networkScopeFieldName',
  'queryable',
  'recordTypeInfos',
  'replicateable',
  'retrieveable',
  'searchLayoutable',
  'searchable',
  'sobjectDescribeOption',
  'supportedScopes',
  'triggerable',
  'undeletable',
  'updateable',
  'urls',
];

test('describe has every member of an object and of each field', async () => {
  const global = object((await client.call('GET', '/sobjects')).body);
  expect(global).toMatchObject({ encoding: 'UTF-8', maxBatchSize: 200 });
  for (const listed of list(global['sobjects']).map(object)) {
    const described = object((await client.call('GET', `/sobjects/${listed['name']}/describe`)).body);
    expect(Object.keys(described).sort()).toEqual([...OBJECT_MEMBERS].sort());
    expect(described).toMatchObject(listed);
    for (const field of list(described['fields']).map(object)) {
      expect(Object.keys(field).sort(), String(field['name'])).toEqual([...FIELD_MEMBERS].sort());
    }
  }
});

test.each([
  [
    'Account',
    'Name',
    {
      type: 'string',
      soapType: 'xsd:string',
      length: 255,
      byteLength: 765,
      nameField: true,
      nillable: false,
      createable: true,
      updateable: true,
      extraTypeInfo: 'switchablepersonname',
    },
  ],
  [
    'Account',
    'PhotoUrl',
    {
      type: 'url',
      length: 255,
      byteLength: 765,
      createable: false,
      updateable: false,
      nillable: true,
      extraTypeInfo: 'imageurl',
    },
  ],
  [
    'Account',
    'CreatedById',
    {
      type: 'reference',
      soapType: 'tns:ID',
      length: 18,
      byteLength: 18,
      referenceTo: ['User'],
      relationshipName: 'CreatedBy',
      defaultedOnCreate: true,
      nillable: false,
      createable: false,
    },
  ],
  [
    'Account',
    'CreatedDate',
    {
      type: 'datetime',
      soapType: 'xsd:dateTime',
      length: 0,
      groupable: false,
      sortable: true,
      filterable: true,
      defaultedOnCreate: true,
      nillable: false,
    },
  ],
  [
    'Invoice_Item__c',
    'Id',
    {
      type: 'id',
      soapType: 'tns:ID',
      length: 18,
      idLookup: true,
      defaultedOnCreate: true,
      nillable: false,
      createable: false,
      label: 'Record ID',
    },
  ],
  [
    'Invoice_Item__c',
    'Name',
    { autoNumber: true, nameField: true, createable: false, updateable: false, idLookup: true },
  ],
  [
    'Invoice_Item__c',
    'Total__c',
    {
      type: 'currency',
      soapType: 'xsd:double',
      calculated: true,
      calculatedFormula: 'Quantity__c * Unit_Price__c',
      precision: 18,
      scale: 4,
      createable: false,
    },
  ],
  [
    'Contact',
    'Private_Email__c',
    { type: 'email', length: 80, byteLength: 240, custom: true, permissionable: true, nillable: true },
  ],
  [
    'Contact',
    'Interests__c',
    {
      type: 'multipicklist',
      length: 4099,
      byteLength: 4099,
      precision: 10,
      restrictedPicklist: true,
      sortable: false,
      groupable: false,
    },
  ],
  ['Contact', 'External_Id__c', { type: 'string', externalId: true, idLookup: true, unique: true, length: 64 }],
  ['Contact', 'MailingCity', { compoundFieldName: 'MailingAddress', length: 40 }],
  [
    'Contact',
    'Note__c',
    { type: 'textarea', length: 32_768, filterable: false, sortable: false, inlineHelpText: expect.any(String) },
  ],
])('describe of %s.%s', async (type, name, expected) => {
  const described = object((await client.call('GET', `/sobjects/${type}/describe`)).body);
  expect(
    list(described['fields'])
      .map(object)
      .find((field) => field['name'] === name),
  ).toMatchObject(expected);
});

test('choices are listed as describe lists them', async () => {
  const described = object((await client.call('GET', '/sobjects/Invoice_Item__c/describe')).body);
  const status = list(described['fields'])
    .map(object)
    .find((field) => field['name'] === 'Status__c');
  expect(list(status?.['picklistValues'])[0]).toEqual({
    active: true,
    defaultValue: true,
    label: 'Draft',
    validFor: null,
    value: 'Draft',
  });
});

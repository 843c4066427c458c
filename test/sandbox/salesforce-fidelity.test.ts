/** Shapes of answers, as real orgs give them: members, their order where it was seen, types, codes. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type SalesforceSandbox, startSalesforceSandbox } from '../../fixtures/salesforce/index.js';
import { Client, list, object, send, text } from './client.js';

let sandbox: SalesforceSandbox;
let client: Client;

beforeAll(async () => {
  sandbox = await startSalesforceSandbox({ contacts: 24, accounts: 4, invoiceItems: 2, dailyApiLimit: 500 });
  client = await Client.login(sandbox, 'v42.0');
});
afterAll(() => sandbox.close());

test('every answer of the API has the limit header', async () => {
  const answers = [
    await client.query('SELECT Id FROM Account LIMIT 1'),
    await client.call('GET', '/sobjects/Contact/0034S000005YJVlQAO'),
    await client.create('Account', [{ Name: null }]),
  ];
  const used = answers.map(({ headers }) => /^api-usage=(\d+)\/500$/.exec(headers.get('sforce-limit-info') ?? '')?.[1]);
  expect(used.map(Number)).toEqual([Number(used[0]), Number(used[0]) + 1, Number(used[0]) + 2]);
  for (const { headers } of answers) {
    expect(headers.get('content-type')).toBe('application/json;charset=UTF-8');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  }
});

const SYSTEM_FIELDS = [
  'Id',
  'IsDeleted',
  'MasterRecordId',
  'OwnerId',
  'CreatedDate',
  'CreatedById',
  'LastModifiedDate',
  'LastModifiedById',
  'SystemModstamp',
  'LastActivityDate',
  'LastViewedDate',
  'LastReferencedDate',
  'Jigsaw',
  'CleanStatus',
  'PhotoUrl',
];

test.each([
  [
    'Account',
    { Name: 'Smith' },
    [
      'ParentId',
      'BillingStreet',
      'BillingLatitude',
      'BillingGeocodeAccuracy',
      'BillingAddress',
      'ShippingAddress',
      'Phone',
      'Fax',
      'AccountNumber',
      'Website',
      'Sic',
      'Industry',
      'AnnualRevenue',
      'NumberOfEmployees',
      'Ownership',
      'TickerSymbol',
      'Rating',
      'Site',
      'JigsawCompanyId',
      'AccountSource',
      'DunsNumber',
      'NaicsCode',
      'YearStarted',
      'DandbCompanyId',
      'OperatingHoursId',
    ],
  ],
  [
    'Contact',
    { LastName: 'Smith' },
    [
      'AccountId',
      'LastName',
      'FirstName',
      'Salutation',
      'Name',
      'OtherAddress',
      'MailingStreet',
      'MailingAddress',
      'Phone',
      'MobilePhone',
      'HomePhone',
      'AssistantPhone',
      'ReportsToId',
      'Email',
      'Title',
      'Department',
      'LeadSource',
      'Birthdate',
      'Description',
      'LastCURequestDate',
      'EmailBouncedReason',
      'IsEmailBounced',
      'JigsawContactId',
      'IndividualId',
    ],
  ],
  [
    'Lead',
    { LastName: 'Smith', Company: 'SmithCorp' },
    [
      'Name',
      'Company',
      'Street',
      'City',
      'Address',
      'Status',
      'IsConverted',
      'ConvertedDate',
      'ConvertedAccountId',
      'ConvertedOpportunityId',
      'IsUnreadByOwner',
      'CompanyDunsNumber',
      'IndividualId',
    ],
  ],
])('a record of %s has every standard field, empty ones as null', async (type, values, fields) => {
  const [created] = list((await client.create(type, [values])).body).map(object);
  expect(created).toEqual({ id: expect.stringMatching(/^[0-9A-Za-z]{18}$/), success: true, errors: [] });
  const id = text(created?.['id']);
  const record = object((await client.call('GET', `/sobjects/${type}/${id}`)).body);
  expect(Object.keys(record)[0]).toBe('attributes');
  expect(record['attributes']).toEqual({ type, url: `/services/data/v42.0/sobjects/${type}/${id}` });
  for (const name of [...SYSTEM_FIELDS, ...fields]) expect(record, name).toHaveProperty(name);
  expect(record).toMatchObject({
    ...values,
    Id: id,
    IsDeleted: false,
    CleanStatus: 'Pending',
    PhotoUrl: `/services/images/photo/${id}`,
  });
  expect(record['CreatedDate']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$/);
  expect(record['LastViewedDate']).toBe(record['CreatedDate']);
});

test('defaults of a lead', async () => {
  const [created] = list((await client.create('Lead', [{ LastName: 'A', Company: 'B' }])).body).map(object);
  const lead = object((await client.call('GET', `/sobjects/Lead/${created?.['id']}`)).body);
  expect(lead).toMatchObject({ Status: 'Open - Not Contacted', IsConverted: false, IsUnreadByOwner: true });
});

test('the body of a 404 names the code first or last, and nothing else', async () => {
  const answer = await client.call('GET', '/sobjects/Account/0014S000007Ny26QAC');
  expect(answer.status).toBe(404);
  expect(answer.body).toEqual([{ errorCode: 'NOT_FOUND', message: 'The requested resource does not exist' }]);
  for (const path of ['/nonsense', '/sobjects/Nonsense/describe', '/composite/nonsense', '/limits/more']) {
    expect((await client.call('GET', path)).status, path).toBe(404);
  }
  expect((await client.call('GET', '/services/data/v99.0/limits')).status).toBe(404);
  expect((await send(`${sandbox.url}/nonsense`)).status).toBe(404);
});

test('versions, resources and limits', async () => {
  const versions = list((await send(`${sandbox.url}/services/data`)).body).map(object);
  expect(versions.at(-1)).toMatchObject({
    label: expect.any(String),
    url: expect.stringMatching(/^\/services\/data\/v\d\d\.0$/),
    version: expect.stringMatching(/^\d\d\.0$/),
  });
  expect((await client.call('GET', '')).body).toMatchObject({
    sobjects: '/services/data/v42.0/sobjects',
    query: '/services/data/v42.0/query',
  });
  const before = object(object((await client.call('GET', '/limits')).body)['DailyApiRequests']);
  const after = object(object((await client.call('GET', '/limits')).body)['DailyApiRequests']);
  expect(before['Max']).toBe(500);
  expect(Number(before['Remaining']) - Number(after['Remaining'])).toBe(1);
});

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

test('seed data is the same every time, and ids of the same order', async () => {
  const other = await startSalesforceSandbox({ contacts: 24, accounts: 4, invoiceItems: 2 });
  sandbox.reset();
  for (const type of ['User', 'Account', 'Contact', 'Invoice_Item__c'])
    expect(other.records(type)).toEqual(sandbox.records(type));
  expect(other.records('Contact')).toHaveLength(24);
  await other.close();
});

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
    await client.call('GET', '/sobjects/Contact/003D000000QV9n2IAD'),
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
  const answer = await client.call('GET', '/sobjects/Account/001D000000ISUr3IAH');
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

test('seed data is the same every time, and ids of the same order', async () => {
  const other = await startSalesforceSandbox({ contacts: 24, accounts: 4, invoiceItems: 2 });
  sandbox.reset();
  for (const type of ['User', 'Account', 'Contact', 'Invoice_Item__c'])
    expect(other.records(type)).toEqual(sandbox.records(type));
  expect(other.records('Contact')).toHaveLength(24);
  await other.close();
});

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../fixtures/kit/index.js';
import { type SalesforceSandbox, startSalesforceSandbox } from '../../fixtures/salesforce/index.js';
import { Client, idsOf, list, object, refusal } from './client.js';

const ROLLED_BACK = {
  success: false,
  errors: [
    {
      statusCode: 'ALL_OR_NONE_OPERATION_ROLLED_BACK',
      message: 'Record rolled back because not all records were valid and the request was using AllOrNone header',
      fields: [],
    },
  ],
};

let sandbox: SalesforceSandbox;
let client: Client;

beforeAll(async () => {
  sandbox = await startSalesforceSandbox({ contacts: 12, accounts: 4, invoiceItems: 3 });
});
beforeEach(async () => {
  sandbox.reset();
  client = await Client.login(sandbox);
});
afterAll(() => sandbox.close());

function record(type: string, id: string): JsonObject {
  return object(sandbox.records(type).find((row) => row['Id'] === id));
}

describe('collections', () => {
  test('a create answers ids in input order and stores what was sent', async () => {
    const answer = await client.create('Contact', [
      { LastName: 'Atreides', FirstName: 'Paul' },
      { LastName: 'Halleck' },
    ]);
    expect(answer.status).toBe(200);
    const [paul = '', gurney = ''] = idsOf(answer);
    expect(list(answer.body)).toEqual([
      { id: paul, success: true, errors: [] },
      { id: gurney, success: true, errors: [] },
    ]);
    expect(paul).toMatch(/^003[0-9A-Za-z]{15}$/);
    expect(record('Contact', paul)).toMatchObject({
      Name: 'Paul Atreides',
      IsDeleted: false,
      CleanStatus: 'Pending',
      Newsletter__c: false,
      PhotoUrl: `/services/images/photo/${paul}`,
    });
    expect(record('Contact', gurney)['FirstName']).toBeNull();
  });

  test('without allOrNone the good records stay, and a failed entry has no id', async () => {
    const answer = await client.create('Contact', [
      { LastName: 'A' },
      { LastName: 'B', Email: 'pauldune.co' },
      { LastName: 'C' },
    ]);
    const [first, second, third] = list(answer.body).map(object);
    expect(first?.['success']).toBe(true);
    expect(second).toEqual(refusal('INVALID_EMAIL_ADDRESS', 'Email: invalid email address: pauldune.co', ['Email']));
    expect(third?.['success']).toBe(true);
    expect(sandbox.records('Contact')).toHaveLength(14);
  });

  test('with allOrNone one refusal takes the others back, unique values included', async () => {
    const answer = await client.create('Contact', [{ LastName: 'A', External_Id__c: 'x1' }, { FirstName: 'B' }], true);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual([
      ROLLED_BACK,
      refusal('REQUIRED_FIELD_MISSING', 'Required fields are missing: [LastName]', ['LastName']),
    ]);
    expect(sandbox.records('Contact')).toHaveLength(12);
    expect((await client.create('Contact', [{ LastName: 'A', External_Id__c: 'x1' }], true)).body).toMatchObject([
      { success: true },
    ]);
  });

  test('with allOrNone an update and a delete are taken back too', async () => {
    const [id = ''] = idsOf(await client.create('Contact', [{ LastName: 'Before' }]));
    const before = record('Contact', id);
    const updated = await client.update(
      'Contact',
      [
        { id, LastName: 'After' },
        { id: '003Hs000000000zIAA', LastName: 'x' },
      ],
      true,
    );
    expect(updated.body).toEqual([ROLLED_BACK, refusal('INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id')]);
    const removed = await client.remove([id, id], true);
    expect(removed.body).toEqual([ROLLED_BACK, refusal('ENTITY_IS_DELETED', 'entity is deleted')]);
    expect(record('Contact', id)).toEqual(before);
  });

  test('an update changes only what it names, and null or an empty string clears', async () => {
    const [id = ''] = idsOf(
      await client.create('Contact', [{ LastName: 'A', Title: 'Duke', Phone: '1', Email: 'a@b.co' }]),
    );
    await client.update('Contact', [{ id: id.slice(0, 15), Title: null, Phone: '  ', FirstName: ' Leto ' }]);
    expect(record('Contact', id)).toMatchObject({
      Title: null,
      Phone: null,
      FirstName: 'Leto',
      Email: 'a@b.co',
      Name: 'Leto A',
    });
  });

  test.each([
    [0, 'REQUIRED_FIELD_MISSING', 'At least 1 record is required'],
    [201, 'EXCEEDED_ID_LIMIT', 'record limit reached. cannot submit more than 200 records into this call'],
  ])('%i records are refused as a whole', async (count, errorCode, message) => {
    const records = Array.from({ length: count }, (_, index) => ({ LastName: `L${index}` }));
    const answers = [await client.create('Contact', records), await client.update('Contact', records)];
    for (const answer of answers) {
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual([{ message, errorCode }]);
    }
    expect(sandbox.records('Contact')).toHaveLength(12);
  });

  test('200 records are one call', async () => {
    const answer = await client.create(
      'Contact',
      Array.from({ length: 200 }, (_, index) => ({ LastName: `L${index}` })),
      true,
    );
    expect(new Set(idsOf(answer)).size).toBe(200);
    expect(sandbox.requests.list().filter(({ apiCallsCounted }) => apiCallsCounted > 0)).toHaveLength(1);
  });

  test('an update without ids', async () => {
    const missing = refusal('MISSING_ARGUMENT', 'Id not specified in an update call');
    expect((await client.update('Contact', [{ LastName: 'A' }, { LastName: 'B' }])).body).toEqual([missing, missing]);
  });

  test('records of several types, up to ten changes of type', async () => {
    const mixed = [
      { attributes: { type: 'Account' }, Name: 'House' },
      { attributes: { type: 'Contact' }, LastName: 'A' },
    ];
    const call = (times: number) =>
      client.call('POST', '/composite/sobjects', { records: Array.from({ length: times }, () => mixed).flat() });
    expect(list((await call(5)).body)).toHaveLength(10);
    expect(await call(6)).toMatchObject({ status: 400 });
    expect((await client.create('Nonesuch', [{ A: 1 }])).body).toMatchObject([{ success: false }]);
  });

  test('retrieval by POST and by GET, null for what is not there', async () => {
    const [id = '', gone = ''] = idsOf(await client.create('Contact', [{ LastName: 'A' }, { LastName: 'B' }]));
    await client.remove([gone]);
    const expected = [
      { attributes: { type: 'Contact', url: `/services/data/v60.0/sobjects/Contact/${id}` }, Id: id, LastName: 'A' },
      null,
    ];
    const posted = await client.call('POST', '/composite/sobjects/Contact', {
      ids: [id, gone],
      fields: ['Id', 'LastName'],
    });
    expect(posted.body).toEqual(expected);
    const got = await client.call('GET', `/composite/sobjects/Contact?ids=${id},${gone}&fields=Id,LastName`);
    expect(got.body).toEqual(expected);
  });

  test('upsert by external id creates, updates, and refuses a value given twice', async () => {
    const upsert = (...records: readonly JsonObject[]) =>
      client.call('PATCH', '/composite/sobjects/Contact/External_Id__c', {
        records: records.map((each) => ({ attributes: { type: 'Contact' }, ...each })),
      });
    const [created] = list((await upsert({ External_Id__c: 'u1', LastName: 'A' })).body).map(object);
    expect(created).toEqual({ id: created?.['id'], success: true, errors: [], created: true });
    expect((await upsert({ External_Id__c: 'U1', LastName: 'B' })).body).toEqual([{ ...created, created: false }]);
    expect((await upsert({ External_Id__c: 'u2' })).body).toMatchObject([
      { errors: [{ statusCode: 'REQUIRED_FIELD_MISSING' }] },
    ]);
    expect(
      (await upsert({ External_Id__c: 'u3', LastName: 'A' }, { External_Id__c: 'u3', LastName: 'B' })).body,
    ).toMatchObject([{ errors: [{ statusCode: 'DUPLICATE_VALUE' }] }, { errors: [{ statusCode: 'DUPLICATE_VALUE' }] }]);
  });
});

describe('how values are kept', () => {
  test('numbers are rounded to their scale, dates and times normalised, choices put in order', async () => {
    const [id = ''] = idsOf(
      await client.create('Contact', [
        {
          LastName: 'A',
          Score__c: 1.235,
          Annual_Spend__c: '12.5',
          Next_Call__c: '2024-05-01T12:00:00+02:00',
          Birthdate: '1990-02-28',
          Best_Time__c: '9:30'.padStart(5, '0'),
          Interests__c: 'travel;art',
          Newsletter__c: 'true',
        },
      ]),
    );
    expect(record('Contact', id)).toMatchObject({
      Score__c: 1.24,
      Annual_Spend__c: 12.5,
      Next_Call__c: '2024-05-01T10:00:00.000+0000',
      Birthdate: '1990-02-28',
      Best_Time__c: '09:30:00.000Z',
      Interests__c: 'art;travel',
      Newsletter__c: true,
    });
  });

  test('defaults, auto-numbers and formulas', async () => {
    const [id = '', next = ''] = idsOf(
      await client.create('Invoice_Item__c', [
        { Quantity__c: 2.5, Unit_Price__c: 10.1 },
        { Quantity__c: 1, Status__c: 'Paid', Taxable__c: false },
      ]),
    );
    expect(record('Invoice_Item__c', id)).toMatchObject({
      Name: 'II-00004',
      Total__c: 25.25,
      Status__c: 'Draft',
      Taxable__c: true,
    });
    expect(record('Invoice_Item__c', next)).toMatchObject({
      Name: 'II-00005',
      Total__c: null,
      Status__c: 'Paid',
      Taxable__c: false,
    });
  });

  test('stamps are whole seconds in UTC and move with every change', async () => {
    const [id = ''] = idsOf(await client.create('Contact', [{ LastName: 'A' }]));
    const { CreatedDate, SystemModstamp } = record('Contact', id);
    expect(CreatedDate).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$/);
    expect(SystemModstamp).toBe(CreatedDate);
    sandbox.clock.advance(90_000);
    await client.update('Contact', [{ id, LastName: 'B' }]);
    const after = record('Contact', id);
    expect(after['CreatedDate']).toBe(CreatedDate);
    expect(Date.parse(String(after['SystemModstamp'])) - Date.parse(String(CreatedDate))).toBeGreaterThanOrEqual(
      90_000,
    );
    expect(after['LastModifiedDate']).toBe(after['SystemModstamp']);
  });
});

describe('single records', () => {
  test('create, read, update, delete', async () => {
    const created = await client.call('POST', '/sobjects/Account', { Name: 'House Atreides' });
    expect(created.status).toBe(201);
    const { id, ...rest } = object(created.body);
    expect(rest).toEqual({ success: true, errors: [] });
    const read = await client.call('GET', `/sobjects/Account/${id}`);
    expect(object(read.body)['attributes']).toEqual({
      type: 'Account',
      url: `/services/data/v60.0/sobjects/Account/${id}`,
    });
    expect(object(read.body)['BillingAddress']).toBeNull();
    expect((await client.call('PATCH', `/sobjects/Account/${id}`, { Site: 'Caladan' })).status).toBe(204);
    const few = await client.call('GET', `/sobjects/Account/${id}?fields=Site`);
    expect(object(few.body)).toMatchObject({ Site: 'Caladan', Id: id });
    expect((await client.call('DELETE', `/sobjects/Account/${id}`)).status).toBe(204);
    const gone = await client.call('GET', `/sobjects/Account/${id}`);
    expect(gone).toMatchObject({
      status: 404,
      body: [{ errorCode: 'NOT_FOUND', message: 'The requested resource does not exist' }],
    });
    const again = await client.call('DELETE', `/sobjects/Account/${id}`);
    expect(again).toMatchObject({
      status: 404,
      body: [{ message: 'entity is deleted', errorCode: 'ENTITY_IS_DELETED', fields: [] }],
    });
  });

  test('refusals carry errorCode, message and fields', async () => {
    const answer = await client.call('POST', '/sobjects/Contact', { FirstName: 'Paul' });
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual([
      { message: 'Required fields are missing: [LastName]', errorCode: 'REQUIRED_FIELD_MISSING', fields: ['LastName'] },
    ]);
  });

  test('by external id: create, update, read, delete', async () => {
    const path = '/sobjects/Contact/External_Id__c/e-1';
    const created = await client.call('PATCH', path, { LastName: 'A' });
    expect(created).toMatchObject({ status: 201, body: { success: true, errors: [], created: true } });
    const updated = await client.call('PATCH', path, { LastName: 'B' });
    expect(updated).toMatchObject({ status: 200, body: { ...object(created.body), created: false } });
    expect(object((await client.call('GET', path)).body)).toMatchObject({ LastName: 'B', External_Id__c: 'e-1' });
    expect((await client.call('DELETE', path)).status).toBe(204);
    expect((await client.call('GET', path)).status).toBe(404);
    expect((await client.call('GET', '/sobjects/Contact/Title/x')).status).toBe(404);
  });

  test('an external id that several records share answers their addresses', async () => {
    const ids = idsOf(
      await client.create('Contact', [
        { LastName: 'A', Email: 'two@dune.co' },
        { LastName: 'B', Email: 'TWO@dune.co' },
      ]),
    );
    const answer = await client.call('GET', '/sobjects/Contact/Email/two@dune.co');
    expect(answer.status).toBe(300);
    expect(answer.body).toEqual(ids.map((id) => `/services/data/v60.0/sobjects/Contact/${id}`));
  });
});

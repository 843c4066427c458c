/** Answers member by member, in the shapes that were recorded of real orgs or published with an integration. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type SalesforceSandbox, startSalesforceSandbox } from '../../fixtures/salesforce/index.js';
import { Client, list, object, text } from './client.js';

let sandbox: SalesforceSandbox;
let client: Client;

beforeAll(async () => {
  sandbox = await startSalesforceSandbox({ contacts: 4, accounts: 4, invoiceItems: 1 });
});
afterAll(() => sandbox.close());
beforeEach(async () => {
  sandbox.reset();
  client = await Client.login(sandbox, 'v42.0');
});

const id = expect.stringMatching(/^[0-9A-Za-z]{18}$/);
const saved = { id, success: true, errors: [] };
const refused = (statusCode: string, message: string, fields: readonly string[] = []) => ({
  success: false,
  errors: [{ statusCode, message, fields }],
});
const rolledBack = refused(
  'ALL_OR_NONE_OPERATION_ROLLED_BACK',
  'Record rolled back because not all records were valid and the request was using AllOrNone header',
);

/** A collections call of the API. */
function collection(method: string, records: readonly object[], allOrNone = false) {
  const typed = records.map((record) => ({ attributes: { type: 'Contact' }, ...record }));
  return client.call(method, '/composite/sobjects', { allOrNone, records: typed });
}

const contactIds = () => sandbox.records('Contact').map((record) => String(record['Id']));

describe('a collection', () => {
  test('created, all of it, some of it, none of it', async () => {
    const good = await collection('POST', [{ LastName: 'Dyer' }, { LastName: 'Blevins' }]);
    expect(good).toMatchObject({ status: 200 });
    expect(good.body).toEqual([saved, saved]);
    const missing = refused('REQUIRED_FIELD_MISSING', 'Required fields are missing: [LastName]', ['LastName']);
    const some = await collection('POST', [{ LastName: null }, { LastName: 'Blevins' }]);
    expect(some).toMatchObject({ status: 200 });
    expect(some.body).toEqual([missing, saved]);
    const none = await collection('POST', [{ LastName: null }, { LastName: 'Blevins' }], true);
    expect(none).toMatchObject({ status: 200 });
    expect(none.body).toEqual([missing, rolledBack]);
  });

  test('updated, some of it, none of it, and without ids', async () => {
    const [one, two] = contactIds();
    const mail = refused('INVALID_EMAIL_ADDRESS', 'Email: invalid email address: badone', ['Email']);
    const some = await collection('PATCH', [
      { id: one, LastName: 'Test' },
      { id: two, Email: 'badone' },
    ]);
    expect(some.body).toEqual([{ ...saved, id: one }, mail]);
    const rows = [
      { id: one, LastName: 'Siena' },
      { id: two, unknownField_LastName: 'x' },
    ];
    const unknown = refused('INVALID_FIELD', "No such column 'unknownField_LastName' on sobject of type Contact");
    expect((await collection('PATCH', rows, true)).body).toEqual([rolledBack, unknown]);
    const bare = refused('MISSING_ARGUMENT', 'Id not specified in an update call');
    expect((await collection('PATCH', [{ LastName: 'a' }, { LastName: 'b' }])).body).toEqual([bare, bare]);
  });

  test('deleted', async () => {
    const ids = contactIds().slice(0, 3);
    const answer = await client.call('DELETE', `/composite/sobjects?ids=${ids.join('%2C')}&allOrNone=true`);
    expect(answer).toMatchObject({ status: 200 });
    expect(answer.body).toEqual(ids.map((each) => ({ ...saved, id: each })));
  });

  test('without a record', async () => {
    const answer = await collection('POST', []);
    expect(answer).toMatchObject({ status: 400 });
    expect(answer.body).toEqual([{ message: 'At least 1 record is required', errorCode: 'REQUIRED_FIELD_MISSING' }]);
  });
});

describe('a single record', () => {
  test('created', async () => {
    const answer = await client.call('POST', '/sobjects/Account', { Name: 'High Value' });
    expect(answer).toMatchObject({ status: 201 });
    expect(answer.body).toEqual(saved);
  });

  test('read, and gone', async () => {
    const [contact = ''] = contactIds();
    const read = object((await client.call('GET', `/sobjects/Contact/${contact}`)).body);
    expect(Object.keys(read).slice(0, 3)).toEqual(['attributes', 'Id', 'IsDeleted']);
    expect(read['attributes']).toEqual({ type: 'Contact', url: `/services/data/v42.0/sobjects/Contact/${contact}` });
    expect(read['CreatedDate']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$/);
    await client.call('DELETE', `/sobjects/Contact/${contact}`);
    const gone = await client.call('GET', `/sobjects/Contact/${contact}`);
    expect(gone).toMatchObject({ status: 404 });
    expect(gone.body).toEqual([{ errorCode: 'NOT_FOUND', message: 'The requested resource does not exist' }]);
    const again = await client.call('DELETE', `/sobjects/Contact/${contact}`);
    expect(again.body).toEqual([{ message: 'entity is deleted', errorCode: 'ENTITY_IS_DELETED', fields: [] }]);
  });

  test('with a field that the API sets, and with one that nobody knows', async () => {
    const readOnly = await client.call('POST', '/sobjects/Account', { Name: 'a', MasterRecordId: null });
    expect(readOnly).toMatchObject({ status: 400 });
    expect(readOnly.body).toEqual([
      {
        message:
          'Unable to create/update fields: MasterRecordId. Please check the security settings of this field and verify that it is read/write for your profile or permission set.',
        errorCode: 'INVALID_FIELD_FOR_INSERT_UPDATE',
        fields: ['MasterRecordId'],
      },
    ]);
    const unknown = await client.call('POST', '/sobjects/Account', { Name: 'a', AccountNumer: '1' });
    expect(unknown).toMatchObject({ status: 400 });
    expect(list(unknown.body).map(object)).toMatchObject([
      { message: "No such column 'AccountNumer' on sobject of type Account", errorCode: 'INVALID_FIELD' },
    ]);
  });
});

describe('a query', () => {
  test('that finds nothing, and one that finds a record', async () => {
    expect((await client.query("SELECT Id FROM Account WHERE AccountNumber = 'nobody'")).body).toEqual({
      totalSize: 0,
      done: true,
      records: [],
    });
    const [account] = sandbox.records('Account');
    const found = await client.query(`SELECT Id FROM Account WHERE Id = '${account?.['Id']}'`);
    const url = `/services/data/v42.0/sobjects/Account/${account?.['Id']}`;
    expect(found.body).toEqual({
      totalSize: 1,
      done: true,
      records: [{ attributes: { type: 'Account', url }, Id: account?.['Id'] }],
    });
  });

  test('of an object that nobody knows', async () => {
    const answer = await client.query('SELECT Id,Name,BillingCity,IsDeleted FROM Accout');
    expect(answer).toMatchObject({ status: 400 });
    const [error] = list(answer.body).map(object);
    expect(Object.keys(error ?? {}).sort()).toEqual(['errorCode', 'message']);
    expect(error?.['errorCode']).toBe('INVALID_TYPE');
    expect(text(error?.['message'])).toMatch(
      /^\n.*IsDeleted FROM Accout\n +\^\nERROR at Row:1:Column:\d+\nsObject type 'Accout' is not supported\. /,
    );
  });
});

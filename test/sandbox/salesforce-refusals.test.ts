import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../fixtures/kit/index.js';
import { type SalesforceSandbox, startSalesforceSandbox } from '../../fixtures/salesforce/index.js';
import { type Answer, Client, idsOf, list, object, refusal } from './client.js';

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

async function onlyResult(answer: Promise<Answer>): Promise<unknown> {
  const { status, body } = await answer;
  expect(status).toBe(200);
  expect(list(body)).toHaveLength(1);
  return list(body)[0];
}

describe('what a record is refused for', () => {
  const cases: readonly [string, JsonObject, string, string, readonly string[]][] = [
    [
      'a required field',
      { LastName: null },
      'REQUIRED_FIELD_MISSING',
      'Required fields are missing: [LastName]',
      ['LastName'],
    ],
    [
      'a malformed address',
      { LastName: 'A', Private_Email__c: 'x' },
      'INVALID_EMAIL_ADDRESS',
      'Private Email: invalid email address: x',
      ['Private_Email__c'],
    ],
    [
      'too long a text',
      { LastName: 'A', Department: 'd'.repeat(81) },
      'STRING_TOO_LONG',
      `Department: data value too large: ${'d'.repeat(81)} (max length=80)`,
      ['Department'],
    ],
    [
      'an unknown field',
      { LastName: 'A', Spice: 1 },
      'INVALID_FIELD',
      "No such column 'Spice' on sobject of type Contact",
      [],
    ],
    [
      'a read-only field',
      { LastName: 'A', CreatedDate: '2024-01-01T00:00:00Z', Name: 'B' },
      'INVALID_FIELD_FOR_INSERT_UPDATE',
      'Unable to create/update fields: CreatedDate, Name. Please check the security settings of this field and verify that it is read/write for your profile or permission set.',
      ['CreatedDate', 'Name'],
    ],
    [
      'an id on insert',
      { LastName: 'A', Id: '003D000000QV9n2IAD' },
      'INVALID_FIELD_FOR_INSERT_UPDATE',
      'cannot specify Id in an insert call',
      ['Id'],
    ],
    [
      'a value that is no choice',
      { LastName: 'A', Level__c: 'Best' },
      'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST',
      'Level: bad value for restricted picklist field: Best',
      ['Level__c'],
    ],
    [
      'one wrong choice of several',
      { LastName: 'A', Interests__c: 'art;war' },
      'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST',
      'Interests: bad value for restricted picklist field: war',
      ['Interests__c'],
    ],
    [
      'a reference that is no id',
      { LastName: 'A', AccountId: 'nope' },
      'MALFORMED_ID',
      'Account ID: id value of incorrect type: nope',
      ['AccountId'],
    ],
    [
      'a reference of another type',
      { LastName: 'A', AccountId: '003D000000QV9n2IAD' },
      'MALFORMED_ID',
      'Account ID: id value of incorrect type: 003D000000QV9n2IAD',
      ['AccountId'],
    ],
    [
      'a reference to nothing',
      { LastName: 'A', AccountId: '001D000000IqhSLIAZ' },
      'INVALID_CROSS_REFERENCE_KEY',
      'invalid cross reference id',
      [],
    ],
    [
      'too large a number',
      { LastName: 'A', Discount__c: 1000 },
      'NUMBER_OUTSIDE_VALID_RANGE',
      'Discount: value outside of valid range on numeric field: 1000.0',
      ['Discount__c'],
    ],
    [
      'an empty checkbox',
      { LastName: 'A', Newsletter__c: null },
      'INVALID_TYPE_ON_FIELD_IN_RECORD',
      'Newsletter: value not of required type: null',
      ['Newsletter__c'],
    ],
    [
      'a validation rule',
      { LastName: 'A', Discount__c: 50.5 },
      'FIELD_CUSTOM_VALIDATION_EXCEPTION',
      'A discount of more than 50 % needs the approval of a manager',
      ['Discount__c'],
    ],
  ];
  test.each(cases)('%s', async (_, values, statusCode, message, fields) => {
    expect(await onlyResult(client.create('Contact', [values]))).toEqual(refusal(statusCode, message, fields));
    expect(sandbox.records('Contact')).toHaveLength(12);
  });

  test('a unique value that another record holds', async () => {
    const [holder = ''] = idsOf(await client.create('Contact', [{ LastName: 'A', External_Id__c: 'k' }]));
    const expected = refusal(
      'DUPLICATE_VALUE',
      `duplicate value found: External_Id__c duplicates value on record with id: ${holder}`,
    );
    expect(await onlyResult(client.create('Contact', [{ LastName: 'B', External_Id__c: 'K' }]))).toEqual(expected);
    await client.remove([holder]);
    expect(await onlyResult(client.create('Contact', [{ LastName: 'B', External_Id__c: 'k' }]))).toMatchObject({
      success: true,
    });
  });

  test('a duplicate rule, unless the caller passes over it', async () => {
    sandbox.policy.duplicateRule = { object: 'Contact', field: 'Email' };
    const values = { attributes: { type: 'Contact' }, LastName: 'A', Email: 'same@dune.co' };
    const create = (headers = {}) =>
      onlyResult(client.call('POST', '/composite/sobjects', { records: [values] }, headers));
    expect(await create()).toMatchObject({ success: true });
    expect(await create()).toEqual(refusal('DUPLICATES_DETECTED', 'Use one of these records?'));
    expect(await create({ 'Sforce-Duplicate-Rule-Header': 'allowSave=true' })).toMatchObject({ success: true });
  });

  test('malformed, foreign, deleted and purged ids', async () => {
    const [id = ''] = idsOf(await client.create('Contact', [{ LastName: 'A' }]));
    const [account = ''] = idsOf(await client.create('Account', [{ Name: 'A' }]));
    const update = (given: string) => onlyResult(client.update('Contact', [{ id: given, LastName: 'B' }]));
    expect(await update('003nonsense')).toEqual(refusal('MALFORMED_ID', 'malformed id 003nonsense', ['Id']));
    expect(await update(account)).toEqual(
      refusal('MALFORMED_ID', `Contact ID: id value of incorrect type: ${account}`, ['Id']),
    );
    expect(await onlyResult(client.remove([id]))).toEqual({ id, success: true, errors: [] });
    expect(await update(id)).toEqual(refusal('ENTITY_IS_DELETED', 'entity is deleted'));
    expect(await onlyResult(client.remove([id]))).toEqual(refusal('ENTITY_IS_DELETED', 'entity is deleted'));
    expect(sandbox.purge('Contact', id)).toBe(true);
    expect(await update(id)).toEqual(refusal('INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id'));
  });

  test('deleting an account takes its contacts along, but not past rows that protect it', async () => {
    const [account = ''] = idsOf(await client.create('Account', [{ Name: 'House' }]));
    const [contact = ''] = idsOf(await client.create('Contact', [{ LastName: 'A', AccountId: account }]));
    const [item = ''] = idsOf(await client.create('Invoice_Item__c', [{ Account__c: account, Quantity__c: 1 }]));
    const name = record('Invoice_Item__c', item)['Name'];
    expect(await onlyResult(client.remove([account]))).toEqual(
      refusal(
        'DELETE_FAILED',
        `Your attempt to delete House could not be completed because it is associated with the following invoice items.: ${name}\n`,
      ),
    );
    await client.remove([item]);
    expect(await onlyResult(client.remove([account]))).toMatchObject({ success: true });
    expect(record('Contact', contact)['IsDeleted']).toBe(true);
  });

  test('locked rows and missing permissions', async () => {
    const [id = ''] = idsOf(await client.create('Contact', [{ LastName: 'A' }]));
    sandbox.lock([id], 1);
    expect(await onlyResult(client.update('Contact', [{ id, LastName: 'B' }]))).toEqual(
      refusal('UNABLE_TO_LOCK_ROW', 'unable to obtain exclusive access to this record'),
    );
    expect(await onlyResult(client.update('Contact', [{ id, LastName: 'B' }]))).toMatchObject({ success: true });
    sandbox.deny('Contact', 'delete');
    expect(await onlyResult(client.remove([id]))).toEqual(
      refusal('INSUFFICIENT_ACCESS_OR_READONLY', 'insufficient access rights on object id'),
    );
    expect(record('Contact', id)['IsDeleted']).toBe(false);
  });

  test.each([
    ['Birthdate', '2024-02-30', 'date from VALUE_STRING value 2024-02-30'],
    ['Next_Call__c', 'tomorrow', 'datetime from VALUE_STRING value tomorrow'],
    ['Score__c', 'many', 'double from VALUE_STRING value many'],
    ['Score__c', true, 'double from VALUE_TRUE value true'],
    ['Title', 5, 'string from VALUE_NUMBER_INT value 5'],
    ['Title', { a: 1 }, 'string from START_OBJECT value {'],
    ['Newsletter__c', 'perhaps', 'boolean from VALUE_STRING value perhaps'],
  ])('a JSON value of the wrong type in %s refuses the whole request', async (field, value, what) => {
    const answer = await client.create('Contact', [{ LastName: 'A' }, { LastName: 'B', [field]: value }]);
    expect(answer.status).toBe(400);
    const [error] = list(answer.body).map(object);
    expect(error?.['errorCode']).toBe('JSON_PARSER_ERROR');
    expect(error?.['message']).toContain(`Cannot deserialize instance of ${what}`);
    expect(error?.['message']).toMatch(/at \[line:1, column:\d+\]$/);
    expect(sandbox.records('Contact')).toHaveLength(12);
  });
});

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import {
  type BatchRow,
  createKit,
  type JsonValue,
  type Resource,
  silentLog,
  type Verb,
} from '../../src/provider/index.js';
import { codesByMeaning, meaningOf } from './codes.js';
import { type ApiError, parseErrors, refusalFault } from './errors.js';

const kit = createKit({ connection: 'main', provider: 'salesforce', log: silentLog });
const base = { type: 'text', nullable: true, insertable: true, updatable: true } as const;
const resource: Resource = {
  name: 'contacts',
  object: 'Contact',
  key: 'id',
  columns: [
    { ...base, name: 'id', field: 'Id', insertable: false, updatable: false },
    { ...base, name: 'email', field: 'Email' },
    { ...base, name: 'first_name', field: 'FirstName', maxLength: 40 },
    { ...base, name: 'last_name', field: 'LastName' },
    { ...base, name: 'account_id', field: 'AccountId', references: ['Account'] },
    { ...base, name: 'ext', field: 'Ext__c' },
    { ...base, name: 'level', field: 'Level__c' },
    { ...base, name: 'amount', field: 'Amount__c', type: 'numeric' },
  ],
  writes: {},
  pull: { incremental: true, deletions: 'listed' },
};

function error(code: string, message: string, fields: readonly string[] = []): ApiError {
  return { code, message, fields };
}

function row(values: Record<string, JsonValue>, key: string | null = null): BatchRow {
  return { key, values, idempotencyKey: 'i' };
}

function refused(given: ApiError, values: Record<string, JsonValue> = {}, verb: Verb = 'insert') {
  return refusalFault([given], resource, verb, row(values, verb === 'insert' ? null : '003A'), kit);
}

describe('refusalFault', () => {
  it('is the source document’s example, with the API’s own words in the context', () => {
    const given = error('INVALID_EMAIL_ADDRESS', 'Email: invalid email address: pauldune.co', ['Email']);
    expect(refused(given, { email: 'pauldune.co' })).toEqual({
      code: 'validation',
      sqlstate: '23514',
      retry: 'never',
      message: 'salesforce validation error',
      detail: 'Key (email)=(pauldune.co) is not a valid email address.',
      context: 'salesforce answered INVALID_EMAIL_ADDRESS: Email: invalid email address: pauldune.co',
      column: 'email',
    });
  });

  it.each<[ApiError, Record<string, JsonValue>, Verb, string, string]>([
    [
      error('REQUIRED_FIELD_MISSING', 'Required fields are missing: [LastName]', ['LastName']),
      {},
      'insert',
      '23502',
      'Column "last_name" is required and has no value.',
    ],
    [
      error('REQUIRED_FIELD_MISSING', 'Required fields are missing', ['LastName', 'Email']),
      {},
      'insert',
      '23502',
      'Columns "last_name", "email" are required and have no value.',
    ],
    [
      error('STRING_TOO_LONG', 'First Name: data value too large: x (max length=40)', ['FirstName']),
      { first_name: 'x'.repeat(41) },
      'update',
      '22001',
      `Key (first_name)=(${'x'.repeat(41)}) is longer than 40 characters.`,
    ],
    [
      error('DUPLICATE_VALUE', 'duplicate value found: Ext__c duplicates value on record with id: 003B', []),
      { ext: 'e1' },
      'insert',
      '23505',
      'Key (ext)=(e1) already exists.',
    ],
    [
      error('INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST', 'Level: bad value for restricted picklist field: x', [
        'Level__c',
      ]),
      { level: 'x' },
      'insert',
      '23514',
      'Key (level)=(x) is not one of the values that the field allows.',
    ],
    [
      error('INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id', ['AccountId']),
      { account_id: '001X' },
      'update',
      '23503',
      'Key (account_id)=(001X) is not present in Account.',
    ],
    [
      error('INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id', []),
      { account_id: '001X', email: 'a' },
      'insert',
      '23503',
      'Key (account_id)=(001X) is not present in Account.',
    ],
    [
      error('ENTITY_IS_DELETED', 'entity is deleted', []),
      { account_id: '001X' },
      'insert',
      '23503',
      'Key (account_id)=(001X) is not present in Account.',
    ],
    [
      error('INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id', []),
      { email: 'a' },
      'update',
      '40001',
      'Key (id)=(003A) is not present in salesforce.',
    ],
    [
      error('ENTITY_IS_DELETED', 'entity is deleted', []),
      {},
      'delete',
      '40001',
      'Key (id)=(003A) is not present in salesforce.',
    ],
    [
      error('DELETE_FAILED', 'Your attempt to delete X could not be completed', []),
      {},
      'delete',
      '23503',
      'Key (id)=(003A) is still referenced: Your attempt to delete X could not be completed.',
    ],
    [
      error('NUMBER_OUTSIDE_VALID_RANGE', 'value outside of valid range', ['Amount__c']),
      { amount: '1e30' },
      'update',
      '23514',
      'Key (amount)=(1e30) is outside the range that the field allows.',
    ],
    [
      error('FIELD_CUSTOM_VALIDATION_EXCEPTION', 'Level__c must match LastName', ['Level__c', 'LastName']),
      { level: 'x' },
      'insert',
      '23514',
      'level must match last_name.',
    ],
    [
      error('INVALID_FIELD_FOR_INSERT_UPDATE', 'Unable to create/update fields: Ext__c. Please check', []),
      { ext: 'x' },
      'insert',
      '428C9',
      'Unable to create/update fields: ext. Please check.',
    ],
    [
      error('INSUFFICIENT_ACCESS_OR_READONLY', 'insufficient access rights on object id', []),
      {},
      'update',
      '42501',
      'insufficient access rights on object id.',
    ],
    [error('SOMETHING_NEW', 'who knows', []), {}, 'insert', '23514', 'who knows.'],
    [
      error('NOT_FOUND', 'The requested resource does not exist', []),
      {},
      'insert',
      '23514',
      'The requested resource does not exist.',
    ],
  ])('%o', (given, values, verb, sqlstate, detail) => {
    const fault = refused(given, values, verb);
    expect(fault).toMatchObject({ sqlstate, detail });
    expect(fault.context).toContain(`${given.code}: ${given.message}`);
  });

  it('names what the message of the catalogue names', () => {
    const given = error('FIELD_NOT_UPDATABLE', 'field not updatable', ['AccountId']);
    expect(refused(given, { account_id: 'x' }, 'update').message).toBe(
      'column "account_id" of table "contacts" cannot be set by UPDATE',
    );
    const denied = refused(error('DELETE_NOT_ALLOWED', 'no', []), {}, 'delete');
    expect(denied.message).toBe('salesforce denied permission for DELETE on table "contacts"');
  });

  it('keeps every error of the row in the context', () => {
    const errors = [error('STRING_TOO_LONG', 'a', ['Email']), error('DUPLICATE_VALUE', 'b', [])];
    expect(refusalFault(errors, resource, 'insert', row({ email: 'x' }), kit).context).toBe(
      'salesforce answered STRING_TOO_LONG: a; DUPLICATE_VALUE: b',
    );
  });

  it('cuts long values', () => {
    const given = error('INVALID_EMAIL_ADDRESS', 'Email: invalid', ['Email']);
    expect(refused(given, { email: 'é'.repeat(5000) }).detail).toBe(
      `Key (email)=(${'é'.repeat(99)}…) is not a valid email address.`,
    );
  });
});

describe('the codes', () => {
  const mapped: readonly string[] = Object.values(codesByMeaning).flat();

  it('stand in one line each', () => {
    expect(mapped.length).toBe(new Set(mapped).size);
  });

  it.each(['StatusCode', 'ExceptionCode'])('cover the whole enumeration %s that the SDK ships', (name) => {
    const wsdl = readFileSync(createRequire(import.meta.url).resolve('jsforce/src/api/soap/wsdl.xml'), 'utf8');
    const from = wsdl.indexOf(`simpleType name="${name}"`);
    const enumeration = wsdl.slice(from, wsdl.indexOf('simpleType>', from + 30));
    const codes = [...enumeration.matchAll(/enumeration value="(?:\w+:)?(\w+)"/g)].map((match) => match[1] ?? '');
    expect(codes.length).toBeGreaterThan(200);
    expect(codes.filter((code) => !mapped.includes(code))).toEqual([]);
  });

  // The SOAP API Developer Guide's own sentence decides, not the code's name.
  it.each([
    ['ALREADY_IN_PROCESS', 'validation', 'already in an approval process'],
    ['API_CURRENTLY_DISABLED', 'upstream_unavailable', 'because of a system problem, temporarily'],
    ['CHILD_SHARE_FAILS_PARENT', 'upstream_permission', 'no permission on the parent record'],
    ['DELETE_REQUIRED_ON_CASCADE', 'upstream_permission', 'no permission to delete the related record'],
    ['DUPLICATE_SENDER_DISPLAY_NAME', 'validation', 'two fields of an e-mail'],
    ['EXCEEDED_QUOTA', 'validation', 'the size limit of data storage'],
    ['INVALID_READ_ONLY_USER_DML', 'upstream_unavailable', 'what maintenance is called before version 32'],
    ['MANAGER_NOT_DEFINED', 'validation', 'a manager of the approval process'],
    ['NONUNIQUE_SHIPPING_ADDRESS', 'validation', 'a reduction order item with another address'],
    ['RECORD_IN_USE_BY_WORKFLOW', 'upstream_permission', 'as locked as by an approval'],
    ['SELF_REFERENCE_FROM_TRIGGER', 'validation', 'a trigger that changes its own record'],
    ['SOMETHING_NEW', 'validation', 'the general case'],
  ])('%s is %s: %s', (code, meaning) => {
    expect(meaningOf(code)).toBe(meaning);
  });
});

describe('parseErrors', () => {
  it('reads both forms, and nothing else', () => {
    expect(parseErrors([{ errorCode: 'A', message: ' m\n' }])).toEqual([{ code: 'A', message: 'm', fields: [] }]);
    expect(parseErrors([{ statusCode: 'B', message: 'm', fields: ['F', 1] }])).toEqual([
      { code: 'B', message: 'm', fields: ['F'] },
    ]);
    for (const body of [undefined, null, {}, 'x', [null, 1, {}]]) expect(parseErrors(body)).toEqual([]);
  });
});

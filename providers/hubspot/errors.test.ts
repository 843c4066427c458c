import { describe, expect, it } from 'vitest';
import { type Column, createKit, type Resource, silentLog, type Values, type Verb } from '../../src/provider/index.js';
import { errorSchema } from './answers.js';
import { codesByMeaning, complaintsOf, refusalFault } from './errors.js';
import { failureOfAnswer } from './transport.js';

const kit = createKit({ connection: 'main', provider: 'hubspot', log: silentLog });

function column(name: string, field: string, over: Partial<Column> = {}): Column {
  return { name, field, type: 'text', nullable: true, insertable: true, updatable: true, ...over };
}

const resource: Resource = {
  name: 'contacts',
  object: 'contacts',
  key: 'id',
  columns: [
    column('id', 'hs_object_id'),
    column('mail', 'email', { upsertKey: true }),
    column('level', 'hs_level'),
    column('next', 'hs_next', { type: 'timestamptz' }),
  ],
  writes: {},
  pull: { incremental: false, deletions: 'sweep' },
};

interface Body {
  readonly [key: string]: unknown;
}

function faultOf(body: Body, status: number, verb: Verb = 'insert', values: Values = {}, key: string | null = null) {
  const row = { key, values, idempotencyKey: 'k' };
  return refusalFault(errorSchema.parse(body), status, resource, verb, row, kit);
}

const invalid = (code: string, name: string, message: string): Body => ({
  status: 'error',
  category: 'VALIDATION_ERROR',
  message: `Property values were not valid: ${JSON.stringify([{ isValid: false, message, error: code, name }])}`,
  errors: [{ message, code, context: { propertyName: [name] } }],
});

describe('refusalFault', () => {
  it('speaks of columns, and keeps the words of the API', () => {
    const body = invalid('INVALID_EMAIL', 'email', 'Email address pauldune.co is invalid');
    expect(faultOf(body, 400, 'update', { mail: 'pauldune.co' }, '1')).toMatchObject({
      sqlstate: '23514',
      message: 'hubspot validation error',
      column: 'mail',
      detail: 'Key (mail)=(pauldune.co) is not a valid email address.',
      context: 'hubspot answered INVALID_EMAIL: Email address pauldune.co is invalid',
    });
  });

  it.each<[string, Body, number, string, string | undefined, string | undefined]>([
    [
      'an unknown code',
      invalid('SOMETHING_NEW', 'hs_level', 'hs_level must be green'),
      400,
      '23514',
      'level',
      'level must be green.',
    ],
    ['a moment', invalid('INVALID_LONG', 'hs_next', 'x was not a valid long.'), 400, '22P02', 'next', undefined],
    ['a read-only property', invalid('READ_ONLY_VALUE', 'hs_level', 'no'), 400, '428C9', 'level', undefined],
    [
      'a property that nobody knows',
      invalid('PROPERTY_DOESNT_EXIST', 'nope', 'Property "nope" does not exist'),
      400,
      '23514',
      undefined,
      'Property "nope" does not exist.',
    ],
    [
      'a required property',
      {
        message: 'Error creating X. Some required properties were not set.',
        category: 'VALIDATION_ERROR',
        context: { properties: ['hs_level'] },
      },
      400,
      '23502',
      'level',
      'Column "level" is required and has no value.',
    ],
    [
      'a conflict without a name',
      { message: 'Contact already exists. Existing ID: 5', category: 'CONFLICT' },
      409,
      '23505',
      'mail',
      'Key (mail)=(a@b.c) already exists.',
    ],
    [
      'a conflict in the older form',
      {
        message: 'Contact already exists',
        category: 'OBJECT_ALREADY_EXISTS',
        errors: [{ message: 'A contact exists', in: 'email' }],
      },
      409,
      '23505',
      'mail',
      'Key (mail)=(a@b.c) already exists.',
    ],
    ['a conflict by its status alone', { message: 'There is one' }, 409, '23505', 'mail', undefined],
    ['missing scopes', { message: 'No', category: 'MISSING_SCOPES' }, 403, '42501', undefined, 'No.'],
    ['nothing but a status', {}, 400, '23514', undefined, ''],
    [
      'an owner that is no number',
      invalid('INVALID_INTEGER', 'hs_level', 'x was not a valid integer (for owner ID).'),
      400,
      '22P02',
      'level',
      'Key (level)=(x) does not have the type of the field.',
    ],
    [
      'a code in a sub-category alone',
      {
        message: 'Property "x" does not exist',
        category: 'NEWER',
        subCategory: 'crm.properties.PROPERTY_DOESNT_EXIST',
      },
      400,
      '23514',
      undefined,
      'Property "x" does not exist.',
    ],
  ])('%s', (_, body, status, sqlstate, name, detail) => {
    const values = { mail: 'a@b.c', level: 'x', next: 'x' };
    const fault = faultOf(body, status, 'insert', values);
    expect({ sqlstate: fault.sqlstate, column: fault.column }).toEqual({ sqlstate, column: name });
    if (detail !== undefined) expect(fault.detail ?? '').toBe(detail);
    expect(fault.context).toMatch(/^hubspot answered /);
  });

  it('a record that is not there', () => {
    const body = {
      message: 'Could not get some CONTACT objects',
      category: 'OBJECT_NOT_FOUND',
      context: { ids: ['9'] },
    };
    expect(faultOf(body, 207, 'update', {}, '9')).toMatchObject({
      sqlstate: '40001',
      detail: 'Key (id)=(9) is not present in hubspot.',
    });
  });

  it.each([
    ['FROM_OBJECT_NOT_FOUND', 'OBJECT_NOT_FOUND', '23503'],
    ['INVALID_OBJECT_IDS', 'OBJECT_NOT_FOUND', '23503'],
    ['INVALID_ASSOCIATION_TYPE', 'VALIDATION_ERROR', '23514'],
    ['SOMETHING_NEW', 'OBJECT_NOT_FOUND', '23503'],
  ])('an association refused by %s', (subCategory, category, sqlstate) => {
    const body = errorSchema.parse({
      message: 'No contact with ID 9 exists',
      category,
      subCategory: `crm.associations.${subCategory}`,
      context: { objectType: ['contact'], id: ['9'] },
    });
    const pairs = { ...resource, object: 'contacts/companies' };
    const row = { key: null, values: {}, idempotencyKey: 'k' };
    expect(refusalFault(body, 207, pairs, 'insert', row, kit).sqlstate).toBe(sqlstate);
  });

  it('cuts long values, and survives bodies of odd shapes', () => {
    const long = faultOf(invalid('INVALID_EMAIL', 'email', 'no'), 400, 'insert', { mail: 'x'.repeat(500) });
    expect(long.detail?.length).toBeLessThan(150);
    const odd = { message: 7, errors: 'x', context: { ids: 5, properties: 'y' } };
    expect(faultOf(odd, 400)).toMatchObject({ sqlstate: '23514' });
    expect(complaintsOf(errorSchema.parse({ message: 'broken [{"error":' }))).toHaveLength(1);
  });

  it('lists no code twice', () => {
    const all = Object.values(codesByMeaning).flat();
    expect(new Set(all).size).toBe(all.length);
  });
});

describe('failureOfAnswer', () => {
  const answer = (status: number, body: unknown = '<html>', headers: Record<string, string> = {}) =>
    failureOfAnswer({ status, headers, body: typeof body === 'string' ? body : JSON.stringify(body), millis: 1 }, kit);

  it.each<[number, unknown, string, string, number | undefined]>([
    [401, { category: 'EXPIRED_AUTHENTICATION', message: 'm' }, 'credentials', 'refused', undefined],
    [423, '', 'busy', 'refused', 2000],
    [429, { policyName: 'TEN_SECONDLY_ROLLING', errorType: 'RATE_LIMIT', message: 'm' }, 'rate', 'refused', 2000],
    [429, { policyName: 'DAILY', errorType: 'RATE_LIMIT', message: 'm' }, 'rate', 'refused', 60_000],
    [429, { category: 'RATE_LIMITS', message: 'You have reached your secondly limit.' }, 'busy', 'refused', 1000],
    [429, '<html>', 'rate', 'refused', 2000],
    [477, '', 'busy', 'refused', 60_000],
    [500, { message: 'internal error' }, 'busy', 'unknown', undefined],
    [502, '<html>', 'busy', 'unknown', undefined],
    [503, '<html>', 'busy', 'unknown', undefined],
    [504, '<html>', 'busy', 'unknown', undefined],
    [521, '<html>', 'busy', 'refused', undefined],
    [522, '<html>', 'busy', 'unknown', undefined],
    [523, '<html>', 'busy', 'refused', undefined],
    [524, '<html>', 'busy', 'unknown', undefined],
  ])('%i %j is %s, %s', (status, body, kind, fate, retryAfter) => {
    expect(answer(status, body)).toMatchObject({ kind, fate, retryAfter });
  });

  it('obeys Retry-After', () => {
    expect(answer(477, '', { 'retry-after': '3600' })).toMatchObject({ retryAfter: 3_600_000 });
    expect(answer(429, '', { 'retry-after': '7' })).toMatchObject({ kind: 'rate', retryAfter: 7000 });
  });

  it('leaves successes and refusals of the request to the caller, and shows no body', () => {
    expect([answer(200), answer(204, ''), answer(207)]).toEqual([undefined, undefined, undefined]);
    expect(answer(400, { message: 'm', category: 'VALIDATION_ERROR' })).toMatchObject({
      name: 'RequestRefused',
      message: 'hubspot answered VALIDATION_ERROR: m',
    });
    expect(answer(414)).toMatchObject({ name: 'RequestRefused', message: 'hubspot answered HTTP 414' });
    expect(answer(500, '<html>secret</html>')).toMatchObject({ message: 'hubspot answered HTTP 500' });
  });
});

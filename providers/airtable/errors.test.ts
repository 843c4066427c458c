import { describe, expect, it } from 'vitest';
import { catalogue } from '../../src/errors/index.js';
import {
  type BatchRow,
  type Column,
  createKit,
  type Resource,
  silentLog,
  type Values,
  type Verb,
} from '../../src/provider/index.js';
import { meaningOf, parseError, refusedOutcomes, typesByMeaning } from './errors.js';
import { failureOfAnswer, RequestRefused } from './transport.js';

const kit = createKit({ connection: 'crm', provider: 'airtable', log: silentLog });

function column(name: string, label: string, more: Partial<Column> = {}): Column {
  return {
    name,
    field: `fld${name}`,
    type: 'text',
    nullable: true,
    insertable: true,
    updatable: true,
    comment: label,
    ...more,
  };
}

const resource: Resource = {
  name: 'contacts',
  object: 'appA/tblA',
  key: 'id',
  columns: [
    column('id', ''),
    column('name', 'Name'),
    column('status', 'Status', { choices: ['Lead', 'Name'] }),
    column('tags', 'Tags', { type: 'text[]', choices: ['a', 'b'] }),
    column('notes', 'Notes', { maxLength: 10 }),
    column('score', 'Score', { type: 'numeric' }),
    column('owner', 'Owner', { type: 'jsonb' }),
    column('birthday', 'Birth day', { type: 'date' }),
    column('company', 'Company', { type: 'text[]', references: ['appA/tblB'] }),
  ],
  writes: {},
  pull: { incremental: true, deletions: 'sweep' },
};

const [one, two, link] = ['recAAAAAAAAAAAAAA', 'recBBBBBBBBBBBBBB', 'recCCCCCCCCCCCCCC'];

function refused(type: string, message: string, rows: readonly Values[], verb: Verb = 'insert', keys = [one, two]) {
  const batch = rows.map(
    (values, index): BatchRow => ({
      key: verb === 'insert' ? null : (keys[index] ?? null),
      values,
      idempotencyKey: `k${index}`,
    }),
  );
  return refusedOutcomes({ type, message }, resource, verb, batch, kit).map((outcome) => {
    if (outcome.kind !== 'rejected') throw new Error(`it was ${outcome.kind}`);
    const { code, column: name, detail } = outcome.fault;
    return { code, column: name, detail, sibling: outcome.sibling === true };
  });
}

describe('which row it was', () => {
  it('is told by the value that the words quote', () => {
    const words = 'Insufficient permissions to create new select option ""Naib""';
    const rows = [{ status: 'Lead' }, { status: 'Naib' }];
    expect(refused('INVALID_MULTIPLE_CHOICE_OPTIONS', words, rows)).toEqual([
      expect.objectContaining({ sibling: true }),
      {
        code: 'validation',
        column: 'status',
        detail: 'Key (status)=(Naib) is not one of the values that the field allows.',
        sibling: false,
      },
    ]);
  });

  it('an option with the name of a field is not taken for the field', () => {
    const words = 'Insufficient permissions to create new select option ""Notes""';
    expect(refused('INVALID_MULTIPLE_CHOICE_OPTIONS', words, [{ status: 'Notes', notes: 'x' }])).toMatchObject([
      { column: 'status' },
    ]);
  });

  it('an option in quotes is found by the choices', () => {
    const words = 'Insufficient permissions to create new select option "a \\"b\\""';
    const rows = [{ tags: ['a'] }, { tags: ['a', 'a "b"'] }];
    expect(refused('INVALID_MULTIPLE_CHOICE_OPTIONS', words, rows)).toMatchObject([
      { sibling: true },
      { column: 'tags', sibling: false },
    ]);
  });

  it('is told by the only row that assigns the named field', () => {
    const words = 'Field "Owner" cannot accept the provided value';
    const rows = [
      { name: 'x', owner: null },
      { name: 'y', owner: { id: 'usrX' } },
    ];
    expect(refused('INVALID_VALUE_FOR_COLUMN', words, rows)).toMatchObject([
      { sibling: true },
      {
        code: 'malformed',
        column: 'owner',
        detail: 'Key (owner)=({"id":"usrX"}) is not a value that the field accepts.',
      },
    ]);
  });

  it('stays open where several rows assign it: each says its own value', () => {
    const words = 'Field "Score" cannot accept the provided value';
    expect(refused('INVALID_VALUE_FOR_COLUMN', words, [{ score: '1' }, { score: '2' }])).toMatchObject([
      { code: 'validation', detail: 'Key (score)=(1) is not a value that the field accepts.', sibling: false },
      { code: 'validation', detail: 'Key (score)=(2) is not a value that the field accepts.', sibling: false },
    ]);
  });

  it('stays open where nothing tells', () => {
    expect(refused('INVALID_REQUEST_UNKNOWN', 'Invalid request', [{ name: 'x' }, { name: 'y' }])).toEqual([
      { code: 'validation', column: undefined, detail: 'Invalid request.', sibling: false },
      { code: 'validation', column: undefined, detail: 'Invalid request.', sibling: false },
    ]);
  });
});

describe('what it means', () => {
  it.each<[string, string, Values, Verb, object]>([
    [
      'INVALID_VALUE_FOR_COLUMN',
      'Field "Score" cannot accept a value because the field is computed',
      { score: '1' },
      'insert',
      { code: 'read_only_column', column: 'score' },
    ],
    [
      'INVALID_VALUE_FOR_COLUMN',
      'Cannot parse date value "never" for field Birth day',
      { birthday: 'never' },
      'insert',
      {
        code: 'malformed',
        column: 'birthday',
        detail: 'Key (birthday)=(never) is not a value that the field accepts.',
      },
    ],
    [
      'INVALID_VALUE_FOR_COLUMN',
      'Field "Notes" cannot accept the provided value',
      { notes: 'x'.repeat(11) },
      'insert',
      { code: 'too_long', detail: 'Key (notes)=(xxxxxxxxxxx) is longer than 10 characters.' },
    ],
    [
      'UNKNOWN_FIELD_NAME',
      'Unknown field name: "fldname"',
      { name: 'x' },
      'insert',
      { code: 'read_only_column', column: 'name', detail: 'Airtable no longer has the field of column "name".' },
    ],
    ['UNKNOWN_FIELD_NAME', 'Unknown field name: "other"', { name: 'x' }, 'insert', { code: 'validation' }],
    [
      'ROW_DOES_NOT_EXIST',
      `Record ID ${one} does not exist in this table`,
      { name: 'x' },
      'update',
      { code: 'record_gone', detail: `Key (id)=(${one}) is not present in airtable.` },
    ],
    [
      'ROW_DOES_NOT_EXIST',
      `Record ID ${link} does not exist`,
      { company: [link] },
      'update',
      {
        code: 'bad_reference',
        column: 'company',
        detail: `Key (company)=({${link}}) is not present in the linked table.`,
      },
    ],
    [
      'ROW_TABLE_DOES_NOT_MATCH_LINKED_TABLE',
      `Record ID ${link} belongs to table tblX, but the field links to table tblB`,
      { company: [link] },
      'insert',
      { code: 'bad_reference', column: 'company' },
    ],
    ['INVALID_RECORD_ID', 'Value "x" is not a valid record ID.', { company: ['x'] }, 'insert', { code: 'malformed' }],
    ['INVALID_PERMISSIONS', 'You may not', { name: 'x' }, 'insert', { code: 'upstream_permission' }],
    [
      'INVALID_PERMISSIONS',
      'You are not permitted to write cell values in field Birth day (fldbirthday)',
      { birthday: '2000-01-01', name: 'x' },
      'update',
      { code: 'upstream_permission', column: 'birthday' },
    ],
    ['FAILED_STATE_CHECK', 'Mismatched', { name: 'x' }, 'insert', { code: 'validation' }],
    ['REQUEST_TOO_LARGE', 'Request body is too large', { name: 'x' }, 'insert', { code: 'too_long' }],
    ['SOMETHING_NEW', 'Something new', { name: 'x' }, 'insert', { code: 'validation', detail: 'Something new.' }],
    ['SOMETHING_NEW', '', { name: 'x' }, 'insert', { code: 'validation', detail: 'Airtable gave no reason.' }],
  ])('%s: %s', (type, message, values, verb, wanted) => {
    expect(refused(type, message, [values], verb)).toMatchObject([wanted]);
  });

  it('no type stands in two lists, and every list is of the catalogue', () => {
    const all = Object.values(typesByMeaning).flat();
    expect(new Set(all).size).toBe(all.length);
    for (const [code, types] of Object.entries(typesByMeaning)) {
      expect(Object.keys(catalogue)).toContain(code);
      for (const type of types) expect(meaningOf(type)).toBe(code);
    }
  });
});

it.each<[unknown, object | undefined]>([
  [{ error: { type: 'A', message: 'b' } }, { type: 'A', message: 'b' }],
  [{ error: { type: 'A' } }, { type: 'A', message: '' }],
  [{ error: 'NOT_FOUND' }, { type: 'NOT_FOUND', message: '' }],
  [{ errors: [{ error: 'RATE', message: 'slow' }] }, { type: 'RATE', message: 'slow' }],
  [{ errors: [] }, undefined],
  [{}, undefined],
  [null, undefined],
  ['text', undefined],
])('the error in %o', (body, wanted) => {
  expect(parseError(body)).toEqual(wanted);
});

describe('failures of whole answers', () => {
  const answer = (status: number, body: unknown = '', headers: Record<string, string> = {}) =>
    failureOfAnswer({ status, body: typeof body === 'string' ? body : JSON.stringify(body), headers, millis: 1 }, kit);
  const own = { error: { type: 'X', message: 'y' } };

  it.each<[number, unknown, object]>([
    [401, own, { kind: 'credentials', fate: 'refused' }],
    [403, { error: { type: 'INVALID_API_KEY' } }, { kind: 'credentials', fate: 'refused' }],
    [429, '', { kind: 'rate', fate: 'refused', retryAfter: 30_000 }],
    [429, { errors: [{ error: 'PUBLIC_API_BILLING_LIMIT_EXCEEDED' }] }, { kind: 'rate', retryAfter: 600_000 }],
    [500, own, { kind: 'busy', fate: 'unknown' }],
    [502, own, { kind: 'busy', fate: 'refused' }],
    [502, '<h1>502</h1>', { kind: 'busy', fate: 'unknown' }],
    [503, own, { kind: 'busy', fate: 'unknown' }],
    [503, { error: { type: 'RETRIABLE_ERROR', message: 'safe' } }, { kind: 'busy', fate: 'refused' }],
    [503, '<h1>503</h1>', { kind: 'busy', fate: 'unknown' }],
    [429, { error: { type: 'RATE_LIMIT_REACHED', message: 'x' } }, { kind: 'rate', retryAfter: 30_000 }],
    [408, '', { kind: 'busy', fate: 'unknown' }],
  ])('%i %o', (status, body, wanted) => {
    expect(answer(status, body)).toMatchObject(wanted);
  });

  it('obeys Retry-After', () => {
    expect(answer(429, '', { 'retry-after': '7' })).toMatchObject({ retryAfter: 7000 });
  });

  it('gives a refusal to the caller', () => {
    expect(answer(422, own)).toBeInstanceOf(RequestRefused);
    expect(answer(404, '<html>')).toMatchObject({ error: { type: 'HTTP_404' }, status: 404 });
  });
});

/** Shapes of answers, as Airtable gives them: members, types, codes and words. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AirtableSandbox, startAirtableSandbox } from '../../fixtures/airtable/index.js';
import type { JsonObject } from '../../fixtures/kit/index.js';
import { AirtableClient, fieldsOf, idsOf, recordsOf } from './airtable-client.js';
import { list, object, send, text } from './client.js';

let sandbox: AirtableSandbox;
let client: AirtableClient;

beforeAll(async () => {
  sandbox = await startAirtableSandbox({ contacts: 7, companies: 2, others: 1, pageSize: 3, rateLimits: false });
  client = new AirtableClient(sandbox);
});
beforeEach(() => sandbox.reset());
afterAll(() => sandbox.close());

const missing = 'recAAAAAAAAAAAAAA';

describe('metadata', () => {
  it('lists bases with the level of permission', async () => {
    const { status, headers, body } = await client.call('GET', 'meta/bases');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    const bases = list(object(body)['bases']).map(object);
    expect(bases.map((base) => [base['name'], base['permissionLevel']])).toEqual([
      ['Caladan CRM', 'create'],
      ['Content calendar', 'edit'],
      ['Archive', 'read'],
    ]);
    for (const base of bases) expect(base['id']).toMatch(/^app[A-Za-z0-9]{14}$/);
  });

  it('describes tables with every field type that is documented', async () => {
    const { body } = await client.call('GET', `meta/bases/${sandbox.ids('Caladan CRM', 'Contacts').base}/tables`);
    const tables = list(object(body)['tables']).map(object);
    const fields = tables.flatMap((table) => list(table['fields']).map(object));
    const types = `aiText multipleAttachments autoNumber barcode button checkbox singleCollaborator count createdBy
      createdTime currency date dateTime duration email formula lastModifiedBy lastModifiedTime multipleRecordLinks
      multilineText multipleLookupValues multipleCollaborators multipleSelects number percent phoneNumber rating richText
      rollup singleLineText singleSelect externalSyncSource url`.split(/\s+/);
    expect(new Set(fields.map((field) => field['type']))).toEqual(new Set(types));
    for (const table of tables) {
      expect(Object.keys(table)).toEqual(expect.arrayContaining(['id', 'name', 'primaryFieldId', 'fields', 'views']));
      expect(table['primaryFieldId']).toBe(object(list(table['fields'])[0])['id']);
    }
    const link = fields.find((field) => field['name'] === 'Company');
    expect(link).toMatchObject({
      type: 'multipleRecordLinks',
      options: { isReversed: false, prefersSingleRecordLink: true, linkedTableId: tables[1]?.['id'] },
    });
    for (const field of fields) expect(Object.keys(field)).not.toContain('compute');
  });

  it.each<[string, string, number, unknown]>([
    ['GET', 'meta/bases/junk/tables', 404, { error: 'NOT_FOUND' }],
    ['GET', 'meta/bases/appAAAAAAAAAAAAAA/tables', 404, { error: { type: 'NOT_FOUND' } }],
    ['GET', 'meta/other', 404, { error: 'NOT_FOUND' }],
    ['POST', 'meta/bases', 404, { error: 'NOT_FOUND' }],
  ])('%s %s', async (method, path, status, body) => {
    expect(await client.call(method, path)).toMatchObject({ status, body });
  });

  it('refuses a missing and a wrong token', async () => {
    expect(await send(`${sandbox.url}/v0/meta/bases`)).toMatchObject({
      status: 401,
      body: { error: { type: 'AUTHENTICATION_REQUIRED', message: 'Authentication required' } },
    });
    expect(await new AirtableClient(sandbox, 'patWrong').call('GET', 'meta/bases')).toMatchObject({ status: 401 });
  });
});

describe('records', () => {
  it('come with an id, a time and the fields that are not empty', async () => {
    const made = await client.create({ Name: 'Jane', Status: 'Lead' });
    expect(made.status).toBe(200);
    const [record] = recordsOf(made);
    expect(Object.keys(record ?? {})).toEqual(['id', 'createdTime', 'fields']);
    expect(record?.['id']).toMatch(/^rec[A-Za-z0-9]{14}$/);
    expect(record?.['createdTime']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
    expect(Object.keys(fieldsOf(record))).toEqual([
      'Name',
      'Status',
      'No.',
      'Created',
      'Changed',
      'Email changed',
      'Created by',
      'Changed by',
      'Label',
      'Budget per point',
      'Open',
      'Summary',
    ]);
    expect(fieldsOf(record)).toMatchObject({ 'Budget per point': { specialValue: 'NaN' }, Label: 'Jane <>', 'No.': 8 });
    const one = await client.call('GET', `${client.table()}/${record?.['id']}`);
    expect(one.body).toEqual(record);
  });

  it('PATCH leaves what it does not name, null empties, PUT empties the rest', async () => {
    const [id = ''] = idsOf(await client.create({ Name: 'Jane', Phone: '1', Notes: 'n' }));
    const patched = await client.call('PATCH', client.table(), { records: [{ id, fields: { Phone: null } }] });
    expect(fieldsOf(recordsOf(patched)[0])).toMatchObject({ Name: 'Jane', Notes: 'n' });
    expect(fieldsOf(recordsOf(patched)[0])).not.toHaveProperty('Phone');
    const put = await client.call('PUT', client.table(), { records: [{ id, fields: { Name: 'Only' } }] });
    expect(fieldsOf(recordsOf(put)[0])).not.toHaveProperty('Notes');
  });

  it('fields can be named by id, and are asked for by id', async () => {
    const field = sandbox.fieldId('Caladan CRM', 'Contacts', 'Name');
    const made = await client.call('POST', client.table(), {
      records: [{ fields: { [field]: 'By id' } }],
      returnFieldsByFieldId: true,
    });
    expect(fieldsOf(recordsOf(made)[0])[field]).toBe('By id');
  });

  it('links have two sides, and a deleted record leaves neither', async () => {
    const company = text(sandbox.records('Caladan CRM', 'Companies')[0]?.['id']);
    const before = fieldsOf(sandbox.records('Caladan CRM', 'Companies')[0])['Headcount'];
    const [id = ''] = idsOf(await client.create({ Name: 'Jane', Company: [company] }));
    const inverse = () => fieldsOf(sandbox.records('Caladan CRM', 'Companies')[0]);
    expect(list(inverse()['Contacts'])).toContain(id);
    expect(inverse()['Headcount']).toBe(Number(before) + 1);
    await client.call('DELETE', `${client.table()}?records[]=${id}`);
    expect(inverse()['Contacts'] ?? []).not.toContain(id);
    expect(inverse()['Headcount']).toBe(before);
  });

  it('are deleted with the ids as the answer', async () => {
    const ids = idsOf(await client.create({ Name: 'a' }, { Name: 'b' }));
    const query = ids.map((id) => `records%5B%5D=${id}`).join('&');
    expect(await client.call('DELETE', `${client.table()}?${query}`)).toMatchObject({
      status: 200,
      body: { records: ids.map((id) => ({ deleted: true, id })) },
    });
    expect(await client.call('GET', `${client.table()}/${ids[0]}`)).toMatchObject({
      status: 404,
      body: { error: { type: 'MODEL_ID_NOT_FOUND', message: 'Record not found' } },
    });
  });

  it('merges by fields where it is asked to', async () => {
    await client.create({ Name: 'Known', Phone: '1' });
    const answer = await client.call('PATCH', client.table(), {
      performUpsert: { fieldsToMergeOn: ['Name'] },
      records: [{ fields: { Name: 'Known', Phone: '2' } }, { fields: { Name: 'New' } }],
    });
    const [known, fresh] = idsOf(answer);
    expect(object(answer.body)).toMatchObject({ createdRecords: [fresh], updatedRecords: [known] });
    const wrong = { performUpsert: { fieldsToMergeOn: ['Email'] }, records: [{ fields: { Email: 'x' } }] };
    expect(await client.call('PATCH', client.table(), wrong)).toMatchObject({ status: 422 });
  });

  it('refuses to merge on no field, on more than three, and where several records match', async () => {
    await client.create({ Name: 'Twin' }, { Name: 'Twin' });
    const merging = (fieldsToMergeOn: readonly string[]) =>
      client.call('PATCH', client.table(), {
        performUpsert: { fieldsToMergeOn: [...fieldsToMergeOn] },
        records: [{ fields: { Name: 'Twin', Score: 1, Visits: 1, Notes: 'x' } }],
      });
    for (const fields of [[], ['Name', 'Score', 'Visits', 'Notes'], ['Name']]) {
      expect(await merging(fields)).toMatchObject({ status: 422, body: { error: { type: 'INVALID_REQUEST' } } });
    }
    const answer = await merging(['Name', 'Score']);
    expect(object(answer.body)).toMatchObject({ createdRecords: idsOf(answer), updatedRecords: [] });
  });
});

describe('refusals', () => {
  const computed = 'Field "No." cannot accept a value because the field is computed';

  it.each<[string, JsonObject, string, string]>([
    ['a computed field', { 'No.': 40 }, 'INVALID_VALUE_FOR_COLUMN', computed],
    ['an unknown field', { Nope: 1 }, 'UNKNOWN_FIELD_NAME', 'Unknown field name: "Nope"'],
    [
      'an unknown option',
      { Status: 'Naib' },
      'INVALID_MULTIPLE_CHOICE_OPTIONS',
      'Insufficient permissions to create new select option ""Naib""',
    ],
    ['text for a number', { Score: '5' }, 'INVALID_VALUE_FOR_COLUMN', 'Field "Score" cannot accept the provided value'],
    ['a rating of none', { Rating: 0 }, 'INVALID_VALUE_FOR_COLUMN', 'Field "Rating" cannot accept the provided value'],
    ['a link to nothing', { Company: [missing] }, 'ROW_DOES_NOT_EXIST', `Record ID ${missing} does not exist`],
    ['a file without an address', { Files: [{}] }, 'INVALID_ATTACHMENT_OBJECT', 'Invalid attachment object'],
  ])('%s refuses the whole batch', async (_, fields, type, message) => {
    const before = sandbox.records('Caladan CRM', 'Contacts').length;
    const answer = await client.create({ Name: 'fine' }, fields);
    expect(answer).toMatchObject({ status: 422, body: { error: { type, message: expect.stringContaining(message) } } });
    expect(sandbox.records('Caladan CRM', 'Contacts')).toHaveLength(before);
  });

  it('a link to a record of another table', async () => {
    const [id = ''] = idsOf(await client.create({ Name: 'a contact' }));
    const { body } = await client.create({ Company: [id] });
    expect(body).toMatchObject({ error: { type: 'ROW_TABLE_DOES_NOT_MATCH_LINKED_TABLE' } });
  });

  it.each([
    ['POST', { records: Array.from({ length: 11 }, () => ({ fields: {} })) }, 'INVALID_RECORDS'],
    ['PATCH', { records: [] }, 'INVALID_RECORDS'],
    ['PATCH', { records: [{ id: missing, fields: {} }] }, 'ROW_DOES_NOT_EXIST'],
    ['POST', {}, 'INVALID_REQUEST_MISSING_FIELDS'],
    ['POST', 'no json', 'INVALID_REQUEST_BODY'],
  ])('%s of %o is %s', async (method, body, type) => {
    expect(await client.call(method, client.table(), body)).toMatchObject({ status: 422, body: { error: { type } } });
  });

  it('more than ten in one deletion', async () => {
    const query = Array.from({ length: 11 }, () => `records[]=${missing}`).join('&');
    expect(await client.call('DELETE', `${client.table()}?${query}`)).toMatchObject({
      body: { error: { type: 'INVALID_RECORDS', message: '"records" must be an array of up to 10 record IDs.' } },
    });
  });

  it('an unknown table, and a base that may only be read', async () => {
    const { base } = sandbox.ids('Archive', 'Old deals');
    expect(await client.call('GET', `${base}/Unknown%20Table`)).toMatchObject({
      status: 404,
      body: {
        error: { type: 'TABLE_NOT_FOUND', message: `Could not find table Unknown Table in application ${base}` },
      },
    });
    expect(await client.call('POST', `${base}/Old%20deals`, { fields: {} })).toMatchObject({ status: 403 });
  });
});

describe('listings', () => {
  async function page(query: string) {
    const answer = await client.call('GET', `${client.table()}?${query}`);
    return { answer, ids: idsOf(answer), offset: object(answer.body)['offset'] };
  }

  it('keep the records and the order of the first page, with the values of each page', async () => {
    const first = await page('pageSize=3');
    expect(first.offset).toMatch(/^itr\w+\/rec\w+$/);
    const all = sandbox.records('Caladan CRM', 'Contacts').map((record) => text(record['id']));
    sandbox.save('Caladan CRM', 'Contacts', { Notes: 'late' }, all[3]);
    sandbox.delete('Caladan CRM', 'Contacts', all[4] ?? '');
    sandbox.save('Caladan CRM', 'Contacts', { Name: 'new' });
    const second = await page(`pageSize=3&offset=${first.offset}`);
    expect(second.ids).toEqual([all[3], all[5]]);
    expect(fieldsOf(recordsOf(second.answer)[0])['Notes']).toBe('late');
    const third = await page(`pageSize=3&offset=${second.offset}`);
    expect([third.ids, third.offset]).toEqual([[all[6]], undefined]);
  });

  it('forget an iterator', async () => {
    const { offset } = await page('');
    sandbox.clock.advance(3_600_000);
    expect(await client.call('GET', `${client.table()}?offset=${offset}`)).toMatchObject({
      status: 422,
      body: { error: { type: 'LIST_RECORDS_ITERATOR_NOT_AVAILABLE' } },
    });
  });

  it('show chosen fields, filter, sort and limit, by GET and by POST', async () => {
    const [id] = idsOf(await client.create({ Name: 'Zz', Score: 1 }));
    await client.create({ Name: 'Zz', Score: 2 });
    const query = new URLSearchParams({ filterByFormula: '{Name}="Zz"', 'sort[0][field]': 'Score' });
    query.append('fields[]', 'Score');
    const got = await client.call('GET', `${client.table()}?${query}`);
    expect(recordsOf(got).map(fieldsOf)).toEqual([{ Score: 1 }, { Score: 2 }]);
    const posted = await client.call('POST', `${client.table()}/listRecords`, {
      filterByFormula: `OR(RECORD_ID()="${id}", FALSE())`,
      fields: [sandbox.fieldId('Caladan CRM', 'Contacts', 'Name')],
      maxRecords: 5,
    });
    expect(recordsOf(posted)).toEqual([expect.objectContaining({ id, fields: { Name: 'Zz' } })]);
  });

  it('know the formulas that filters are made of', async () => {
    sandbox.clock.advance(600_000);
    const since = new Date(sandbox.clock.now() - 1000).toISOString();
    const [id = ''] = idsOf(await client.create({ Name: "O'Neill", Score: 3, Tags: ['Water', 'Guild'] }));
    const names = async (formula: string) =>
      idsOf(await client.call('POST', `${client.table()}/listRecords`, { filterByFormula: formula }));
    for (const formula of [
      `IS_AFTER(LAST_MODIFIED_TIME(), DATETIME_PARSE("${since}"))`,
      `NOT(IS_BEFORE(CREATED_TIME(), '${since}'))`,
      `AND({Name} = 'O\\'Neill', {Score} + 1 >= 4)`,
      `LOWER(Name & "!") = "o'neill!"`,
      `AND(FIND("Guild", {Tags}), LEN({Name}) = 7, -1 < 0)`,
    ]) {
      expect({ formula, ids: await names(formula) }).toEqual({ formula, ids: [id] });
    }
    for (const formula of ['{Nope} = 1', 'NOPE()', '1 +', '(', '"open', 'OR()', `${'('.repeat(5000)}1`]) {
      const answer = await client.call('POST', `${client.table()}/listRecords`, { filterByFormula: formula });
      expect(answer).toMatchObject({ status: 422, body: { error: { type: 'INVALID_FILTER_BY_FORMULA' } } });
    }
  });
});

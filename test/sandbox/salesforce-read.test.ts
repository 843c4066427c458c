import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type SalesforceSandbox, startSalesforceSandbox } from '../../fixtures/salesforce/index.js';
import { Client, idsOf, list, object, text } from './client.js';

const PAGE = 5;
const DAY_MS = 24 * 60 * 60_000;
let sandbox: SalesforceSandbox;
let client: Client;

beforeAll(async () => {
  sandbox = await startSalesforceSandbox({ seed: false, pageSize: PAGE });
});
beforeEach(async () => {
  sandbox.reset();
  // At noon, so that no day ends during a test.
  const now = sandbox.clock.now();
  sandbox.clock.advance(Math.floor(now / DAY_MS) * DAY_MS + DAY_MS / 2 - now);
  client = await Client.login(sandbox);
});
afterAll(() => sandbox.close());

async function names(where: string, rest = 'ORDER BY Name'): Promise<readonly unknown[]> {
  const answer = await client.query(`SELECT Name FROM Contact ${where === '' ? '' : `WHERE ${where}`} ${rest}`);
  expect(answer.body, where).toMatchObject({ done: true });
  return list(object(answer.body)['records']).map((record) => object(record)['Name']);
}

function people(): { readonly house: string; readonly ids: readonly string[] } {
  const house = sandbox.upsert('Account', { Name: 'House Atreides', Industry: 'Agriculture' });
  const ids = [
    sandbox.upsert('Contact', {
      LastName: 'Alia',
      Score__c: 3,
      Birthdate: '2001-05-01',
      AccountId: house,
      Interests__c: 'art;music',
    }),
    sandbox.upsert('Contact', { LastName: 'Duncan', Score__c: 1, Newsletter__c: true, Email: 'duncan@dune.co' }),
    sandbox.upsert('Contact', {
      LastName: "O'Leto",
      Score__c: 2,
      AccountId: house,
      Next_Call__c: '2024-06-01T08:00:00Z',
    }),
    sandbox.upsert('Contact', { LastName: 'paul' }),
  ];
  return { house, ids };
}

describe('conditions', () => {
  test.each([
    ["Name = 'PAUL'", ['paul']],
    ["Name != 'paul'", ['Alia', 'Duncan', "O'Leto"]],
    ["Name LIKE '%l%'", ['Alia', "O'Leto", 'paul']],
    ["Name LIKE '_uncan'", ['Duncan']],
    ["LastName = 'O\\'Leto'", ["O'Leto"]],
    ['Score__c > 1', ['Alia', "O'Leto"]],
    ['Score__c <= 1', ['Duncan']],
    ['Score__c IN (1, 3)', ['Alia', 'Duncan']],
    ['Score__c NOT IN (1, 3)', ["O'Leto", 'paul']],
    ['Score__c = null', ['paul']],
    ['Score__c != null', ['Alia', 'Duncan', "O'Leto"]],
    ['Newsletter__c = TRUE', ['Duncan']],
    ['Birthdate >= 2001-05-01', ['Alia']],
    ['Next_Call__c < 2024-06-01T10:00:00+02:00', []],
    ['Next_Call__c = 2024-06-01T10:00:00+02:00', ["O'Leto"]],
    ['CreatedDate = TODAY', ['Alia', 'Duncan', "O'Leto", 'paul']],
    ['CreatedDate < TODAY', []],
    ['CreatedDate > YESTERDAY', ['Alia', 'Duncan', "O'Leto", 'paul']],
    ["Account.Name = 'House Atreides'", ['Alia', "O'Leto"]],
    ['Account.Industry = null', ['Duncan', 'paul']],
    ["NOT (Name LIKE 'a%' OR Name LIKE 'd%')", ["O'Leto", 'paul']],
    ["(Score__c = 1 OR Score__c = 2) AND Name LIKE '%o'", ["O'Leto"]],
    ["Score__c > 0 AND (Name = 'alia' OR (NOT Score__c > 2))", ['Alia', 'Duncan', "O'Leto"]],
    ["Interests__c INCLUDES ('art;music', 'travel')", ['Alia']],
    ["AccountId IN (SELECT Id FROM Account WHERE Name LIKE 'House%')", ['Alia', "O'Leto"]],
  ])('%s', async (where, expected) => {
    people();
    expect([...(await names(where))].sort()).toEqual([...expected].sort());
  });

  test('ids of either length, alone, in lists and beside other conditions', async () => {
    const { ids } = people();
    const [alia = '', duncan = ''] = ids;
    expect(await names(`Id = '${alia.slice(0, 15)}'`)).toEqual(['Alia']);
    expect(await names(`Id IN ('${duncan}', '${alia}', '003D000000QV9n2IAD')`)).toEqual(['Alia', 'Duncan']);
    expect(await names(`Id IN ('${duncan}', '${alia}') AND Score__c = 1`)).toEqual(['Duncan']);
    expect(await names(`Id = '${alia}' OR Score__c = 1`)).toEqual(['Alia', 'Duncan']);
  });

  test('order, limit, offset', async () => {
    people();
    expect(await names('', 'ORDER BY Score__c')).toEqual(['paul', 'Duncan', "O'Leto", 'Alia']);
    expect(await names('', 'ORDER BY Score__c DESC NULLS LAST')).toEqual(['Alia', "O'Leto", 'Duncan', 'paul']);
    expect(await names('', 'ORDER BY SystemModstamp, Id LIMIT 2 OFFSET 1')).toEqual(['Duncan', "O'Leto"]);
  });
});

describe('what a query answers', () => {
  test('attributes, parents, compounds, in the order of the SELECT list', async () => {
    const { house, ids } = people();
    sandbox.upsert('Contact', { Id: text(ids[0]), MailingCity: 'Arrakeen' });
    const answer = await client.query(
      `SELECT Name, Account.Name, Account.Owner.Name, MailingAddress FROM Contact WHERE Id IN ('${ids[0]}', '${ids[1]}')`,
    );
    const [alia, duncan] = list(object(answer.body)['records']).map(object);
    expect(Object.keys(alia ?? {})).toEqual(['attributes', 'Name', 'Account', 'MailingAddress']);
    expect(alia?.['attributes']).toEqual({ type: 'Contact', url: `/services/data/v60.0/sobjects/Contact/${ids[0]}` });
    expect(alia?.['Account']).toMatchObject({
      attributes: { type: 'Account', url: `/services/data/v60.0/sobjects/Account/${house}` },
      Name: 'House Atreides',
      Owner: { Name: 'Jessica Harkonnen' },
    });
    expect(alia?.['MailingAddress']).toEqual({
      city: 'Arrakeen',
      country: null,
      geocodeAccuracy: null,
      latitude: null,
      longitude: null,
      postalCode: null,
      state: null,
      street: null,
    });
    expect(duncan).toMatchObject({ Account: null, MailingAddress: null });
  });

  test('counts and aggregates', async () => {
    people();
    expect((await client.query('SELECT COUNT() FROM Contact')).body).toEqual({ totalSize: 4, done: true, records: [] });
    expect((await client.query('SELECT COUNT(Id), MAX(Score__c) best FROM Contact')).body).toEqual({
      totalSize: 1,
      done: true,
      records: [{ attributes: { type: 'AggregateResult' }, expr0: 4, best: 3 }],
    });
    const grouped = await client.query('SELECT AccountId, COUNT(Id) n FROM Contact GROUP BY AccountId');
    expect(list(object(grouped.body)['records']).map((record) => object(record)['n'])).toEqual([2, 2]);
  });

  test('FIELDS with its limit', async () => {
    people();
    const all = await client.query('SELECT FIELDS(ALL) FROM Contact LIMIT 1');
    const described = list(object((await client.call('GET', '/sobjects/Contact/describe')).body)['fields']);
    const expected = described.map((field) => text(object(field)['name']));
    expect(Object.keys(object(list(object(all.body)['records'])[0])).slice(1)).toEqual(expected);
    const custom = await client.query('SELECT Id, FIELDS(CUSTOM) FROM Contact LIMIT 1');
    expect(
      Object.keys(object(list(object(custom.body)['records'])[0]))
        .slice(2)
        .every((name) => name.endsWith('__c')),
    ).toBe(true);
    expect((await client.query('SELECT FIELDS(STANDARD) FROM Contact')).status).toBe(200);
    expect((await client.query('SELECT FIELDS(ALL) FROM Contact LIMIT 201')).body).toEqual([
      { message: 'The SOQL FIELDS function must have a LIMIT of at most 200', errorCode: 'MALFORMED_QUERY' },
    ]);
    const old = await Client.login(sandbox, 'v50.0');
    expect((await old.query('SELECT FIELDS(ALL) FROM Contact LIMIT 1')).body).toMatchObject([
      { errorCode: 'UNSUPPORTED_API_VERSION' },
    ]);
  });

  test('pages: every record once, though others change meanwhile', async () => {
    const made = Array.from({ length: 12 }, (_, index) => sandbox.upsert('Contact', { LastName: `N${index}` }));
    const first = object((await client.query('SELECT Id FROM Contact ORDER BY Id')).body);
    expect(first).toMatchObject({ totalSize: 12, done: false });
    expect(first['nextRecordsUrl']).toMatch(/^\/services\/data\/v60\.0\/query\/01g[0-9A-Za-z]{15}-5$/);
    sandbox.upsert('Contact', { LastName: 'late' });
    sandbox.delete('Contact', text(made[11]));
    const seen = list(first['records']).map((record) => object(record)['Id']);
    let next = first['nextRecordsUrl'];
    while (typeof next === 'string') {
      const page = object((await client.call('GET', next)).body);
      expect(page['done']).toBe(page['nextRecordsUrl'] === undefined);
      seen.push(...list(page['records']).map((record) => object(record)['Id']));
      next = page['nextRecordsUrl'];
    }
    expect(seen).toEqual(made);
  });

  test('a page of the size that the caller asks for, at least 200', async () => {
    await client.create(
      'Contact',
      Array.from({ length: 200 }, (_, index) => ({ LastName: `N${index}` })),
    );
    await client.create('Contact', [{ LastName: 'one more' }]);
    const options = { 'Sforce-Query-Options': 'batchSize=10' };
    const answer = await client.call(
      'GET',
      `/query?q=${encodeURIComponent('SELECT Id FROM Contact')}`,
      undefined,
      options,
    );
    expect(list(object(answer.body)['records'])).toHaveLength(200);
  });

  test('the eleventh cursor closes the first', async () => {
    for (let index = 0; index <= PAGE; index += 1) sandbox.upsert('Contact', { LastName: `N${index}` });
    const urls: string[] = [];
    for (let index = 0; index < 11; index += 1) {
      urls.push(text(object((await client.query('SELECT Id FROM Contact')).body)['nextRecordsUrl']));
    }
    const closed = await client.call('GET', text(urls[0]));
    expect(closed).toMatchObject({
      status: 400,
      body: [{ message: 'invalid query locator', errorCode: 'INVALID_QUERY_LOCATOR' }],
    });
    expect((await client.call('GET', text(urls[1]))).status).toBe(200);
  });
});

test('a composite request answers each of its reads, and counts once', async () => {
  const base = `/services/data/${client.version}`;
  const compositeRequest = ['/sobjects/Contact/describe', '/sobjects/Nonsense/describe'].map((path, index) => ({
    method: 'GET',
    url: base + path,
    referenceId: `r${index}`,
  }));
  const answer = await client.call('POST', '/composite', { compositeRequest });
  expect(answer.body).toMatchObject({
    compositeResponse: [
      { referenceId: 'r0', httpStatusCode: 200, body: { name: 'Contact' } },
      { referenceId: 'r1', httpStatusCode: 404, body: [{ errorCode: 'NOT_FOUND' }] },
    ],
  });
  expect(sandbox.requests.list().at(-1)?.apiCallsCounted).toBe(1);
  const refused = [
    [],
    [{ method: 'POST', url: `${base}/limits`, referenceId: 'r' }],
    [{ method: 'GET', url: `${base}/%E0%A4%A`, referenceId: 'r' }],
    Array.from({ length: 26 }, (_, index) => ({ method: 'GET', url: `${base}/limits`, referenceId: `r${index}` })),
  ];
  for (const requests of refused) {
    const { status } = await client.call('POST', '/composite', { compositeRequest: requests });
    expect([400, 404]).toContain(status);
  }
});

describe('queries that are refused', () => {
  test.each([
    ['SELECT Id, FROM Contact', 'MALFORMED_QUERY', "unexpected token: 'FROM'"],
    ['SELECT Id FROM Contact WHERE', 'MALFORMED_QUERY', "unexpected token: '<EOF>'"],
    [
      "SELECT Id FROM Contact WHERE Name = 'a' AND Name = 'b' OR Name = 'c'",
      'MALFORMED_QUERY',
      "unexpected token: 'OR'",
    ],
    [
      'SELECT Id, Spice FROM Contact',
      'INVALID_FIELD',
      "ERROR at Row:1:Column:12\nNo such column 'Spice' on entity 'Contact'.",
    ],
    ['SELECT Id FROM Contact WHERE Spice = 1', 'INVALID_FIELD', "No such column 'Spice' on entity 'Contact'."],
    ['SELECT Planet.Name FROM Contact', 'INVALID_FIELD', "Didn't understand relationship 'Planet' in field path."],
    ['SELECT Id, Id FROM Contact', 'INVALID_FIELD', 'duplicate field selected: Id'],
    ['SELECT Id FROM Planet', 'INVALID_TYPE', "ERROR at Row:1:Column:16\nsObject type 'Planet' is not supported."],
    [
      "SELECT Id FROM Contact WHERE Note__c = 'x'",
      'INVALID_FIELD',
      "field 'Note__c' can not be filtered in a query call",
    ],
    ['SELECT Id FROM Contact ORDER BY Note__c', 'INVALID_FIELD', "field 'Note__c' can not be sorted in a query call"],
    [
      "SELECT Id FROM Contact WHERE CreatedDate > '2024-01-01'",
      'INVALID_FIELD',
      'must be of type dateTime and should not be enclosed in quotes',
    ],
    [
      'SELECT Id FROM Contact WHERE Name = 5',
      'INVALID_FIELD',
      'must be of type string and should be enclosed in quotes',
    ],
    ["SELECT Id FROM Contact WHERE Id = 'nope'", 'INVALID_QUERY_FILTER_OPERATOR', 'invalid ID field: nope'],
    ['SELECT Id FROM Contact OFFSET 2001', 'NUMBER_OUTSIDE_VALID_RANGE', 'Maximum SOQL offset allowed is 2000'],
    ['', 'MALFORMED_QUERY', 'A query string has to be specified'],
  ])('%s', async (soql, errorCode, message) => {
    const answer = await client.query(soql);
    expect(answer.status).toBe(400);
    const [error] = list(answer.body).map(object);
    expect(error?.['errorCode']).toBe(errorCode);
    expect(error?.['message']).toContain(message);
  });

  test('too long a URL, and a method that the resource does not have', async () => {
    const long = await client.query(`SELECT Id FROM Contact WHERE Name = '${'x'.repeat(17_000)}'`);
    expect(long.status).toBe(414);
    const posted = await client.call('POST', '/query', { q: 'SELECT Id FROM Contact' });
    expect(posted).toMatchObject({ status: 405, body: [{ errorCode: 'METHOD_NOT_ALLOWED' }] });
  });
});

describe('deleted and changed records', () => {
  const MINUTE = 60_000;
  const at = (offset: number): string => encodeURIComponent(new Date(sandbox.clock.now() + offset).toISOString());
  const replication = (kind: string, start: number, end: number) =>
    client.call('GET', `/sobjects/Contact/${kind}/?start=${at(start)}&end=${at(end)}`);

  test('the recycle bin shows in queryAll only, and not after a purge', async () => {
    const [id = ''] = idsOf(await client.create('Contact', [{ LastName: 'A' }]));
    await client.remove([id]);
    const soql = 'SELECT Id, IsDeleted FROM Contact';
    expect(object((await client.query(soql)).body)['records']).toEqual([]);
    expect(object((await client.query(soql, 'queryAll')).body)['records']).toMatchObject([{ Id: id, IsDeleted: true }]);
    const marked = await client.query(`${soql} WHERE IsDeleted = true AND SystemModstamp >= TODAY`, 'queryAll');
    expect(object(marked.body)['totalSize']).toBe(1);
    sandbox.undelete('Contact', id);
    expect(object((await client.query(soql)).body)['records']).toMatchObject([{ Id: id, IsDeleted: false }]);
    sandbox.delete('Contact', id);
    sandbox.purge('Contact', id);
    expect(object((await client.query(soql, 'queryAll')).body)['totalSize']).toBe(0);
  });

  test('getDeleted and getUpdated tell what happened in whole minutes', async () => {
    const [kept = '', gone = ''] = idsOf(await client.create('Contact', [{ LastName: 'A' }, { LastName: 'B' }]));
    await client.remove([gone]);
    const early = object((await replication('deleted', -5 * MINUTE, 0)).body);
    expect(early['deletedRecords']).toEqual([]);
    sandbox.clock.advance(2 * MINUTE);
    const deleted = object((await replication('deleted', -5 * MINUTE, 0)).body);
    expect(deleted['deletedRecords']).toEqual([{ id: gone, deletedDate: expect.stringMatching(/\.000\+0000$/) }]);
    expect(deleted['latestDateCovered']).toMatch(/:00\.000\+0000$/);
    expect(deleted['earliestDateAvailable']).toMatch(/\+0000$/);
    const updated = object((await replication('updated', -5 * MINUTE, 0)).body);
    expect(updated).toEqual({ ids: [kept], latestDateCovered: deleted['latestDateCovered'] });
  });

  test('the delete log outlives the recycle bin for 15 days, until it is dropped', async () => {
    const [id = ''] = idsOf(await client.create('Contact', [{ LastName: 'A' }]));
    await client.remove([id]);
    sandbox.purge('Contact', id);
    sandbox.clock.advance(14 * 24 * 60 * MINUTE);
    client = await Client.login(sandbox);
    const days = (count: number): number => -count * 24 * 60 * MINUTE;
    const found = await replication('deleted', days(20), 0);
    expect(object(found.body)['deletedRecords']).toMatchObject([{ id }]);
    sandbox.clock.advance(2 * 24 * 60 * MINUTE);
    client = await Client.login(sandbox);
    expect(object((await replication('deleted', days(20), 0)).body)['deletedRecords']).toEqual([]);
    sandbox.dropDeleteLog('Contact');
    expect((await replication('deleted', days(20), 0)).body).toMatchObject([{ errorCode: 'INVALID_REPLICATION_DATE' }]);
    expect((await replication('deleted', days(1), 0)).status).toBe(200);
  });

  test.each([
    ['more than 30 days ago', -31 * 24 * 60 * MINUTE, 0],
    ['an end before the start', -5 * MINUTE, -10 * MINUTE],
    ['less than a minute', -5 * MINUTE, -5 * MINUTE],
  ])('%s is refused', async (_, start, end) => {
    for (const kind of ['deleted', 'updated']) {
      const answer = await replication(kind, start, end);
      expect(answer).toMatchObject({ status: 400, body: [{ errorCode: 'INVALID_REPLICATION_DATE' }] });
    }
  });
});

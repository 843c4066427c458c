/** The official SDK against the sandbox: what it sends is understood, what it expects is answered. */
import jsforce from 'jsforce';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  DEFAULT_CREDENTIALS,
  type SalesforceSandbox,
  startSalesforceSandbox,
} from '../../fixtures/salesforce/index.js';

const { clientId, clientSecret, refreshToken, username, password } = DEFAULT_CREDENTIALS;
const CONTACTS = 45;

let sandbox: SalesforceSandbox;

beforeAll(async () => {
  sandbox = await startSalesforceSandbox({ contacts: CONTACTS, accounts: 6, invoiceItems: 4, pageSize: 20 });
});
beforeEach(() => sandbox.reset());
afterAll(() => sandbox.close());

function unauthenticated() {
  return new jsforce.Connection({
    loginUrl: sandbox.url,
    instanceUrl: sandbox.url,
    version: '60.0',
    oauth2: { loginUrl: sandbox.url, clientId, clientSecret },
    refreshToken,
    accessToken: 'stale',
  });
}

async function connected() {
  const connection = unauthenticated();
  await connection.login(username, password);
  return connection;
}

test('login, identity, limits', async () => {
  const connection = await connected();
  expect(connection.instanceUrl).toBe(sandbox.url);
  const identity = await connection.identity();
  expect(identity).toMatchObject({
    username,
    user_id: connection.userInfo?.id,
    organization_id: connection.userInfo?.organizationId,
  });
  await connection.limits();
  expect(connection.limitInfo.apiUsage).toEqual({ used: 2, limit: 15_000 });
  await expect(unauthenticated().login(username, 'wrong')).rejects.toMatchObject({
    name: 'invalid_grant',
    message: 'authentication failure',
  });
});

test('client credentials', async () => {
  const connection = unauthenticated();
  await connection.authorize({ grant_type: 'client_credentials' });
  expect((await connection.query('SELECT COUNT() FROM Contact')).totalSize).toBe(CONTACTS);
});

test('an expired token is refreshed once, and the call is made again', async () => {
  const connection = unauthenticated();
  const refreshed: string[] = [];
  connection.on('refresh', (token: string) => refreshed.push(token));
  const created = await connection.create('Contact', [{ LastName: 'A' }]);
  expect(created).toMatchObject([{ success: true }]);
  expect(refreshed).toHaveLength(1);
  expect(sandbox.records('Contact')).toHaveLength(CONTACTS + 1);
  expect(sandbox.requests.list().map(({ path, status }) => [path.split('?')[0], status])).toEqual([
    ['/services/data/v60.0/composite/sobjects', 401],
    ['/services/oauth2/token', 200],
    ['/services/data/v60.0/composite/sobjects', 200],
  ]);
});

test('create, update, destroy of lists; a partial failure does not throw', async () => {
  const connection = await connected();
  const created = await connection.create('Contact', [{ LastName: 'A' }, { LastName: 'B', Email: 'x' }]);
  expect(created).toMatchObject([
    { success: true, errors: [] },
    { success: false, errors: [{ statusCode: 'INVALID_EMAIL_ADDRESS', fields: ['Email'] }] },
  ]);
  const id = created[0]?.id ?? '';
  const undone = await connection.update(
    'Contact',
    [
      { Id: id, LastName: 'C' },
      { Id: id, Level__c: 'Best' },
    ],
    { allOrNone: true },
  );
  expect(undone.map(({ success }) => success)).toEqual([false, false]);
  expect(await connection.update('Contact', [{ Id: id, LastName: 'C' }], { allOrNone: true })).toEqual([
    { id, success: true, errors: [] },
  ]);
  expect(await connection.retrieve('Contact', [id])).toMatchObject([{ Id: id, LastName: 'C', Name: 'C' }]);
  expect(await connection.upsert('Contact', [{ External_Id__c: 'k', LastName: 'D' }], 'External_Id__c')).toMatchObject([
    { success: true, created: true },
  ]);
  expect(await connection.destroy('Contact', [id], { allOrNone: true })).toEqual([{ id, success: true, errors: [] }]);
  expect(await connection.retrieve('Contact', [id])).toEqual([null]);
});

test('201 records are one call that is refused', async () => {
  const connection = await connected();
  sandbox.requests.clear();
  const records = Array.from({ length: 201 }, (_, index) => ({ LastName: `L${index}` }));
  await expect(connection.create('Contact', records, { allOrNone: true })).rejects.toMatchObject({
    errorCode: 'EXCEEDED_ID_LIMIT',
    message: 'record limit reached. cannot submit more than 200 records into this call',
  });
  expect(sandbox.requests.list()).toHaveLength(1);
});

test('single records', async () => {
  const connection = await connected();
  const created = await connection.sobject('Account').create({ Name: 'House' });
  const id = created.id ?? '';
  expect(await connection.sobject('Account').update({ Id: id, Site: 'Caladan' })).toEqual({
    id,
    success: true,
    errors: [],
  });
  expect(await connection.sobject('Account').retrieve(id)).toMatchObject({ Id: id, Site: 'Caladan' });
  await expect(connection.sobject('Account').create({ Site: 'x' })).rejects.toMatchObject({
    errorCode: 'REQUIRED_FIELD_MISSING',
    data: { fields: ['Name'] },
  });
  await connection.sobject('Account').destroy(id);
  await expect(connection.sobject('Account').retrieve(id)).rejects.toMatchObject({ errorCode: 'NOT_FOUND' });
});

test('a query of several pages, by itself and by hand', async () => {
  const connection = await connected();
  const soql = 'SELECT Id, Name, Account.Name FROM Contact ORDER BY Id';
  const whole = await connection.query(soql, { autoFetch: true, maxFetch: 1_000 });
  expect(whole.records.map(({ Id }) => Id)).toEqual(sandbox.records('Contact').map((record) => record['Id']));
  const first = await connection.query(soql);
  expect(first).toMatchObject({ done: false, totalSize: CONTACTS });
  const second = await connection.queryMore(first.nextRecordsUrl ?? '');
  const third = await connection.queryMore(second.nextRecordsUrl ?? '');
  expect(third.done).toBe(true);
  expect([...first.records, ...second.records, ...third.records].map(({ Id }) => Id)).toEqual(
    whole.records.map(({ Id }) => Id),
  );
});

test('deleted records by scanAll and by deleted()', async () => {
  const connection = await connected();
  const [first] = sandbox.records('Contact');
  const id = String(first?.['Id']);
  await connection.destroy('Contact', [id]);
  const found = await connection.query('SELECT Id, IsDeleted FROM Contact WHERE IsDeleted = true', { scanAll: true });
  expect(found.records).toMatchObject([{ Id: id, IsDeleted: true }]);
  sandbox.clock.advance(60_000);
  const now = sandbox.clock.now();
  const deleted = await connection.sobject('Contact').deleted(new Date(now - 600_000), new Date(now));
  expect(deleted.deletedRecords.map((each) => each.id)).toEqual([id]);
  const updated = await connection.sobject('Contact').updated(new Date(now - 600_000), new Date(now));
  expect(updated.ids).toEqual([]);
});

test('describe', async () => {
  const connection = await connected();
  const global = await connection.describeGlobal();
  expect(global.sobjects.map(({ name }) => name)).toEqual([
    'Account',
    'Contact',
    'Invoice_Item__c',
    'Lead',
    'Opportunity',
    'User',
  ]);
  const contact = await connection.describe('Contact');
  expect(contact.fields.find(({ name }) => name === 'LastName')).toMatchObject({
    nillable: false,
    length: 80,
    type: 'string',
  });
  const account = await connection.describe('Account');
  expect(account.childRelationships.find(({ relationshipName }) => relationshipName === 'Contacts')).toMatchObject({
    childSObject: 'Contact',
    field: 'AccountId',
    cascadeDelete: true,
  });
  await expect(connection.describe('Nonsense')).rejects.toMatchObject({ errorCode: 'NOT_FOUND' });
});

test('query errors carry the code and the place', async () => {
  const connection = await connected();
  const failing = async () => {
    await connection.query('SELECT Id, Spice FROM Contact');
  };
  await expect(failing()).rejects.toMatchObject({
    errorCode: 'INVALID_FIELD',
    message: expect.stringContaining('Row:1:Column:12'),
  });
});

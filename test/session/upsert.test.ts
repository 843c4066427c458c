/** Upserts by a Salesforce external id through a whole Upwrite, as an application does them. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../support/database.js';
import { type SalesforceUpwrite, startSalesforceUpwrite } from '../support/salesforce-upwrite.js';

let upwrite: SalesforceUpwrite;
let client: pg.Client;

beforeAll(async () => {
  upwrite = await startSalesforceUpwrite(
    { contacts: 5, accounts: 2, invoiceItems: 1 },
    // Four clients take turns at the same keys, on a machine that may stall.
    { writes: { lockTimeout: '60s', queueTimeout: '60s' } },
  );
  client = await connect(upwrite.url());
});

afterAll(() => client.end());

const upsertSql = `INSERT INTO salesforce.contacts (external_id, last_name, note) VALUES ($1, $2, $3)
  ON CONFLICT (external_id) DO UPDATE SET last_name = EXCLUDED.last_name, note = EXCLUDED.note
  RETURNING id, external_id, last_name, note, is_deleted`;

const upstream = (externalId: string) =>
  upwrite.sandbox.records('Contact').filter((record) => record['External_Id__c'] === externalId);

test('makes a record, then changes it, by one request each', async () => {
  const since = upwrite.lastRequest();
  const made = (await client.query(upsertSql, ['E-1', 'Atreides', 'first'])).rows;
  const changed = (await client.query(upsertSql, ['E-1', 'Atreides', 'second'])).rows;
  expect(made).toMatchObject([{ external_id: 'E-1', note: 'first', is_deleted: false }]);
  expect(changed).toEqual([{ ...made[0], note: 'second' }]);
  expect(upstream('E-1')).toMatchObject([{ Id: made[0].id, Note__c: 'second' }]);
  const path = 'PATCH /services/data/v62.0/composite/sobjects/Contact/External_Id__c';
  expect(upwrite.writesSince(since)).toEqual([path, path]);
  const { rows } = await client.query(`EXPLAIN ${upsertSql.replace(/\$\d/g, `'x'`)}`);
  expect(rows.map((row) => row['QUERY PLAN'])).toContain(`API request: ${path} (salesforce)`);
});

test('a record that Salesforce has and the table has not comes into the table whole', async () => {
  const id = upwrite.sandbox.upsert('Contact', { LastName: 'Halleck', External_Id__c: 'E-2', Title: 'Warmaster' });
  await client.query(upsertSql, ['E-2', 'Halleck', 'sings']);
  const { rows } = await client.query('SELECT id, title, note FROM salesforce.contacts WHERE external_id = $1', [
    'E-2',
  ]);
  expect(rows).toEqual([{ id, title: 'Warmaster', note: 'sings' }]);
});

test('clients that upsert the same keys at once make each record once, and end with what was last', async () => {
  const clients = await Promise.all(Array.from({ length: 4 }, () => connect(upwrite.url())));
  const keys = ['K-1', 'K-2', 'K-3'];
  await Promise.all(
    clients.map(async (each, n) => {
      for (let round = 0; round < 3; round += 1) {
        // Each in an order of its own, several rows at once.
        const order = [...keys].sort((a, b) => (a > b ? 1 : -1) * (n % 2 === 0 ? 1 : -1));
        const rows = order.map((_, i) => `($${i * 2 + 1}, $${i * 2 + 2})`).join(', ');
        await each.query(
          `INSERT INTO salesforce.contacts (external_id, last_name) VALUES ${rows}
           ON CONFLICT (external_id) DO UPDATE SET last_name = EXCLUDED.last_name`,
          order.flatMap((key) => [key, `client ${n} round ${round}`]),
        );
      }
    }),
  );
  await Promise.all(clients.map((each) => each.end()));
  const { rows } = await client.query(
    'SELECT id, external_id, last_name FROM salesforce.contacts WHERE external_id = ANY ($1) ORDER BY external_id',
    [keys],
  );
  expect(rows).toEqual(
    keys.map((key) => {
      const [record, another] = upstream(key);
      expect(another).toBeUndefined();
      return { id: record?.['Id'], external_id: key, last_name: record?.['LastName'] };
    }),
  );
});

test('several records with the value refuse it', async () => {
  for (const phone of ['1', '2'])
    upwrite.sandbox.upsert('Contact', { LastName: 'Twin', Email: 'twin@x.io', Phone: phone });
  const work = client.query(`INSERT INTO salesforce.contacts (email, last_name) VALUES ('twin@x.io', 'T')
    ON CONFLICT (email) DO UPDATE SET last_name = EXCLUDED.last_name`);
  await expect(work).rejects.toMatchObject({
    code: '23505',
    column: 'email',
    where: expect.stringContaining('DUPLICATE_EXTERNAL_ID'),
  });
});

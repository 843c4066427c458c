/**
 * What an older PostgreSQL could make different: the schema, the guard, every verb of a write, and what depends on a column.
 * `UPWRITE_TEST_POSTGRES=14 npm test` runs everything else on it as well.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inspectTable } from '../../src/catalog/inspect.js';
import { connect } from '../support/database.js';
import { contacts } from '../support/fake-api.js';
import { type Stack, startStack } from '../support/stack.js';
import { refusing } from '../support/writable-api.js';

describe.each([14, 17] as const)('PostgreSQL %d', (version) => {
  let stack: Stack;
  let client: Awaited<ReturnType<typeof connect>>;

  beforeAll(async () => {
    stack = await startStack({ resources: [contacts()], postgres: { version } });
    client = await connect(stack.url());
  });

  afterAll(() => client.end());

  const emails = async (): Promise<unknown[]> =>
    (await client.query<{ email: string }>('SELECT email FROM salesforce.contacts ORDER BY email')).rows.map(
      ({ email }) => email,
    );

  test('is what answers', async () => {
    const { rows } = await client.query("SELECT current_setting('server_version_num')::int / 10000 AS major");
    expect(rows).toEqual([{ major: version }]);
  });

  test('rows are inserted, changed and deleted by way of the API', async () => {
    const { rows } = await client.query<{ id: string }>(
      "INSERT INTO salesforce.contacts (email, age) VALUES ('a@x.io', 1), ('b@x.io', 2) RETURNING id",
    );
    expect(rows).toHaveLength(2);
    const changed = await client.query(
      "UPDATE salesforce.contacts c SET age = v.n FROM (VALUES ('a@x.io', 7)) AS v (email, n) WHERE c.email = v.email RETURNING c.age",
    );
    expect(changed.rows).toEqual([{ age: 7 }]);
    await client.query('BEGIN');
    await client.query("DELETE FROM salesforce.contacts WHERE email = 'b@x.io'");
    await client.query('COMMIT');
    expect(await emails()).toEqual(['a@x.io']);
    expect(stack.api.batches.map(({ verb }) => verb)).toEqual(['insert', 'update', 'delete']);
    const journal = await client.query('SELECT verb, state FROM upwrite.mutations ORDER BY at');
    const applied = ['insert', 'update', 'delete'].map((verb) => ({ verb, state: 'applied' }));
    expect(journal.rows).toEqual(applied);
  });

  test('what the API refuses changes nothing', async () => {
    const before = await emails();
    stack.api.answers.push(refusing(0, 'email', 'no such thing'));
    await expect(client.query("INSERT INTO salesforce.contacts (email) VALUES ('c@x.io')")).rejects.toMatchObject({
      message: 'salesforce validation error',
    });
    expect(await emails()).toEqual(before);
  });

  test('a write around Upwrite is refused', async () => {
    const direct = await connect(stack.server.url());
    await expect(direct.query("UPDATE salesforce.contacts SET email = 'z'")).rejects.toMatchObject({ code: '25006' });
    await direct.end();
  });

  test('a generated column is known to depend on its source', async () => {
    const admin = await connect(stack.server.superuserUrl);
    await admin.query('ALTER TABLE salesforce.contacts ADD COLUMN twice int GENERATED ALWAYS AS (age * 2) STORED');
    const table = await inspectTable(admin, 'salesforce', 'contacts');
    expect(table?.columns.find(({ name }) => name === 'age')?.dependents).toEqual([
      'default value for column twice of table salesforce.contacts',
    ]);
    await admin.end();
  });
});

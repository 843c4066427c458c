/** What a client can see of the writes in SQL: who, when, what became of it; and what nobody can see. */
import { beforeAll, expect, test } from 'vitest';
import { connect } from '../support/database.js';
import { type SalesforceUpwrite, startSalesforceUpwrite } from '../support/salesforce-upwrite.js';
import { waitFor } from '../support/wait.js';

let upwrite: SalesforceUpwrite;

beforeAll(async () => {
  upwrite = await startSalesforceUpwrite({}, { journal: { retention: '1d' } }, { pruneInterval: 50 });
});

test('an entry says who wrote what where, when, how long it took, and what became of it', async () => {
  const client = await connect(upwrite.url());
  const values = ['Secretive', 'A value that is nobody else’s business'];
  await client.query('INSERT INTO salesforce.contacts (last_name, note) VALUES ($1, $2), ($1, $2)', values);
  await expect(
    client.query(`UPDATE salesforce.contacts SET email = 'none' WHERE note = $1`, [values[1]]),
  ).rejects.toThrow();
  const { rows } = await client.query('SELECT * FROM upwrite.mutations ORDER BY id DESC LIMIT 2');
  expect(rows).toMatchObject([
    {
      verb: 'update',
      rows: 2,
      applied_rows: 0,
      state: 'refused',
      sqlstate: '23514',
      error: 'salesforce validation error',
    },
    { verb: 'insert', rows: 2, applied_rows: 2, state: 'applied', sqlstate: null, error: null },
  ]);
  for (const row of rows) {
    expect(row).toMatchObject({
      role: 'app',
      connection: 'salesforce',
      provider: 'salesforce',
      schema_name: 'salesforce',
      table_name: 'contacts',
      method: expect.stringMatching(/^(POST|PATCH)$/),
      path: '/services/data/v62.0/composite/sobjects',
      requests: 1,
      at: expect.any(Date),
      settled_at: expect.any(Date),
      upstream_ms: expect.any(Number),
      local_ms: expect.any(Number),
    });
    expect(row.upstream_ms).toBeGreaterThan(0);
    expect(row.local_ms).toBeGreaterThan(0);
  }
  await client.end();
});

test('no table of Upwrite’s own holds a credential, nor a value once its write is settled', async () => {
  const admin = await connect(upwrite.server.superuserUrl);
  const { rows: tables } = await admin.query<{ name: string }>(
    "SELECT oid::regclass::text AS name FROM pg_class WHERE relnamespace = 'upwrite'::regnamespace AND relkind = 'r'",
  );
  expect(tables.map(({ name }) => name)).toContain('upwrite.mutation_intents');
  const { clientSecret, refreshToken } = upwrite.sandbox.settings;
  const sent = upwrite.sandbox.requests.list().length;
  expect(sent).toBeGreaterThan(0);
  for (const { name } of tables) {
    const { rows } = await admin.query<{ line: string }>(`SELECT to_jsonb(t)::text AS line FROM ${name} AS t`);
    const text = rows.map(({ line }) => line).join('\n');
    for (const secret of [clientSecret, refreshToken, 'Bearer', 'nobody else’s business', 'Secretive']) {
      expect([name, text.includes(secret)]).toEqual([name, false]);
    }
  }
  await admin.end();
});

test('a client sees no values and no other table of Upwrite’s own', async () => {
  const client = await connect(upwrite.url());
  for (const name of ['mutation_intents', 'table_details', 'processes', 'recent_writes']) {
    await expect(client.query(`SELECT * FROM upwrite.${name}`)).rejects.toMatchObject({ code: '42501' });
  }
  for (const sql of ['DELETE FROM upwrite.mutations', `UPDATE upwrite.mutations SET error = 'x'`]) {
    await expect(client.query(sql)).rejects.toMatchObject({ code: '42501' });
  }
  await client.end();
});

test('entries go when they are older than the configuration says', async () => {
  const client = await connect(upwrite.url());
  await client.query(`INSERT INTO salesforce.contacts (last_name) VALUES ('Old'), ('Also old')`);
  await client.query(`INSERT INTO salesforce.contacts (last_name) VALUES ('New')`);
  const { rows } = await client.query<{ id: string }>('SELECT id FROM upwrite.mutations ORDER BY id DESC LIMIT 2');
  const [young, old] = rows.map(({ id }) => id);
  const admin = await connect(upwrite.server.superuserUrl);
  await admin.query(`UPDATE upwrite.mutations SET at = now() - interval '25 hours' WHERE id = $1`, [old]);
  await waitFor('the old one to be gone', async () => {
    const left = await admin.query(
      'SELECT FROM upwrite.mutations WHERE id = $1 UNION ALL SELECT FROM upwrite.mutation_intents WHERE mutation_id = $1',
      [old],
    );
    return left.rowCount === 0;
  });
  expect((await admin.query('SELECT FROM upwrite.mutations WHERE id = $1', [young])).rowCount).toBe(1);
  await Promise.all([client.end(), admin.end()]);
});

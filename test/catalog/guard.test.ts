/** The guard: every road around Upwrite ends in 25006, whoever takes it. */
import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { deferGuard, installCatalog } from '../../src/catalog/index.js';
import { migrate, tables } from '../../src/store/index.js';
import { connect, ownPool } from '../support/database.js';
import { contacts, fakeApi } from '../support/fake-api.js';
import { startTestPostgres, type TestPostgres, testedVersion } from '../support/postgres.js';

const refusal = {
  code: '25006',
  message: 'table "contacts" is synced with salesforce and can be changed only through Upwrite',
  detail: 'Nothing was changed.',
  hint: 'Connect to Upwrite and write a plain INSERT, UPDATE or DELETE of the table; not through a function, a view, a trigger or a cascading foreign key.',
  schema: 'salesforce',
  table: 'contacts',
};

async function prepare(): Promise<{ server: TestPostgres; pool: pg.Pool }> {
  const server = await startTestPostgres();
  const pool = ownPool(server.upwriteUrl);
  await migrate(pool);
  const api = fakeApi([contacts()]);
  await installCatalog({
    pool,
    registry: tables,
    connections: [{ name: 'salesforce', provider: 'salesforce', session: api.session, grant: { write: ['public'] } }],
    signal: AbortSignal.timeout(30_000),
  });
  await pool.query(
    "INSERT INTO salesforce.contacts (id, email) SELECT 'c' || n, 'e' || n FROM generate_series(1, 5) n",
  );
  const admin = await connect(server.superuserUrl);
  await admin.query(`
    CREATE SCHEMA roads; GRANT USAGE ON SCHEMA roads TO PUBLIC;
    CREATE FUNCTION roads.f() RETURNS void LANGUAGE sql AS $$ UPDATE salesforce.contacts SET email = 'f' $$;
    CREATE FUNCTION roads.definer() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ DELETE FROM salesforce.contacts $$;
    CREATE PROCEDURE roads.p() LANGUAGE plpgsql AS $$ BEGIN UPDATE salesforce.contacts SET email = 'p'; COMMIT; END $$;
    CREATE VIEW roads.v AS SELECT id, email FROM salesforce.contacts;
    CREATE TABLE roads.t (n int);
    CREATE RULE r AS ON INSERT TO roads.t DO ALSO DELETE FROM salesforce.contacts;
    GRANT ALL ON roads.v, roads.t TO PUBLIC`);
  return { server, pool };
}

const statements: readonly [string, string][] = [
  ['INSERT', "INSERT INTO salesforce.contacts (email) VALUES ('x')"],
  ['UPDATE', "UPDATE salesforce.contacts SET email = 'x' WHERE id = 'c1'"],
  ['DELETE', "DELETE FROM salesforce.contacts WHERE id = 'c1'"],
  ['upsert', "INSERT INTO salesforce.contacts (id) VALUES ('c1') ON CONFLICT (id) DO UPDATE SET email = 'x'"],
  ['a CTE', 'WITH d AS (DELETE FROM salesforce.contacts RETURNING id) SELECT count(*) FROM d'],
  ['a function', 'SELECT roads.f()'],
  ["a function with its owner's rights", 'SELECT roads.definer()'],
  ['a procedure that commits', 'CALL roads.p()'],
  ['a view', "UPDATE roads.v SET email = 'x'"],
  ['a rule', 'INSERT INTO roads.t VALUES (1)'],
  ['DO', "DO $$ BEGIN EXECUTE 'DELETE FROM salesforce.contacts'; END $$"],
  ['a prepared statement', 'PREPARE w AS DELETE FROM salesforce.contacts; EXECUTE w'],
  ['COMMIT', "BEGIN; UPDATE salesforce.contacts SET email = 'x'; COMMIT"],
  ['a released savepoint', "BEGIN; SAVEPOINT s; UPDATE salesforce.contacts SET email = 'x'; RELEASE s; COMMIT"],
  ['two-phase commit', "BEGIN; UPDATE salesforce.contacts SET email = 'x'; PREPARE TRANSACTION 'road'"],
  ['COMMIT AND CHAIN', "BEGIN; UPDATE salesforce.contacts SET email = 'x'; COMMIT AND CHAIN"],
  [
    'a row changed and changed back',
    "BEGIN; UPDATE salesforce.contacts SET email = 'x' WHERE id = 'c1'; UPDATE salesforce.contacts SET email = 'e1' WHERE id = 'c1'; COMMIT",
  ],
  [
    'MERGE',
    "MERGE INTO salesforce.contacts c USING (VALUES ('c1')) v (id) ON c.id = v.id WHEN MATCHED THEN UPDATE SET email = 'x'",
  ],
  ['TRUNCATE', 'TRUNCATE salesforce.contacts'],
  [
    'constraints made immediate',
    "BEGIN; SET CONSTRAINTS ALL IMMEDIATE; UPDATE salesforce.contacts SET email = 'x'; COMMIT",
  ],
  ['a server-side COPY', "COPY salesforce.contacts (email) FROM PROGRAM 'echo x'"],
];

/** What only some roles may do at all; the others are refused with 42501 before the guard is asked. */
const privileged = new Set(['TRUNCATE', 'a server-side COPY']);

describe('a synced table', () => {
  let server: TestPostgres;
  let pool: pg.Pool;

  beforeAll(async () => {
    ({ server, pool } = await prepare());
  });

  async function unchanged(): Promise<void> {
    const rows = await pool.query('SELECT id, email FROM salesforce.contacts ORDER BY id');
    expect(rows.rows).toEqual([1, 2, 3, 4, 5].map((n) => ({ id: `c${n}`, email: `e${n}` })));
  }

  const who = {
    app: () => server.url(),
    upwrite: () => server.upwriteUrl,
    superuser: () => server.superuserUrl,
  };

  for (const [role, url] of Object.entries(who)) {
    // MERGE came with PostgreSQL 15.
    const known = statements.filter(([name]) => name !== 'MERGE' || testedVersion >= 15);
    test.each(known)(`%s as ${role}`, async (name, sql) => {
      const client = await connect(url());
      const expected =
        (role === 'app' && privileged.has(name)) || (role === 'upwrite' && name === 'a server-side COPY')
          ? { code: '42501' }
          : refusal;
      await expect(client.query(sql)).rejects.toMatchObject(expected);
      await client.end();
      await unchanged();
    });
  }

  test('replica mode and a role assumed within the session do not help', async () => {
    const admin = await connect(server.superuserUrl);
    await admin.query("SET session_replication_role = replica; SET upwrite.internal = 'on'; SET ROLE upwrite");
    await expect(admin.query('DELETE FROM salesforce.contacts')).rejects.toMatchObject(refusal);
    await expect(admin.query('TRUNCATE salesforce.contacts')).rejects.toMatchObject(refusal);
    await unchanged();
  });

  test('a client cannot take the guard off', async () => {
    const app = await connect(server.url());
    for (const sql of [
      'ALTER TABLE salesforce.contacts DISABLE TRIGGER ALL',
      'DROP TRIGGER upwrite_guard ON salesforce.contacts',
      'CREATE TABLE roads_child () INHERITS (salesforce.contacts)',
      "CREATE OR REPLACE FUNCTION upwrite.guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
      'DROP TABLE salesforce.contacts',
    ]) {
      await expect(app.query(sql), sql).rejects.toMatchObject({ code: '42501' });
    }
  });

  test("Upwrite's own sessions change what they like", async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query("UPDATE salesforce.contacts SET email = 'own'");
    await client.query('SET CONSTRAINTS ALL IMMEDIATE');
    await client.query('TRUNCATE salesforce.contacts');
    await client.query('ROLLBACK');
    client.release();
  });

  test('a statement is evaluated and rolled back, whatever the session has said about constraints', async () => {
    const app = await connect(server.url());
    for (const setting of ['SELECT 1', 'SET CONSTRAINTS ALL IMMEDIATE']) {
      await app.query(`BEGIN; ${setting}; SAVEPOINT upwrite`);
      await app.query(deferGuard({ schema: 'salesforce' }));
      const inserted = await app.query<{ id: string }>(
        "INSERT INTO salesforce.contacts (email) VALUES ('x') RETURNING id",
      );
      expect(inserted.rows[0]?.id).toMatch(/^upwrite:[0-9a-f-]{36}$/);
      const updated = await app.query('UPDATE salesforce.contacts SET email = upper(email) RETURNING email');
      expect(updated.rowCount).toBe(6);
      await app.query('ROLLBACK TO upwrite; RELEASE upwrite; COMMIT');
    }
    await app.query('BEGIN; SET CONSTRAINTS ALL IMMEDIATE; SAVEPOINT upwrite');
    await app.query(deferGuard({ schema: 'salesforce' }));
    await app.query('ROLLBACK TO upwrite');
    await expect(app.query('DELETE FROM salesforce.contacts')).rejects.toMatchObject(refusal);
    await app.query('ROLLBACK');
    await unchanged();
  });
});

/** The table of the source document, and the check that refuses another. */
import { beforeAll, describe, expect, test } from 'vitest';
import { createTableSql, differences, inWords } from '../../src/records/index.js';
import { primaryKeyName } from '../../src/records/shape.js';
import { connect } from '../support/database.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';

let server: TestPostgres;
const table = { schema: 'my_schema', name: 'my_table' };

beforeAll(async () => {
  server = await startTestPostgres();
});

/** What is said of the table once it has been created and then changed. */
async function judged(change: string, name = table.name): Promise<string> {
  const admin = await connect(server.superuserUrl);
  await admin.query(`DROP SCHEMA IF EXISTS my_schema CASCADE; CREATE SCHEMA my_schema; DROP TABLE IF EXISTS other;
    GRANT USAGE ON SCHEMA my_schema TO upwrite`);
  await admin.query(createTableSql({ ...table, name }));
  await admin.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON my_schema."${name}" TO upwrite`);
  await admin.query(change);
  const client = await connect(server.upwriteUrl);
  const found = await differences(client, { ...table, name });
  for (const { fix } of found) expect(fix).not.toBe('');
  return inWords(found);
}

describe('the generic records table', () => {
  test('has the twelve columns of the document, their types and nullability, and the key under its name', async () => {
    expect(await judged('')).toBe('');
    const client = await connect(server.superuserUrl);
    const columns = await client.query<{ line: string }>(
      `SELECT concat_ws(' ', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN 'not null' ELSE 'null' END) AS line
       FROM pg_attribute WHERE attrelid = 'my_schema.my_table'::regclass AND attnum > 0 ORDER BY attnum`,
    );
    expect(columns.rows.map((row) => row.line)).toEqual([
      'sequin_id uuid not null',
      'sync_id uuid not null',
      'sync_external_id text null',
      'sync_metadata jsonb not null',
      'collection_id text not null',
      'upstream_id text not null',
      'payload jsonb not null',
      'updated_idx bigint not null',
      'upstream_updated_at timestamp with time zone not null',
      'upstream_created_at timestamp with time zone not null',
      'inserted_at timestamp with time zone not null',
      'updated_at timestamp with time zone not null',
    ]);
    const indexes = await client.query<{ indexdef: string }>(
      "SELECT indexdef FROM pg_indexes WHERE schemaname = 'my_schema'",
    );
    expect(indexes.rows).toEqual([
      { indexdef: 'CREATE UNIQUE INDEX my_table_pkey ON my_schema.my_table USING btree (sequin_id)' },
    ]);
  });

  test.each([
    ['DROP TABLE my_schema.my_table', /^table my_schema\.my_table does not exist$/],
    [
      'DROP TABLE my_schema.my_table; CREATE VIEW my_schema.my_table AS SELECT 1 AS one',
      /^my_schema\.my_table is no plain table$/,
    ],
    ['ALTER TABLE my_schema.my_table DROP COLUMN payload', /^column payload is missing$/],
    ['ALTER TABLE my_schema.my_table ADD COLUMN note text', /^column note is none of the twelve$/],
    ['ALTER TABLE my_schema.my_table ALTER COLUMN payload TYPE json', /^column payload is json, not jsonb$/],
    [
      'ALTER TABLE my_schema.my_table ALTER COLUMN upstream_created_at TYPE timestamp',
      /^column upstream_created_at is timestamp without time zone, not timestamp with time zone$/,
    ],
    ['ALTER TABLE my_schema.my_table ALTER COLUMN sync_metadata DROP NOT NULL', /^column sync_metadata is nullable$/],
    [
      'ALTER TABLE my_schema.my_table ALTER COLUMN sync_external_id SET NOT NULL',
      /^column sync_external_id is NOT NULL$/,
    ],
    [
      'ALTER TABLE my_schema.my_table ALTER COLUMN updated_idx ADD GENERATED ALWAYS AS IDENTITY',
      /^column updated_idx is generated$/,
    ],
    ['ALTER TABLE my_schema.my_table DROP CONSTRAINT my_table_pkey', /^the primary key is missing$/],
    [
      'ALTER TABLE my_schema.my_table RENAME CONSTRAINT my_table_pkey TO pk',
      /^the primary key is named pk, not my_table_pkey$/,
    ],
    [
      'ALTER TABLE my_schema.my_table DROP CONSTRAINT my_table_pkey, ADD CONSTRAINT my_table_pkey PRIMARY KEY (upstream_id)',
      /^the primary key is PRIMARY KEY \(upstream_id\), not PRIMARY KEY \(sequin_id\)$/,
    ],
    [
      'ALTER TABLE my_schema.my_table ADD CONSTRAINT u UNIQUE (upstream_id)',
      /^u is a unique constraint: UNIQUE \(upstream_id\) \(APIs let old records break/,
    ],
    [
      "ALTER TABLE my_schema.my_table ADD CONSTRAINT c CHECK (upstream_id <> '')",
      /^c is a check: CHECK \(.*a constraint would stop the table\)$/,
    ],
    [
      'CREATE TABLE other (id uuid PRIMARY KEY); ALTER TABLE my_schema.my_table ADD CONSTRAINT f FOREIGN KEY (sync_id) REFERENCES other',
      /^f is a foreign key: FOREIGN KEY \(sync_id\)/,
    ],
    [
      'CREATE TABLE other (id uuid CONSTRAINT f REFERENCES my_schema.my_table)',
      /^f of (public\.)?other is a foreign key to the table/,
    ],
    ['CREATE UNIQUE INDEX i ON my_schema.my_table (upstream_id)', /^index my_schema\.i is unique/],
    [
      'REVOKE DELETE, UPDATE ON my_schema.my_table FROM upwrite',
      /^role upwrite lacks UPDATE, DELETE on my_schema\.my_table$/,
    ],
    ['REVOKE USAGE ON SCHEMA my_schema FROM upwrite', /^role upwrite may not use schema my_schema$/],
    ['ALTER TABLE my_schema.my_table ENABLE ROW LEVEL SECURITY', /^row-level security hides rows/],
  ])('is refused after %s', async (change, said) => {
    expect(await judged(change)).toMatch(said);
  });

  test('may have indexes', async () => {
    expect(await judged("CREATE INDEX ON my_schema.my_table ((payload ->> 'Email'))")).toBe('');
  });

  test('says everything at once', async () => {
    expect(await judged('ALTER TABLE my_schema.my_table DROP COLUMN payload, ADD COLUMN note text')).toBe(
      'column payload is missing; column note is none of the twelve',
    );
  });

  test('of a long name has the key that Postgres would make of it', async () => {
    const client = await connect(server.superuserUrl);
    for (const name of [`${'ä'.repeat(29)}abcde`, 'a'.repeat(63), 'b'.repeat(58)]) {
      expect(await judged('', name)).toBe('');
      await client.query(`CREATE TABLE public."${name}" (sequin_id uuid PRIMARY KEY)`);
      const made = await client.query<{ conname: string }>(
        `SELECT conname FROM pg_constraint WHERE contype = 'p' AND conrelid = 'public."${name}"'::regclass`,
      );
      expect(primaryKeyName(name)).toBe(made.rows[0]?.conname);
    }
  });
});

/** SQLAlchemy 2: psycopg 2 (values in the text), psycopg 3 and asyncpg (casts behind every parameter). */
import { asyncpg, generated, int4, psycopg, text, textOnly } from '../drivers.js';

const table = 'salesforce.contacts';
const block = { before: ['BEGIN'], after: ['COMMIT'], differs: 'warns in a block' } as const;

export const sqlalchemy = [
  ...generated(textOnly, block, {
    'psycopg2: insert': `INSERT INTO ${table} (first_name, age, extra) VALUES ('Al', 7, '{"a": "b"}') RETURNING ${table}.id`,
    'psycopg2: insertmanyvalues': `INSERT INTO ${table} (first_name, age) SELECT p0::VARCHAR, p1::INTEGER FROM (VALUES ('A', 1, 0), ('B', NULL, 1), ('C', 3, 2)) AS imp_sen(p0, p1, sen_counter) ORDER BY sen_counter RETURNING ${table}.id, ${table}.id AS id__1`,
    'psycopg2: update': `UPDATE ${table} SET age=(${table}.age + 1) WHERE ${table}.id = 'c1'`,
    'psycopg2: delete': `DELETE FROM ${table} WHERE ${table}.id = 'c1'`,
  }),
  ...generated(
    psycopg,
    {},
    {
      'psycopg: insert': {
        sql: `INSERT INTO ${table} (first_name, age) VALUES ($1::VARCHAR, $2::INTEGER) RETURNING ${table}.id`,
        values: ['Al', int4(7)],
      },
      'psycopg: update': {
        sql: `UPDATE ${table} SET email=$1::VARCHAR, updated_at=$2::TIMESTAMP WITH TIME ZONE WHERE ${table}.id = $3::VARCHAR`,
        values: ['e@x.io', '2024-07-01 12:00:00+02:00', 'c1'],
      },
      'psycopg: update, returning a function': {
        sql: `UPDATE ${table} SET email=upper(${table}.email) WHERE ${table}.age > $1::INTEGER RETURNING ${table}.id, lower(${table}.email) AS lower_1, coalesce(${table}.score, $2::FLOAT) AS coalesce_1`,
        values: [int4(10), '1.5'],
      },
      'psycopg: update of several tables': {
        sql: `UPDATE ${table} SET last_name=salesforce.accounts.name FROM salesforce.accounts WHERE ${table}.account_id = salesforce.accounts.id AND salesforce.accounts.tier = $1::INTEGER`,
        values: [int4(2)],
      },
      'psycopg: update with a correlated sub-select': {
        sql: `UPDATE ${table} SET age=(SELECT max(salesforce.accounts.tier) AS max_1 FROM salesforce.accounts WHERE salesforce.accounts.id = ${table}.account_id) RETURNING ${table}.id, ${table}.age`,
      },
      'psycopg: delete, using': {
        sql: `DELETE FROM ${table} USING salesforce.accounts WHERE ${table}.account_id = salesforce.accounts.id AND salesforce.accounts.name = $1::VARCHAR RETURNING ${table}.id`,
        values: ['Bolt'],
      },
      'psycopg: insert from select': {
        sql: `INSERT INTO ${table} (email, age) SELECT local.staging.email, local.staging.age + $1::INTEGER AS anon_1 FROM local.staging ORDER BY local.staging.email RETURNING ${table}.id`,
        values: [int4(1)],
      },
    },
  ),
  ...generated(
    asyncpg,
    {},
    {
      'asyncpg: insert': {
        sql: `INSERT INTO ${table} (first_name, age, tags) VALUES ($1::VARCHAR, $2::INTEGER, $3::TEXT[]) RETURNING ${table}.id`,
        values: ['As', int4(1), '{a,b}'],
      },
      'asyncpg: update': {
        sql: `UPDATE ${table} SET age=$1::INTEGER WHERE ${table}.id = $2::VARCHAR`,
        values: [int4(99), text('c2')],
      },
      'asyncpg: delete, a cte': {
        sql: `WITH anon_1 AS (SELECT ${table}.id AS id FROM ${table} WHERE ${table}.age > $1::INTEGER) DELETE FROM ${table} WHERE (EXISTS (SELECT * FROM anon_1 WHERE anon_1.id = ${table}.id)) RETURNING ${table}.id, ${table}.created_at`,
        values: [int4(41)],
      },
    },
  ),
];

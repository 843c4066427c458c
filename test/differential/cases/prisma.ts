/** Prisma: everything qualified by its schema; transactions around nested writes. */
import { bool, float8, generated, int4, int8, nodePostgres, text, tokioPostgres } from '../drivers.js';

const table = '"salesforce"."contacts"';
const all = ['id', 'first_name', 'last_name', 'email', 'age', 'vip', 'extra', 'tags']
  .map((name) => `${table}."${name}"`)
  .join(', ');

export const prisma = [
  ...generated(
    nodePostgres,
    {},
    {
      create: {
        sql: `INSERT INTO ${table} ("first_name","email","age","vip") VALUES ($1,$2,$3,$4) RETURNING ${all}`,
        values: ['Pia', 'pia@x.io', '30', 'true'],
      },
      'create with defaults only': `INSERT INTO ${table} DEFAULT VALUES RETURNING ${table}."id"`,
      createMany: {
        sql: `INSERT INTO ${table} ("first_name","email","age") VALUES ($1,$2,$3), ($4,$5,DEFAULT), ($6,DEFAULT,$7)`,
        values: ['A', 'a@x.io', '1', 'B', 'b@x.io', 'C', '3'],
      },
      'createMany, skipDuplicates': {
        sql: `INSERT INTO ${table} ("first_name","email") VALUES ($1,$2), ($3,$4) ON CONFLICT DO NOTHING`,
        values: ['A', 'a@x.io', 'B', 'b@x.io'],
      },
      createManyAndReturn: {
        sql: `INSERT INTO ${table} ("first_name") VALUES ($1), ($2) RETURNING ${all}`,
        values: ['A', 'B'],
      },
      update: {
        sql: `UPDATE ${table} SET "age" = $1, "email" = $2 WHERE (${table}."id" = $3 AND 1=1) RETURNING ${all}`,
        values: ['33', 'new@x.io', 'c1'],
      },
      'update, increment': {
        sql: `UPDATE ${table} SET "age" = (${table}."age" + $1) WHERE (${table}."id" = $2 AND 1=1) RETURNING ${all}`,
        values: ['5', 'c2'],
      },
      'update of nobody': {
        sql: `UPDATE ${table} SET "age" = $1 WHERE (${table}."id" = $2 AND 1=1) RETURNING ${all}`,
        values: ['5', 'nobody'],
        sends: 0,
      },
      updateMany: {
        sql: `UPDATE ${table} SET "vip" = $1 WHERE (${table}."id" IN ($2,$3) AND ${table}."age" >= $4)`,
        values: ['false', 'c1', 'c2', '0'],
      },
      'update, a json field': {
        sql: `UPDATE ${table} SET "extra" = $1::jsonb WHERE (${table}."id" = $2 AND 1=1) RETURNING ${table}."extra"`,
        values: ['{"deep":{"ü":[1,2.5,null]}}', 'c1'],
      },
      'update, push to a list': {
        sql: `UPDATE ${table} SET "tags" = array_cat(COALESCE(${table}."tags",'{}'), $1) WHERE ${table}."id" = $2 RETURNING ${table}."tags"`,
        values: ['{"new","t w o"}', 'c1'],
      },
      delete: {
        sql: `DELETE FROM ${table} WHERE (${table}."id" = $1 AND 1=1) RETURNING ${all}`,
        values: ['c1'],
      },
      'deleteMany through a relation': {
        sql: `DELETE FROM ${table} WHERE (${table}."id") IN (SELECT "t0"."id" FROM ${table} AS "t0" LEFT JOIN "salesforce"."accounts" AS "j0" ON ("j0"."id") = ("t0"."account_id") WHERE ("j0"."name" = $1 AND ("j0"."id" IS NOT NULL)))`,
        values: ['Acme'],
      },
      'a trace comment behind': {
        sql: `UPDATE ${table} SET "age" = $1 WHERE ${table}."id" = $2 /* traceparent='00-10ef-01' */`,
        values: ['3', 'c1'],
      },
      'with the database in front': {
        sql: `UPDATE ${table} SET "age" = $1 WHERE ${table}."id" = $2 RETURNING ${table}.*`,
        values: ['3', 'c1'],
      },
    },
  ),
  ...generated(
    tokioPostgres,
    {},
    {
      'engine: create': {
        sql: `INSERT INTO ${table} ("first_name","age","big","score","vip") VALUES ($1,$2,$3,$4,$5) RETURNING ${all}`,
        values: [text('Eng'), int4(7), int8(9007199254740995n), float8(0.1), bool(true)],
      },
      'engine: update': {
        sql: `UPDATE ${table} SET "big" = (${table}."big" * $1) WHERE (${table}."id" = $2 AND 1=1) RETURNING ${table}."id", ${table}."big"`,
        values: [int8(-2n), text('c5')],
      },
      'engine: delete without returning': {
        sql: `DELETE FROM ${table} WHERE (${table}."id" IN ($1) AND 1=1)`,
        values: [text('c4')],
      },
    },
  ),
];

/** Sequelize: a semicolon behind everything, bind parameters or literals, RETURNING with the model's columns. */
import { generated, nodePostgres } from '../drivers.js';

const model = '"id","first_name","last_name","email","age","created_at","updated_at"';

export const sequelize = generated(
  nodePostgres,
  {},
  {
    create: {
      sql: `INSERT INTO "salesforce"."contacts" ("id","first_name","age","created_at","updated_at") VALUES (DEFAULT,$1,$2,$3,$4) RETURNING ${model};`,
      values: ['Sequel', '4', '2024-01-01 00:00:00.000 +00:00', '2024-01-01 00:00:00.000 +00:00'],
    },
    bulkCreate: `INSERT INTO "salesforce"."contacts" ("id","first_name","age","created_at") VALUES (DEFAULT,'One',1,'2024-01-01 00:00:00.000 +00:00'),(DEFAULT,'It''s two',NULL,'2024-01-01 02:00:00.000 +02:00') RETURNING ${model};`,
    'bulkCreate, ignoreDuplicates': `INSERT INTO "salesforce"."contacts" ("id","first_name") VALUES (DEFAULT,'One') ON CONFLICT DO NOTHING RETURNING ${model};`,
    save: {
      sql: 'UPDATE "salesforce"."contacts" SET "age"=$1,"updated_at"=$2 WHERE "id" = $3',
      values: ['5', '2024-01-01 00:00:00.000 +00:00', 'c1'],
    },
    'update, returning': {
      sql: `UPDATE "salesforce"."contacts" SET "first_name"=$1 WHERE "age" > $2 RETURNING ${model}`,
      values: ['Many', '30'],
    },
    increment: `UPDATE "salesforce"."contacts" SET "age"="age"+ 2,"updated_at"='2024-01-01 00:00:00.000 +00:00' WHERE "id" = 'c1' RETURNING ${model};`,
    'update, a json path': `UPDATE "salesforce"."contacts" SET "extra"=jsonb_set("extra"::jsonb, '{a}', '2', true) WHERE ("extra"#>>'{a}') = '1';`,
    'update, an array': `UPDATE "salesforce"."contacts" SET "tags"=ARRAY['a','b''c']::TEXT[] WHERE "tags" @> ARRAY['red']::TEXT[] RETURNING "tags";`,
    'update, a buffer': `UPDATE "salesforce"."contacts" SET "photo"=E'\\\\xdeadbeef' WHERE "id" = 'c2' RETURNING "photo";`,
    destroy: `DELETE FROM "salesforce"."contacts" WHERE "id" = 'c1'`,
    'destroy with a limit': `DELETE FROM "salesforce"."contacts" WHERE "id" IN (SELECT "id" FROM "salesforce"."contacts" WHERE "age" = 42 ORDER BY "id" LIMIT 1)`,
    'destroy of nobody': { sql: `DELETE FROM "salesforce"."contacts" WHERE "id" = 'nobody'`, sends: 0 },
  },
);

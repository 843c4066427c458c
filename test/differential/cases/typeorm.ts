/** TypeORM: `INSERT INTO "t"("a", "b")`, DEFAULT for what is not given, CURRENT_TIMESTAMP in updates. */
import { generated, nodePostgres } from '../drivers.js';

const inBlock = { before: ['START TRANSACTION'], after: ['COMMIT'], differs: 'warns in a block' } as const;

export const typeorm = generated(
  nodePostgres,
  {},
  {
    save: {
      sql: 'INSERT INTO "salesforce"."contacts"("id", "first_name", "age", "created_at") VALUES (DEFAULT, $1, $2, DEFAULT) RETURNING "id", "created_at"',
      values: ['Ty', '3'],
    },
    'save, in its transaction': {
      sql: 'INSERT INTO "salesforce"."contacts"("id", "first_name", "age", "created_at") VALUES (DEFAULT, $1, $2, DEFAULT) RETURNING "id", "created_at"',
      values: ['Ty', '3'],
      ...inBlock,
    },
    'save of several': {
      sql: 'INSERT INTO "salesforce"."contacts"("id", "first_name", "vip") VALUES (DEFAULT, $1, $2), (DEFAULT, $3, DEFAULT) RETURNING "id", "vip"',
      values: ['T1', 'true', 'T2'],
    },
    orIgnore: {
      sql: 'INSERT INTO "salesforce"."contacts"("id", "email") VALUES (DEFAULT, $1) ON CONFLICT DO NOTHING RETURNING "id"',
      values: ['ti@x.io'],
    },
    'update of an entity': {
      sql: 'UPDATE "salesforce"."contacts" SET "age" = $1, "updated_at" = \'2024-01-01\' WHERE "id" IN ($2) RETURNING "updated_at"',
      values: ['5', 'c1'],
    },
    'update of an entity, in its transaction': {
      sql: 'UPDATE "salesforce"."contacts" SET "age" = $1 WHERE "id" IN ($2) RETURNING "updated_at"',
      values: ['5', 'c1'],
      ...inBlock,
    },
    'update with a function': {
      sql: 'UPDATE "salesforce"."contacts" SET "first_name" = LOWER("first_name"), "age" = "age" * 2 WHERE "age" BETWEEN $1 AND $2',
      values: ['30', '50'],
    },
    softDelete: {
      sql: 'UPDATE "salesforce"."contacts" SET "updated_at" = date_trunc(\'day\', timestamptz \'2024-02-29 10:00+00\') WHERE ("id" = $1) AND ( "updated_at" IS NULL )',
      values: ['c1'],
    },
    'json column': {
      sql: 'UPDATE "salesforce"."contacts" SET "extra" = $1, "tags" = $2 WHERE "id" IN ($3) RETURNING "extra", "tags"',
      values: ['{"z":1,"a":[true,null]}', '{"x","y"}', 'c2'],
    },
    remove: { sql: 'DELETE FROM "salesforce"."contacts" WHERE "id" = $1', values: ['c1'] },
    'delete, a query builder': {
      sql: 'DELETE FROM "salesforce"."contacts" WHERE "age" > $1 AND "email" ILIKE $2 RETURNING id, email',
      values: ['40', '%@X.io'],
    },
  },
);

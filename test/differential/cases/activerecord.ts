/** ActiveRecord: prepared statements by name, a transaction around every save. */
import { generated, rubyPg, textOnly } from '../drivers.js';

const search = { before: ['SET search_path TO salesforce, local, public'] };
const block = {
  before: [...search.before, 'BEGIN'],
  after: ['COMMIT'],
  differs: 'warns in a block',
} as const;

export const activerecord = [
  ...generated(rubyPg, block, {
    create: {
      sql: 'INSERT INTO "contacts" ("first_name", "age", "created_at", "updated_at") VALUES ($1, $2, $3, $4) RETURNING "id"',
      values: ['Rai', '4', '2024-01-01 10:00:00.123456', '2024-01-01 10:00:00.123456'],
    },
    'create without attributes': 'INSERT INTO "contacts" DEFAULT VALUES RETURNING "id"',
    save: {
      sql: 'UPDATE "contacts" SET "age" = $1, "updated_at" = $2 WHERE "contacts"."id" = $3',
      values: ['5', '2024-01-02 10:00:00', 'c1'],
    },
    'save with optimistic locking': {
      sql: 'UPDATE "contacts" SET "first_name" = $1, "age" = $2 WHERE "contacts"."id" = $3 AND "contacts"."age" = $4',
      values: ['Lock', '32', 'c1', '31'],
    },
    destroy: { sql: 'DELETE FROM "contacts" WHERE "contacts"."id" = $1', values: ['c1'] },
  }),
  ...generated(rubyPg, search, {
    update_counters: {
      sql: 'UPDATE "contacts" SET "age" = COALESCE("contacts"."age", 0) + $1 WHERE "contacts"."id" = $2',
      values: ['1', 'c3'],
    },
    'update_all with a join': {
      sql: 'UPDATE "contacts" SET "vip" = $1 WHERE ("contacts"."id") IN (SELECT "contacts"."id" FROM "contacts" INNER JOIN "accounts" ON "accounts"."id" = "contacts"."account_id" WHERE "accounts"."name" = $2 ORDER BY "contacts"."id" ASC LIMIT $3)',
      values: ['t', 'Acme', '1'],
    },
    'touch of nobody': {
      sql: 'UPDATE "contacts" SET "updated_at" = $1 WHERE "contacts"."id" = $2',
      values: ['2024-01-02 10:00:00', 'nobody'],
      sends: 0,
    },
  }),
  ...generated(textOnly, search, {
    insert_all: `INSERT INTO "contacts" ("first_name","age") VALUES ('a', 1), ('b', 2) ON CONFLICT  DO NOTHING RETURNING "id"`,
    'insert_all!': `INSERT INTO "contacts" ("first_name","created_at") VALUES ('a', '2024-01-01 00:00:00') RETURNING "id" /*application='Crm',controller='c'*/`,
    update_all: `UPDATE "contacts" SET age = age + 1, "email" = lower(email) WHERE "contacts"."age" >= 31 AND ("contacts"."email" != '' OR "contacts"."email" IS NULL)`,
    delete_all: `DELETE FROM "contacts" WHERE "contacts"."age" IS NULL`,
    delete_by: `/*action:x*/ DELETE FROM "contacts" WHERE "contacts"."first_name" = 'Bob' AND "contacts"."age" = 42`,
  }),
];

/** Django: values in the text, table names without a schema, savepoints around atomic blocks. */
import { generated, psycopg, textOnly } from '../drivers.js';

const search = { before: ['SET search_path TO salesforce, local, public'] };

export const django = [
  ...generated(textOnly, search, {
    create: `INSERT INTO "contacts" ("first_name", "age", "created_at", "extra") VALUES ('Dj', 3, '2024-01-01T00:00:00+00:00'::timestamptz, '{"a": [1]}'::jsonb) RETURNING "contacts"."id"`,
    bulk_create: `INSERT INTO "contacts" ("first_name", "age") VALUES ('A', 1), ('B', NULL), ('C', 3) RETURNING "contacts"."id"`,
    'bulk_create, ignore_conflicts': `INSERT INTO "contacts" ("first_name", "age") VALUES ('A', 1) ON CONFLICT DO NOTHING`,
    'bulk_create, unnest': `INSERT INTO "contacts" ("first_name", "age") SELECT * FROM UNNEST((ARRAY['a', 'b'])::varchar[], (ARRAY[1, 2])::integer[]) RETURNING "contacts"."id"`,
    save: `UPDATE "contacts" SET "first_name" = 'Saved', "age" = 9, "vip" = true, "updated_at" = '2024-01-01T00:00:00+00:00'::timestamptz WHERE "contacts"."id" = 'c1'`,
    'update, F()': `UPDATE "contacts" SET "age" = ("contacts"."age" + 1), "score" = ("contacts"."score" / 2.0) WHERE "contacts"."age" >= 31`,
    bulk_update: `UPDATE "contacts" SET "age" = (CASE WHEN ("contacts"."id" = 'c1') THEN 5 WHEN ("contacts"."id" = 'c2') THEN 6 ELSE NULL END)::integer WHERE "contacts"."id" IN ('c1', 'c2')`,
    'update, a sub-query': `UPDATE "contacts" SET "last_name" = (SELECT U0."name" AS "name" FROM "accounts" U0 WHERE U0."id" = ("contacts"."account_id") LIMIT 1) WHERE "contacts"."account_id" IS NOT NULL`,
    delete: `DELETE FROM "contacts" WHERE "contacts"."id" IN ('c1')`,
    'delete, a sub-query': `DELETE FROM "contacts" WHERE "contacts"."id" IN (SELECT U0."id" FROM "contacts" U0 INNER JOIN "accounts" U1 ON (U0."account_id" = U1."id") WHERE U1."name" = 'Acme')`,
    'save, in an atomic block': {
      sql: `UPDATE "contacts" SET "age" = 10 WHERE "contacts"."id" = 'c1'`,
      before: [...search.before, 'BEGIN', 'SAVEPOINT "s1_x1"'],
      after: ['RELEASE SAVEPOINT "s1_x1"', 'COMMIT'],
      differs: 'warns in a block',
    },
  }),
  ...generated(psycopg, search, {
    'server-side binding: create': {
      sql: 'INSERT INTO "contacts" ("first_name", "balance") VALUES ($1, $2) RETURNING "contacts"."id"',
      values: ['Sb', '12.340'],
    },
    'server-side binding: filter and update': {
      sql: 'UPDATE "contacts" SET "age" = ("contacts"."age" + $1) WHERE ("contacts"."email" LIKE $2::text AND UPPER("contacts"."first_name"::text) = UPPER($3))',
      values: ['2', '%x.io', 'ann'],
    },
  }),
];

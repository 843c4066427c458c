/** Knex: bindings numbered through, DEFAULT in upper case, `returning "id"`. */
import { generated, nodePostgres } from '../drivers.js';

export const knex = generated(
  nodePostgres,
  {},
  {
    insert: {
      sql: 'insert into "salesforce"."contacts" ("age", "email") values ($1, $2) returning "id"',
      values: ['8', 'knex@x.io'],
    },
    'insert with missing keys': {
      sql: 'insert into "salesforce"."contacts" ("age", "email", "vip") values ($1, $2, DEFAULT), (DEFAULT, $3, $4) returning "id"',
      values: ['8', 'k1@x.io', 'k2@x.io', 'true'],
    },
    'insert without values': 'insert into "salesforce"."contacts" default values returning "id"',
    'insert … onConflict().ignore()': {
      sql: 'insert into "salesforce"."contacts" ("email") values ($1) on conflict do nothing',
      values: ['k3@x.io'],
    },
    'insert from a subquery': {
      sql: 'insert into "salesforce"."contacts" ("email", "age") select "email", "age" from "local"."staging" where "age" > $1',
      values: ['1'],
    },
    'with, insert': {
      sql: 'with "w" as (select "email" from "local"."staging") insert into "salesforce"."contacts" ("email") select "email" from "w" returning "email"',
    },
    update: {
      sql: 'update "salesforce"."contacts" set "age" = $1, "updated_at" = $2 where "id" = $3',
      values: ['12', '2024-05-05T05:05:05.123Z', 'c1'],
    },
    increment: {
      sql: 'update "salesforce"."contacts" set "age" = "age" + $1 where "id" = $2 returning "age"',
      values: ['3', 'c2'],
    },
    'update with jsonSet': {
      sql: 'update "salesforce"."contacts" set "extra" = jsonb_set("extra", $1, $2) where "id" = $3 returning "extra"',
      values: ['{b,0}', '"x"', 'c1'],
    },
    'update with a case': {
      sql: 'update "salesforce"."contacts" set "first_name" = case "id" when $1 then $2 when $3 then $4 else "first_name" end where "id" in ($5, $6) returning "id", "first_name"',
      values: ['c1', 'X', 'c2', 'Y', 'c1', 'c2'],
    },
    'update from': {
      sql: 'update "salesforce"."contacts" set "age" = "notes"."n" from "local"."notes" where "notes"."contact_id" = "contacts"."id" and "notes"."n" < $1',
      values: ['3'],
    },
    del: { sql: 'delete from "salesforce"."contacts" where "id" in ($1, $2)', values: ['c1', 'c2'] },
    'del, returning *': { sql: 'delete from "salesforce"."contacts" where "age" = $1 returning *', values: ['42'] },
    'raw, a semicolon and a comment': {
      sql: 'update salesforce.contacts set age = $1 where id = $2 ; -- raw\n',
      values: ['1', 'c1'],
    },
  },
);

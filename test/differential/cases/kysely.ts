/** Kysely: lower case, everything quoted, aliases with `as`. */
import { generated, nodePostgres } from '../drivers.js';

export const kysely = generated(
  nodePostgres,
  {},
  {
    'insertInto, returning': {
      sql: 'insert into "salesforce"."contacts" ("first_name", "last_name", "age") values ($1, $2, $3) returning "id", "first_name"',
      values: ['Kay', 'See', '9'],
    },
    'insertInto, returningAll': {
      sql: 'insert into "salesforce"."contacts" ("first_name") values ($1), ($2) returning *',
      values: ['K1', 'K2'],
    },
    'insertInto, an expression': {
      sql: 'insert into "salesforce"."contacts" ("first_name", "email", "age") select $1 as "first_name", concat($2::text, \'@x.io\') as "email", (select max("age") from "salesforce"."contacts") + $3 as "age" returning "id", "email", "age"',
      values: ['Kex', 'kex', '1'],
    },
    'insertInto, defaultValues': 'insert into "salesforce"."contacts" default values returning "id"',
    'updateTable, an alias': {
      sql: 'update "salesforce"."contacts" as "c" set "age" = "c"."age" + $1, "vip" = not "c"."vip" where "c"."id" = $2 returning "c"."id", "c"."age" as "years", "c"."vip"',
      values: ['1', 'c1'],
    },
    'updateTable, from': {
      sql: 'update "salesforce"."contacts" as "c" set "last_name" = "a"."name", "age" = "a"."tier" from "salesforce"."accounts" as "a" where "a"."id" = "c"."account_id" and "c"."id" = $1 returning "c"."id", "a"."name" as "account"',
      values: ['c1'],
    },
    'updateTable, from values': {
      sql: 'update "salesforce"."contacts" as "c" set "age" = "v"."age" from (values ($1::text, $2::int4), ($3, $4)) as "v"("id", "age") where "v"."id" = "c"."id" returning "c"."id", "c"."age"',
      values: ['c1', '71', 'c2', '72'],
    },
    'updateTable, a tuple': {
      sql: 'update "salesforce"."contacts" set ("first_name", "last_name") = ("last_name", "first_name") where ("first_name", "last_name") in (($1, $2)) returning "first_name", "last_name"',
      values: ['Ann', 'Archer'],
    },
    'with, updateTable': {
      sql: 'with "old_ones" as (select "id" from "salesforce"."contacts" where "age" > $1) update "salesforce"."contacts" set "vip" = $2 where "id" in (select "id" from "old_ones") returning "id", (select count(*) from "old_ones") as "n"',
      values: ['40', 'true'],
    },
    'deleteFrom, using': {
      sql: 'delete from "salesforce"."contacts" using "salesforce"."accounts" where "accounts"."id" = "contacts"."account_id" and "accounts"."name" = $1 returning "contacts"."id"',
      values: ['Bolt'],
    },
    'deleteFrom, returning an aggregate sub-select': {
      sql: 'delete from "salesforce"."contacts" where "id" = $1 returning "id", (select count(*) from "local"."notes" where "notes"."contact_id" = "contacts"."id") as "notes"',
      values: ['c1'],
    },
    'where any': {
      sql: 'update "salesforce"."contacts" set "vip" = $1 where "id" = any($2) returning "id"',
      values: ['true', '{c1,c3}'],
    },
  },
);

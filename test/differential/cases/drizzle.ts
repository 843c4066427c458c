/** Drizzle: every column named, `default` for those not given; unqualified columns in RETURNING unless FROM is there. */
import { generated, nodePostgres } from '../drivers.js';

const columns = ['id', 'first_name', 'last_name', 'email', 'age', 'vip', 'extra', 'tags']
  .map((name) => `"${name}"`)
  .join(', ');

export const drizzle = generated(
  nodePostgres,
  {},
  {
    'insert, returning all': {
      sql: `insert into "salesforce"."contacts" (${columns}) values (default, $1, default, $2, $3, default, $4, $5) returning ${columns}`,
      values: ['Dee', 'dee@x.io', '28', '{"k":"v"}', '{"a","b c"}'],
    },
    'insert of several': {
      sql: `insert into "salesforce"."contacts" ("id", "first_name", "age") values (default, $1, $2), (default, $3, default), (default, default, default) returning "id", "age"`,
      values: ['One', '1', 'Two'],
    },
    'insert, on conflict do nothing': {
      sql: `insert into "salesforce"."contacts" ("id", "email") values (default, $1) on conflict do nothing returning "id"`,
      values: ['n@x.io'],
    },
    'insert of an existing key, on conflict do nothing': {
      sql: `insert into "salesforce"."contacts" ("id", "email") values ($1, $2) on conflict ("id") do nothing returning "id"`,
      values: ['c1', 'n@x.io'],
      sends: 0,
    },
    'insert from a select': {
      sql: `insert into "salesforce"."contacts" ("first_name", "email") select "first_name", "email" from "local"."staging" where "staging"."email" like $1 returning "id", "email"`,
      values: ['s%'],
    },
    update: {
      sql: `update "salesforce"."contacts" set "age" = $1, "email" = $2 where "salesforce"."contacts"."id" = $3 returning "id", "age", "email"`,
      values: ['50', 'd@x.io', 'c1'],
    },
    'update with sql': {
      sql: `update "salesforce"."contacts" set "age" = "salesforce"."contacts"."age" + 1, "first_name" = upper("salesforce"."contacts"."first_name") where ("salesforce"."contacts"."age" > $1 and "salesforce"."contacts"."email" is not null) returning "id", "first_name" as "firstName", "age"`,
      values: ['40'],
    },
    'update from': {
      sql: `update "salesforce"."contacts" set "last_name" = "salesforce"."accounts"."name" from "salesforce"."accounts" where ("salesforce"."accounts"."id" = "salesforce"."contacts"."account_id" and "salesforce"."accounts"."tier" = $1)`,
      values: ['1'],
    },
    'update from, returning both': {
      sql: `update "salesforce"."contacts" set "last_name" = "a"."name" from "salesforce"."accounts" "a" where "a"."id" = "salesforce"."contacts"."account_id" returning "salesforce"."contacts"."id", "salesforce"."contacts"."last_name", "a"."name", "a"."tier"`,
    },
    'delete, returning': {
      sql: `delete from "salesforce"."contacts" where "salesforce"."contacts"."id" in ($1, $2) returning "id", "first_name"`,
      values: ['c2', 'c3'],
    },
    'delete with a limit': {
      sql: `delete from "salesforce"."contacts" where "salesforce"."contacts"."id" in (select "id" from "salesforce"."contacts" order by "id" limit $1)`,
      values: ['2'],
    },
    'with, update': {
      sql: `with "sq" as (select avg("tier") as "mean" from "salesforce"."accounts") update "salesforce"."contacts" set "score" = (select * from "sq") where "salesforce"."contacts"."id" = $1 returning "id", "score"`,
      values: ['c1'],
    },
  },
);

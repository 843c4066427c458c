/**
 * INSERT … ON CONFLICT DO UPDATE: the plain table has the unique index, the synced one has it only in its API. By hand,
 * and as the ORMs write it.
 */
import * as fe from '../../protocol/raw/frontend.js';
import { type Case, conversation, queries, statement } from '../case.js';
import {
  asyncpg,
  generated,
  int4,
  jdbc,
  nodePostgres,
  pgx,
  psycopg,
  rubyPg,
  textOnly,
  tokioPostgres,
  varchar,
} from '../drivers.js';

const t = 'salesforce.members';
const set = 'DO UPDATE SET first_name = EXCLUDED.first_name, age = EXCLUDED.age';

const byHand: readonly Case[] = [
  ...statement(
    'a new row',
    `INSERT INTO ${t} (email, first_name, age) VALUES ('new@x.io', 'New', 1) ON CONFLICT (email) ${set} RETURNING *`,
  ),
  ...statement(
    'an existing row',
    `INSERT INTO ${t} (email, first_name, age) VALUES ('ann@x.io', 'Anna', NULL) ON CONFLICT (email) ${set} RETURNING *`,
  ),
  ...statement(
    'without RETURNING',
    `INSERT INTO ${t} (email, first_name, age) VALUES ('ann@x.io', 'Anna', 2) ON CONFLICT (email) ${set}`,
  ),
  ...statement(
    'new and existing rows, expressions',
    `INSERT INTO ${t} (email, first_name, age) VALUES ('bob@x.io', 'B', 1), ('n@x.io', 'N', 2), ('ann@x.io', 'A', 3)
     ON CONFLICT (email) ${set} RETURNING id, upper(first_name) AS big, age + 1 AS next, code, 'x' || email`,
  ),
  ...statement(
    'an integer key',
    `INSERT INTO ${t} (code, first_name, age) VALUES (2, 'Two', 2), (9, 'Nine', 9) ON CONFLICT (code) ${set} RETURNING *`,
  ),
  ...statement(
    'a numeric key of another scale',
    `INSERT INTO ${t} (balance, age) VALUES (10.5, 2), (7, 9) ON CONFLICT (balance) DO UPDATE SET age = EXCLUDED.age
     RETURNING id, age`,
  ),
  ...statement(
    'the key is set as well, row assignment, alias, comments',
    `INSERT INTO ${t} AS m (email, first_name, age) VALUES ('ann@x.io', 'A', 3) ON CONFLICT /* which */ ( "email" -- this
     ) DO UPDATE SET email = EXCLUDED.email, (first_name, age) = (EXCLUDED.first_name, EXCLUDED.age) RETURNING m.id, m.age`,
  ),
  ...statement(
    'only the key',
    `INSERT INTO ${t} (email) VALUES ('ann@x.io'), ('o@x.io') ON CONFLICT (email) DO UPDATE SET email = EXCLUDED.email RETURNING id, first_name`,
  ),
  ...statement(
    'SELECT, WITH',
    `WITH s AS (SELECT email, first_name, age FROM local.staging UNION ALL SELECT 'bob@x.io', 'Bobby', 43)
     INSERT INTO ${t} (email, first_name, age) SELECT * FROM s ORDER BY email DESC ON CONFLICT (email) ${set} RETURNING id, email, age`,
  ),
  ...statement(
    'no row',
    `INSERT INTO ${t} (email, first_name, age) SELECT 'x', 'y', 1 WHERE false ON CONFLICT (email) ${set} RETURNING *`,
    { sends: 0 },
  ),
  ...statement(
    'whether a row was inserted',
    `INSERT INTO ${t} (email, first_name, age) VALUES ('ann@x.io', 'A', 3), ('i@x.io', 'I', 4) ON CONFLICT (email) ${set}
     RETURNING email, xmax = 0 AS inserted`,
  ),
  ...statement(
    'OLD and NEW',
    `INSERT INTO ${t} (email, first_name, age) VALUES ('ann@x.io', 'A', 3), ('w@x.io', 'W', 4) ON CONFLICT (email) ${set}
     RETURNING old.first_name, new.first_name, old.age AS before, new.age AS after`,
    { since: 18 },
  ),
  ...statement(
    'the same new value twice',
    `INSERT INTO ${t} (email, first_name, age) VALUES ('t@x.io', 'A', 3), ('t@x.io', 'I', 4) ON CONFLICT (email) ${set}`,
    { sends: 0 },
  ),
  ...statement(
    'the same existing value twice',
    `INSERT INTO ${t} (email, first_name, age) VALUES ('ann@x.io', 'A', 3), ('ann@x.io', 'I', 4) ON CONFLICT (email) ${set}`,
    { sends: 0 },
  ),
  ...statement(
    'an unknown column in SET',
    `INSERT INTO ${t} (email, first_name) VALUES ('ann@x.io', 'A') ON CONFLICT (email) DO UPDATE SET first_name = EXCLUDED.first_name RETURNING nope`,
    { sends: 0 },
  ),
  ...statement(
    'a value of the wrong type',
    `INSERT INTO ${t} (email, first_name, age) VALUES ('ann@x.io', 'A', 'old') ON CONFLICT (email) ${set}`,
    { sends: 0 },
  ),
  ...statement(
    'a plain table of the same name has no such index',
    `INSERT INTO contacts (id, email) VALUES ('1', 'x') ON CONFLICT (email) DO UPDATE SET id = EXCLUDED.id`,
    { sends: 0, before: ['SET search_path TO local, salesforce'] },
  ),
  ...statement(
    'found by the search path',
    `INSERT INTO members (email, age) VALUES ('ann@x.io', 77) ON CONFLICT (email) DO UPDATE SET age = EXCLUDED.age RETURNING id`,
    { before: ['SET search_path TO local, salesforce'] },
  ),
  ...statement(
    'without the privilege to update',
    `INSERT INTO ${t} (email, first_name, age) VALUES ('ann@x.io', 'A', 3) ON CONFLICT (email) ${set}`,
    { sends: 0, before: ['SET ROLE insert_only'] },
  ),
  ...statement(
    'a new row that the policy allows',
    `INSERT INTO salesforce.shared (owner, slug) VALUES ('app', 'new') ON CONFLICT (slug) DO UPDATE SET owner = EXCLUDED.owner RETURNING *`,
  ),
  ...statement(
    'an existing row that the policy hides',
    `INSERT INTO salesforce.shared (owner, slug) VALUES ('app', 'theirs') ON CONFLICT (slug) DO UPDATE SET owner = EXCLUDED.owner`,
    { sends: 0 },
  ),
  ...statement(
    'a new row that the policy forbids',
    `INSERT INTO salesforce.shared (owner, slug) VALUES ('writer', 'new') ON CONFLICT (slug) DO UPDATE SET owner = EXCLUDED.owner`,
    { sends: 0 },
  ),
  ...statement(
    'odd names and letters',
    `INSERT INTO salesforce."Ödd ""keyed""" ("Schlüssel""", n) VALUES ('größer', 'ä'), ('日本', 'ö')
     ON CONFLICT ("Schlüssel""") DO UPDATE SET n = EXCLUDED.n RETURNING *, "Schlüssel""" || '!' AS größe`,
  ),
  ...statement(
    'odd names, an error behind the target',
    `INSERT INTO salesforce."Ödd ""keyed""" ("Schlüssel""", n) VALUES ('größer', 'ä')
     ON CONFLICT ("Schlüssel""") DO UPDATE SET n = EXCLUDED.n RETURNING nö`,
    { sends: 0 },
  ),
  queries(
    'in another encoding',
    [
      `INSERT INTO ${t} (email, age) VALUES ('é@x.io', 1) ON CONFLICT (email) DO UPDATE SET age = EXCLUDED.age RETURNING *`,
      `INSERT INTO ${t} (email, age) VALUES ('é@x.io', 2) ON CONFLICT (email) DO UPDATE SET age = EXCLUDED.age RETURNING *`,
    ],
    { sends: 2, params: [['client_encoding', 'LATIN1']] },
  ),
  queries('among other statements of a text', [
    `SELECT 1 AS one; INSERT INTO ${t} (email, age) VALUES ('ann@x.io', 5) ON CONFLICT (email) DO UPDATE SET age = EXCLUDED.age; SELECT age FROM ${t} WHERE email = 'ann@x.io'`,
  ]),
  queries(
    'PREPARE and EXECUTE',
    [
      `PREPARE up (text, int) AS INSERT INTO ${t} (email, age) VALUES ($1, $2) ON CONFLICT (email) DO UPDATE SET age = EXCLUDED.age RETURNING id, age`,
      `EXECUTE up ('ann@x.io', 1 + 1)`,
      `EXECUTE up ('p@x.io', 3)`,
      'EXECUTE up (1, 2, 3)',
      'DEALLOCATE up',
    ],
    { sends: 2 },
  ),
  conversation(
    'one named statement, several times',
    [
      [
        [
          fe.parse(
            `INSERT INTO ${t} (email, age) VALUES ($1, $2) ON CONFLICT (email) DO UPDATE SET age = EXCLUDED.age RETURNING id`,
            'u',
          ),
          fe.describe('S', 'u'),
          ...['ann@x.io', 'q@x.io'].flatMap((email, age) => [
            fe.bind({ statement: 'u', values: [email, String(age)] }),
            fe.execute(),
          ]),
          fe.sync,
        ],
        'Z',
      ],
      [[fe.bind({ statement: 'u', values: ['ann@x.io', '9'] }), fe.execute(), fe.sync], 'Z'],
    ],
    { sends: 3 },
  ),
];

const values = ['up@x.io', 'Up', '8'];
const existing = ['bob@x.io', 'Bob', '9'];
const columns = '"email", "first_name", "age"';

function each(driver: Parameters<typeof generated>[0], name: string, sql: string, given = [values, existing]) {
  return generated(
    driver,
    {},
    Object.fromEntries(given.map((row, i) => [`${name}${i === 0 ? '' : ', existing'}`, { sql, values: row }])),
  );
}

const merge = '"first_name" = excluded."first_name", "age" = excluded."age"';

const orms: readonly Case[] = [
  ...each(
    nodePostgres,
    'Knex onConflict().merge()',
    `insert into "salesforce"."members" (${columns}) values ($1, $2, $3) on conflict ("email") do update set "email" = excluded."email", ${merge} returning "id"`,
  ),
  ...each(
    nodePostgres,
    'Drizzle onConflictDoUpdate',
    `insert into "salesforce"."members" ("id", ${columns}, "code", "balance") values (default, $1, $2, $3, default, default) on conflict ("email") do update set "first_name" = excluded.first_name, "age" = excluded.age returning "id", "email"`,
  ),
  ...each(
    nodePostgres,
    'Kysely onConflict',
    `insert into "salesforce"."members" (${columns}) values ($1, $2, $3) on conflict ("email") do update set "first_name" = "excluded"."first_name", "age" = "excluded"."age" returning *`,
  ),
  ...each(
    nodePostgres,
    'TypeORM upsert',
    `INSERT INTO "salesforce"."members"("id", ${columns}, "code") VALUES (DEFAULT, $1, $2, $3, DEFAULT) ON CONFLICT ( "email" ) DO UPDATE SET "first_name" = EXCLUDED."first_name", "age" = EXCLUDED."age"  RETURNING "id"`,
  ),
  ...each(
    nodePostgres,
    'Sequelize upsert',
    `INSERT INTO "salesforce"."members" ("id","email","first_name","age") VALUES (DEFAULT,$1,$2,$3) ON CONFLICT ("email") DO UPDATE SET "email"=EXCLUDED."email","first_name"=EXCLUDED."first_name","age"=EXCLUDED."age" RETURNING "id","email";`,
  ),
  ...each(
    tokioPostgres,
    'a statement described first, in binary',
    `INSERT INTO ${t} (email, first_name) VALUES ($1, $2) ON CONFLICT (email) DO UPDATE SET first_name = EXCLUDED.first_name RETURNING id, age`,
    [
      ['up@x.io', 'Up'],
      ['bob@x.io', 'Bob'],
    ],
  ),
  ...generated(
    psycopg,
    {},
    {
      'SQLAlchemy on_conflict_do_update': {
        sql: 'INSERT INTO salesforce.members (email, age) VALUES ($1::VARCHAR, $2::INTEGER) ON CONFLICT (email) DO UPDATE SET age = excluded.age RETURNING salesforce.members.id',
        values: [varchar('ann@x.io'), int4(8)],
      },
    },
  ),
  ...generated(
    textOnly,
    {},
    {
      'Django bulk_create(update_conflicts)': `INSERT INTO "salesforce"."members" (${columns}) VALUES ('dj@x.io', 'D', 1), ('ann@x.io', 'A', NULL) ON CONFLICT("email") DO UPDATE SET "first_name" = EXCLUDED."first_name", "age" = EXCLUDED."age" RETURNING "salesforce"."members"."id"`,
      'ActiveRecord upsert_all': `INSERT INTO "salesforce"."members" ("email","first_name") VALUES ('ar@x.io', 'R'), ('bob@x.io', 'S') ON CONFLICT ("email") DO UPDATE SET "first_name"=excluded."first_name" RETURNING "id"`,
    },
  ),
  ...each(
    asyncpg,
    'asyncpg',
    `INSERT INTO ${t} (email, first_name) VALUES ($1, $2) ON CONFLICT (email) DO UPDATE SET first_name = EXCLUDED.first_name RETURNING id`,
    [
      ['up@x.io', 'Up'],
      ['bob@x.io', 'Bob'],
    ],
  ),
  ...generated(
    rubyPg,
    {},
    {
      'ruby-pg, prepared': {
        sql: `INSERT INTO ${t} (email, first_name) VALUES ($1, $2) ON CONFLICT (email) DO UPDATE SET first_name = EXCLUDED.first_name`,
        values: ['up@x.io', 'Up'],
      },
    },
  ),
  ...generated(
    pgx,
    {},
    {
      pgx: {
        sql: `insert into ${t} (email, first_name) values ($1, $2) on conflict (email) do update set first_name = excluded.first_name returning id, email`,
        values: ['bob@x.io', 'Bob'],
      },
    },
  ),
  ...generated(
    jdbc,
    { differs: 'warns in a block' },
    {
      'Hibernate on conflict': {
        sql: `insert into ${t} as m1_0 (email,first_name) values ($1,$2) on conflict(email) do update set first_name=excluded.first_name`,
        values: [varchar('ann@x.io'), varchar('Anna')],
      },
    },
  ),
];

export const upserts: readonly Case[] = [...byHand, ...orms];

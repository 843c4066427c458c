/** Statements as clients write them, over the tables of `schema`. */
import { type Fixture, one } from './fixture.js';
import { handWritten } from './statements-by-hand.js';

export const schema = `
  CREATE SCHEMA salesforce;
  CREATE TYPE address AS (street text, city text);
  CREATE TABLE salesforce.contacts (
    id text PRIMARY KEY DEFAULT gen_random_uuid()::text, first_name text, last_name text, email text UNIQUE, note text,
    age integer, score numeric, tags text[], meta jsonb, home address, active boolean, account_id text,
    updated_at timestamptz, "größe" integer, "Odd.""Name" text, "returning" text);
  CREATE TABLE salesforce.accounts (id text PRIMARY KEY, name text, owner text);
  CREATE TABLE salesforce."My ""Odd"" Table.v2" (id text PRIMARY KEY, "select" text);
  CREATE TABLE staging (id text, first_name text, email text, batch integer);
  CREATE TABLE "User" (id serial PRIMARY KEY, email text, name text, "createdAt" timestamptz);
`;

const prisma = [
  one(
    'Prisma create',
    'insert salesforce.contacts',
    'INSERT INTO "salesforce"."contacts" ("id","email","first_name") VALUES ($1,$2,$3) RETURNING "salesforce"."contacts"."id", "salesforce"."contacts"."email", "salesforce"."contacts"."first_name"',
  ),
  one(
    'Prisma createMany skipDuplicates',
    'insert salesforce.contacts',
    'INSERT INTO "salesforce"."contacts" ("email","first_name") VALUES ($1,$2), ($3,DEFAULT) ON CONFLICT DO NOTHING',
  ),
  one(
    'Prisma update',
    'update salesforce.contacts',
    'UPDATE "salesforce"."contacts" SET "email" = $1, "updated_at" = $2 WHERE ("salesforce"."contacts"."id" = $3 AND 1=1) RETURNING "salesforce"."contacts"."id", "salesforce"."contacts"."email"',
  ),
  one(
    'Prisma deleteMany',
    'delete salesforce.contacts',
    'DELETE FROM "salesforce"."contacts" WHERE ("salesforce"."contacts"."id" IN ($1,$2) AND 1=1)',
  ),
  one(
    'Prisma upsert',
    'insert salesforce.contacts',
    'INSERT INTO "salesforce"."contacts" ("id","email") VALUES ($1,$2) ON CONFLICT ("email") DO UPDATE SET "first_name" = $3 WHERE ("salesforce"."contacts"."email" = $4 AND 1=1) RETURNING "salesforce"."contacts"."id"',
  ),
];

const drizzle = [
  one(
    'Drizzle insert',
    'insert salesforce.contacts',
    'insert into "salesforce"."contacts" ("id", "first_name", "email") values (default, $1, $2) returning "id"',
  ),
  one(
    'Drizzle update',
    'update salesforce.contacts',
    'update "salesforce"."contacts" set "note" = $1, "score" = "contacts"."score" + 1 where "contacts"."id" = $2 returning "id", "score"',
  ),
  one(
    'Drizzle update from',
    'update salesforce.contacts',
    'update "salesforce"."contacts" set "account_id" = "accounts"."id" from "salesforce"."accounts" where ("accounts"."owner" = $1) returning "contacts"."id", "accounts"."name"',
  ),
  one(
    'Drizzle with',
    'delete salesforce.contacts',
    'with "stale" as (select "id" from "salesforce"."contacts" where "updated_at" < $1) delete from "salesforce"."contacts" where "contacts"."id" in (select "id" from "stale") returning "id"',
  ),
];

const kyselyAndKnex = [
  one(
    'Kysely insert',
    'insert salesforce.contacts',
    'insert into "salesforce"."contacts" ("first_name", "tags") values ($1, $2), ($3, $4) on conflict ("email") do update set "first_name" = "excluded"."first_name" returning *',
  ),
  one(
    'Kysely update from',
    'update salesforce.contacts as c',
    'update "salesforce"."contacts" as "c" set "note" = "s"."first_name" from "staging" as "s" where "s"."id" = "c"."id" returning "c"."id", "s"."batch"',
  ),
  one(
    'Kysely delete using',
    'delete salesforce.contacts',
    'delete from "salesforce"."contacts" using "staging" inner join "salesforce"."accounts" as "a" on "a"."id" = "staging"."id" where "contacts"."id" = "staging"."id" returning "contacts".*, "a"."name"',
  ),
  one(
    'Knex insert',
    'insert salesforce.contacts',
    'insert into "salesforce"."contacts" ("email", "first_name") values ($1, DEFAULT), (DEFAULT, $2) returning "id"',
  ),
  one('Knex del', 'delete salesforce.contacts', 'delete from "salesforce"."contacts" where "id" = $1 returning "id"'),
  one(
    'Knex update from raw',
    'update salesforce.contacts',
    'update "salesforce"."contacts" set "note" = $1 where "email" like \'%update%returning%\' or "email" = E\'it\\\'s\' returning "id", "email" as "returning"',
  ),
];

const objectMappers = [
  one(
    'TypeORM insert',
    'insert salesforce.contacts',
    'INSERT INTO "salesforce"."contacts"("id", "first_name", "meta", "updated_at") VALUES (DEFAULT, $1, $2, DEFAULT) RETURNING "id", "updated_at"',
  ),
  one(
    'TypeORM update',
    'update salesforce.contacts',
    'UPDATE "salesforce"."contacts" SET "first_name" = $2, "updated_at" = CURRENT_TIMESTAMP WHERE "id" IN ($1) RETURNING "updated_at"',
  ),
  one(
    'Sequelize create',
    'insert salesforce.contacts',
    'INSERT INTO "salesforce"."contacts" ("id","email") VALUES (DEFAULT,$1) RETURNING "id","email";',
  ),
  one(
    'Sequelize destroy',
    'delete salesforce.contacts',
    'DELETE FROM "salesforce"."contacts" WHERE "id" IN (SELECT "id" FROM "salesforce"."contacts" WHERE "email" = \'a\' LIMIT 1)',
  ),
  one(
    'SQLAlchemy insertmanyvalues',
    'insert salesforce.contacts',
    "INSERT INTO salesforce.contacts (first_name, age) SELECT p0::VARCHAR, p1::INTEGER FROM (VALUES ('a', 1, 0), ('b', 2, 1)) AS imp_sen(p0, p1, sen_counter) ORDER BY sen_counter RETURNING salesforce.contacts.id, salesforce.contacts.id AS id__1",
  ),
  one(
    'SQLAlchemy update',
    'update salesforce.contacts',
    'UPDATE salesforce.contacts SET first_name=$1::VARCHAR, age=(salesforce.contacts.age + $2::INTEGER) WHERE salesforce.contacts.id = $3::VARCHAR RETURNING salesforce.contacts.id',
  ),
  one(
    'Django insert',
    'insert salesforce.contacts',
    'INSERT INTO "salesforce"."contacts" ("first_name", "email") VALUES (\'Paul\', \'p@dune.co\') RETURNING "salesforce"."contacts"."id"',
  ),
  one(
    'Django update',
    'update salesforce.contacts',
    'UPDATE "salesforce"."contacts" SET "score" = ("salesforce"."contacts"."score" * 1.1) WHERE "salesforce"."contacts"."id" IN (SELECT U0."id" FROM "salesforce"."accounts" U0)',
  ),
  one(
    'ActiveRecord insert_all',
    'insert salesforce.contacts',
    'INSERT INTO "salesforce"."contacts" ("email","first_name") VALUES (\'a\', \'b\') ON CONFLICT  DO NOTHING RETURNING "id" /*application:Crm,controller:contacts*/',
  ),
  one(
    'ActiveRecord update',
    'update salesforce.contacts',
    'UPDATE "salesforce"."contacts" SET "note" = $1, "updated_at" = $2 WHERE "salesforce"."contacts"."id" = $3',
  ),
  one(
    'Hibernate insert',
    'insert salesforce.contacts',
    '/* insert for crm.Contact */insert into salesforce.contacts (email,first_name,id) values ($1,$2,$3)',
  ),
  one(
    'Hibernate update with optimistic lock',
    'update salesforce.contacts as c1_0',
    'update salesforce.contacts c1_0 set age=$1,note=null where c1_0.id=$2 and c1_0.age=$3',
  ),
  one(
    'pgx',
    'insert salesforce.contacts',
    'INSERT INTO salesforce.contacts\n\t(first_name, tags)\nVALUES\n\t($1, $2::text[])\nRETURNING\n\tid,\n\t-- name: the display name\n\tfirst_name\n',
  ),
  one(
    'sqlc',
    'update salesforce.contacts',
    '-- name: UpdateContact :one\nUPDATE salesforce.contacts\nSET note = COALESCE($1, note) -- keep\nWHERE id = $2\nRETURNING *',
  ),
];

const others = [
  one(
    'EXPLAIN',
    'explain insert salesforce.accounts',
    "EXPLAIN INSERT INTO salesforce.accounts VALUES ('1') RETURNING id",
  ),
  one(
    'EXPLAIN',
    'explain analyze update salesforce.accounts',
    'EXPLAIN (VERBOSE, ANALYZE, FORMAT JSON) UPDATE salesforce.accounts SET name = $1',
  ),
  one(
    'EXPLAIN',
    'explain analyze delete salesforce.accounts',
    'explain analyze verbose delete from salesforce.accounts',
  ),
  one(
    'EXPLAIN',
    'explain delete salesforce.accounts',
    'EXPLAIN (ANALYZE on, ANALYZE 0) WITH x AS (SELECT 1) DELETE FROM salesforce.accounts',
  ),
  one('EXPLAIN', 'explain analyze delete salesforce.accounts', 'EXPLAIN (ANALYZE 1) DELETE FROM salesforce.accounts'),
  one('EXPLAIN', 'other', 'EXPLAIN MERGE INTO salesforce.accounts USING staging s ON false WHEN MATCHED THEN DELETE'),
  one(
    'EXPLAIN',
    'unsplittable MERGE: salesforce.accounts',
    'EXPLAIN ANALYZE MERGE INTO salesforce.accounts USING staging s ON false WHEN MATCHED THEN DELETE',
  ),
  one('EXPLAIN', 'other', 'EXPLAIN ANALYZE SELECT 1'),
  one(
    'COPY',
    'copyFrom salesforce.contacts(id,note) stdin',
    'COPY salesforce.contacts (id, note) FROM STDIN WITH (FORMAT csv)',
  ),
  one('COPY', 'copyFrom salesforce.contacts stdin', 'copy salesforce.contacts from stdin;'),
  one('COPY', 'copyFrom salesforce.contacts', "COPY salesforce.contacts FROM '/data/x.csv'"),
  one('COPY', 'copyFrom salesforce.contacts', "COPY salesforce.contacts FROM PROGRAM 'cat'"),
  one('COPY', 'other', 'COPY (SELECT * FROM salesforce.contacts) TO STDOUT'),
  one(
    'COPY',
    'unsplittable COPY of a data-modifying query: salesforce.contacts',
    'COPY (DELETE FROM salesforce.contacts RETURNING *) TO STDOUT',
  ),
  one(
    'PREPARE',
    'prepare "ins" insert salesforce.accounts',
    "PREPARE ins (text, int) AS INSERT INTO salesforce.accounts VALUES ($1, 'x') RETURNING id",
  ),
  one(
    'PREPARE',
    'prepare "update" update salesforce.accounts',
    'PREPARE update AS UPDATE salesforce.accounts SET name = $1',
  ),
  one('PREPARE', 'other', 'PREPARE q AS SELECT * FROM salesforce.accounts'),
  one(
    'PREPARE',
    'unsplittable MERGE: salesforce.accounts',
    'PREPARE m AS MERGE INTO salesforce.accounts USING staging s ON false WHEN MATCHED THEN DELETE',
  ),
  one('EXECUTE', 'execute "ins" (1, \'a)\', f(2))', "EXECUTE ins /* ( */ (1, 'a)', f(2)) -- )"),
  one('EXECUTE', 'execute "My Plan"', 'execute "My Plan";'),
  one('DEALLOCATE', 'deallocate "x"', 'DEALLOCATE PREPARE x'),
  one('DEALLOCATE', 'deallocate all', 'DEALLOCATE ALL'),
  one('DEALLOCATE', 'deallocate all', 'DISCARD ALL'),
  one('DEALLOCATE', 'other', 'DISCARD PLANS'),
  one(
    'MERGE',
    'unsplittable MERGE: salesforce.contacts',
    'MERGE INTO salesforce.contacts c USING staging s ON s.id = c.id WHEN MATCHED THEN UPDATE SET note = s.email WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)',
  ),
  one(
    'TRUNCATE',
    'unsplittable TRUNCATE: salesforce.contacts, staging',
    'TRUNCATE TABLE salesforce.contacts, ONLY staging, staging CASCADE',
  ),
  one(
    'WITH',
    'unsplittable a data-modifying WITH: salesforce.contacts',
    'WITH gone AS (DELETE FROM salesforce.contacts RETURNING *) SELECT * FROM gone',
  ),
  one(
    'WITH',
    'unsplittable a data-modifying WITH: staging, salesforce.contacts',
    'WITH gone AS (DELETE FROM salesforce.contacts RETURNING *) INSERT INTO staging SELECT id FROM gone',
  ),
  one(
    'WITH',
    'unsplittable a data-modifying WITH: salesforce.accounts, staging, salesforce.contacts',
    'WITH a AS (INSERT INTO staging VALUES (1)), b AS (UPDATE salesforce.contacts SET note = 1 RETURNING 1) DELETE FROM salesforce.accounts',
  ),
  one(
    'WITH',
    'unsplittable a data-modifying WITH: salesforce.contacts',
    'CREATE TABLE t AS WITH x AS (DELETE FROM salesforce.contacts RETURNING *) SELECT * FROM x',
  ),
  one(
    'WITH',
    'unsplittable a data-modifying WITH: staging, salesforce.contacts',
    'INSERT INTO staging (WITH x AS (DELETE FROM salesforce.contacts RETURNING id) SELECT id FROM x)',
  ),
  one('DDL', 'other', 'CREATE RULE r AS ON INSERT TO staging DO ALSO DELETE FROM salesforce.contacts'),
  one('DDL', 'other', 'CREATE FUNCTION f() RETURNS void BEGIN ATOMIC INSERT INTO salesforce.accounts VALUES (1); END'),
  one('DDL', 'other', 'CREATE TRIGGER t BEFORE INSERT OR UPDATE ON staging FOR EACH ROW EXECUTE FUNCTION f()'),
  one('reads', 'other', 'SELECT * FROM salesforce.contacts FOR UPDATE'),
  one('reads', 'other', 'DECLARE c CURSOR FOR SELECT * FROM salesforce.contacts FOR UPDATE'),
  one('blocks', 'other', 'DO $$ BEGIN DELETE FROM salesforce.contacts; END $$'),
];

const several: readonly Fixture[] = [
  { by: 'empty', sql: '', is: [] },
  { by: 'empty', sql: ' ;; -- nothing\n ; /* ; */', is: [] },
  {
    by: 'several',
    sql: "BEGIN; INSERT INTO salesforce.accounts VALUES ('1;2'); ;; -- ; é\n UPDATE staging SET batch = 1 RETURNING id; COMMIT;",
    is: ['begin', 'insert salesforce.accounts', 'update staging', 'commit'],
  },
  {
    by: 'transaction control',
    sql: "START TRANSACTION ISOLATION LEVEL SERIALIZABLE; SAVEPOINT a; RELEASE a; ROLLBACK TO SAVEPOINT a; ABORT; END; PREPARE TRANSACTION 'x'; COMMIT PREPARED 'x'; ROLLBACK PREPARED 'x'; COMMIT AND CHAIN",
    is: [
      'begin',
      'savepoint',
      'release',
      'rollback to',
      'rollback',
      'commit',
      'prepare transaction',
      'commit prepared',
      'rollback prepared',
      'commit',
    ],
  },
];

export const fixtures: readonly Fixture[] = [
  ...prisma,
  ...drizzle,
  ...kyselyAndKnex,
  ...objectMappers,
  ...handWritten,
  ...others,
  ...several,
];

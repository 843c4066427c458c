/** The tables of the differential suite: synced ones, the plain ones beside them, and what is in them before a case. */
import type { Column, ColumnType, Resource } from '../../src/provider/index.js';

const written = { nullable: true, insertable: true, updatable: true };

function column(name: string, type: ColumnType = 'text'): Column {
  return { ...written, name, field: name, type };
}

/** The API finds records by it. */
function unique(name: string, type: ColumnType = 'text'): Column {
  return { ...column(name, type), upsertKey: true };
}

function resource(name: string, key: string, columns: readonly Column[]): Resource {
  const upserts = columns.some((each) => each.upsertKey === true);
  return {
    name,
    object: name,
    key,
    columns: [{ ...column(key), nullable: false, insertable: false, updatable: false }, ...columns],
    writes: {
      insert: { max: 200, ceiling: 200, atomic: true },
      update: { max: 200, ceiling: 200, atomic: true },
      delete: { max: 200, ceiling: 200, atomic: true },
      ...(upserts ? { upsert: { max: 200, ceiling: 200, atomic: true, keyColumns: 2 } } : {}),
    },
    pull: { incremental: true, deletions: 'listed' },
  };
}

/** Names that need quotes, and some that are not ASCII. */
export const oddTable = 'Ünïcode Tab"le';

export const oddKeyed = 'Ödd "keyed"';

/** The synced tables, in the schema `salesforce`. */
export const resources: readonly Resource[] = [
  resource('contacts', 'id', [
    column('first_name'),
    column('last_name'),
    column('email'),
    column('age', 'integer'),
    column('big', 'bigint'),
    column('score', 'double precision'),
    column('balance', 'numeric'),
    column('vip', 'boolean'),
    column('born', 'date'),
    column('wakes', 'time'),
    column('created_at', 'timestamptz'),
    column('updated_at', 'timestamptz'),
    column('photo', 'bytea'),
    column('extra', 'jsonb'),
    column('tags', 'text[]'),
    column('account_id'),
  ]),
  resource('accounts', 'id', [column('name'), column('tier', 'integer'), column('owner')]),
  resource(oddTable, 'Id', [
    column('createdAt', 'timestamptz'),
    column('naïve'),
    column('select'),
    column('we"ird'),
    column('Größe', 'integer'),
    column('日本'),
    column('old'),
  ]),
  resource('restricted', 'id', [column('name'), column('secret'), column('amount', 'integer')]),
  resource('owned', 'id', [column('owner'), column('note')]),
  resource('members', 'id', [
    unique('email'),
    unique('code', 'integer'),
    unique('balance', 'numeric'),
    column('first_name'),
    column('age', 'integer'),
  ]),
  resource('shared', 'id', [column('owner'), unique('slug')]),
  resource(oddKeyed, 'Id', [unique('Schlüssel"'), column('n')]),
];

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** On the plain side; the synced one has it in its API. */
export const uniqueIndexes: readonly string[] = resources.flatMap(({ name, columns }) =>
  columns
    .filter((each) => each.upsertKey === true)
    .map((each) => `CREATE UNIQUE INDEX ON salesforce.${quoted(name)} (${quoted(each.name)})`),
);

/** Keys that the API and the plain table hand out: eighteen characters, as long as Salesforce's. */
export function generatedKey(serial: number): string {
  return `003${String(serial).padStart(15, '0')}`;
}

/** Made once in either database by the owner of the tables: what statements use besides synced tables. */
export const fixtures: readonly string[] = [
  'CREATE SCHEMA IF NOT EXISTS local',
  'GRANT USAGE ON SCHEMA local TO PUBLIC',
  'CREATE TABLE local.notes (n integer PRIMARY KEY, contact_id text, note text)',
  'CREATE TABLE local.staging (email text, first_name text, age integer, at timestamp)',
  'CREATE TABLE local.audit (what text)',
  'CREATE TABLE local.contacts (id text, email text)',
  'GRANT ALL ON local.notes, local.staging, local.audit, local.contacts TO PUBLIC',
  "CREATE TYPE local.mood AS ENUM ('low', 'high')",
  'CREATE DOMAIN local.short AS text CHECK (length(VALUE) <= 5)',
  `CREATE FUNCTION local.shout(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(t) || ''!'''`,
  `CREATE FUNCTION local.tell(t text) RETURNS text LANGUAGE plpgsql AS
     $$ BEGIN RAISE NOTICE 'told %', t USING DETAIL = 'a detail', HINT = 'a hint'; RETURN t; END $$`,
  `CREATE FUNCTION local.fail(t text) RETURNS text LANGUAGE plpgsql AS
     $$ BEGIN RAISE EXCEPTION 'failed on %', t USING ERRCODE = 'UX001', DETAIL = 'why', HINT = 'what to do', COLUMN = 'c'; END $$`,
  'REVOKE ALL ON salesforce.restricted FROM PUBLIC',
  'REVOKE ALL ON salesforce.restricted FROM app',
  'GRANT SELECT, UPDATE (name, amount) ON salesforce.restricted TO app',
  'GRANT ALL ON salesforce.restricted TO writer',
  'GRANT INSERT ON salesforce.restricted TO insert_only',
  'ALTER TABLE salesforce.owned ENABLE ROW LEVEL SECURITY',
  'CREATE POLICY own ON salesforce.owned USING (owner = current_user) WITH CHECK (owner = current_user)',
  'REVOKE ALL ON salesforce.members FROM PUBLIC',
  'GRANT ALL ON salesforce.members TO app',
  'GRANT SELECT, INSERT ON salesforce.members TO insert_only',
  'ALTER TABLE salesforce.shared ENABLE ROW LEVEL SECURITY',
  'CREATE POLICY own ON salesforce.shared USING (owner = current_user) WITH CHECK (owner = current_user)',
];

const contacts = `INSERT INTO salesforce.contacts VALUES
  ('c1', 'Ann', 'Archer', 'ann@x.io', 31, 9007199254740993, 1.5, 10.50, true, '1990-02-28', '06:30:00',
   '2020-01-01 10:00:00+00', NULL, '\\x00ff10', '{"a": 1, "b": [1, 2]}', '{red,green}', 'a1'),
  ('c2', 'Bob', 'Baker', 'bob@x.io', 42, -1, -0.1, 0, false, '1980-12-31', '23:59:59.5',
   '2021-06-15 12:30:45.123456+00', '2022-01-01 00:00:00+00', NULL, '[]', '{}', 'a1'),
  ('c3', 'Çelik', 'O''Neil', 'ç@x.io', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'a2'),
  ('c4', '', 'D\\E"F', NULL, 0, 0, 0, 12345678901234567890.123456789, true, '0044-03-15 BC', '00:00:00',
   '1999-12-31 23:59:59.999999+00', '9999-12-31 00:00:00+00', '\\x', 'null', '{"with \\"quotes\\"",NULL,"a,b"}', NULL),
  ('c5', 'Eve', 'Evans', 'eve@x.io', 42, 1, 2.25, 99.99, false, '2000-01-01', '12:00:00',
   '2023-03-26 01:30:00+00', NULL, NULL, '{"n": 1.0}', '{x}', 'a2')`;

const odd = '"salesforce"."Ünïcode Tab""le"';

/** Puts the same rows into either database, in place of whatever a case has left. */
export const seeds: readonly string[] = [
  `TRUNCATE salesforce.contacts, salesforce.accounts, ${odd}, salesforce.restricted, salesforce.owned`,
  `TRUNCATE salesforce.members, salesforce.shared, salesforce.${quoted(oddKeyed)}`,
  `INSERT INTO salesforce.${quoted(oddKeyed)} VALUES ('k1', 'größer', 'alt')`,
  `INSERT INTO salesforce.members VALUES ('m1', 'ann@x.io', 1, 10.50, 'Ann', 31), ('m2', 'bob@x.io', 2, 0, 'Bob', 42)`,
  `INSERT INTO salesforce.shared VALUES ('s1', 'app', 'mine'), ('s2', 'writer', 'theirs')`,
  contacts,
  `INSERT INTO salesforce.accounts VALUES ('a1', 'Acme', 1, 'app'), ('a2', 'Bolt', 2, 'writer')`,
  `INSERT INTO ${odd} VALUES ('o1', '2020-02-02 02:02:02+00', 'näif', 'sel', 'odd', 7, '東京', 'former')`,
  `INSERT INTO salesforce.restricted VALUES ('r1', 'one', 'hush', 10), ('r2', 'two', 'hush', 20)`,
  `INSERT INTO salesforce.owned VALUES ('w1', 'app', 'mine'), ('w2', 'writer', 'theirs')`,
  'TRUNCATE local.notes, local.staging, local.audit, local.contacts',
  `INSERT INTO local.notes VALUES (1, 'c1', 'first'), (2, 'c2', 'second'), (3, 'c5', NULL)`,
  `INSERT INTO local.staging VALUES ('s1@x.io', 'Sam', 20, '2020-05-05 05:05'), ('s2@x.io', 'Sue', NULL, NULL)`,
];

/** What a database holds after a case, as rows of text. */
export const contents = [
  'salesforce.contacts',
  'salesforce.accounts',
  odd,
  'salesforce.restricted',
  'salesforce.owned',
  'salesforce.members',
  'salesforce.shared',
  `salesforce.${quoted(oddKeyed)}`,
  'local.notes',
  'local.staging',
  'local.audit',
]
  .map((name) => `SELECT '${name.replaceAll('"', '')}: ' || to_jsonb(t)::text AS line FROM ${name} AS t`)
  .join(' UNION ALL ');

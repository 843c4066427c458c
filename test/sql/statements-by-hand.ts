/** Statements as people write them, and texts that are hard to cut up. */
import { type Fixture, one } from './fixture.js';

const byHand = [
  one(
    'the source document',
    'insert salesforce.contacts',
    "insert into salesforce.contacts (first_name, last_name, email)\nvalues ('Paul', 'Atreides', 'paul.atreides@caladan.io')\nreturning id;",
  ),
  one('psql', 'insert salesforce.contacts', 'INSERT INTO salesforce.contacts DEFAULT VALUES'),
  one('psql', 'insert salesforce.contacts', 'insert into salesforce.contacts default values returning (id), note;'),
  one(
    'psql',
    'insert salesforce.accounts',
    "INSERT INTO salesforce.accounts VALUES ('1', 'a', DEFAULT), ('2', DEFAULT, 'b')",
  ),
  one(
    'psql',
    'insert salesforce.contacts as c',
    'INSERT INTO salesforce.contacts AS c (id) SELECT id FROM staging RETURNING c.id',
  ),
  one('psql', 'insert salesforce.accounts', 'INSERT INTO salesforce.accounts (id) OVERRIDING SYSTEM VALUE VALUES (1)'),
  one(
    'psql',
    'insert salesforce.accounts',
    "INSERT INTO salesforce.accounts (id) (VALUES ('1'), ('2') LIMIT 1) RETURNING id",
  ),
  one(
    'psql',
    'insert salesforce.accounts',
    'INSERT INTO salesforce.accounts (id) SELECT 1 AS returning UNION SELECT 2 AS insert RETURNING id AS returning',
  ),
  one(
    'psql',
    'insert salesforce.accounts as a',
    "INSERT INTO salesforce.accounts AS a VALUES ('1') ON CONFLICT (id) DO UPDATE SET (name, owner) = (excluded.name, 'x'), id = EXCLUDED . id WHERE a.name IS NULL RETURNING a.*",
  ),
  one(
    'psql',
    'insert salesforce.accounts',
    "INSERT INTO salesforce.accounts VALUES ('1') ON CONFLICT ON CONSTRAINT accounts_pkey DO NOTHING",
  ),
  one(
    'psql',
    'insert salesforce.accounts',
    "INSERT INTO salesforce.accounts VALUES ('1') ON CONFLICT (lower(id)) DO NOTHING -- the end",
  ),
  one(
    'psql',
    'update salesforce.contacts',
    "UPDATE ONLY (salesforce.contacts) SET (first_name, last_name) = ('a', DEFAULT), (note, email) = (SELECT id, email FROM staging LIMIT 1)",
  ),
  one(
    'psql',
    'update salesforce.contacts',
    "UPDATE salesforce.contacts * SET tags[1] = 'x', tags[2:3] = '{y,z}', home.city = 'Arrakeen' RETURNING tags[1], (home).city",
  ),
  one(
    'psql',
    'update salesforce.contacts as returned',
    'UPDATE salesforce.contacts returned SET note = returned.returning RETURNING returned.returning',
  ),
  one(
    'psql',
    'update salesforce.contacts as c',
    "UPDATE salesforce.contacts c SET note = x.v FROM (VALUES ('1', 'a')) AS x(id, v), LATERAL (SELECT 1 AS n) l, unnest(ARRAY['a']) WITH ORDINALITY AS t(tag, n) WHERE x.id = c.id RETURNING c.id, x.v, l.n, t.tag",
  ),
  one(
    'psql',
    'update salesforce.contacts',
    'UPDATE salesforce.contacts SET note = s.email FROM (staging s JOIN salesforce.accounts USING (id)) LEFT JOIN "User" u ON u.name = s.email RETURNING salesforce.contacts.id, salesforce.accounts.name, u."createdAt"',
  ),
  one(
    'psql',
    'update salesforce.contacts',
    'UPDATE salesforce.contacts SET note = 1 WHERE CURRENT OF "My Cursor" RETURNING ctid, xmin, contacts.tableoid',
  ),
  one('psql', 'delete salesforce.contacts', 'DELETE FROM salesforce.contacts WHERE CURRENT OF c'),
  one(
    'psql',
    'delete salesforce.contacts as c',
    'DELETE FROM ONLY salesforce.contacts AS c USING salesforce.accounts a WHERE a.id = c.account_id AND EXISTS (SELECT FROM staging WHERE staging.id = c.id)',
  ),
  one('psql', 'delete contacts', 'DELETE FROM contacts'),
  one(
    'psql 18',
    'update salesforce.contacts',
    'UPDATE salesforce.contacts SET age = age + 1 RETURNING old.age, new.age, old.*',
    { since: 18 },
  ),
  one(
    'psql 18',
    'update salesforce.contacts as c',
    'UPDATE salesforce.contacts c SET age = 1 RETURNING WITH (OLD AS o, NEW AS "n n") o.age, "n n".age, c.id',
    { since: 18 },
  ),
  one(
    'psql 18',
    'insert salesforce.accounts',
    "INSERT INTO salesforce.accounts VALUES ('1') ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING WITH (NEW AS fresh) /* RETURNING x */ fresh.id, (SELECT old.name)",
    { since: 18 },
  ),
  one(
    'psql',
    'update salesforce.contacts',
    'WITH RECURSIVE update(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM update WHERE n < 3) UPDATE salesforce.contacts SET age = (SELECT max(n) FROM update) RETURNING id, (SELECT count(*) FROM update)',
  ),
  one(
    'psql',
    'insert salesforce.contacts',
    "WITH delete AS MATERIALIZED (SELECT 'x' AS id), insert AS (SELECT * FROM delete) INSERT INTO salesforce.contacts (id) SELECT id FROM insert RETURNING *",
  ),
  one(
    'psql',
    'delete salesforce.contacts',
    '/* leading /* nested */ -- */ -- line\n\n  DELETE /*! */ FROM -- x\n salesforce.contacts -- trailing',
  ),
];

const awkwardText = [
  one(
    'quoted names',
    'insert salesforce."My ""Odd"" Table.v2"',
    `INSERT INTO salesforce."My ""Odd"" Table.v2" ("select") VALUES ('RETURNING') RETURNING salesforce."My ""Odd"" Table.v2"."select", salesforce . /* dot . */ "My ""Odd"" Table.v2" . id`,
  ),
  one(
    'quoted names',
    'update salesforce.contacts',
    `UPDATE "salesforce" . "contacts" SET "Odd.""Name" = 'update' RETURNING "Odd.""Name", "returning"`,
  ),
  one(
    'unicode names',
    'update salesforce.contacts',
    `UPDATE U&"sales\\0066orce".contacts SET U&"gr!00f6!00dfe" UESCAPE '!' = 1 RETURNING U&"sales\\0066orce"."contacts".id, größe`,
  ),
  one(
    'non-ASCII text in front',
    'update salesforce.contacts',
    `/* ünïcödé — 漢字 🚀 */ UPDATE salesforce.contacts SET größe = 1, note = '漢字 returning 🚀' WHERE "größe" > 0 /* é */ RETURNING größe, 'ß' AS "ß", salesforce.contacts.größe`,
  ),
  one(
    'dollar quotes',
    'insert salesforce.contacts',
    "INSERT INTO salesforce.contacts (note) VALUES ($$it's; DELETE FROM x RETURNING $1$$), ($tag$ $$ ) RETURNING ( $tag$), ($été$x$été$) RETURNING id",
  ),
  one(
    'escape strings',
    'insert salesforce.contacts',
    "INSERT INTO salesforce.contacts (note) VALUES (E'a\\' RETURNING \\\\'), (E'x' \n\t 'y\\'z)'), ('plain\\'), (U&'d\\0061t\\+000061'), (N'n') RETURNING note",
  ),
  one(
    'bit strings',
    'update salesforce.contacts',
    "UPDATE salesforce.contacts SET note = B'101'::text || X'1F'::text, age = 0x1F + 1_000 + 1.5e3::int RETURNING age",
    { since: 16 },
  ),
  one(
    'operators and comments',
    'update salesforce.contacts',
    "UPDATE salesforce.contacts SET age = 3 +-- comment ( '\n 4 */* ) ' */ 2, meta = meta - 'a' RETURNING meta->>'b', meta@>'{}'",
  ),
  one(
    'keywords as names',
    'update salesforce.contacts',
    'UPDATE salesforce.contacts SET note = (SELECT x.returning FROM (SELECT 1 AS returning) x) RETURNING contacts.returning AS update',
  ),
  one(
    'no white space',
    'insert salesforce.contacts',
    "INSERT INTO salesforce.contacts(note,age)VALUES('a',1)ON CONFLICT(id)DO UPDATE SET note='b'RETURNING(id),note",
  ),
  one(
    'carriage returns',
    'delete salesforce.contacts',
    "DELETE\r\nFROM\tsalesforce.contacts\f-- x\rWHERE id = '1'\v RETURNING id",
    { since: 16 },
  ),
];

export const handWritten: readonly Fixture[] = [...byHand, ...awkwardText];

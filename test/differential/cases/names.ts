/** Names: quotes, other alphabets, the search path, names that are shared with local tables. */
import { Buffer } from 'node:buffer';
import * as fe from '../../protocol/raw/frontend.js';
import { type Case, conversation, queries, statement } from '../case.js';

const odd = 'salesforce."Ünïcode Tab""le"';
const path = { before: ['SET search_path = salesforce, public'] };

/** A Query whose text is in LATIN1. */
const latin1 = (sql: string): Buffer => fe.message('Q', Buffer.from(`${sql}\0`, 'latin1'));
const inLatin1 = { params: [['client_encoding', 'LATIN1']] } as const;

function latin1Extended(name: string, sql: string, values: readonly string[], sends = 1): Case {
  return conversation(
    name,
    [
      [
        [
          fe.message('P', '\0', Buffer.from(`${sql}\0`, 'latin1'), fe.int16(0)),
          fe.bind({ values: values.map((value) => Buffer.from(value, 'latin1')) }),
          fe.describe('P'),
          fe.execute(),
          fe.sync,
        ],
        'Z',
      ],
    ],
    { ...inLatin1, sends },
  );
}

export const names = [
  ...statement(
    'quoted names',
    `INSERT INTO ${odd} ("naïve", "select", "we""ird", "Größe", "日本") VALUES ('ä', 's', 'w"', 5, '本') RETURNING *`,
  ),
  ...statement(
    'quoted names, updated',
    `UPDATE ${odd} SET "Größe" = "Größe" + 1, "we""ird" = "we""ird" || "select" WHERE "Id" = 'o1' RETURNING "Größe" AS "Maß", "we""ird" "x y", "日本"`,
  ),
  ...statement(
    'quoted names, an alias',
    `UPDATE ${odd} AS "Ä b" SET "naïve" = upper("Ä b"."naïve") RETURNING "Ä b"."naïve", "Ä b".*`,
  ),
  ...statement(
    'quoted names, qualified',
    `DELETE FROM ${odd} WHERE ${odd}."Id" = 'o1' RETURNING ${odd}."createdAt", ${odd}."日本"`,
  ),
  ...statement(
    'unicode escapes in names',
    `UPDATE salesforce.U&"\\00dcn\\00efcode Tab""le" SET U&"Gr\\00f6\\00dfe" = 9 RETURNING U&"\\65e5\\672c"`,
  ),
  ...statement(
    'a column called old',
    `UPDATE ${odd} SET old = old || '!' WHERE "Id" = 'o1' RETURNING "Ünïcode Tab""le".old`,
  ),
  ...statement(
    'folded names',
    `UPDATE SalesForce.CONTACTS SET AGE = 5 WHERE Id = 'c1' RETURNING ID, Contacts.Age AS YEARS`,
  ),
  ...statement('a search path', `UPDATE contacts SET age = 5 WHERE id = 'c1' RETURNING contacts.id`, path),
  ...statement(
    'a search path, qualified in RETURNING',
    `UPDATE contacts SET age = 5 WHERE id = 'c1' RETURNING salesforce.contacts.id, salesforce.contacts.age`,
    path,
  ),
  ...statement(
    'a search path that finds a local table first',
    `INSERT INTO contacts VALUES ('l', 'local@x.io') RETURNING id, email`,
    { before: ['SET search_path = local, salesforce'], sends: 0 },
  ),
  ...statement('a search path that finds nothing', `INSERT INTO contacts (email) VALUES ('x')`, {
    before: ['SET search_path = public'],
    sends: 0,
  }),
  ...statement('a temp table of the same name', `INSERT INTO contacts (email) VALUES ('x') RETURNING email`, {
    before: ['SET search_path = salesforce', 'CREATE TEMP TABLE contacts (email text)'],
    sends: 0,
  }),
  ...statement(
    'pg_catalog shadowed in the path',
    `UPDATE contacts SET age = 5 WHERE id = 'c1' RETURNING id, upper(email)`,
    {
      before: [
        'CREATE SCHEMA IF NOT EXISTS shadow',
        'CREATE OR REPLACE FUNCTION shadow.to_jsonb(anyelement) RETURNS jsonb LANGUAGE sql AS $$ SELECT \'"shadow"\'::jsonb $$',
        'CREATE OR REPLACE FUNCTION shadow.to_regclass(text) RETURNS regclass LANGUAGE sql AS $$ SELECT NULL::regclass $$',
        'SET search_path = shadow, salesforce, pg_catalog',
      ],
    },
  ),
  ...statement(
    'a CTE of the target’s name',
    `WITH contacts AS (SELECT 'c2' AS id) UPDATE salesforce.contacts SET age = 1 WHERE contacts.id IN (SELECT x.id FROM contacts AS x) RETURNING id`,
  ),
  ...statement(
    'an alias that is another table’s name',
    `UPDATE salesforce.contacts AS accounts SET age = 1 WHERE accounts.id = 'c1' RETURNING accounts.age`,
  ),
  ...statement('an unknown column', `UPDATE salesforce.contacts SET nope = 1`, { sends: 0 }),
  ...statement('an unknown table', `UPDATE salesforce.nope SET age = 1`, { sends: 0 }),
  conversation(
    'LATIN1: values and names',
    [
      [
        latin1(
          `INSERT INTO ${odd.replace('日本', '')} ("naïve", "Größe") VALUES ('é÷ß', 3) RETURNING "naïve", "Größe" AS "Maß"`,
        ),
        'Z',
      ],
    ],
    inLatin1,
  ),
  conversation(
    'LATIN1: an update by a non-ASCII value',
    [
      [
        latin1(
          `UPDATE salesforce.contacts SET last_name = first_name || 'ü' WHERE first_name = 'Çelik' RETURNING first_name, last_name, length(last_name)`,
        ),
        'Z',
      ],
    ],
    inLatin1,
  ),
  latin1Extended(
    'LATIN1: parameters',
    `UPDATE salesforce.contacts SET last_name = $1 WHERE first_name = $2 RETURNING last_name, $1 AS given`,
    ['ÄÖÜ', 'Çelik'],
  ),
  latin1Extended('LATIN1: a result that it cannot hold', `UPDATE ${odd} SET "Größe" = $1 RETURNING "日本"`, ['5'], 0),
  conversation(
    'LATIN1: columns of FROM',
    [
      [
        latin1(
          `UPDATE salesforce.contacts AS c SET age = 1 FROM (VALUES ('Çelik', 'größer')) AS v(n, "wörd") WHERE v.n = c.first_name RETURNING c.id, v.n, v."wörd", c.first_name`,
        ),
        'Z',
      ],
    ],
    inLatin1,
  ),
  conversation(
    'LATIN1: OLD and NEW',
    [
      [
        latin1(
          `UPDATE salesforce.contacts SET first_name = 'Ü' WHERE id = 'c3' RETURNING old.first_name, new.first_name`,
        ),
        'Z',
      ],
    ],
    { ...inLatin1, since: 18 },
  ),
  conversation(
    'LATIN1: COPY',
    [
      [fe.query('COPY salesforce.contacts (first_name) FROM STDIN'), 'G'],
      [[fe.copyData(Buffer.from('größe\n', 'latin1')), fe.copyDone], 'Z'],
    ],
    inLatin1,
  ),
  conversation(
    'LATIN1: EXECUTE',
    [
      [
        latin1(
          `PREPARE p (text) AS UPDATE salesforce.contacts SET last_name = $1 WHERE first_name = 'Çelik' RETURNING last_name, 'ß'`,
        ),
        'Z',
      ],
      [latin1(`EXECUTE p ('ö')`), 'Z'],
    ],
    inLatin1,
  ),
  conversation(
    'LATIN1: an error behind a statement',
    [
      [
        latin1(
          `UPDATE salesforce.contacts SET last_name = 'ö' WHERE id = 'c1'; UPDATE salesforce.contacts SET last_name = 'ö' || nope`,
        ),
        'Z',
      ],
    ],
    { ...inLatin1, differs: 'stands after a later error' },
  ),
  conversation('LATIN1: an error', [[latin1(`INSERT INTO salesforce.contacts (age) VALUES ('größe')`), 'Z']], {
    ...inLatin1,
    sends: 0,
  }),
  queries(
    'client_encoding changed on the way',
    [
      "SET client_encoding = 'LATIN1'",
      "UPDATE salesforce.contacts SET age = 1 WHERE id = 'c3' RETURNING first_name",
      "SET client_encoding = 'UTF8'",
      "UPDATE salesforce.contacts SET age = 2 WHERE id = 'c3' RETURNING first_name",
    ],
    { sends: 2 },
  ),
];

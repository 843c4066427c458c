/** Values of every type and every way to write them; settings that change how they are read and shown. */
import * as fe from '../../protocol/raw/frontend.js';
import { conversation, queries, statement } from '../case.js';

const t = 'salesforce.contacts';
const zoned = (zone: string, style: string): readonly string[] => [
  `SET TimeZone = '${zone}'`,
  `SET DateStyle = '${style}'`,
];

const times = `INSERT INTO ${t} (created_at, updated_at, born, wakes) VALUES
  ('2024-03-31 02:30:00', '2024-10-27 02:30:00+01', '2024-02-29', '23:59:59.999999'),
  ('0001-01-01 00:00:00 BC', 'infinity', '-infinity', '24:00'),
  (timestamp '2024-07-01 12:00', timestamptz '2024-07-01 12:00 America/New_York', date '1999-12-31', time '00:00')
  RETURNING created_at, updated_at, born, wakes, created_at::text, created_at::date, extract(epoch FROM created_at)`;

export const values = [
  ...statement('NULL', `INSERT INTO ${t} (email, age, extra, tags) VALUES (NULL, NULL, NULL, NULL) RETURNING *`),
  ...statement('DEFAULT', `INSERT INTO ${t} (id, email, age) VALUES (DEFAULT, DEFAULT, 1) RETURNING id, email, age`),
  ...statement('DEFAULT VALUES', `INSERT INTO ${t} DEFAULT VALUES RETURNING *`),
  ...statement(
    'SET … = DEFAULT',
    `UPDATE ${t} SET email = DEFAULT, age = DEFAULT WHERE id = 'c1' RETURNING email, age`,
  ),
  ...statement('values by position', `INSERT INTO ${t} VALUES (DEFAULT, 'Po', 'Si', 'p@x.io', 3) RETURNING *`),
  ...statement(
    'expressions on old values',
    `UPDATE ${t} SET age = age * 2 - 1, score = score / 3, balance = balance + 0.01, email = first_name || '.' || email,
     vip = NOT vip, tags = tags || ARRAY['blue'], extra = extra || '{"z": 1}' WHERE id IN ('c1', 'c2') RETURNING *`,
  ),
  ...statement(
    'swap of columns',
    `UPDATE ${t} SET first_name = last_name, last_name = first_name RETURNING first_name, last_name`,
  ),
  ...statement(
    'casts',
    `INSERT INTO ${t} (age, big, score, balance, vip, born, created_at, photo, extra, tags) VALUES
     ('7'::int, 3.7::bigint, '1e3', CAST('1.10' AS numeric(10,1)), 'yes', 'Feb 3, 2024', '2024-01-01'::date, '\\xff', '3', ARRAY['a'])
     RETURNING *`,
  ),
  ...statement(
    'numbers at their ends',
    `INSERT INTO ${t} (age, big, score, balance) VALUES
     (2147483647, 9223372036854775807, 1.7976931348623157e308, 0.00000000000000000000000000000000000001),
     (-2147483648, -9223372036854775808, 5e-324, -99999999999999999999999999999999999999.5),
     (0, -0, '0', 1.500), (NULL, NULL, 'NaN', 'NaN'), (NULL, NULL, '-Infinity', 'Infinity') RETURNING age, big, score, balance`,
  ),
  ...statement(
    'arrays',
    `UPDATE ${t} SET tags = ARRAY['', NULL, 'a,b', '{x}', 'q"uote', 'back\\slash', 'NULL'] WHERE id = 'c1' RETURNING tags, tags[3], array_length(tags, 1)`,
  ),
  ...statement('an empty array', `UPDATE ${t} SET tags = '{}' WHERE id = 'c1' RETURNING tags`),
  ...statement('an element of an array', `UPDATE ${t} SET tags[2] = 'two' WHERE id = 'c1' RETURNING tags`),
  ...statement(
    'array_append and unnest',
    `UPDATE ${t} SET tags = array_append(tags, 'x') WHERE 'red' = ANY (tags) RETURNING tags, cardinality(tags)`,
  ),
  ...statement(
    'jsonb',
    `UPDATE ${t} SET extra = '{"b": [1, {"c": "é\\u00e9\\"\\\\"}], "a": true, "big": 9007199254740991, "f": -1.5e-7}'
     WHERE id = 'c1' RETURNING extra, extra->'b', extra->>'a', extra #>> '{b,1,c}'`,
  ),
  ...statement(
    'jsonb by subscript',
    `UPDATE ${t} SET extra['a'] = '5', extra['new'] = '"n"' WHERE id = 'c1' RETURNING extra`,
  ),
  ...statement(
    'jsonb functions',
    `UPDATE ${t} SET extra = jsonb_set(extra, '{b,1}', 'null') - 'a' WHERE id = 'c1' RETURNING extra, jsonb_typeof(extra)`,
  ),
  ...statement(
    'numbers in jsonb with more places than they need',
    `UPDATE ${t} SET extra = '[1.50, 100000000000000000000, 0.10]' WHERE id = 'c1' RETURNING extra`,
    { differs: 'numbers in JSON have no trailing zeros' },
  ),
  ...statement(
    'numbers in jsonb that are no doubles',
    `UPDATE ${t} SET extra = '[1, 123456789012345678901234567890]' WHERE id = 'c1' RETURNING extra`,
    { sends: 0, differs: 'numbers in JSON are doubles' },
  ),
  ...statement('minus zero', `UPDATE ${t} SET score = '-0' WHERE id = 'c1' RETURNING score`, {
    differs: 'no negative zero',
  }),
  ...statement('a JSON null', `INSERT INTO ${t} (extra) VALUES ('null') RETURNING extra IS NULL AS missing`, {
    differs: 'JSON null is NULL',
  }),
  ...statement('a deleted JSON null', `DELETE FROM ${t} WHERE id = 'c4' RETURNING extra`, {
    differs: 'JSON null is NULL, also when deleted',
  }),
  ...statement(
    'bytea',
    `UPDATE ${t} SET photo = '\\x00ff7f80' || decode('ZGVm', 'base64') WHERE id = 'c1' RETURNING photo, length(photo), encode(photo, 'hex')`,
  ),
  ...statement('bytea_output', `UPDATE ${t} SET photo = '\\x0041ff' WHERE id = 'c1' RETURNING photo, photo::text`, {
    before: ["SET bytea_output = 'escape'"],
  }),
  ...statement(
    'extra_float_digits',
    `UPDATE ${t} SET score = 0.1::float8 + 0.2::float8 WHERE id = 'c1' RETURNING score, score = 0.1::float8 + 0.2::float8 AS exact`,
    { before: ['SET extra_float_digits = 0'] },
  ),
  ...statement(
    'long text',
    `INSERT INTO ${t} (first_name) VALUES (repeat('long ü ', 20000)) RETURNING length(first_name), md5(first_name)`,
  ),
  ...statement(
    'control characters',
    `INSERT INTO ${t} (first_name, last_name) VALUES (E'a\\tb\\nc\\r\\x01\\x7f', U&'\\+01F600\\00e9') RETURNING first_name, last_name`,
  ),
  ...statement(
    'string constants',
    `INSERT INTO ${t} (first_name, last_name, email) VALUES ('it''s', $$dollar 'quoted' $1$$, $q$a $$ b$q$ 
   ) RETURNING first_name, last_name, email`,
  ),
  ...statement(
    'adjacent literals and bit strings',
    `INSERT INTO ${t} (first_name, last_name) VALUES ('one'\n' two', B'101'::text) RETURNING first_name, last_name`,
  ),
  ...statement(
    'comments everywhere',
    `/* a /* nested */ b */ INSERT -- first\nINTO/**/${t}/* x */(first_name/* , last_name */, age) -- 'quote\nVALUES/*v*/('/* no comment */', /*; DELETE */ 5)-- returning nothing\nRETURNING/**/age, first_name -- end`,
  ),
  ...statement('a comment at the end', `DELETE FROM ${t} WHERE id = 'c1' -- no newline`),
  ...statement('semicolons around', `;; DELETE FROM ${t} WHERE id = 'c1' ;`, { modes: ['simple'] }),
  ...statement(
    'standard_conforming_strings off',
    `UPDATE ${t} SET first_name = 'plain' WHERE id = 'c1' RETURNING first_name`,
    { before: ['SET standard_conforming_strings = off', 'SET escape_string_warning = off'] },
  ),
  ...statement(
    'an enum and a domain',
    `UPDATE ${t} SET first_name = 'high'::local.mood, last_name = 'abc'::local.short WHERE id = 'c1' RETURNING first_name::local.mood, last_name`,
  ),
  ...statement(
    'now() is the transaction’s',
    `UPDATE ${t} SET created_at = now() WHERE id = 'c1' RETURNING created_at = now() AS same, created_at`,
    { modes: ['simple', 'extended'], differs: 'the clock goes on' },
  ),
  ...statement(
    'functions of the user',
    `UPDATE ${t} SET first_name = local.shout(first_name), last_name = current_user WHERE id = 'c1' RETURNING first_name, local.shout(last_name), session_user`,
  ),
  ...statement(
    'sub-selects',
    `UPDATE ${t} SET age = (SELECT count(*) FROM local.notes), last_name = (SELECT string_agg(name, ',' ORDER BY name) FROM salesforce.accounts) WHERE id = 'c1' RETURNING age, last_name`,
  ),
  ...statement(
    'a row assignment',
    `UPDATE ${t} SET (age, first_name) = (5, upper(first_name)), (last_name, email) = ROW ('l', 'e') WHERE id = 'c1' RETURNING age, first_name, last_name, email`,
  ),
  ...statement(
    'a row from a sub-select',
    `UPDATE ${t} AS c SET (last_name, age) = (SELECT a.name, a.tier FROM salesforce.accounts a WHERE a.id = c.account_id) RETURNING c.id, last_name, age`,
  ),
  ...statement(
    'insert … select',
    `INSERT INTO ${t} (email, age) SELECT email, age FROM ${t} WHERE age > 31 ORDER BY id RETURNING id, email, age`,
  ),
  ...statement(
    'insert … select with set operations',
    `INSERT INTO ${t} (email) (SELECT 'u1' UNION ALL SELECT 'u2') ORDER BY 1 DESC RETURNING id, email`,
  ),
  ...statement(
    'insert … table',
    `WITH s(first_name, n) AS (VALUES ('w1', 1), ('w2', 2)) INSERT INTO ${t} (first_name, age) TABLE s RETURNING first_name, age`,
  ),
  ...statement('overriding', `INSERT INTO ${t} (email) OVERRIDING USER VALUE VALUES ('o@x.io') RETURNING email`),
  ...statement(
    'a recursive CTE',
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) INSERT INTO ${t} (age) SELECT i FROM n RETURNING id, age`,
  ),
  ...statement('a temp table', `UPDATE ${t} SET first_name = x.v FROM temp_x AS x WHERE x.k = contacts.id`, {
    before: ["CREATE TEMP TABLE temp_x AS SELECT 'c1' AS k, 'from temp' AS v"],
  }),
  ...statement(
    'tablesample and lateral',
    `UPDATE ${t} AS c SET age = l.n FROM salesforce.accounts AS a CROSS JOIN LATERAL (SELECT a.tier * 10 AS n) AS l WHERE a.id = c.account_id`,
  ),
  ...statement('ONLY', `UPDATE ONLY ${t} SET age = 1 WHERE contacts.id = 'c1' RETURNING contacts.age`),
  ...statement('a star behind the name', `UPDATE ${t} * SET age = 1 WHERE contacts.id = 'c1' RETURNING contacts.age`),
  ...statement(
    'many rows',
    `INSERT INTO ${t} (email, age) SELECT 'm' || n || '@x.io', n FROM generate_series(1, 200) AS n RETURNING id, email, age`,
  ),
  ...statement('no row', `UPDATE ${t} SET age = 1 WHERE false RETURNING id`, { sends: 0 }),
  ...statement('no row to insert', `INSERT INTO ${t} (email) SELECT 'x' WHERE false RETURNING *`, { sends: 0 }),
  ...statement('no row to delete', `DELETE FROM ${t} WHERE id IS NULL`, { sends: 0 }),
  ...statement('every row', `UPDATE ${t} SET vip = true`),
  ...statement('every row away', `DELETE FROM ${t}`),
  ...statement(
    'on conflict do nothing, an existing key',
    `INSERT INTO ${t} (id, email) VALUES ('c1', 'x'), ('c2', 'y') ON CONFLICT (id) DO NOTHING RETURNING id`,
    { sends: 0 },
  ),
  ...statement(
    'on conflict on constraint do nothing',
    `INSERT INTO ${t} (email) VALUES ('x') ON CONFLICT ON CONSTRAINT contacts_pkey DO NOTHING RETURNING id, email`,
  ),
  ...['UTC', 'Europe/Berlin', 'America/St_Johns', 'Asia/Kolkata'].flatMap((zone) =>
    ['ISO, MDY', 'SQL, DMY', 'German', 'Postgres, MDY'].flatMap((style) =>
      statement(`times in ${zone}, ${style}`, times, {
        before: zoned(zone, style),
        modes: ['simple', 'extended, binary'],
      }),
    ),
  ),
  ...statement(
    'ambiguous dates, DMY',
    `UPDATE ${t} SET born = '01/02/2024', created_at = '03/04/2024 05:06' WHERE id = 'c1' RETURNING born, created_at`,
    { before: zoned('Europe/London', 'SQL, DMY') },
  ),
  ...statement(
    'ambiguous dates, MDY',
    `UPDATE ${t} SET born = '01/02/2024', created_at = '03/04/2024 05:06' WHERE id = 'c1' RETURNING born, created_at`,
    { before: zoned('Pacific/Auckland', 'ISO, MDY') },
  ),
  queries('numbers in another locale’s settings', [
    "SET lc_numeric = 'C'; SET IntervalStyle = 'iso_8601'",
    `UPDATE ${t} SET balance = 1234.50, updated_at = created_at + interval 'P1DT2H' WHERE id = 'c1' RETURNING balance, updated_at, updated_at - created_at AS d`,
  ]),
  conversation('parameters in text, types inferred', [
    [
      [
        fe.parse(
          `UPDATE ${t} SET age = $1, balance = $2, created_at = $3, tags = $4, extra = $5, vip = $6, photo = $7 WHERE id = $8 RETURNING *`,
        ),
        fe.describe('S'),
        fe.bind({
          values: ['8', '1.230', '2024-01-01 00:00:00 Asia/Tokyo', '{a,NULL}', '{"x": 1}', 't', '\\x01', 'c1'],
        }),
        fe.describe('P'),
        fe.execute(),
        fe.sync,
      ],
      'Z',
    ],
  ]),
  conversation('one parameter several times, and in RETURNING', [
    [
      [
        fe.extended(
          `UPDATE ${t} SET first_name = $1, age = age + $2 WHERE first_name <> $1 AND age > $2 RETURNING id, $1 AS given, $2 + 1 AS next, $3::text AS only_here`,
          ['New', '1', 'r'],
        ),
        fe.sync,
      ],
      'Z',
    ],
  ]),
  conversation('mixed result formats', [
    [
      [
        fe.parse(`DELETE FROM ${t} WHERE id = 'c1' RETURNING id, age, created_at, extra`),
        fe.bind({ resultFormats: [0, 1, 1, 0] }),
        fe.describe('P'),
        fe.execute(),
        fe.sync,
      ],
      'Z',
    ],
  ]),
];

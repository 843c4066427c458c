/** RETURNING in full, and what it may name besides the target. */
import * as fe from '../../protocol/raw/frontend.js';
import { conversation, statement } from '../case.js';

const t = 'salesforce.contacts';
const update = `UPDATE ${t} AS c SET age = coalesce(age, 0) + 1 WHERE c.id IN ('c1', 'c2')`;

export const returning = [
  ...statement(
    'expressions',
    `${update} RETURNING age + 1, age * 2 AS twice, 'x' || first_name AS "First", NULL, 1 AS one, true`,
  ),
  ...statement('a star among others', `${update} RETURNING id AS first, *, c.*, age`),
  ...statement('aliases without AS', `${update} RETURNING id key, age years, "c"."email" "E-Mail"`),
  ...statement(
    'functions',
    `${update} RETURNING upper(email), coalesce(last_name, '-'), length(first_name), to_char(born, 'DD.MM.YYYY'), age::numeric(5,2), age::text`,
  ),
  ...statement(
    'conditions',
    `${update} RETURNING CASE WHEN age > 40 THEN 'old' ELSE 'young' END, age BETWEEN 1 AND 40, email LIKE 'a%', vip IS TRUE, age IN (32, 43), email ~ '^b'`,
  ),
  ...statement(
    'scalar sub-selects',
    `${update} RETURNING id, (SELECT count(*) FROM local.notes n WHERE n.contact_id = c.id) AS notes, EXISTS (SELECT 1 FROM salesforce.accounts a WHERE a.id = c.account_id)`,
  ),
  ...statement(
    'a sub-select on the target itself',
    `${update} RETURNING id, (SELECT max(o.age) FROM ${t} AS o WHERE o.id <> c.id AND o.id NOT IN ('c1', 'c2'))`,
  ),
  ...statement(
    'an array of a sub-select',
    `${update} RETURNING ARRAY(SELECT note FROM local.notes n WHERE n.contact_id = c.id ORDER BY n), ARRAY[id, email]`,
  ),
  ...statement('a whole row', `${update} RETURNING c`),
  ...statement('a whole row by the table’s name', `DELETE FROM ${t} WHERE id = 'c1' RETURNING contacts`),
  ...statement(
    'row_to_json and to_jsonb',
    `${update} RETURNING row_to_json(c), to_jsonb(c) ->> 'email', json_build_object('id', c.id, 'row', c)`,
  ),
  ...statement('a field of a whole row', `${update} RETURNING (c).email, (c.*) IS NULL, ROW (c.id, c.age)`),
  ...statement(
    'typmods',
    `${update} RETURNING balance::numeric(12,3), first_name::varchar(2), created_at::timestamptz(0), first_name::char(4)`,
  ),
  ...statement('collations', `${update} RETURNING email COLLATE "C", email < 'b' COLLATE "C" AS before_b`),
  ...statement(
    'tableoid',
    `${update} RETURNING tableoid::regclass::text, c.tableoid = 'salesforce.contacts'::regclass AS ours`,
  ),
  ...statement('tableoid of an insert', `INSERT INTO ${t} (email) VALUES ('x') RETURNING tableoid::regclass::text, id`),
  ...statement('window-free aggregates are refused', `${update} RETURNING count(*)`, { sends: 0 }),
  ...statement('an unknown column in RETURNING', `${update} RETURNING nope`, { sends: 0 }),
  ...statement('an error in RETURNING', `${update} RETURNING 1 / (age - age)`, { sends: 0 }),
  ...statement('an error of a function in RETURNING', `${update} RETURNING local.fail(email)`, { sends: 0 }),
  ...statement('deleted rows', `DELETE FROM ${t} AS d WHERE d.age = 42 RETURNING d.id, d.extra, age + 1`),
  ...statement(
    'inserted rows',
    `INSERT INTO ${t} AS n (first_name, age) VALUES ('a', 1), ('b', 2) RETURNING n.id, n.first_name || n.age, n.email IS NULL`,
  ),
  ...statement(
    'a CTE in RETURNING',
    `WITH k(v) AS (VALUES (100)) UPDATE ${t} SET age = 1 WHERE id = 'c1' RETURNING age + (SELECT v FROM k) AS sum`,
  ),
  ...statement('a set-returning function', `DELETE FROM ${t} WHERE id = 'c1' RETURNING id, unnest(tags)`, { sends: 0 }),
  ...statement(
    'columns of FROM',
    `UPDATE ${t} AS c SET last_name = a.name FROM salesforce.accounts AS a WHERE a.id = c.account_id AND a.tier = 1 RETURNING c.id, a.name, a.tier + c.age AS sum`,
  ),
  ...statement(
    'a star over FROM',
    `UPDATE ${t} AS c SET last_name = a.name FROM salesforce.accounts AS a WHERE a.id = c.account_id AND c.id = 'c1' RETURNING *`,
  ),
  ...statement(
    'the star of a FROM item',
    `UPDATE ${t} AS c SET last_name = a.name FROM salesforce.accounts AS a WHERE a.id = c.account_id AND c.id = 'c1' RETURNING a.*, c.id`,
  ),
  ...statement(
    'the row of a FROM item',
    `UPDATE ${t} AS c SET last_name = a.name FROM salesforce.accounts AS a WHERE a.id = c.account_id AND c.id = 'c1' RETURNING a, c.id`,
  ),
  ...statement(
    'columns of VALUES',
    `UPDATE ${t} AS c SET age = v.x FROM (VALUES ('c1', 91), ('c2', 92)) AS v(id, x) WHERE v.id = c.id RETURNING c.id, v.x, v.x = c.age AS equal`,
  ),
  ...statement(
    'columns of FROM in other alphabets',
    `UPDATE ${t} AS c SET age = 1 FROM (VALUES ('c1', 'größer', '東京')) AS "v ü"(id, "wörd", "日本") WHERE "v ü".id = c.id RETURNING c.id, "v ü"."wörd", "日本", "v ü".*`,
  ),
  ...statement(
    'values of FROM of many types',
    `UPDATE ${t} AS c SET age = 1 FROM (SELECT 0.1::float8 + 0.2 AS f, now() - now() AS i, 'high'::local.mood AS m, '{1,NULL}'::int[] AS a, 'null'::jsonb AS j, '\\xff'::bytea AS b, NULL::text AS n, '12:00+02'::timetz AS z, point '(1,2)' AS p) AS v WHERE c.id = 'c1' RETURNING v.f, v.i, v.m, v.a, v.j, v.b, v.n, v.z, v.p, c.id`,
    { before: ["SET DateStyle = 'SQL, DMY'", "SET IntervalStyle = 'sql_standard'"] },
  ),
  ...statement(
    'an anonymous row in FROM',
    `UPDATE ${t} AS c SET age = 1 FROM (SELECT row(1, 'x') AS r) AS v WHERE c.id = 'c1' RETURNING v.r, c.id`,
    { sends: 0, differs: 'an anonymous row in FROM' },
  ),
  ...statement(
    'columns of a function in FROM',
    `UPDATE ${t} AS c SET age = g FROM generate_series(5, 5) AS g WHERE c.id = 'c1' RETURNING c.id, g`,
  ),
  ...statement(
    'columns of a join in FROM',
    `UPDATE ${t} AS c SET age = n.n FROM salesforce.accounts AS a JOIN local.notes AS n ON n.n = a.tier WHERE a.id = c.account_id AND n.contact_id = c.id RETURNING c.id, a.name, n.note`,
  ),
  ...statement(
    'columns of USING',
    `DELETE FROM ${t} USING salesforce.accounts AS a WHERE a.id = account_id AND a.name = 'Bolt' RETURNING contacts.id, a.name`,
  ),
  ...statement(
    'unqualified columns of USING',
    `DELETE FROM ${t} USING local.notes WHERE contact_id = contacts.id AND n = 1 RETURNING contacts.id, n, note`,
  ),
  ...statement('OLD and NEW of an update', `${update} RETURNING old.age, new.age, new.age - old.age AS by, c.id`, {
    since: 18,
  }),
  ...statement(
    'OLD and NEW of an insert',
    `INSERT INTO ${t} (first_name) VALUES ('n') RETURNING old.id, old.first_name, new.id, new.first_name`,
    { since: 18 },
  ),
  ...statement('OLD and NEW of a delete', `DELETE FROM ${t} WHERE id = 'c1' RETURNING old.id, new.id, new IS NULL`, {
    since: 18,
  }),
  ...statement(
    'OLD and NEW renamed',
    `UPDATE ${t} SET age = 5 WHERE id = 'c1' RETURNING WITH (OLD AS o, NEW AS n) o.age AS before, n.age AS after, o.*, n`,
    { since: 18 },
  ),
  ...statement(
    'notices of functions',
    `UPDATE ${t} SET first_name = local.tell(first_name) WHERE id = 'c1' RETURNING first_name`,
  ),
  ...statement(
    'notices of functions in RETURNING',
    `UPDATE ${t} SET age = 3 WHERE id = 'c1' RETURNING local.tell(first_name)`,
  ),
  ...statement('notices of functions in WHERE', `DELETE FROM ${t} WHERE local.tell(id) = 'c1' RETURNING id`),
  conversation('without RETURNING, described', [
    [
      [
        fe.parse(`DELETE FROM ${t} WHERE id = 'c1'`),
        fe.describe('S'),
        fe.bind(),
        fe.describe('P'),
        fe.execute(),
        fe.sync,
      ],
      'Z',
    ],
  ]),
];

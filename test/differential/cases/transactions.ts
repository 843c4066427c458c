/** Blocks, savepoints, isolation levels, read-only transactions; privileges, row-level security, SET ROLE. */
import { queries, statement } from '../case.js';

const t = 'salesforce.contacts';
const insert = `INSERT INTO ${t} (email) VALUES ('t@x.io') RETURNING id`;
const warns = { differs: 'warns in a block' } as const;
const restricted = 'salesforce.restricted';
const owned = 'salesforce.owned';

export const transactions = [
  queries('a write in a block', ['BEGIN', insert, `SELECT count(*) FROM ${t}`, 'COMMIT'], warns),
  queries('a write in a block, rolled back', ['BEGIN', insert, 'ROLLBACK'], { differs: 'stands after a rollback' }),
  queries(
    'writes in a block',
    [
      'BEGIN',
      insert,
      `UPDATE ${t} SET age = 1 WHERE email = 't@x.io' RETURNING age`,
      `DELETE FROM ${t} WHERE email = 't@x.io'`,
      'COMMIT',
    ],
    { ...warns, sends: 3 },
  ),
  queries(
    'uncommitted rows in the statement',
    [
      'BEGIN',
      "INSERT INTO local.staging VALUES ('un@x.io', 'Un', 1)",
      `INSERT INTO ${t} (email) SELECT email FROM local.staging WHERE first_name = 'Un' RETURNING email`,
      'COMMIT',
    ],
    warns,
  ),
  queries(
    'a temp table of the block',
    [
      'BEGIN',
      "CREATE TEMP TABLE tt ON COMMIT DROP AS SELECT 'c1' AS id, 99 AS age",
      `UPDATE ${t} SET age = tt.age FROM tt WHERE tt.id = contacts.id`,
      'COMMIT',
    ],
    warns,
  ),
  queries(
    'an error in the write aborts the block',
    ['BEGIN', `UPDATE ${t} SET age = 1/0`, 'SELECT 1', insert, 'COMMIT'],
    { sends: 0 },
  ),
  queries(
    'a savepoint recovers',
    ['BEGIN', 'SAVEPOINT a', `UPDATE ${t} SET age = 1/0`, 'ROLLBACK TO a', insert, 'RELEASE a', 'COMMIT'],
    warns,
  ),
  queries(
    'savepoints of Upwrite’s own name',
    [
      'BEGIN',
      'SAVEPOINT upwrite',
      'INSERT INTO local.audit VALUES (1)',
      insert,
      'ROLLBACK TO upwrite',
      'SELECT count(*) FROM local.audit',
      'COMMIT',
    ],
    { differs: 'stands after a rollback' },
  ),
  queries(
    'nested savepoints',
    [
      'BEGIN',
      'SAVEPOINT a',
      'SAVEPOINT b',
      insert,
      'RELEASE b',
      'SAVEPOINT b',
      `DELETE FROM ${t} WHERE id = 'c1'`,
      'RELEASE a',
      'COMMIT',
    ],
    { ...warns, sends: 2 },
  ),
  ...['READ UNCOMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'].flatMap((level) => [
    queries(`${level}: a write first`, [`BEGIN ISOLATION LEVEL ${level}`, `${insert}, email`, 'COMMIT'], warns),
    queries(
      `${level}: a write behind a read`,
      [
        `BEGIN ISOLATION LEVEL ${level}`,
        `SELECT count(*) FROM ${t}`,
        `UPDATE ${t} SET age = age + 1 WHERE id = 'c1' RETURNING *`,
        'SHOW transaction_isolation',
        'COMMIT',
      ],
      warns,
    ),
    queries(
      `${level}: by default`,
      [
        `SET default_transaction_isolation = '${level.toLowerCase()}'`,
        insert,
        `DELETE FROM ${t} WHERE id = 'c1' RETURNING id`,
      ],
      { sends: 2 },
    ),
  ]),
  queries(
    'a read of the write',
    ['BEGIN', `UPDATE ${t} SET age = 77 WHERE id = 'c1'`, `SELECT age FROM ${t} WHERE id = 'c1'`, 'COMMIT'],
    warns,
  ),
  queries(
    'a read of the write, repeatable read',
    [
      'BEGIN ISOLATION LEVEL REPEATABLE READ',
      'SELECT 1',
      `UPDATE ${t} SET age = 77 WHERE id = 'c1'`,
      `SELECT age FROM ${t} WHERE id = 'c1'`,
      'COMMIT',
    ],
    { differs: 'the snapshot stays' },
  ),
  queries(
    'a second write of the same row, repeatable read',
    [
      'BEGIN ISOLATION LEVEL REPEATABLE READ',
      'SELECT 1',
      `UPDATE ${t} SET age = 77 WHERE id = 'c1'`,
      `UPDATE ${t} SET age = age + 1 WHERE id = 'c1' RETURNING age`,
      'ROLLBACK',
    ],
    { differs: 'the snapshot is stale' },
  ),
  queries('a read-only transaction', ['BEGIN READ ONLY', insert, 'ROLLBACK'], { sends: 0 }),
  queries('read-only by default', ['SET default_transaction_read_only = on', insert, 'SELECT 1'], { sends: 0 }),
  queries('read-only, then writable', ['BEGIN READ ONLY', 'SET TRANSACTION READ WRITE', insert, 'COMMIT'], warns),
  queries('COMMIT AND CHAIN', ['BEGIN', insert, 'COMMIT AND CHAIN', insert, 'COMMIT'], { ...warns, sends: 2 }),
  queries(
    'SET LOCAL in a block',
    [
      'BEGIN',
      "SET LOCAL TimeZone = 'Asia/Tokyo'",
      `UPDATE ${t} SET created_at = '2024-01-01 00:00' WHERE id = 'c1' RETURNING created_at`,
      'SHOW TimeZone',
      'SHOW lock_timeout',
      'COMMIT',
      'SHOW TimeZone',
    ],
    warns,
  ),
  queries('settings are as they were', [
    'SET lock_timeout = 1234',
    insert,
    'SHOW lock_timeout',
    'SHOW client_encoding',
    'SHOW search_path',
  ]),
  queries('client_min_messages', ["SET client_min_messages = 'error'", 'BEGIN', 'SELECT 1', 'COMMIT', insert]),
  queries('constraints set immediate', ['BEGIN', 'SET CONSTRAINTS ALL IMMEDIATE', insert, 'COMMIT'], warns),
  queries('an asynchronous notification', ['LISTEN ch', 'NOTIFY ch', insert, 'SELECT 1'], {}),
];

export const privileges = [
  ...statement('no INSERT privilege', `INSERT INTO ${restricted} (name) VALUES ('x') RETURNING id`, { sends: 0 }),
  ...statement('no DELETE privilege', `DELETE FROM ${restricted}`, { sends: 0 }),
  ...statement('no UPDATE privilege on a column', `UPDATE ${restricted} SET secret = 'x' WHERE id = 'r1'`, {
    sends: 0,
  }),
  ...statement(
    'an UPDATE privilege on a column',
    `UPDATE ${restricted} SET name = 'x', amount = amount + 1 WHERE id = 'r1' RETURNING *`,
  ),
  ...statement(
    'no SELECT privilege on a source',
    `UPDATE ${t} SET first_name = (SELECT rolpassword FROM pg_authid LIMIT 1)`,
    { sends: 0 },
  ),
  queries('SET ROLE to one who may', [
    'SET ROLE writer',
    `INSERT INTO ${restricted} (name) VALUES ('x') RETURNING id, current_user`,
    'RESET ROLE',
    `INSERT INTO ${restricted} (name) VALUES ('y')`,
  ]),
  ...statement('a login of one who may', `DELETE FROM ${restricted} WHERE id = 'r1' RETURNING name, current_user`, {
    user: 'writer',
  }),
  queries(
    'a function that needs a privilege',
    ["UPDATE salesforce.contacts SET first_name = pg_read_file('PG_VERSION') WHERE id = 'c1'"],
    { sends: 0 },
  ),
  ...statement('row-level security hides rows', `UPDATE ${owned} SET note = 'seen' RETURNING id, note`),
  ...statement('row-level security hides deleted rows', `DELETE FROM ${owned} RETURNING id`),
  ...statement('row-level security checks new rows', `INSERT INTO ${owned} (owner, note) VALUES ('writer', 'x')`, {
    sends: 0,
  }),
  ...statement(
    'row-level security lets new rows in',
    `INSERT INTO ${owned} (owner, note) VALUES (current_user, 'x') RETURNING id, owner`,
  ),
  ...statement('row-level security checks changed rows', `UPDATE ${owned} SET owner = 'writer' WHERE id = 'w1'`, {
    sends: 0,
  }),
  queries('row-level security under SET ROLE', [
    'SET ROLE writer',
    `UPDATE ${owned} SET note = 'theirs too' RETURNING id`,
  ]),
  queries('row_security off', ['SET row_security = off', `UPDATE ${owned} SET note = 'x'`], { sends: 0 }),
  queries('a locked-down writer', [`INSERT INTO ${restricted} (name) VALUES ('x')`], {
    before: ['SET ROLE insert_only'],
    sends: 0,
    differs: 'needs SELECT',
  }),
];

export const errors = [
  ...statement('division by zero', `INSERT INTO ${t} (age) VALUES (1 / 0)`, { sends: 0 }),
  ...statement('a bad literal', `INSERT INTO ${t} (age) VALUES ('ü x')`, { sends: 0 }),
  ...statement('out of range', `UPDATE ${t} SET age = big * 2 WHERE id = 'c1'`, { sends: 0 }),
  ...statement('a type mismatch', `UPDATE ${t} SET age = 'a'::text`, { sends: 0 }),
  ...statement('more values than columns', `INSERT INTO ${t} (age) VALUES (1, 2)`, { sends: 0 }),
  ...statement('a duplicate key', `INSERT INTO ${t} (id, email) VALUES ('c1', 'dup')`, { sends: 0 }),
  ...statement('a NULL key', `INSERT INTO ${t} (id) VALUES (NULL)`, { sends: 0 }),
  ...statement('a column twice', `UPDATE ${t} SET age = 1, age = 2`, { sends: 0 }),
  ...statement('a syntax error', `UPDATE ${t} SETT age = 1`, { sends: 0 }),
  ...statement('a missing function', `UPDATE ${t} SET age = nope(1)`, { sends: 0 }),
  ...statement('an ambiguous column', `UPDATE ${t} SET age = 1 FROM salesforce.accounts WHERE id = 'c1'`, { sends: 0 }),
  ...statement('a domain', `UPDATE ${t} SET first_name = 'far too long'::local.short`, { sends: 0 }),
  ...statement('a raised exception', `UPDATE ${t} SET first_name = local.fail(first_name) WHERE id = 'c1'`, {
    sends: 0,
  }),
  ...statement('more than one row in a sub-select', `UPDATE ${t} SET age = (SELECT tier FROM salesforce.accounts)`, {
    sends: 0,
  }),
  ...statement('an aggregate where none may be', `UPDATE ${t} SET age = max(age)`, { sends: 0 }),
  ...statement('a statement time limit', `UPDATE ${t} SET age = 1 FROM (SELECT pg_sleep(20)) AS s`, {
    // Every part of the statement has the limit for itself, and only the sleep may reach it.
    before: ['SET statement_timeout = 1000'],
    sends: 0,
    modes: ['simple', 'extended'],
  }),
  queries('the session goes on after an error', [
    `UPDATE ${t} SET age = 1 / 0`,
    'SELECT 1',
    `UPDATE ${t} SET age = 2 WHERE id = 'c1'`,
  ]),
];

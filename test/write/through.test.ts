import pg from 'pg';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connect } from '../support/database.js';
import { contacts } from '../support/fake-api.js';
import { since } from '../support/postgres.js';
import { type Stack, startStack } from '../support/stack.js';
import { refusing } from '../support/writable-api.js';

let stack: Stack;
let client: pg.Client;
let notices: { readonly severity: string | undefined; readonly code: string | undefined }[];

beforeAll(async () => {
  stack = await startStack({ resources: [contacts()] });
});

beforeEach(async () => {
  stack.api.batches.length = 0;
  client = await connect(stack.url());
  notices = [];
  client.on('notice', (notice) => notices.push({ severity: notice.severity, code: notice.code }));
});

afterEach(async () => {
  await client.end();
  expect(stack.complaints).toEqual([]);
});

async function refusal(work: Promise<unknown>): Promise<pg.DatabaseError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof pg.DatabaseError)) throw new Error(`no error of the database but ${String(error)}`);
  return error;
}

async function direct(sql: string): Promise<readonly Record<string, unknown>[]> {
  const own = await connect(stack.server.url());
  const { rows } = await own.query<Record<string, unknown>>(sql);
  await own.end();
  return rows;
}

async function inserted(email: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    'INSERT INTO salesforce.contacts (email) VALUES ($1) RETURNING id',
    [email],
  );
  stack.api.batches.length = 0;
  return rows[0]?.id ?? '';
}

describe.each(['simple', 'extended'] as const)('%s protocol', (protocol) => {
  const run = (text: string): Promise<pg.QueryResult> =>
    protocol === 'simple'
      ? client.query(text)
      : client.query({ text, values: [], queryMode: 'extended' } as pg.QueryConfig);

  test('an insert reaches the API in one batch and returns what the API gave', async () => {
    const result = await run(
      `INSERT INTO salesforce.contacts (email, age, vip, balance, extra, tags)
       VALUES ('a-${protocol}@x.io', 1 + 1, true, 12345678901234567890.5, '{"a":[1]}', '{p,q}'), ('b@x.io', NULL, DEFAULT, 0, NULL, NULL)
       RETURNING id, email, age * 2 AS twice, balance`,
    );
    expect(result.command).toBe('INSERT');
    expect(result.rowCount).toBe(2);
    expect(result.rows.map((row) => [row.email, row.twice, row.balance])).toEqual([
      [`a-${protocol}@x.io`, 4, '12345678901234567890.5'],
      ['b@x.io', null, '0'],
    ]);
    expect(result.rows[0].id).toMatch(/^003\d{15}$/);
    expect(stack.api.batches).toHaveLength(1);
    expect(stack.api.batches[0]?.rows.map((row) => row.values)).toEqual([
      {
        email: `a-${protocol}@x.io`,
        age: 2,
        vip: true,
        balance: '12345678901234567890.5',
        extra: { a: [1] },
        tags: ['p', 'q'],
      },
      { email: 'b@x.io', age: null, balance: '0', extra: null, tags: null },
    ]);
    const stored = await direct(`SELECT id, age FROM salesforce.contacts WHERE id = '${result.rows[0].id}'`);
    expect(stored).toEqual([{ id: result.rows[0].id, age: 2 }]);
  });

  test('an update evaluates expressions on the old values and returns the new ones', async () => {
    const id = await inserted('u@x.io');
    await run(`UPDATE salesforce.contacts SET age = 41 WHERE id = '${id}'`);
    const result = await run(
      `UPDATE salesforce.contacts AS c SET age = c.age + 1, email = upper(email) WHERE c.id = '${id}' RETURNING c.*`,
    );
    expect(result.rowCount).toBe(1);
    expect(result.rows[0]).toMatchObject({ id, age: 42, email: 'U@X.IO' });
    expect(stack.api.batches.at(-1)?.rows).toMatchObject([{ key: id, values: { age: 42, email: 'U@X.IO' } }]);
    expect(await direct(`SELECT age, email FROM salesforce.contacts WHERE id = '${id}'`)).toEqual([
      { age: 42, email: 'U@X.IO' },
    ]);
  });

  test('a delete goes by key and returns the old row', async () => {
    const id = await inserted(`d-${protocol}@x.io`);
    const result = await run(`DELETE FROM salesforce.contacts WHERE email = 'd-${protocol}@x.io' RETURNING email`);
    expect(result.rows).toEqual([{ email: `d-${protocol}@x.io` }]);
    expect(stack.api.batches).toHaveLength(1);
    expect(stack.api.batches[0]).toMatchObject({ verb: 'delete', rows: [{ key: id, values: {} }] });
    expect(await direct(`SELECT FROM salesforce.contacts WHERE id = '${id}'`)).toEqual([]);
  });

  test('no row sends nothing', async () => {
    const result = await run(`UPDATE salesforce.contacts SET age = 1 WHERE id = 'none' RETURNING id`);
    expect([result.command, result.rowCount, result.rows]).toEqual(['UPDATE', 0, []]);
    expect(stack.api.batches).toEqual([]);
  });

  test('too many rows send nothing', async () => {
    const error = await refusal(
      run(`INSERT INTO salesforce.contacts (email) SELECT n || '@x.io' FROM generate_series(1, 201) n`),
    );
    expect(error.code).toBe('54000');
    expect(error.message).toContain('201 rows, more than the 200');
    expect(stack.api.batches).toEqual([]);
    expect((await run('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('a refusal is an error of Postgres, and nothing changed', async () => {
    const before = await direct('SELECT count(*) FROM salesforce.contacts');
    stack.api.answers.push(refusing(1, 'email', 'Key (email)=(pauldune.co) is not a valid email address.'));
    const error = await refusal(
      run(`INSERT INTO salesforce.contacts (email) VALUES ('paul@dune.co'), ('pauldune.co') RETURNING id`),
    );
    expect(error).toMatchObject({
      severity: 'ERROR',
      code: '23514',
      message: 'salesforce validation error',
      detail: 'Key (email)=(pauldune.co) is not a valid email address.',
      schema: 'salesforce',
      table: 'contacts',
      column: 'email',
      where: 'salesforce answered BAD\nrow 2 of 2',
    });
    expect(await direct('SELECT count(*) FROM salesforce.contacts')).toEqual(before);
    expect((await run('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test("an error of the statement's own is the database's, and nothing is sent", async () => {
    const error = await refusal(run(`INSERT INTO salesforce.contacts (email, age) VALUES ('z@x.io', 1 / 0)`));
    expect(error.code).toBe('22012');
    const returning = await refusal(run(`INSERT INTO salesforce.contacts (age) VALUES (0) RETURNING 1 / age`));
    expect(returning.code).toBe('22012');
    expect(stack.api.batches).toEqual([]);
  });

  test('inside a transaction block a write takes effect at once, with a warning', async () => {
    await client.query('BEGIN');
    const result = await run(`INSERT INTO salesforce.contacts (email) VALUES ('t-${protocol}@x.io') RETURNING id`);
    await client.query('ROLLBACK');
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatchObject({ severity: 'WARNING', code: '01000' });
    expect(await direct(`SELECT id FROM salesforce.contacts WHERE email = 't-${protocol}@x.io'`)).toEqual(result.rows);
  });

  test('a refused write aborts the block, and a savepoint recovers it', async () => {
    await client.query('BEGIN; SAVEPOINT a');
    stack.api.answers.push(refusing(0, 'email', 'no'));
    expect((await refusal(run(`INSERT INTO salesforce.contacts (email) VALUES ('x')`))).code).toBe('23514');
    expect((await refusal(run('SELECT 1'))).code).toBe('25P02');
    await client.query('ROLLBACK TO SAVEPOINT a');
    expect((await run('SELECT 2 AS two')).rows).toEqual([{ two: 2 }]);
    await client.query('COMMIT');
  });

  test('a column that the API sets cannot be assigned', async () => {
    const error = await refusal(run(`INSERT INTO salesforce.contacts (id, email) VALUES ('mine', 'x')`));
    expect(error).toMatchObject({ code: '428C9', column: 'id', table: 'contacts' });
    const id = await inserted('k@x.io');
    const same = await run(`UPDATE salesforce.contacts SET id = id, email = 'k2@x.io' WHERE id = '${id}'`);
    expect(same.rowCount).toBe(1);
    expect(stack.api.batches.at(-1)?.rows[0]?.values).toEqual({ email: 'k2@x.io' });
  });

  test('the search path decides what a bare name means', async () => {
    await client.query('SET search_path = salesforce');
    expect((await run(`INSERT INTO contacts (email) VALUES ('s@x.io')`)).rowCount).toBe(1);
    expect(stack.api.batches).toHaveLength(1);
    await client.query('CREATE TEMP TABLE contacts (email text)');
    expect((await run(`INSERT INTO contacts (email) VALUES ('s@x.io') RETURNING email`)).rows).toEqual([
      { email: 's@x.io' },
    ]);
    expect(stack.api.batches).toHaveLength(1);
  });
});

test('parameters go through in text and binary', async () => {
  const born = new Date('2001-02-03T04:05:06Z');
  const { rows } = await client.query(
    'INSERT INTO salesforce.contacts (email, age, vip, born, extra) VALUES ($1, $2, $3, $4, $5) RETURNING id, $2::int + 1 AS next',
    ['p@x.io', 7, false, born.toISOString().slice(0, 10), { deep: ['ü', "o'k"] }],
  );
  expect(rows[0].next).toBe(8);
  expect(stack.api.batches[0]?.rows[0]?.values).toEqual({
    email: 'p@x.io',
    age: 7,
    vip: false,
    born: '2001-02-03',
    extra: { deep: ['ü', "o'k"] },
  });
});

test.each<readonly [string, string, readonly object[]]>([
  [
    'a FROM item',
    `UPDATE salesforce.contacts AS c SET age = v.n FROM (VALUES ('$ID', 7, 'seven')) AS v (id, n, word) WHERE c.id = v.id RETURNING c.age, v.word, v.*`,
    [{ age: 7, word: 'seven', id: '$ID', n: 7 }],
  ],
  [
    'a USING item',
    `DELETE FROM salesforce.contacts c USING generate_series(1, 1) AS g (n) WHERE c.id = '$ID' RETURNING c.id, g.n + 1 AS next`,
    [{ id: '$ID', next: 2 }],
  ],
  ...since(18, [
    'OLD and NEW',
    `UPDATE salesforce.contacts SET age = 9 WHERE id = '$ID' RETURNING old.age AS before, new.age AS after, new.id`,
    [{ before: null, after: 9, id: '$ID' }],
  ]),
  [
    'a system column',
    `UPDATE salesforce.contacts SET age = 9 WHERE id = '$ID' RETURNING id, tableoid::regclass::text AS t`,
    [{ id: '$ID', t: 'salesforce.contacts' }],
  ],
  [
    'a qualified name',
    `UPDATE salesforce.contacts SET age = 9 WHERE id = '$ID' RETURNING salesforce.contacts.id, contacts.age`,
    [{ id: '$ID', age: 9 }],
  ],
  [
    'a common table expression',
    `WITH w AS (SELECT 5 AS n) UPDATE salesforce.contacts SET age = w.n FROM w WHERE id = '$ID' RETURNING age, (SELECT max(n) FROM w) AS most`,
    [{ age: 5, most: 5 }],
  ],
])('RETURNING may name %s', async (_, text, expected) => {
  const id = await inserted('r@x.io');
  const { rows } = await client.query(text.replaceAll('$ID', id));
  expect(rows).toEqual(JSON.parse(JSON.stringify(expected).replaceAll('$ID', id)));
});

test('several statements in one string are one transaction, in which the write stands', async () => {
  await client.query('CREATE TABLE IF NOT EXISTS plain (n int)').catch(() => undefined);
  const admin = await connect(stack.server.superuserUrl);
  await admin.query('CREATE TABLE IF NOT EXISTS public.plain (n int); GRANT ALL ON public.plain TO PUBLIC');
  await admin.end();
  const results = (await client.query(
    `INSERT INTO plain VALUES (1); INSERT INTO salesforce.contacts (email) VALUES ('m@x.io') RETURNING email; SELECT count(*)::int AS n FROM plain`,
  )) as unknown as pg.QueryResult[];
  expect(results.map((result) => [result.command, result.rowCount])).toEqual([
    ['INSERT', 1],
    ['INSERT', 1],
    ['SELECT', 1],
  ]);
  const error = await refusal(
    client.query(`INSERT INTO plain VALUES (2); DELETE FROM salesforce.contacts WHERE email = 'm@x.io'; SELECT 1 / 0`),
  );
  expect(error.code).toBe('22012');
  expect(await direct('SELECT n FROM plain')).toEqual([{ n: 1 }]);
  expect(await direct(`SELECT FROM salesforce.contacts WHERE email = 'm@x.io'`)).toEqual([]);
});

test('around Upwrite a write fails at commit', async () => {
  const own = await connect(stack.server.url());
  const error = await refusal(own.query(`INSERT INTO salesforce.contacts (email) VALUES ('direct@x.io')`));
  expect(error.code).toBe('25006');
  expect(error.hint).toContain('Upwrite');
  await own.end();
});

/** Statements that are more than a plain mutation: COPY, PREPARE and EXECUTE, EXPLAIN, cursors, and what is refused. */

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connect } from '../support/database.js';
import { contacts } from '../support/fake-api.js';
import { since } from '../support/postgres.js';
import { type Stack, startStack } from '../support/stack.js';
import { refusing } from '../support/writable-api.js';

let stack: Stack;
let client: pg.Client;
let notices: string[];

beforeAll(async () => {
  stack = await startStack({ resources: [contacts()] });
  const admin = await connect(stack.server.superuserUrl);
  await admin.query('CREATE TABLE public.plain (id text, n int); GRANT ALL ON public.plain TO PUBLIC');
});

beforeEach(async () => {
  stack.api.batches.length = 0;
  client = await connect(stack.url());
  notices = [];
  client.on('notice', (notice) => notices.push(notice.message ?? ''));
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

const extended = (text: string): Promise<pg.QueryResult> =>
  client.query({ text, values: [], queryMode: 'extended' } as pg.QueryConfig);

async function insertOne(email: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    'INSERT INTO salesforce.contacts (email) VALUES ($1) RETURNING id',
    [email],
  );
  stack.api.batches.length = 0;
  return rows[0]?.id ?? '';
}

test('what the API left out of what it applied is a warning', async () => {
  const details: (string | undefined)[] = [];
  client.on('notice', (notice) => details.push(notice.detail));
  stack.api.answers.push((batch) => ({ ...stack.api.accept(batch), remarks: ['A file was left out.'] }));
  const { rowCount } = await client.query(`INSERT INTO salesforce.contacts (email) VALUES ('a@remark.io')`);
  expect(rowCount).toBe(1);
  expect(notices).toEqual(['salesforce did not apply all of the statement']);
  expect(details).toEqual(['A file was left out.']);
});

describe('COPY … FROM STDIN', () => {
  const copy = async (sql: string, data: readonly (string | Buffer)[]): Promise<number | null> => {
    const stream = client.query(copyFrom(sql));
    await pipeline(Readable.from(data), stream);
    return stream.rowCount;
  };

  test('text, in pieces that split the rows', async () => {
    const count = await copy('COPY salesforce.contacts (email, age) FROM STDIN', [
      'a@copy.io\t',
      '1\nb@co',
      'py.io\t\\N\n',
    ]);
    expect(count).toBe(2);
    expect(stack.api.batches.map((batch) => [batch.verb, batch.rows.map((row) => row.values)])).toEqual([
      [
        'insert',
        [
          { email: 'a@copy.io', age: 1 },
          { email: 'b@copy.io', age: null },
        ],
      ],
    ]);
    const { rows } = await client.query(
      `SELECT email, age FROM salesforce.contacts WHERE email LIKE '%@copy.io' ORDER BY 1`,
    );
    expect(rows).toEqual([
      { email: 'a@copy.io', age: 1 },
      { email: 'b@copy.io', age: null },
    ]);
  });

  test('csv with a header, inside a transaction block', async () => {
    await client.query('BEGIN');
    const count = await copy('COPY salesforce.contacts (email, tags) FROM STDIN (FORMAT csv, HEADER)', [
      'email,tags\n"q, r@csv.io","{x,y}"\n',
    ]);
    await client.query('ROLLBACK');
    expect(count).toBe(1);
    expect(notices).toEqual(['COPY on table "contacts" took effect at once, outside the transaction']);
    expect(stack.api.batches[0]?.rows[0]?.values).toEqual({ email: 'q, r@csv.io', tags: ['x', 'y'] });
  });

  test('binary', async () => {
    const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
    const email = Buffer.from('bin@copy.io');
    const row = Buffer.alloc(2 + 4 + email.length + 4 + 4);
    row.writeInt16BE(2, 0);
    row.writeInt32BE(email.length, 2);
    email.copy(row, 6);
    row.writeInt32BE(4, 6 + email.length);
    row.writeInt32BE(77, 10 + email.length);
    const trailer = Buffer.from([0xff, 0xff]);
    expect(await copy('COPY salesforce.contacts (email, age) FROM STDIN (FORMAT binary)', [header, row, trailer])).toBe(
      1,
    );
    expect(stack.api.batches[0]?.rows[0]?.values).toEqual({ email: 'bin@copy.io', age: 77 });
  });

  test('bad data is the database’s own error, a client may give up, and the session goes on', async () => {
    const error = await refusal(
      copy('COPY salesforce.contacts (email, age) FROM STDIN', ['x@copy.io\tnot a number\n']),
    );
    expect(error).toMatchObject({ code: '22P02', where: expect.stringContaining('COPY contacts, line 1, column age') });
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    const stream = client.query(copyFrom('COPY salesforce.contacts (email) FROM STDIN'));
    const failed = new Promise((resolve) => stream.on('error', resolve));
    stream.write('y@copy.io\n');
    stream.destroy(new Error('changed my mind'));
    expect(await failed).toBeInstanceOf(Error);
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(stack.api.batches).toEqual([]);
  });

  test('too many rows, a key of the client’s own, and a refusal of the API', async () => {
    const many = Array.from({ length: 201 }, (_, i) => `m${i}@copy.io\n`).join('');
    expect((await refusal(copy('COPY salesforce.contacts (email) FROM STDIN', [many]))).code).toBe('54000');
    const keyed = await refusal(copy('COPY salesforce.contacts (id, email) FROM STDIN', ['mine\tk@copy.io\n']));
    expect(keyed).toMatchObject({ code: '428C9', column: 'id' });
    expect(stack.api.batches).toEqual([]);
    stack.api.answers.push(refusing(0, 'email', 'no'));
    expect((await refusal(copy('COPY salesforce.contacts (email) FROM STDIN', ['r@copy.io\n']))).code).toBe('23514');
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('of a plain table beside a write goes through', async () => {
    const stream = client.query(
      copyFrom(`INSERT INTO salesforce.contacts (email) VALUES ('beside@copy.io'); COPY plain (id, n) FROM STDIN`),
    );
    await pipeline(Readable.from(['p\t1\n']), stream);
    expect(stack.api.batches).toHaveLength(1);
    expect((await client.query(`SELECT n FROM plain WHERE id = 'p'`)).rows).toEqual([{ n: 1 }]);
  });
});

describe('PREPARE and EXECUTE', () => {
  test('a mutation prepared in SQL is called with expressions', async () => {
    await client.query(
      `PREPARE add (text, int) AS INSERT INTO salesforce.contacts (email, age) VALUES ($1, $2) RETURNING id, age + 1 AS next`,
    );
    for (const age of [1, 2]) {
      const { rows, command } = await client.query(`EXECUTE add ('p' || ${age} || '@x.io', 0.6 + ${age})`);
      expect(command).toBe('INSERT');
      expect(rows[0]).toMatchObject({ id: expect.stringMatching(/^003/), next: age + 2 });
    }
    expect(stack.api.batches.map((batch) => batch.rows[0]?.values)).toEqual([
      { email: 'p1@x.io', age: 2 },
      { email: 'p2@x.io', age: 3 },
    ]);
    await client.query('DEALLOCATE add');
    expect((await refusal(client.query(`EXECUTE add ('x', 1)`))).code).toBe('26000');
  });

  test('without parameters, and in a transaction with a refusal', async () => {
    await client.query(`PREPARE one AS INSERT INTO salesforce.contacts (email) VALUES ('one@x.io')`);
    expect((await client.query('EXECUTE one')).rowCount).toBe(1);
    await client.query('BEGIN');
    stack.api.answers.push(refusing(0, 'email', 'no'));
    expect((await refusal(client.query('EXECUTE one'))).code).toBe('23514');
    expect((await refusal(client.query('SELECT 1'))).code).toBe('25P02');
    await client.query('ROLLBACK');
    expect((await client.query('EXECUTE one')).rowCount).toBe(1);
  });

  test('a statement prepared by the protocol can be called in SQL', async () => {
    await client.query({
      name: 'by_parse',
      text: 'INSERT INTO salesforce.contacts (email) VALUES ($1)',
      values: ['n1@x.io'],
    });
    expect((await client.query(`EXECUTE by_parse ('n2@x.io')`)).rowCount).toBe(1);
    expect(stack.api.batches.map((batch) => batch.rows[0]?.values)).toEqual([
      { email: 'n1@x.io' },
      { email: 'n2@x.io' },
    ]);
  });

  test('one named statement a hundred times', async () => {
    const id = await insertOne('loop@x.io');
    for (let i = 1; i <= 100; i++) {
      const { rows } = await client.query({
        name: 'bump',
        text: 'UPDATE salesforce.contacts SET age = coalesce(age, 0) + 1 WHERE id = $1 RETURNING age',
        values: [id],
      });
      expect(rows).toEqual([{ age: i }]);
    }
    expect(stack.api.batches).toHaveLength(100);
  });
});

describe.each(['simple', 'extended'] as const)('EXPLAIN, %s protocol', (protocol) => {
  const run = (text: string): Promise<pg.QueryResult> => (protocol === 'simple' ? client.query(text) : extended(text));

  test('shows the request under the plan and sends nothing', async () => {
    const { rows, command } = await run(`EXPLAIN UPDATE salesforce.contacts SET age = 1 WHERE id = 'x'`);
    const lines = rows.map((row) => row['QUERY PLAN']);
    expect(command).toBe('EXPLAIN');
    expect(lines[0]).toContain('Update on contacts');
    expect(lines.slice(-3)).toEqual([
      'API request: POST /Contact/update/100 (salesforce)',
      '  Rows: at most 100 in one statement',
      '  API calls: 1',
    ]);
    expect(stack.api.batches).toEqual([]);
    expect((await run('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('in another format the plan stays as it is', async () => {
    const { rows } = await run(`EXPLAIN (FORMAT json) DELETE FROM salesforce.contacts WHERE id = 'x'`);
    expect(rows[0]['QUERY PLAN'][0].Plan['Node Type']).toBe('ModifyTable');
    expect(notices[0]).toContain('API request: POST');
  });

  test.each<readonly [string, string]>([
    ['EXPLAIN ANALYZE', `EXPLAIN ANALYZE DELETE FROM salesforce.contacts`],
    [
      'INSERT … ON CONFLICT DO UPDATE',
      `INSERT INTO salesforce.contacts (email) VALUES ('x') ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email`,
    ],
    ...since(15, ['MERGE', `MERGE INTO salesforce.contacts c USING plain p ON c.id = p.id WHEN MATCHED THEN DELETE`]),
    ['TRUNCATE', `TRUNCATE salesforce.contacts`],
    ['WITH', `WITH gone AS (DELETE FROM salesforce.contacts RETURNING id) SELECT count(*) FROM gone`],
  ])('%s is refused with a word on what to write instead', async (what, text) => {
    const error = await refusal(run(text));
    expect(error).toMatchObject({ code: '0A000', schema: 'salesforce', table: 'contacts' });
    expect(error.message).toContain(what);
    expect(error.hint).not.toBe('');
    expect(stack.api.batches).toEqual([]);
    expect((await run('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});

test('ON CONFLICT DO NOTHING leaves out what is there', async () => {
  const result = await client.query(
    `INSERT INTO salesforce.contacts (email) VALUES ('nothing@x.io') ON CONFLICT DO NOTHING RETURNING email`,
  );
  expect(result.rows).toEqual([{ email: 'nothing@x.io' }]);
});

test('WHERE CURRENT OF a cursor', async () => {
  const id = await insertOne('cursor@x.io');
  await client.query('BEGIN');
  await client.query(`DECLARE c CURSOR FOR SELECT id FROM salesforce.contacts WHERE id = '${id}'`);
  await client.query('FETCH c');
  const { rows } = await client.query('UPDATE salesforce.contacts SET age = 3 WHERE CURRENT OF c RETURNING id, age');
  expect(rows).toEqual([{ id, age: 3 }]);
  await client.query('COMMIT');
  expect(stack.api.batches[0]?.rows).toMatchObject([{ key: id, values: { age: 3 } }]);
});

test('a function, a view and a DO block that would write end at the guard', async () => {
  const admin = await connect(stack.server.superuserUrl);
  await admin.query(`CREATE VIEW public.people AS SELECT id, email FROM salesforce.contacts; GRANT ALL ON public.people TO PUBLIC;
    CREATE FUNCTION public.sneak() RETURNS void LANGUAGE sql AS $$ INSERT INTO salesforce.contacts (email) VALUES ('s') $$`);
  for (const text of [
    'SELECT sneak()',
    `INSERT INTO people (email) VALUES ('v')`,
    `DO $$ BEGIN DELETE FROM salesforce.contacts; END $$`,
  ]) {
    const error = await refusal(client.query(text));
    expect(error).toMatchObject({ code: '25006', table: 'contacts' });
    expect(error.hint).toContain('INSERT, UPDATE or DELETE');
  }
  expect(stack.api.batches).toEqual([]);
});

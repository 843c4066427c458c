/** INSERT … ON CONFLICT DO UPDATE through a whole Upwrite, where the table here and the API differ, and what is refused. */
import pg from 'pg';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fault } from '../../src/errors/index.js';
import type { Column, Resource } from '../../src/provider/index.js';
import { connect } from '../support/database.js';
import { contacts } from '../support/fake-api.js';
import { type Stack, startStack } from '../support/stack.js';
import { waitFor } from '../support/wait.js';
import { refusing } from '../support/writable-api.js';

const plain = contacts();
const keyed = (column: Column): Column =>
  ['email', 'big'].includes(column.name) ? { ...column, upsertKey: true } : column;
const upsertable: Resource = {
  ...plain,
  columns: plain.columns.map(keyed),
  writes: { ...plain.writes, upsert: { max: 3, ceiling: 3, atomic: true, keyColumns: 1 } },
};
const others: Resource = { ...plain, name: 'others', object: 'Other' };

let stack: Stack;
let client: pg.Client;

beforeAll(async () => {
  stack = await startStack({ resources: [upsertable, others] });
});

beforeEach(async () => {
  stack.api.batches.length = 0;
  stack.api.reads = 0;
  client = await connect(stack.url());
});

afterEach(async () => {
  await client.end();
  expect(stack.complaints.splice(0)).toEqual([]);
});

async function refusal(work: Promise<unknown>): Promise<pg.DatabaseError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof pg.DatabaseError)) throw new Error(`no error of the database but ${String(error)}`);
  return error;
}

async function stored(where: string): Promise<readonly Record<string, unknown>[]> {
  const own = await connect(stack.server.url());
  const { rows } = await own.query<Record<string, unknown>>(
    `SELECT id, email, age, vip FROM salesforce.contacts WHERE ${where} ORDER BY id`,
  );
  await own.end();
  return rows;
}

const upsertSql = `INSERT INTO salesforce.contacts (email, age) VALUES ($1, $2)
  ON CONFLICT (email) DO UPDATE SET age = EXCLUDED.age RETURNING id, email, age, vip`;

async function upsert(email: string, age: number): Promise<Record<string, unknown>> {
  const { rows, command, rowCount } = await client.query(upsertSql, [email, age]);
  expect([command, rowCount]).toEqual(['INSERT', 1]);
  return rows[0];
}

/** A record that is upstream and here. */
async function record(email: string): Promise<string> {
  const { rows } = await client.query(
    'INSERT INTO salesforce.contacts (email, age, vip) VALUES ($1, 1, true) RETURNING id',
    [email],
  );
  stack.api.batches.length = 0;
  return rows[0].id;
}

const upstream = (id: string) => stack.api.live('Contact').get(id);
const now = (): number => Date.now();

async function journalled(): Promise<Record<string, unknown>> {
  const { rows } = await client.query(
    'SELECT verb, rows, applied_rows, state, path, sqlstate FROM upwrite.mutations ORDER BY id DESC LIMIT 1',
  );
  return rows[0];
}

describe('one request', () => {
  test('carries new and old records, and the journal says what it was', async () => {
    const id = await record('old@x.io');
    const { rows } = await client.query(
      `INSERT INTO salesforce.contacts (email, age) VALUES ('old@x.io', 2), ('fresh@x.io', 3)
       ON CONFLICT (email) DO UPDATE SET age = EXCLUDED.age RETURNING id, email, age, vip`,
    );
    expect(rows).toEqual([
      { id, email: 'old@x.io', age: 2, vip: true },
      { id: expect.stringMatching(/^003/), email: 'fresh@x.io', age: 3, vip: null },
    ]);
    expect(await stored(`email IN ('old@x.io', 'fresh@x.io')`)).toEqual(rows);
    expect(stack.api.batches).toMatchObject([
      {
        verb: 'upsert',
        conflict: ['email'],
        rows: [{ key: null }, { key: null, values: { email: 'fresh@x.io', age: 3 } }],
      },
    ]);
    expect(stack.api.reads).toBe(0);
    expect(await journalled()).toMatchObject({ verb: 'upsert', rows: 2, applied_rows: 2, state: 'applied' });
  });

  test('is shown by EXPLAIN, also of a prepared statement in a text', async () => {
    const sql = `EXPLAIN (COSTS OFF) ${upsertSql.replace('$1', `'e@x.io'`).replace('$2', '1')}`;
    const lines = ((await client.query(`SELECT 1; ${sql}`)) as unknown as pg.QueryResult[])[1]?.rows.map(
      (row) => Object.values(row)[0],
    );
    expect(lines).toContain('API request: POST /Contact/upsert/3 (salesforce)');
    expect(lines).toContain('  Rows: at most 3 in one statement');
    const extended = await client.query({ text: sql, values: [], queryMode: 'extended' } as pg.QueryConfig);
    expect(extended.rows.map((row) => Object.values(row)[0])).toEqual(lines);
    expect(stack.api.batches).toEqual([]);
  });

  test('has as many rows as the API takes', async () => {
    const error = await refusal(
      client.query(`INSERT INTO salesforce.contacts (email) SELECT 'm' || n FROM generate_series(1, 4) n
        ON CONFLICT (email) DO UPDATE SET email = EXCLUDED.email`),
    );
    expect(error).toMatchObject({ code: '54000', hint: 'Split the statement into batches of at most 3 rows.' });
    expect(stack.api.batches).toEqual([]);
  });

  test('that is refused changes nothing', async () => {
    const id = await record('refused@x.io');
    stack.api.answers.push(refusing(0, 'age', 'Too old.'));
    expect(await refusal(upsert('refused@x.io', 999))).toMatchObject({
      code: '23514',
      detail: 'Too old.',
      column: 'age',
    });
    expect(await stored(`id = '${id}'`)).toMatchObject([{ age: 1 }]);
    expect(await journalled()).toMatchObject({ verb: 'upsert', state: 'refused', sqlstate: '23514' });
  });
});

describe('where the table is behind the API', () => {
  test('a record that is only upstream comes whole', async () => {
    stack.api.put('Contact', '003upstream', { email: 'up@x.io', age: 1, vip: true }, now());
    expect(await upsert('up@x.io', 7)).toEqual({ id: '003upstream', email: 'up@x.io', age: 7, vip: true });
    expect(await stored(`email = 'up@x.io'`)).toEqual([{ id: '003upstream', email: 'up@x.io', age: 7, vip: true }]);
  });

  test('a record that has another value upstream by now is not the one that is changed', async () => {
    const id = await record('moved@x.io');
    stack.api.put('Contact', id, { ...upstream(id), email: 'elsewhere@x.io' }, now());
    const made = await upsert('moved@x.io', 8);
    expect(made).toMatchObject({ email: 'moved@x.io', age: 8, vip: null });
    expect(made['id']).not.toBe(id);
    expect(await stored(`id IN ('${id}', '${made['id']}')`)).toEqual(
      [made, { id, email: 'elsewhere@x.io', age: 1, vip: true }].sort((a, b) =>
        String(a['id']) < String(b['id']) ? -1 : 1,
      ),
    );
  });

  test('a record that is gone upstream is gone here, and the new one is another', async () => {
    const id = await record('gone@x.io');
    stack.api.remove('Contact', id, now());
    const made = await upsert('gone@x.io', 9);
    expect(made).toMatchObject({ age: 9, vip: null });
    expect(await stored(`email = 'gone@x.io'`)).toEqual([made]);
    expect(made['id']).not.toBe(id);
  });

  test('a value that moved from one record to another is here as it is there', async () => {
    const [from, to] = [await record('swap@x.io'), await record('swapped@x.io')];
    stack.api.put('Contact', from, { ...upstream(from), email: 'free@x.io' }, now());
    stack.api.put('Contact', to, { ...upstream(to), email: 'swap@x.io' }, now());
    expect(await upsert('swap@x.io', 10)).toMatchObject({ id: to, email: 'swap@x.io', age: 10 });
    expect(await stored(`id IN ('${from}', '${to}')`)).toMatchObject([
      { id: from, email: 'free@x.io', age: 1 },
      { id: to, email: 'swap@x.io', age: 10 },
    ]);
  });

  test('a record that cannot be read back is stored as far as it is known, and read again later', async () => {
    stack.api.put('Contact', '003unread', { email: 'unread@x.io', vip: true }, now());
    stack.api.hook = (what) => {
      if (what === 'read') throw new Error('no answer');
    };
    try {
      expect(await upsert('unread@x.io', 11)).toEqual({ id: '003unread', email: 'unread@x.io', age: 11, vip: null });
    } finally {
      stack.api.hook = () => {};
    }
    expect(stack.complaints.splice(0)).toMatchObject([expect.stringContaining('could not be read back yet')]);
    const own = await connect(stack.server.superuserUrl);
    expect((await own.query(`SELECT FROM upwrite.stale_keys WHERE key = '003unread'`)).rowCount).toBe(1);
    await own.end();
  });
});

describe('at the same time', () => {
  test('two upserts of one value take turns and make one record', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    stack.api.answers.push(async (batch) => {
      await held;
      return stack.api.accept(batch);
    });
    const other = await connect(stack.url());
    const first = client.query(upsertSql, ['Twice@x.io', 1]);
    await waitFor('the first to be sent', () => stack.api.batches.length === 1);
    // The same in another case, as an API may take it.
    const second = other.query(upsertSql, ['Twice@x.io', 2]);
    const own = await connect(stack.server.superuserUrl);
    await waitFor('the second to wait for the lock', async () => {
      const { rowCount } = await own.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`);
      return rowCount === 1;
    });
    expect(stack.api.batches).toHaveLength(1);
    release();
    const [a, b] = [(await first).rows[0], (await second).rows[0]];
    expect(b).toEqual({ ...a, age: 2 });
    expect(await stored(`email = 'Twice@x.io'`)).toEqual([b]);
    expect(stack.api.reads).toBe(0);
    await own.end();
    await other.end();
  });

  test('an upsert and an update of its record take turns', async () => {
    const id = await record('turn@x.io');
    let release = (): void => {};
    stack.api.answers.push(async (batch) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return stack.api.accept(batch);
    });
    const other = await connect(stack.url());
    const first = client.query(upsertSql, ['turn@x.io', 5]);
    await waitFor('the upsert to be sent', () => stack.api.batches.length === 1);
    const second = other.query(`UPDATE salesforce.contacts SET age = age + 1 WHERE id = $1 RETURNING age`, [id]);
    const own = await connect(stack.server.superuserUrl);
    await waitFor('the update to wait for the lock', async () => {
      const { rowCount } = await own.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`);
      return rowCount === 1;
    });
    release();
    expect((await first).rows[0]).toMatchObject({ age: 5 });
    expect((await second).rows[0]).toEqual({ age: 6 });
    await own.end();
    await other.end();
  });
});

describe('without an answer', () => {
  const isFinal = async (): Promise<boolean> => (await journalled())['state'] !== 'unknown';
  const unknown = fault('outcome_unknown', { params: { provider: 'salesforce' }, context: 'cut' });

  test.each([
    ['that was applied to a record that is here', true, true, 'applied'],
    ['that made a record', true, false, 'applied'],
    ['that was not applied', false, true, 'refused'],
    ['that made nothing', false, false, 'refused'],
  ])('a request %s is settled by its key', async (_, isApplied, isHere, state) => {
    const email = `lost-${isApplied}-${isHere}@x.io`;
    if (isHere) await record(email);
    stack.api.answers.push((batch) => {
      if (isApplied) stack.api.accept(batch);
      return { outcomes: batch.rows.map(() => ({ kind: 'unknown' as const, fault: unknown })), requests: [] };
    });
    expect(await refusal(upsert(email, 3))).toMatchObject({ code: '40003' });
    expect(await journalled()).toMatchObject({ verb: 'upsert', state: 'unknown' });
    const found = [...stack.api.live('Contact')].find(([, values]) => values['email'] === email);
    await stack.settle(0, isFinal);
    expect(await journalled()).toMatchObject({ state, applied_rows: isApplied ? 1 : 0 });
    const age = isApplied ? 3 : 1;
    expect(await stored(`email = '${email}'`)).toMatchObject(found === undefined ? [] : [{ id: found[0], age }]);
  });

  test('a request that may still be under way is not settled yet', async () => {
    stack.api.answers.push((batch) => ({
      outcomes: batch.rows.map(() => ({ kind: 'unknown' as const, fault: unknown })),
      requests: [],
    }));
    await refusal(upsert('later@x.io', 3));
    await stack.settle(3_600_000, async () => {
      const own = await connect(stack.server.superuserUrl);
      const { rowCount } = await own.query(
        'SELECT FROM upwrite.mutation_intents WHERE settle_after IS NOT NULL AND attempts > 0',
      );
      await own.end();
      return rowCount === 1;
    });
    expect(await journalled()).toMatchObject({ state: 'unknown' });
    await stack.settle(0, isFinal);
  });
});

describe('is refused with a word on what to write instead', () => {
  const into = 'INSERT INTO salesforce.contacts';
  const ageSet = 'DO UPDATE SET age = EXCLUDED.age';
  const values = `(email, age) VALUES ('r@x.io', 1)`;

  test.each([
    [
      'a table without upserts',
      `INSERT INTO salesforce.others ${values} ON CONFLICT (email) ${ageSet}`,
      /has no upsert/,
    ],
    [
      'the key of the table',
      `${into} (id, age) VALUES ('x', 1) ON CONFLICT (id) ${ageSet}`,
      /finds no records by "id": .* one of "email", "big"/,
    ],
    [
      'a column that is no key',
      `${into} (vip, age) VALUES (true, 1) ON CONFLICT (vip) ${ageSet}`,
      /finds no records by "vip"/,
    ],
    [
      'two columns',
      `${into} (email, big, age) VALUES ('r', 1, 1) ON CONFLICT (email, big) ${ageSet}`,
      /one of "email", "big"/,
    ],
    ['an expression', `${into} ${values} ON CONFLICT (lower(email)) ${ageSet}`, /Name the column/],
    ['a constraint', `${into} ${values} ON CONFLICT ON CONSTRAINT contacts_pkey ${ageSet}`, /Name the column/],
    ['no target', `${into} ${values} ON CONFLICT ${ageSet}`, /Name the column/],
    ['a condition', `${into} AS c ${values} ON CONFLICT (email) ${ageSet} WHERE c.age < 1`, /Leave the WHERE out/],
    ['a partial index', `${into} ${values} ON CONFLICT (email) WHERE vip ${ageSet}`, /Leave the WHERE out/],
    [
      'a key that is not inserted',
      `${into} (age) VALUES (1) ON CONFLICT (email) ${ageSet}`,
      /Insert a value of "email"/,
    ],
    ['no column', `${into} DEFAULT VALUES ON CONFLICT (email) ${ageSet}`, /Insert a value of "email"/],
    [
      'an expression in SET',
      `${into} AS c ${values} ON CONFLICT (email) DO UPDATE SET age = c.age + 1`,
      /SET "age" = EXCLUDED."age"/,
    ],
    [
      'a column less in SET',
      `${into} (email, age, vip) VALUES ('r', 1, true) ON CONFLICT (email) ${ageSet}`,
      /SET "age" = EXCLUDED."age", "vip" = EXCLUDED."vip"/,
    ],
    [
      'a column more in SET',
      `${into} ${values} ON CONFLICT (email) DO UPDATE SET age = EXCLUDED.age, vip = EXCLUDED.vip`,
      /SET "age" = EXCLUDED."age"\./,
    ],
    [
      'DEFAULT in a row',
      `${into} (email, age) VALUES ('r', 1), ('s', DEFAULT) ON CONFLICT (email) ${ageSet}`,
      /a value in every row/,
    ],
    [
      'NULL in the key',
      `${into} (email, age) VALUES ('r', 1), (NULL, 2) ON CONFLICT (email) ${ageSet}`,
      /plain INSERT/,
    ],
    ['an empty key', `${into} (email, age) VALUES ('', 2) ON CONFLICT (email) ${ageSet}`, /plain INSERT/],
    // As Prisma, Objection and ActiveRecord with time stamps write them.
    [
      'Prisma',
      `${into} ("email", "age") VALUES ('r', 1) ON CONFLICT ("email") DO UPDATE SET "age" = 1 WHERE ("salesforce"."contacts"."email" = 'r' AND 1=1) RETURNING "id"`,
      /Leave the WHERE out/,
    ],
    [
      'ActiveRecord',
      `${into} ("email","age") VALUES ('r', 1) ON CONFLICT ("email") DO UPDATE SET modified_at=(CASE WHEN ("contacts"."age" IS NOT DISTINCT FROM excluded."age") THEN "contacts".modified_at ELSE CURRENT_TIMESTAMP END),"age"=excluded."age" RETURNING "id"`,
      /SET "age" = EXCLUDED."age"/,
    ],
  ])('%s', async (_, sql, hint) => {
    for (const queryMode of ['simple', 'extended'] as const) {
      const error = await refusal(
        client.query({ text: sql, values: [], ...(queryMode === 'simple' ? {} : { queryMode }) } as pg.QueryConfig),
      );
      expect(error).toMatchObject({ code: '0A000', schema: 'salesforce', routine: 'upwrite.unsupported' });
      expect(error.message).toContain('INSERT … ON CONFLICT DO UPDATE');
      expect(error.hint).toMatch(hint);
    }
    for (const wrapped of [`EXPLAIN ${sql}`, `PREPARE p AS ${sql}`]) {
      if (/NULL, 2|\(''/.test(sql)) continue;
      expect(await refusal(client.query(wrapped))).toMatchObject({ code: '0A000' });
    }
    expect(stack.api.batches).toEqual([]);
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('a column that the API sets itself', async () => {
    const error = await refusal(
      client.query(`${into} (email, modified_at) VALUES ('r@x.io', NULL)
        ON CONFLICT (email) DO UPDATE SET modified_at = EXCLUDED.modified_at`),
    );
    expect(error).toMatchObject({ code: '428C9', column: 'modified_at' });
    expect(stack.api.batches).toEqual([]);
  });

  test('a failed transaction stays failed, and a pipeline ends at the refusal', async () => {
    await client.query('BEGIN');
    await refusal(client.query('SELECT 1/0'));
    expect(await refusal(client.query(upsertSql, ['tx@x.io', 1]))).toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK');
    await client.query('BEGIN');
    await client.query('SAVEPOINT s');
    await refusal(client.query(`${into} (age) VALUES ($1) ON CONFLICT (email) ${ageSet}`, [1]));
    expect(await refusal(client.query('SELECT 1'))).toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK TO s');
    expect((await client.query(upsertSql, ['tx@x.io', 1])).rowCount).toBe(1);
    await client.query('COMMIT');
    expect(await stored(`email = 'tx@x.io'`)).toHaveLength(1);
  });

  test('DO NOTHING needs no key and works everywhere', async () => {
    for (const table of ['contacts', 'others']) {
      const { rowCount } = await client.query(
        `INSERT INTO salesforce.${table} (email) VALUES ('n@x.io') ON CONFLICT DO NOTHING`,
      );
      expect(rowCount).toBe(1);
    }
  });
});

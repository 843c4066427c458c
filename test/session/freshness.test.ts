/** Readers who ask for fresh data, and those who do not. */
import type pg from 'pg';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Freshness, openFreshness } from '../../src/sync/index.js';
import { connect, eventually, ownPool } from '../support/database.js';
import { contacts } from '../support/fake-api.js';
import { type Stack, startStack } from '../support/stack.js';

let stack: Stack;
let pool: pg.Pool;
let freshness: Freshness;
/** What has been synced for a reader; each puts its number into the rows. */
let wakes = 0;
let asked = 0;
let late: 'error' | 'warn' = 'error';

beforeAll(async () => {
  let real: Freshness | undefined;
  let warning: Freshness | undefined;
  stack = await startStack({
    resources: [contacts()],
    freshness: {
      preset: (role) => real?.preset(role) === true,
      refresh: async (relations, maxAge, signal) => {
        asked += 1;
        return (late === 'error' ? real : warning)?.refresh(relations, maxAge, signal) ?? null;
      },
    },
  });
  pool = ownPool(stack.server.upwriteUrl);
  const options = {
    pool,
    database: 'upwrite',
    wake: sync,
    timeoutMs: 60_000,
    late: 'error',
    onError: () => {},
    presetMs: 20,
  } as const;
  real = await openFreshness(options);
  warning = await openFreshness({ ...options, late: 'warn', timeoutMs: 1, wake: () => {} });
  freshness = real;
  const admin = await connect(stack.server.superuserUrl);
  await admin.query(`
    CREATE VIEW people AS SELECT id, email FROM salesforce.contacts;
    CREATE VIEW somebody AS SELECT email FROM people LIMIT 1;
    CREATE TABLE plain (email text); INSERT INTO plain VALUES ('plain');
    CREATE SCHEMA other; CREATE TABLE other.contacts (email text); INSERT INTO other.contacts VALUES ('other');
    GRANT USAGE ON SCHEMA other TO app;
    GRANT SELECT ON people, somebody, plain, other.contacts TO app; GRANT INSERT ON plain TO app`);
});

async function sync(): Promise<void> {
  wakes += 1;
  await pool.query(
    `INSERT INTO salesforce.contacts (id, email) VALUES ('a', $1) ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email`,
    [`fresh ${wakes}`],
  );
  await pool.query("UPDATE upwrite.tables SET state = 'live', last_synced_at = clock_timestamp()");
}

beforeEach(async () => {
  await pool.query("UPDATE upwrite.tables SET last_synced_at = '2020-01-01'");
  wakes = 0;
  asked = 0;
  late = 'error';
});

async function grown(): Promise<void> {
  await pool.query("UPDATE upwrite.tables SET last_synced_at = last_synced_at - interval '1 hour'");
}

async function email(
  client: pg.Client,
  sql = 'SELECT email FROM salesforce.contacts',
  values?: unknown[],
): Promise<string> {
  const result = await client.query<{ email: string }>(sql, values);
  return result.rows[0]?.email ?? '';
}

describe('a session that does not ask', () => {
  test('reads what is here, and nobody is asked', async () => {
    await sync();
    await grown();
    const client = await connect(stack.url());
    expect(await email(client)).toBe('fresh 1');
    expect(await email(client, 'SELECT email FROM salesforce.contacts WHERE id = $1', ['a'])).toBe('fresh 1');
    expect([wakes, asked]).toEqual([1, 0]);
  });
});

describe('a session that asks', () => {
  test('waits where the table is old, and not where it is fresh', async () => {
    const client = await connect(stack.url());
    await client.query("SET upwrite.max_staleness = '30s'");
    expect(await email(client)).toBe('fresh 1');
    expect(await email(client)).toBe('fresh 1');
    await grown();
    expect(await email(client)).toBe('fresh 2');
    await grown();
    await client.query("SET upwrite.max_staleness = '2h'");
    expect(await email(client)).toBe('fresh 2');
    await client.query('SET upwrite.max_staleness = 0');
    expect(await email(client)).toBe('fresh 3');
    expect(await email(client)).toBe('fresh 4');
    await client.query("SET upwrite.max_staleness = 'off'");
    expect(await email(client)).toBe('fresh 4');
    expect(wakes).toBe(4);
  });

  test('in either protocol, with statements prepared before and after', async () => {
    const client = await connect(stack.url());
    const before = { name: 'before', text: 'SELECT email FROM salesforce.contacts WHERE id = $1', values: ['a'] };
    await client.query(before);
    await client.query('PREPARE plainly AS SELECT email FROM salesforce.contacts');
    await client.query("SELECT set_config('upwrite.max_staleness', '30s', false)");
    expect((await client.query<{ email: string }>(before)).rows[0]?.email).toBe('fresh 1');
    await grown();
    expect(await email(client, 'EXECUTE plainly')).toBe('fresh 2');
    await grown();
    const after = { ...before, name: 'after' };
    expect((await client.query<{ email: string }>(after)).rows[0]?.email).toBe('fresh 3');
    await grown();
    expect((await client.query<{ email: string }>(after)).rows[0]?.email).toBe('fresh 4');
    await grown();
    expect(await email(client, 'SELECT email FROM salesforce.contacts WHERE id = $1', ['a'])).toBe('fresh 5');
  });

  test('through views, sub-selects, cursors and INSERT … SELECT; other tables do not count', async () => {
    const client = await connect(stack.url());
    await client.query("SET upwrite.max_staleness = '30s'");
    expect(await email(client, 'SELECT email FROM somebody')).toBe('fresh 1');
    await grown();
    expect(await email(client, 'SELECT (SELECT p.email FROM public.people p) AS email FROM plain')).toBe('fresh 2');
    await grown();
    await client.query('BEGIN; DECLARE c CURSOR FOR SELECT email FROM people');
    expect(await email(client, 'FETCH c')).toBe('fresh 3');
    await client.query('COMMIT');
    await grown();
    await client.query('INSERT INTO plain SELECT email FROM salesforce.contacts');
    expect(wakes).toBe(4);
    await grown();
    expect(await email(client, 'SELECT email FROM other.contacts')).toBe('other');
    expect(await email(client, "SELECT email FROM plain WHERE email = 'plain'")).toBe('plain');
    await client.query("SET search_path = other; SELECT 'contacts'");
    expect(wakes).toBe(4);
  });

  test('with the reach that the setting has in Postgres', async () => {
    const client = await connect(stack.url());
    await client.query('BEGIN');
    await client.query("SET LOCAL upwrite.max_staleness = '30s'");
    expect(await email(client)).toBe('fresh 1');
    await client.query('COMMIT');
    await grown();
    expect(await email(client)).toBe('fresh 1');
    await client.query("BEGIN; SET upwrite.max_staleness = '30s'");
    await client.query('ROLLBACK');
    expect(await email(client)).toBe('fresh 1');
    await client.query("SET upwrite.max_staleness = '30s'");
    await client.query('BEGIN; SAVEPOINT s; RESET upwrite.max_staleness');
    expect(await email(client)).toBe('fresh 1');
    await client.query('ROLLBACK TO s');
    expect(await email(client)).toBe('fresh 2');
    await client.query('COMMIT');
    await grown();
    await client.query('DISCARD ALL');
    expect(await email(client)).toBe('fresh 2');
    expect(wakes).toBe(2);
  });

  test.each(['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'])(
    'before the snapshot of a %s transaction',
    async (level) => {
      const client = await connect(stack.url());
      await client.query(`BEGIN ISOLATION LEVEL ${level}`);
      await client.query("SET LOCAL upwrite.max_staleness = '30s'");
      expect(await email(client)).toBe('fresh 1');
      await client.query('COMMIT');
      await client.query("SET upwrite.max_staleness = '30s'");
      await grown();
      await client.query(`BEGIN ISOLATION LEVEL ${level}`);
      expect(await email(client, 'SELECT email FROM salesforce.contacts WHERE id = $1', ['a'])).toBe('fresh 2');
      await client.query('COMMIT');
    },
  );

  test('from its start-up packet, or from the settings of its role', async () => {
    const url = `${stack.url()}?options=${encodeURIComponent('-c upwrite.max_staleness=30s')}`;
    expect(await email(await connect(url))).toBe('fresh 1');
    const admin = await connect(stack.server.superuserUrl);
    await admin.query("ALTER ROLE app IN DATABASE upwrite SET upwrite.max_staleness = '30s'");
    await eventually(async () => (freshness.preset('app') ? true : undefined));
    expect(freshness.preset('upwrite')).toBe(false);
    await grown();
    const client = await connect(stack.url());
    expect(await email(client)).toBe('fresh 2');
    await client.query("SET upwrite.max_staleness = 'off'");
    await grown();
    expect(await email(client)).toBe('fresh 2');
    await client.query('RESET upwrite.max_staleness');
    expect(await email(client)).toBe('fresh 3');
    await admin.query('ALTER ROLE app IN DATABASE upwrite RESET upwrite.max_staleness');
    await eventually(async () => (freshness.preset('app') ? undefined : true));
  });

  test('is not content with an older sync because the answer of the database is late', async () => {
    await sync();
    const slow: pg.Pool = Object.assign(Object.create(pool), {
      query: async (sql: string, values: unknown[]) => {
        const answer = await pool.query(sql, values);
        await new Promise((resolve) => setTimeout(resolve, 500));
        return answer;
      },
    });
    const own = await openFreshness({
      pool: slow,
      database: 'upwrite',
      wake: sync,
      timeoutMs: 60_000,
      late: 'error',
      onError: () => {},
    });
    const table = { schema: 'salesforce', name: 'contacts' };
    expect(await own.refresh([table], 0, AbortSignal.timeout(60_000))).toBe(null);
    await own.stop();
    expect(wakes).toBe(2);
  });

  test('is warned, and reads what is here, where that is chosen', async () => {
    await sync();
    await grown();
    late = 'warn';
    const client = await connect(stack.url());
    const notices: string[] = [];
    client.on('notice', (notice) => notices.push(`${notice.severity} ${notice.code} ${notice.message}`));
    await client.query("SET upwrite.max_staleness = '30s'");
    expect(await email(client)).toBe('fresh 1');
    expect(await email(client, 'SELECT email FROM salesforce.contacts WHERE id = $1', ['a'])).toBe('fresh 1');
    const words = 'table "contacts" could not be brought up to date with salesforce within 0 s';
    expect(notices).toEqual([`WARNING 01000 ${words}`, `WARNING 01000 ${words}`]);
  });

  test('has its transaction aborted by an error, as by any other, and can go on', async () => {
    const client = await connect(stack.url());
    await client.query("SET upwrite.max_staleness = 'soon'");
    await client.query('BEGIN');
    await expect(email(client)).rejects.toMatchObject({ code: '22023' });
    await expect(email(client, 'SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK');
    await expect(email(client, 'SELECT email FROM people WHERE id = $1', ['a'])).rejects.toMatchObject({
      code: '22023',
    });
    await client.query("SET upwrite.max_staleness = '30s'");
    expect(await email(client, 'SELECT email FROM people WHERE id = $1', ['a'])).toBe('fresh 1');
    expect(stack.complaints).toEqual([]);
  });
});

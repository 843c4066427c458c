/** postgres.js, which pipelines whatever it can, directly and through the proxy. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import { roles } from '../support/cluster.js';
import { waitFor } from '../support/wait.js';
import { addresses } from './addresses.js';

const found = addresses();
const routes = ['directly', 'through the proxy'] as const;
type Route = (typeof routes)[number];

async function using<T>(
  route: Route,
  work: (sql: postgres.Sql) => Promise<T>,
  more: postgres.Options<Record<string, never>> = {},
): Promise<T> {
  const { cluster, proxy } = found();
  const port = route === 'directly' ? cluster.port : proxy.port;
  const defaults = {
    host: '127.0.0.1',
    port,
    username: 'postgres',
    database: 'battery',
    max: 2,
    onnotice: () => undefined,
  };
  const sql = postgres({ ...defaults, ...more });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

describe.each(routes)('postgres.js, %s', (route) => {
  it.each(['trust', 'clear', 'md5', 'scram'] as const)('logs in: %s', async (method) => {
    const { user, password } = roles[method];
    const rows = await using(route, (sql) => sql`select current_user::text as who`, { username: user, password });
    expect([...rows]).toEqual([{ who: user }]);
  });

  it('logs in over TLS', async () => {
    const ssl = { ca: found().cluster.tls.ca, servername: 'localhost' };
    const { user, password } = roles.scram;
    const rows = await using(route, (sql) => sql`select 1 as one`, { username: user, password, ssl });
    expect([...rows]).toEqual([{ one: 1 }]);
  });

  it("gets the database's own error for a wrong password", async () => {
    const wrong = using(route, (sql) => sql`select 1`, { username: roles.scram.user, password: 'wrong' });
    await expect(wrong).rejects.toMatchObject({ code: '28P01' });
  });

  it('carries values of the common types', async () => {
    await using(route, async (sql) => {
      const when = new Date('2024-02-29T12:00:00Z');
      const rows =
        await sql`select ${1}::int as i, ${'ä漢🙂'}::text as t, ${true}::bool as b, ${when}::timestamptz as w,
        ${sql.json({ a: [1] })}::jsonb as j, ${[1, 2]}::int[] as a, ${Buffer.from([0, 255])}::bytea as y, ${null}::text as n`;
      expect([...rows]).toEqual([
        { i: 1, t: 'ä漢🙂', b: true, w: when, j: { a: [1] }, a: [1, 2], y: Buffer.from([0, 255]), n: null },
      ]);
    });
  });

  it('pipelines 1000 queries over two connections', async () => {
    const answers = await using(route, (sql) =>
      Promise.all(Array.from({ length: 1000 }, (_, n) => sql`select ${n}::int as n`)),
    );
    expect(answers.map(([row]) => row?.['n'])).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  });

  it('keeps errors in a pipeline to their own query', async () => {
    await using(route, async (sql) => {
      const results = await Promise.allSettled([
        sql`select 1`,
        sql`select 1/0`,
        sql`select 2`,
        sql.unsafe('selec'),
        sql`select 3`,
      ]);
      expect(results.map(({ status }) => status)).toEqual([
        'fulfilled',
        'rejected',
        'fulfilled',
        'rejected',
        'fulfilled',
      ]);
    });
  });

  it('reads by cursor and by row', async () => {
    await using(route, async (sql) => {
      let sum = 0;
      for await (const rows of sql`select n from generate_series(1, 1000) n`.cursor(30)) {
        for (const row of rows) sum += Number(row['n']);
      }
      expect(sum).toBe(500_500);
      await sql`select n from generate_series(1, 100) n`.forEach((row) => {
        sum -= Number(row['n']);
      });
      expect(sum).toBe(495_450);
    });
  });

  it('runs transactions and savepoints', async () => {
    await using(route, async (sql) => {
      const failed = sql.begin(async (inner) => {
        await inner`create temp table t (a int)`;
        await inner.savepoint((point) => point`select 1/0`).catch(() => undefined);
        await inner`insert into t values (1)`;
        return inner`select 1/0`;
      });
      await expect(failed).rejects.toMatchObject({ code: '22012' });
      await expect(sql`select * from pg_temp.t`).rejects.toMatchObject({ code: '42P01' });
    });
  });

  it('copies in and out', async () => {
    await using(
      route,
      async (sql) => {
        await sql`create temp table t (a int, b text)`;
        const lines = Array.from({ length: 5000 }, (_, at) => `${at}\trow ${at}\n`);
        await pipeline(Readable.from(lines), await sql`copy t from stdin`.writable());
        const out: Buffer[] = [];
        for await (const chunk of await sql`copy t to stdout`.readable()) out.push(Buffer.from(chunk));
        expect(Buffer.concat(out).toString()).toBe(lines.join(''));
      },
      { max: 1 },
    );
  });

  it('listens', async () => {
    await using(route, async (sql) => {
      const heard: string[] = [];
      await sql.listen('postgres_js', (payload) => heard.push(payload));
      await sql.notify('postgres_js', 'hello');
      await waitFor('the notification', () => heard.length === 1);
      expect(heard).toEqual(['hello']);
    });
  });

  it('cancels a query', async () => {
    await using(route, async (sql) => {
      const query = sql`select pg_sleep(60)`;
      const refused = expect(query.execute()).rejects.toMatchObject({ code: '57014' });
      await waitFor('the statement to sleep', async () => {
        const asleep = await sql`select from pg_stat_activity where wait_event = 'PgSleep'`;
        return asleep.length === 1;
      });
      query.cancel();
      await refused;
    });
  });

  it('reads large values and large results', async () => {
    await using(route, async (sql) => {
      const [row] = await sql`select length(${'v'.repeat(20_000_000)}::text) as n`;
      expect(row).toEqual({ n: 20_000_000 });
      expect(await sql`select repeat('x', 1000) as x from generate_series(1, 20000)`).toHaveLength(20_000);
    });
  });
});

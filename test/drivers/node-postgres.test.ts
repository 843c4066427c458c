/** node-postgres through the proxy: every check runs directly too, and must give the same. */
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { roles } from '../support/cluster.js';
import { waitFor } from '../support/wait.js';
import { addresses } from './addresses.js';
import { copyFrom, copyTo } from './copy-streams.js';

const found = addresses();

const routes = ['directly', 'through the proxy'] as const;
type Route = (typeof routes)[number];

function config(route: Route, more: pg.ClientConfig = {}): pg.ClientConfig {
  const { cluster, proxy } = found();
  const port = route === 'directly' ? cluster.port : proxy.port;
  return { host: '127.0.0.1', port, user: 'postgres', database: 'battery', ...more };
}

async function using<T>(route: Route, work: (client: pg.Client) => Promise<T>, more: pg.ClientConfig = {}): Promise<T> {
  const client = new pg.Client(config(route, more));
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

describe.each(routes)('node-postgres, %s', (route) => {
  it.each(['trust', 'clear', 'md5', 'scram', 'unicode'] as const)('logs in: %s', async (method) => {
    const rows = await using(route, async (client) => (await client.query('select current_user')).rows, roles[method]);
    expect(rows).toEqual([{ current_user: roles[method].user }]);
  });

  it.each(['clear', 'md5', 'scram'] as const)(
    "gets the database's own error for a wrong password: %s",
    async (method) => {
      const wrong = using(route, async () => undefined, { ...roles[method], password: 'wrong' });
      await expect(wrong).rejects.toMatchObject({ code: '28P01', severity: 'FATAL' });
    },
  );

  it('logs in over TLS and verifies the certificate', async () => {
    const ssl = { ca: found().cluster.tls.ca, servername: 'localhost' };
    const rows = await using(route, async (client) => (await client.query('select 1 as one')).rows, {
      ...roles.scram,
      ssl,
    });
    expect(rows).toEqual([{ one: 1 }]);
  });

  it('carries values of the common types there and back', async () => {
    const values = [
      1,
      '9007199254740993',
      1.5,
      true,
      'ä漢🙂',
      Buffer.from([0, 255]),
      new Date(0),
      { a: [1, null] },
      [1, 2],
      null,
    ];
    const text =
      'select $1::int4, $2::int8, $3::float8, $4::bool, $5::text, $6::bytea, $7::timestamptz, $8::jsonb, $9::int4[], $10::text';
    const rows = await using(route, async (client) => (await client.query({ text, values, rowMode: 'array' })).rows);
    expect(rows).toEqual([values]);
  });

  it('reads binary results', async () => {
    const query = { text: 'select $1::int4 as a', values: [258], binary: true };
    const rows = await using(route, async (client) => (await client.query(query)).rows, {});
    expect(rows).toEqual([{ a: 258 }]);
  });

  it('repeats a named statement', async () => {
    await using(route, async (client) => {
      for (let n = 0; n < 100; n++) {
        const { rows } = await client.query({ name: 'twice', text: 'select $1::int * 2 as twice', values: [n] });
        expect(rows).toEqual([{ twice: 2 * n }]);
      }
    });
  });

  it('reports every field of an error and goes on', async () => {
    await using(route, async (client) => {
      await client.query('create temp table t (a int constraint positive check (a > 0))');
      const failing = client.query('insert into t values (-1)');
      await expect(failing).rejects.toMatchObject({ code: '23514', constraint: 'positive', table: 't' });
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    });
  });

  it('keeps to transactions', async () => {
    await using(route, async (client) => {
      await client.query('create temp table t (a int)');
      await client.query('begin');
      await client.query('insert into t values (1)');
      await expect(client.query('select 1/0')).rejects.toMatchObject({ code: '22012' });
      await expect(client.query('select 1')).rejects.toMatchObject({ code: '25P02' });
      await client.query('rollback');
      expect((await client.query('select * from t')).rows).toEqual([]);
    });
  });

  it('copies in and out', async () => {
    await using(route, async (client) => {
      await client.query('create temp table t (a int, b text)');
      const lines = Array.from({ length: 20_000 }, (_, at) => `${at}\trow ${at}\n`);
      await pipeline(Readable.from(lines), client.query(copyFrom('copy t from stdin')));
      const out: Buffer[] = [];
      const sink = new Writable({
        write(chunk: Buffer, _encoding, done) {
          out.push(chunk);
          done();
        },
      });
      await pipeline(client.query(copyTo('copy t to stdout')), sink);
      expect(Buffer.concat(out).toString()).toBe(lines.join(''));
    });
  });

  it('hears notifications and notices', async () => {
    await using(route, async (listener) => {
      const heard: (string | undefined)[] = [];
      listener.on('notification', ({ channel, payload }) => heard.push(`${channel}: ${payload}`));
      listener.on('notice', ({ message }) => heard.push(message));
      await listener.query('listen node_postgres');
      await using(route, (sender) => sender.query("notify node_postgres, 'hello'"));
      await waitFor('the notification', () => heard.length === 1);
      await listener.query("do $$begin raise notice 'and a notice'; end$$");
      expect(heard).toEqual(['node_postgres: hello', 'and a notice']);
    });
  });

  it('is cancelled by pg_cancel_backend and goes on', async () => {
    await using(route, async (client) => {
      const { rows } = await client.query('select pg_backend_pid() as pid');
      const sleeping = client.query('select pg_sleep(60)');
      const refused = expect(sleeping).rejects.toMatchObject({ code: '57014' });
      await using('directly', async (control) => {
        await waitFor('the statement to sleep', async () => {
          const seen = await control.query("select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'", [
            rows[0].pid,
          ]);
          return seen.rowCount === 1;
        });
        await control.query('select pg_cancel_backend($1)', [rows[0].pid]);
      });
      await refused;
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    });
  });

  it('serves a pool', async () => {
    const pool = new pg.Pool({ ...config(route), max: 10 });
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => pool.query('select $1::int as n', [n])));
    expect(answers.map(({ rows }) => rows[0].n)).toEqual(Array.from({ length: 200 }, (_, n) => n));
    await pool.end();
  });

  it('reads 30 MB of rows and a value of 20 MB', async () => {
    await using(route, async (client) => {
      const { rows } = await client.query("select repeat('x', 1000) as x from generate_series(1, 30000)");
      expect(rows).toHaveLength(30_000);
      const value = await client.query('select length($1::text) as n', ['v'.repeat(20_000_000)]);
      expect(value.rows).toEqual([{ n: 20_000_000 }]);
    });
  });
});

import { existsSync } from 'node:fs';
import pg from 'pg';
import { expect, test, vi } from 'vitest';
import { startTestPostgres } from '../support/postgres.js';

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

test('a server has the roles, the settings and both kinds of socket', async () => {
  const server = await startTestPostgres({ settings: { work_mem: '7MB' } });
  expect(await ask(server.url(), 'SELECT current_user, current_database()')).toEqual([['app', 'upwrite']]);
  expect(await ask(server.url({ socket: true }), 'SHOW work_mem')).toEqual([['7MB']]);
  expect(await ask(server.upwriteUrl, 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user')).toEqual([[false]]);
  expect(await ask(server.superuserUrl, 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user')).toEqual([
    [true],
  ]);
  await expect(ask(server.url({ password: 'wrong' }), 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  await expect(ask(server.url({ password: 'wrong', socket: true }), 'SELECT 1')).rejects.toThrow(
    /password authentication/,
  );
});

test('lines of pg_hba.conf come before the default ones', async () => {
  const server = await startTestPostgres({ hba: ['host all app 127.0.0.1/32 trust'] });
  expect(await ask(server.url({ password: 'wrong' }), 'SELECT 1')).toEqual([[1]]);
});

test('clients may use the tables that Upwrite creates, and not its own schema', async () => {
  const server = await startTestPostgres();
  await ask(server.upwriteUrl, 'CREATE SCHEMA salesforce');
  await ask(server.upwriteUrl, 'CREATE TABLE salesforce.contacts (id text)');
  await ask(server.upwriteUrl, 'CREATE TABLE upwrite.mutations (id text)');
  expect(await ask(server.url(), 'SELECT * FROM salesforce.contacts')).toEqual([]);
  await expect(ask(server.url(), 'SELECT * FROM upwrite.mutations')).rejects.toThrow(/permission denied for schema/);
});

test('several run at once, one can go away and come back, and nothing stays', async () => {
  const [first, second] = await Promise.all([startTestPostgres(), startTestPostgres()]);
  expect(first.port).not.toBe(second.port);
  await ask(first.url(), 'CREATE TABLE kept (n int)');
  process.kill(first.pid(), 'SIGKILL');
  await first.start();
  expect(await ask(first.url(), 'SELECT count(*)::int FROM kept')).toEqual([[0]]);
  await second.destroy();
  expect(existsSync(second.dataDir)).toBe(false);
  expect(existsSync(second.socketDir)).toBe(false);
  await expect(ask(second.url(), 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/);
});

test('one that was killed starts again, though its processes take their time to end', async () => {
  const server = await startTestPostgres();
  const [[pid]] = (await ask(
    server.superuserUrl,
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'",
  )) as [[number]];
  process.kill(pid, 'SIGSTOP');
  process.kill(server.pid(), 'SIGKILL');
  const starting = server.start();
  try {
    await vi.waitFor(() => expect(server.log()).toContain('pre-existing shared memory block'), { timeout: 30_000 });
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await starting;
  expect(await ask(server.url(), 'SELECT 1')).toEqual([[1]]);
});

test.each([14, 17] as const)('PostgreSQL %d is there too', async (version) => {
  const server = await startTestPostgres({ version });
  expect(await ask(server.url(), "SELECT current_setting('server_version_num')::int / 10000")).toEqual([[version]]);
});

test('a server reads its configuration again when it is told to', async () => {
  const server = await startTestPostgres();
  await ask(server.superuserUrl, "ALTER SYSTEM SET work_mem = '9MB'");
  await ask(server.superuserUrl, 'SELECT pg_reload_conf()');
  await vi.waitFor(async () => expect(await ask(server.url(), 'SHOW work_mem')).toEqual([['9MB']]), {
    timeout: 30_000,
  });
});

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Embedded, FolderInUse, startEmbedded } from '../../src/cli/embedded/index.js';
import { built } from '../support/under-test.js';

// Each starts processes, one after the other, which take their time on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

let directory: string;
const started: Embedded[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'upwrite embedded '));
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
  rmSync(directory, { recursive: true, force: true });
});

async function start(log: (line: string) => void = () => {}): Promise<Embedded> {
  const server = await startEmbedded({ directory, log });
  started.push(server);
  return server;
}

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

/** A process that has ended counts as such even while nobody has collected it. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

test('a first start makes the database, a second one finds it on the same port', async () => {
  const lines: string[] = [];
  const first = await start((line) => lines.push(line));
  expect(lines.join('\n')).toContain('Creating a PostgreSQL 18 database');
  expect(await ask(first.upwriteUrl, 'SELECT current_user, current_database()')).toEqual([['upwrite', 'upwrite']]);
  expect(
    await ask(first.superuserUrl, "SELECT current_setting('wal_level'), current_setting('max_connections')"),
  ).toEqual([['logical', '400']]);
  const client = first.clientUrl('127.0.0.1', first.port);
  await ask(client, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await expect(ask(client.replace('app:app', 'app:wrong'), 'SELECT 1')).rejects.toThrow(
    /password authentication failed/,
  );
  await first.stop();
  expect(isAlive(first.pid)).toBe(false);
  expect(existsSync(first.socketDir)).toBe(false);
  expect(readdirSync(directory).sort()).toEqual(['embedded.json', 'postgres', 'postgres.log']);

  const again: string[] = [];
  const second = await start((line) => again.push(line));
  expect(again).toEqual([]);
  expect(second.port).toBe(first.port);
  expect(await ask(second.clientUrl('127.0.0.1', second.port), 'SELECT answer FROM kept')).toEqual([[42]]);
});

test('passwords are random and readable by nobody else', async () => {
  const server = await start();
  const file = join(directory, 'embedded.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  const password = decodeURIComponent(new URL(server.upwriteUrl).password);
  expect(password).toMatch(/^[\w-]{32}$/);
  expect(decodeURIComponent(new URL(server.superuserUrl).password)).not.toBe(password);
  expect(readFileSync(join(directory, 'postgres.log'), 'utf8')).not.toContain(password);
});

test('a port that is taken meanwhile is replaced', async () => {
  const first = await start();
  await first.stop();
  const squatter = createServer().listen(first.port, '127.0.0.1');
  await once(squatter, 'listening');
  try {
    const second = await start();
    expect(second.port).not.toBe(first.port);
    expect(await ask(second.clientUrl('127.0.0.1', second.port), 'SELECT 1')).toEqual([[1]]);
  } finally {
    squatter.close();
  }
});

test('a second Upwrite in the same folder is told so, and the first goes on', async () => {
  const first = await start();
  const refusal = startEmbedded({ directory, log: () => {} });
  await expect(refusal).rejects.toThrow(FolderInUse);
  await expect(refusal).rejects.toThrow(`process ${process.pid}`);
  expect(await ask(first.upwriteUrl, 'SELECT 1')).toEqual([[1]]);
});

test('plan works on the one that runs, and on one that does not', async () => {
  const plan = async () => promisify(execFile)(process.execPath, [built('src/main.js'), 'plan'], { cwd: directory });
  const running = await startEmbedded({ directory: join(directory, '.upwrite'), log: () => {} });
  try {
    expect((await plan()).stdout).toBe('-- nothing to run\n');
    expect(await ask(running.upwriteUrl, 'SELECT 1')).toEqual([[1]]);
  } finally {
    await running.stop();
  }
  expect((await plan()).stdout).toBe('-- nothing to run\n');
});

test('what a killed run has left behind is ended, and its data is there', async () => {
  const script = `
    import { startEmbedded } from ${JSON.stringify(new URL('../../dist/src/cli/embedded/index.js', import.meta.url).href)};
    const server = await startEmbedded({ directory: process.argv[1], log: () => {} });
    console.log(JSON.stringify({ pid: server.pid, socketDir: server.socketDir, url: server.clientUrl('127.0.0.1', server.port) }));
    process.stdin.resume();
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, '--', directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [chunk] = await once(child.stdout, 'data');
  const left: { pid: number; socketDir: string; url: string } = JSON.parse(String(chunk));
  await ask(left.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isAlive(left.pid)).toBe(true);

  const lines: string[] = [];
  const server = await start((line) => lines.push(line));
  expect(lines).toEqual(['Stopped the Postgres that an earlier run had left behind.']);
  expect(isAlive(left.pid)).toBe(false);
  expect(existsSync(left.socketDir)).toBe(false);
  expect(await ask(server.clientUrl('127.0.0.1', server.port), 'SELECT answer FROM kept')).toEqual([[42]]);
});

test('the pid file of a process that is another by now is no obstacle', async () => {
  const first = await start();
  await first.stop();
  writeFileSync(join(directory, 'postgres', 'postmaster.pid'), `${process.pid}\n/somewhere\n0\n1\n\n\n\n`);
  const second = await start();
  expect(await ask(second.upwriteUrl, 'SELECT 1')).toEqual([[1]]);
});

test('data of another version, and lost passwords, are explained', async () => {
  const server = await start();
  await server.stop();
  const version = join(directory, 'postgres', 'PG_VERSION');
  writeFileSync(version, '12\n');
  await expect(start()).rejects.toThrow(/is of PostgreSQL 12, and this Upwrite brings PostgreSQL 18/);
  writeFileSync(version, '18\n');
  rmSync(join(directory, 'embedded.json'));
  await expect(start()).rejects.toThrow(/embedded\.json is missing/);
  expect(existsSync(join(directory, 'lock'))).toBe(false);
});

test('a server that cannot start says what Postgres said', async () => {
  const server = await start();
  await server.stop();
  writeFileSync(join(directory, 'postgres', 'postgresql.auto.conf'), "shared_buffers = 'plenty'\n");
  await expect(start()).rejects.toThrow(/invalid value for parameter "shared_buffers"/);
});

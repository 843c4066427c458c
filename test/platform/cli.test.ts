import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { generate } from 'selfsigned';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { freePort } from '../support/ports.js';
import { startTestPostgres, testedVersion } from '../support/postgres.js';

const main = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url));
const fromEnvironment = `database: \${DATABASE}\n`;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'upwrite-cli-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function upwrite(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: directory,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  return { code: status, out: stdout, err: stderr };
}

function configure(text: string): void {
  writeFileSync(join(directory, 'upwrite.yaml'), text);
}

test('--help and --version', () => {
  const help = upwrite(['--help']);
  expect(help).toMatchObject({ code: 0, err: '' });
  expect(help.out).toMatch(/^ {2}check +\S/m);
  expect(help.out).toMatch(/^ {2}demo +\S/m);
  // What several commands have stands there once.
  expect(help.out.match(/--yes .*/g)).toEqual([expect.stringMatching(/^--yes +drop, release: /)]);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(upwrite(['--version'])).toEqual({ code: 0, out: `upwrite ${version}\n`, err: '' });
});

test.each([
  [[], 'upwrite: a command is missing'],
  [['chekc'], 'upwrite: there is no command "chekc"'],
  [['check', '--colour'], "upwrite: unknown option '--colour'"],
  [['check', 'more'], 'upwrite: "check" takes no argument "more"'],
  [['check', '--config'], "upwrite: option '-c, --config <value>' argument missing"],
  [['demo', '--config', 'x'], 'upwrite: "demo" takes no --config'],
])('called as %j', (args, words) => {
  const { code, out, err } = upwrite(args);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err.split('\n')[0]).toBe(words);
});

test('check without a configuration has nothing to complain about', () => {
  expect(upwrite(['check'])).toMatchObject({ code: 0, err: '', out: expect.stringContaining('the defaults apply') });
});

test('check shows every problem of a configuration with its place', () => {
  configure('listne: 1\nlog: { level: loud }\n');
  const { code, out } = upwrite(['check']);
  expect(code).toBe(1);
  expect(out).toContain('upwrite.yaml:1:1: listne: this key is unknown\n          → did you mean listen?');
  expect(out).toContain('upwrite.yaml:2:15: log.level: must be one of debug, info');
  expect(upwrite(['check', '--config', 'other.yaml']).out).toContain('other.yaml:1:1: there is no such file');
});

test('check looks at the database, the role and the privileges', async () => {
  const server = await startTestPostgres();
  configure(fromEnvironment);
  const good = upwrite(['check'], { DATABASE: server.upwriteUrl });
  expect(good).toMatchObject({ code: 0, err: '' });
  expect(good.out).toMatch(/ok {6}database: 127\.0\.0\.1:\d+\/upwrite, PostgreSQL \d+/);
  expect(good.out).toContain(`PostgreSQL ${testedVersion}`);
  expect(good.out).toContain('ok      role: upwrite\n');
  expect(good.out).toContain('ok      privileges: upwrite may create schemas in upwrite');
  expect(
    upwrite(['check'], { DATABASE: server.url({ user: 'upwrite', password: 'upwrite', socket: true }) }).code,
  ).toBe(0);

  const superuser = new pg.Client(server.superuserUrl);
  await superuser.connect();
  await superuser.query("CREATE ROLE poor LOGIN PASSWORD 'poor'");
  const poor = upwrite(['check'], { DATABASE: server.url({ user: 'poor', password: 'poor' }) });
  expect(poor.code).toBe(1);
  expect(poor.out).toContain('→ GRANT CREATE ON DATABASE "upwrite" TO "poor";');
  expect(poor.out).toContain('→ ALTER SCHEMA upwrite OWNER TO "poor";');

  const shared = new pg.Client({ connectionString: server.upwriteUrl, application_name: 'a dashboard' });
  await shared.connect();
  const crowded = upwrite(['check'], { DATABASE: server.upwriteUrl });
  await shared.end();
  await superuser.end();
  expect(crowded.code).toBe(1);
  expect(crowded.out).toContain("FAILED  role: 1 session of other programs use Upwrite's role upwrite");
});

test('check says why a database cannot be used, without its password', async () => {
  const server = await startTestPostgres();
  configure(fromEnvironment);
  const wrong = upwrite(['check'], { DATABASE: server.url({ user: 'upwrite', password: 'hunter2hunter2' }) });
  expect(wrong.code).toBe(1);
  expect(wrong.out).toContain('password authentication failed for user "upwrite"');
  const plain = upwrite(['check'], { DATABASE: `${server.upwriteUrl}?sslmode=require` });
  expect(plain.out).toContain('The server does not support SSL connections');
  await server.stop();
  const down = upwrite(['check'], { DATABASE: server.url({ user: 'upwrite', password: 'hunter2hunter2' }) });
  expect(down.out).toContain('ECONNREFUSED');
  expect(wrong.out + down.out).not.toContain('hunter2');
});

test('check reads the certificate', async () => {
  const pair = await generate([{ name: 'commonName', value: 'localhost' }]);
  const other = await generate([{ name: 'commonName', value: 'localhost' }]);
  writeFileSync(join(directory, 'cert.pem'), pair.cert);
  writeFileSync(join(directory, 'key.pem'), pair.private);
  configure('tls: { cert: cert.pem, key: key.pem, mode: require }\n');
  expect(upwrite(['check'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('ok      TLS: required, certificate valid to'),
  });
  writeFileSync(join(directory, 'key.pem'), other.private);
  expect(upwrite(['check'])).toMatchObject({ code: 1, out: expect.stringContaining('FAILED  TLS:') });
  rmSync(join(directory, 'key.pem'));
  expect(upwrite(['check'])).toMatchObject({ code: 1, out: expect.stringContaining('FAILED  TLS: ENOENT') });
});

async function lineWith(child: ChildProcess, text: string): Promise<string> {
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes(text)) return line;
  }
  throw new Error(`ended without saying "${text}"`);
}

test.each(['SIGINT', 'SIGTERM'] as const)('demo stays up until %s, alone in its folder', async (signal) => {
  // Not where it listens by itself: another demo may run on this machine.
  const env = { ...process.env, UPWRITE_LISTEN: `127.0.0.1:${await freePort()}` };
  const child = spawn(process.execPath, [main, 'demo'], { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(child, 'exit');
  const url = (await lineWith(child, 'postgres://')).replace(/^.*(postgres:\/\/\S+).*$/, '$1');
  const client = new pg.Client(url);
  client.on('error', () => {});
  await client.connect();
  expect((await client.query('SELECT current_user AS who')).rows).toEqual([{ who: 'app' }]);

  const second = upwrite(['demo']);
  expect(second.code).toBe(1);
  expect(second.err).toMatch(new RegExp(`^upwrite: Upwrite is already running in .*${child.pid}`));

  child.kill(signal);
  expect(await exit).toEqual([0, null]);
  expect(existsSync(join(directory, '.upwrite', 'lock'))).toBe(false);
  expect(existsSync(join(directory, '.upwrite', 'postgres', 'postmaster.pid'))).toBe(false);
  await expect(new pg.Client(url).connect()).rejects.toThrow(/ECONNREFUSED/);
});

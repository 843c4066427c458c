/** The README holds: its tables are what the code says, and its examples do what they show. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../support/database.js';
import { type SalesforceUpwrite, startSalesforceUpwrite } from '../support/salesforce-upwrite.js';
import { readmeFile, root, sectionOf, sections } from './sections.js';
import { outputOf, typedSession } from './session.js';

const readme = readFileSync(readmeFile, 'utf8');
const main = join(root, 'dist', 'src', 'main.js');
const hasPsql = spawnSync('psql', ['--version']).status === 0;

let upwrite: SalesforceUpwrite;

beforeAll(async () => {
  upwrite = await startSalesforceUpwrite();
});

/** The text of a section's fenced block. */
function block(section: string): string {
  return /^```\w+\n([\s\S]*?)\n```$/.exec(sectionOf(readme, section))?.[1] ?? '';
}

test('the generated parts are up to date (node dist/test/readme/update.js writes them)', async () => {
  for (const [name, generated] of await sections()) expect(sectionOf(readme, name)).toBe(generated);
});

test('links lead to files that exist', () => {
  const files = [...readme.matchAll(/\]\(([^)#][^)]*)\)/g)].map((match) => match[1] ?? '');
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) expect(spawnSync('ls', [join(root, file)]).status, file).toBe(0);
});

test('links within the page lead to headings', () => {
  const headings = [...readme.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
  const links = [...readme.matchAll(/\]\(#([^)]+)\)/g)].map((match) => match[1]);
  for (const link of links) expect(headings).toContain(link);
});

test('every library that is needed has its reason', () => {
  const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  const named = readme.slice(readme.indexOf('### Libraries'));
  for (const library of Object.keys(dependencies)) expect(named).toContain(`\`${library}\``);
});

describe('the example of a configuration', () => {
  const directory = mkdtempSync(join(tmpdir(), 'upwrite-readme-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('passes upwrite check', async () => {
    const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }]);
    mkdirSync(join(directory, 'tls'));
    writeFileSync(join(directory, 'tls', 'server.crt'), cert);
    writeFileSync(join(directory, 'tls', 'server.key'), key);
    writeFileSync(join(directory, 'upwrite.yaml'), block('example'));
    const { settings, url } = upwrite.sandbox;
    const { stdout } = await promisify(execFile)(process.execPath, [main, 'check'], {
      cwd: directory,
      env: {
        ...process.env,
        DATABASE_URL: upwrite.server.upwriteUrl,
        SALESFORCE_CLIENT_ID: settings.clientId,
        SALESFORCE_CLIENT_SECRET: settings.clientSecret,
        SALESFORCE_REFRESH_TOKEN: settings.refreshToken,
        SALESFORCE_LOGIN_URL: url,
      },
    });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.filter((line) => !line.startsWith('ok '))).toEqual([]);
    expect(lines.at(-1)).toMatch(/^ok {6}connection salesforce: /);
  });
});

test.runIf(hasPsql)('the session in psql is what psql shows', async () => {
  const session = typedSession(block('session'));
  expect(session.length).toBeGreaterThan(8);
  const shown = await outputOf(
    upwrite.url(),
    session.map((step) => step.typed),
  );
  expect(shown).toEqual(session.map((step) => step.shown));
});

describe('roles as the README makes them', () => {
  const statements = [...readme.matchAll(/```sql\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
  const grants = statements.find((sql) => sql.includes('TO reader, writer')) ?? '';

  test('a reader reads, a writer writes, and who may not is refused before anything is sent', async () => {
    const admin = await connect(upwrite.server.superuserUrl);
    for (const role of ['reader', 'writer', 'blind']) await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD '${role}'`);
    await admin.query(grants);
    await admin.query('GRANT USAGE ON SCHEMA salesforce TO blind; GRANT INSERT ON salesforce.contacts TO blind');
    const insert = `INSERT INTO salesforce.contacts (last_name) VALUES ('Kynes')`;
    const before = upwrite.lastRequest();

    const reader = await connect(upwrite.url('reader'));
    expect((await reader.query('SELECT FROM salesforce.contacts LIMIT 1')).rowCount).toBe(1);
    await expect(reader.query(insert)).rejects.toMatchObject({ code: '42501' });
    const blind = await connect(upwrite.url('blind'));
    await expect(blind.query(insert)).rejects.toMatchObject({ code: '42501' });
    expect(upwrite.writesSince(before)).toEqual([]);

    const writer = await connect(upwrite.url('writer'));
    expect((await writer.query(insert)).rowCount).toBe(1);
    expect(upwrite.writesSince(before)).toEqual(['POST /services/data/v62.0/composite/sobjects']);
  });

  test('row-level security holds for a writer', async () => {
    const admin = await connect(upwrite.server.superuserUrl);
    await admin.query(`ALTER TABLE salesforce.contacts ENABLE ROW LEVEL SECURITY;
      CREATE POLICY own ON salesforce.contacts TO writer USING (last_name = 'Kynes')`);
    const before = upwrite.lastRequest();
    const writer = await connect(upwrite.url('writer'));
    await expect(writer.query(`INSERT INTO salesforce.contacts (last_name) VALUES ('Somebody')`)).rejects.toMatchObject(
      { code: '42501' },
    );
    expect(upwrite.writesSince(before)).toEqual([]);
    expect((await writer.query(`UPDATE salesforce.contacts SET title = 'Dr'`)).rowCount).toBe(1);
  });

  test('the queries of the journal run as any role', async () => {
    const queries = statements
      .filter((sql) => sql.includes('upwrite.mutations'))
      .join('')
      .split(';');
    const reader = await connect(upwrite.url('reader'));
    for (const query of queries.filter((sql) => sql.trim() !== '')) await reader.query(query);
  });
});

test('a role with the privileges that the README names is enough for Upwrite', async () => {
  const statements = /```sql\n(CREATE ROLE upwrite[\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const admin = await connect(upwrite.server.superuserUrl);
  await admin.query('CREATE DATABASE app');
  for (const statement of statements.replaceAll('upwrite', 'lone').split(';')) {
    if (statement.trim() !== '') await admin.query(statement);
  }
  const directory = mkdtempSync(join(tmpdir(), 'upwrite-readme-'));
  const { settings, url } = upwrite.sandbox;
  writeFileSync(
    join(directory, 'upwrite.yaml'),
    JSON.stringify({
      listen: '127.0.0.1:0',
      log: { level: 'error' },
      database: `postgres://lone:…@${upwrite.server.host}:${upwrite.server.port}/app`,
      connections: {
        salesforce: {
          provider: 'salesforce',
          auth: {
            kind: 'refresh_token',
            client_id: settings.clientId,
            client_secret: settings.clientSecret,
            refresh_token: settings.refreshToken,
            login_url: url,
          },
        },
      },
    }),
  );
  const child = spawn(process.execPath, [main, 'start'], { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] });
  const output = text(child.stdout);
  child.stdout.once('data', () => child.kill('SIGTERM'));
  expect(await output).toMatch(/^Listening on 127\.0\.0\.1:\d+\n$/);
  rmSync(directory, { recursive: true, force: true });
});

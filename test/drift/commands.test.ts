/** `upwrite plan`, `apply`, `drop`, `release`, `check` and a manual `start`, against a stand-in of Salesforce. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type SalesforceSandbox, startSalesforceSandbox } from '../../fixtures/salesforce/index.js';
import { text } from '../../fixtures/salesforce/schema/fields.js';
import { type Command, runCli } from '../../src/cli/index.js';
import { applyCommand, dropCommand, planCommand, releaseCommand } from '../../src/main/definition-commands.js';
import { createRegistry } from '../../src/provider/index.js';
import { connect, eventually } from '../support/database.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { built } from '../support/under-test.js';

let server: TestPostgres;
let sandbox: SalesforceSandbox;
let directory: string;

beforeAll(async () => {
  server = await startTestPostgres();
  sandbox = await startSalesforceSandbox({ contacts: 5, accounts: 2, invoiceItems: 2 });
  directory = mkdtempSync(join(tmpdir(), 'upwrite-drift-'));
});
afterAll(async () => {
  await sandbox.close();
  rmSync(directory, { recursive: true, force: true });
});

/** `tables` as they stand in the file, indented by four. */
function configure(tables: string, more = ''): void {
  const { clientId, clientSecret, refreshToken } = sandbox.settings;
  writeFileSync(
    join(directory, 'upwrite.yaml'),
    `listen: 127.0.0.1:0
database: ${server.upwriteUrl}
${more}
connections:
  salesforce:
    provider: salesforce
    auth:
      kind: refresh_token
      client_id: ${clientId}
      client_secret: ${clientSecret}
      refresh_token: ${refreshToken}
      login_url: ${sandbox.url}
${tables}`,
  );
}

function begin(args: readonly string[]): {
  child: ChildProcess;
  ended: Promise<{ code: number | null; out: string; err: string }>;
} {
  const child = spawn(process.execPath, [built('src/main.js'), ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout?.on('data', (chunk) => {
    out += String(chunk);
  });
  child.stderr?.on('data', (chunk) => {
    err += String(chunk);
  });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, out, err }));
  });
  return { child, ended };
}

/** A command as a process. */
const spawned = (...args: string[]) => begin(args).ended;

const registry = createRegistry();
const commands = new Map<string, Command>([
  ['plan', planCommand(registry)],
  ['apply', applyCommand(registry)],
  ['drop', dropCommand],
  ['release', releaseCommand],
]);

/** A command in this process: starting one takes longer than all that these do. */
async function upwrite(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const io = {
    out: (line: string) => {
      out += `${line}\n`;
    },
    err: (line: string) => {
      err += `${line}\n`;
    },
    environment: {},
    directory,
  };
  const code = await runCli({ args, commands, version: '0', io });
  return { code, out, err };
}

test('from an empty database to tables, and on with what changes', async () => {
  configure('    tables: [contacts]', 'schemaChanges: manual');
  const refused = await spawned('start');
  expect(refused).toMatchObject({
    code: 1,
    err: expect.stringContaining('run "upwrite plan" to see them and "upwrite apply" to make them'),
  });
  const first = await upwrite('plan');
  expect(first.code).toBe(2);
  expect(first.out).toMatch(
    /^-- schema salesforce\nCREATE SCHEMA "salesforce";\n\n-- salesforce\.contacts: Contact of connection "salesforce", a new table\nCREATE TABLE/,
  );
  const applied = await upwrite('apply');
  expect(applied).toMatchObject({ code: 0, out: expect.stringMatching(/CREATE TABLE[\s\S]*-- 1 table changed/) });
  expect(await upwrite('plan')).toMatchObject({ code: 0, out: '-- nothing to run\n' });

  sandbox.changeField('Contact', 'Nickname__c', text('Nickname__c', 'Nickname', 40), 'Nick');
  const second = await upwrite('plan');
  expect(second).toMatchObject({
    code: 2,
    out: `-- salesforce.contacts: Contact of connection "salesforce"
ALTER TABLE "salesforce"."contacts" ADD COLUMN "nickname" text;
COMMENT ON COLUMN "salesforce"."contacts"."nickname" IS 'Nickname';
-- afterwards all records are read again, for the values of the new columns

-- 2 statements: "upwrite apply" runs them
`,
  });
  // What plan prints is SQL that runs as it is.
  const reader = await connect(server.upwriteUrl);
  await reader.query(`BEGIN; ${second.out} ROLLBACK`);

  // Killed in the middle of an apply, while it waits for a reader: nothing of it is there, and the next one does it.
  await reader.query('BEGIN; SELECT FROM salesforce.contacts');
  const { child, ended } = begin(['apply']);
  const admin = await connect(server.superuserUrl);
  await eventually(async () => {
    const waiting = await admin.query(
      "SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND l.mode = 'AccessExclusiveLock'",
    );
    return waiting.rowCount === 0 ? undefined : true;
  });
  child.kill('SIGKILL');
  await ended;
  await reader.query('COMMIT');
  expect((await upwrite('apply')).code).toBe(0);
  const columns = await admin.query(
    "SELECT FROM pg_attribute WHERE attrelid = 'salesforce.contacts'::regclass AND attname = 'nickname'",
  );
  expect(columns.rowCount).toBe(1);
});

test('a view is in the way: it is named, and the plan says what would be done', async () => {
  const admin = await connect(server.superuserUrl);
  await admin.query('CREATE VIEW public.nicks AS SELECT nickname FROM salesforce.contacts');
  sandbox.changeField('Contact', 'Nickname__c', { ...text('Nickname__c', 'Nickname', 0), type: 'int', digits: 5 }, 5);
  const plan = await upwrite('plan');
  expect(plan.code).toBe(2);
  expect(plan.out).toContain(
    '-- blocked by view public.nicks:\n--   ALTER TABLE "salesforce"."contacts" RENAME COLUMN "nickname" TO "nickname_old_1"',
  );
  expect((await upwrite('apply')).code).toBe(0);
  expect((await admin.query('SELECT count(*)::int AS n FROM public.nicks')).rows).toEqual([{ n: 0 }]);
  await admin.query('DROP VIEW public.nicks');
  expect((await upwrite('apply')).out).toContain('RENAME COLUMN "nickname" TO "nickname_old_1"');
});

test('a condition that makes no sense is refused with its line, and check says what an API makes of one that does', async () => {
  configure(`    tables:
      contacts:
        where: first_name = 'Paul' AND employes > 5`);
  for (const refused of [await upwrite('plan'), await upwrite('apply'), await spawned('start')]) {
    expect(refused.code).toBe(1);
    expect(refused.err).toContain(
      'upwrite.yaml:15:16: connections.salesforce.tables.contacts.where: at character 25: the table has no column "employes"',
    );
  }
  configure(`    tables:
      contacts:
        where: first_name = 'Paul'
      accounts:
        where: name <> 'Arrakis'`);
  const check = await spawned('check');
  expect(check.out).toContain(
    "ok      condition of salesforce.contacts: a full listing asks salesforce for FirstName = 'Paul'; every record that comes is checked again here",
  );
  expect(check.out).toContain(
    'ok      condition of salesforce.accounts: salesforce cannot express the condition: it is applied locally, every record is read',
  );
});

test('a table leaves the configuration, and is then dropped or released', async () => {
  const admin = await connect(server.superuserUrl);
  configure('    tables: [contacts, accounts]');
  expect((await upwrite('apply')).code).toBe(0);
  await admin.query(
    "SET session_replication_role = replica; ALTER TABLE salesforce.accounts DISABLE TRIGGER ALL; INSERT INTO salesforce.accounts (id) VALUES ('a'); ALTER TABLE salesforce.accounts ENABLE ALWAYS TRIGGER upwrite_guard",
  );
  const configured = await upwrite('drop', 'salesforce.accounts', '--yes');
  expect(configured).toMatchObject({
    code: 1,
    err: expect.stringContaining('is in the configuration: take it out of connections.salesforce.tables first'),
  });
  configure('    tables: []');
  expect(await upwrite('plan')).toMatchObject({
    code: 0,
    out: expect.stringContaining(
      '-- salesforce.accounts: is no longer in the configuration; its rows stay and are not synced',
    ),
  });
  expect((await upwrite('apply')).code).toBe(0);
  const states = await admin.query('SELECT table_name, state FROM upwrite.tables ORDER BY 1');
  expect(states.rows).toEqual([
    { table_name: 'accounts', state: 'detached' },
    { table_name: 'contacts', state: 'detached' },
  ]);

  await admin.query('CREATE VIEW public.firms AS SELECT id FROM salesforce.accounts');
  const asked = await upwrite('drop', 'salesforce.accounts');
  expect(asked).toMatchObject({
    code: 2,
    out: 'DROP TABLE "salesforce"."accounts";\n',
    err: expect.stringContaining('1 row, all removed here; the API is not touched'),
  });
  expect(await upwrite('drop', 'salesforce.accounts', '--yes')).toMatchObject({
    code: 1,
    err: expect.stringContaining('other objects depend on it'),
  });
  await admin.query('DROP VIEW public.firms');
  expect((await upwrite('drop', 'salesforce.accounts', '--yes')).code).toBe(0);
  expect((await admin.query("SELECT to_regclass('salesforce.accounts') AS found")).rows).toEqual([{ found: null }]);

  expect((await upwrite('release', 'salesforce.contacts', '--yes')).code).toBe(0);
  await admin.query("INSERT INTO salesforce.contacts (id, last_name) VALUES ('mine', 'Own')");
  expect((await admin.query('SELECT count(*)::int AS n FROM upwrite.tables')).rows).toEqual([{ n: 0 }]);
  expect(await upwrite('drop', 'salesforce.contacts', '--yes')).toMatchObject({
    code: 1,
    err: expect.stringContaining('is no synced table'),
  });
});

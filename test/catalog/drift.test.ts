import type pg from 'pg';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  bringUpToDate,
  type ConnectionChoice,
  type InstallOptions,
  planCatalog,
  readTables,
  type SyncedTable,
} from '../../src/catalog/index.js';
import type { Column, ColumnType, Resource } from '../../src/provider/index.js';
import { migrate, tables } from '../../src/store/index.js';
import { connect, eventually, ownPool } from '../support/database.js';
import { contacts, type FakeApi, fakeApi } from '../support/fake-api.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';

let server: TestPostgres;
let pool: pg.Pool;
let admin: pg.Client;
let api: FakeApi;

beforeEach(async () => {
  server ??= await startTestPostgres();
  pool ??= ownPool(server.upwriteUrl);
  admin ??= await connect(server.superuserUrl);
  await admin.query('DROP SCHEMA IF EXISTS salesforce, crm, upwrite, reports CASCADE; CREATE SCHEMA reports');
  await migrate(pool);
  api = fakeApi([contacts()]);
});

function options(overrides: Partial<ConnectionChoice & InstallOptions> = {}): InstallOptions {
  return {
    pool,
    registry: tables,
    connections: [{ name: 'salesforce', provider: 'salesforce', session: api.session, ...overrides }],
    signal: AbortSignal.timeout(30_000),
    ...overrides,
  };
}

async function install(overrides: Partial<ConnectionChoice & InstallOptions> = {}): Promise<SyncedTable> {
  await bringUpToDate(options(overrides));
  return only();
}

async function only(): Promise<SyncedTable> {
  const [table] = await readTables(pool, tables);
  if (table === undefined) throw new Error('there is no table');
  return table;
}

async function plan(overrides: Partial<ConnectionChoice & InstallOptions> = {}) {
  const [table] = (await planCatalog(options(overrides))).tables;
  return { statements: table?.statements ?? [], blocked: table?.blocked ?? [], notes: table?.notes ?? [] };
}

/** What the API describes from now on. */
function describeAs(change: (columns: readonly Column[]) => readonly Column[], more: Partial<Resource> = {}): void {
  const resource = contacts();
  api.resources = [{ ...resource, columns: change(resource.columns), ...more }];
}

const typed =
  (name: string, type: ColumnType) =>
  (columns: readonly Column[]): readonly Column[] =>
    columns.map((column) => (column.name === name ? { ...column, type } : column));

async function stateOf(): Promise<Record<string, unknown>> {
  const found = await pool.query<Record<string, unknown>>(
    'SELECT t.state, t.reason, t.notes, d.cursor, d.restart FROM upwrite.tables t JOIN upwrite.table_details d USING (table_oid)',
  );
  return found.rows[0] ?? {};
}

/** As if the table had been listed in full. */
async function listed(): Promise<void> {
  await pool.query(`UPDATE upwrite.table_details SET cursor = '{"x": 1}', full_listing = false, restart = false`);
}

const relisted = { restart: true };
const goesOn = { cursor: { x: 1 }, restart: false };

describe('a field', () => {
  test('that appears becomes a column, and all records are read again', async () => {
    await install();
    await listed();
    describeAs((all) => [...all, nickname]);
    expect(await plan()).toEqual({
      statements: [
        'ALTER TABLE "salesforce"."contacts" ADD COLUMN "nickname" text',
        `COMMENT ON COLUMN "salesforce"."contacts"."nickname" IS 'Short'`,
      ],
      blocked: [],
      notes: [],
    });
    const table = await install();
    expect(table.columnNames).toContain('nickname');
    expect(await stateOf()).toMatchObject(relisted);
    expect(await plan()).toEqual({ statements: [], blocked: [], notes: [] });
  });

  test('that changes its choices, whether it may be empty or be written, takes effect without a statement', async () => {
    await install();
    await listed();
    describeAs((all) =>
      all.map((column) =>
        column.name === 'email' ? { ...column, choices: ['a'], nullable: false, updatable: false } : column,
      ),
    );
    expect((await plan()).statements).toEqual([]);
    const table = await install();
    expect(table.resource.columns.find((column) => column.name === 'email')).toMatchObject({
      choices: ['a'],
      updatable: false,
    });
    expect(await stateOf()).toMatchObject(goesOn);
  });

  test('that is gone keeps its column, and is read again when it comes back', async () => {
    await install();
    await pool.query("INSERT INTO salesforce.contacts (id, email) VALUES ('1', 'kept')");
    describeAs((all) => all.filter((column) => column.name !== 'email'));
    const without = await install();
    await listed();
    expect(without.columnNames).toContain('email');
    expect(without.resource.columns.map((column) => column.name)).not.toContain('email');
    const note = 'column "email" is no longer synced; it stays with the values that it has';
    expect(await stateOf()).toMatchObject({ ...goesOn, notes: [note] });
    api.resources = [contacts()];
    await install();
    expect(await stateOf()).toMatchObject({ ...relisted, notes: [] });
    expect((await pool.query('SELECT email FROM salesforce.contacts')).rows).toEqual([{ email: 'kept' }]);
  });

  test('that somebody renames in the API keeps its column; one that the configuration renames is renamed', async () => {
    await install();
    await pool.query("INSERT INTO salesforce.contacts (id, email) VALUES ('1', 'kept')");
    await admin.query('CREATE VIEW reports.mail AS SELECT id, email FROM salesforce.contacts');
    await listed();
    const renamed = (columns: readonly Column[]): readonly Column[] =>
      columns.map((column) => (column.field === 'Email' ? { ...column, name: 'e_mail', comment: 'E-Mail' } : column));
    describeAs(renamed);
    expect((await plan()).statements).toEqual([`COMMENT ON COLUMN "salesforce"."contacts"."email" IS 'E-Mail'`]);
    await install();
    expect(await stateOf()).toMatchObject(goesOn);
    // The choices of the configuration go by the first name too, and by the API's.
    for (const [from, to] of [
      ['email', 'mail'],
      ['Email', 'post'],
    ] as const) {
      const choice = { tables: [{ resource: 'contacts', columns: { rename: { [from]: to } } }] };
      expect((await plan(choice)).statements[0]).toMatch(new RegExp(`RENAME COLUMN "\\w+" TO "${to}"$`));
      const table = await install(choice);
      expect(table.resource.columns.find((column) => column.field === 'Email')?.name).toBe(to);
    }
    expect((await pool.query('SELECT post FROM salesforce.contacts')).rows).toEqual([{ post: 'kept' }]);
    expect((await admin.query('SELECT email FROM reports.mail')).rows).toEqual([{ email: 'kept' }]);
    // Without the choice the first name is back.
    expect((await install()).columnNames).toContain('email');
  });

  test('whose name goes to another field leaves its values in a column of its own', async () => {
    await install();
    await pool.query("INSERT INTO salesforce.contacts (id, email) VALUES ('1', 'kept')");
    describeAs((all) => all.filter((column) => column.field !== 'Email'));
    await install();
    describeAs((all) => all.map((column) => (column.field === 'Email' ? { ...column, field: 'fldOther' } : column)));
    const table = await install();
    expect(table.resource.columns.find((column) => column.field === 'fldOther')?.name).toBe('email');
    const rows = await pool.query('SELECT email, email_old_1 FROM salesforce.contacts');
    expect(rows.rows).toEqual([{ email: null, email_old_1: 'kept' }]);
    expect(await stateOf()).toMatchObject(relisted);
  });
});

const nickname: Column = {
  name: 'nickname',
  field: 'Nickname',
  type: 'text',
  nullable: true,
  insertable: true,
  updatable: true,
  comment: 'Short',
};

describe('a type that changes', () => {
  test.each([
    ['age', 'bigint', '-2147483648', '-2147483648'],
    ['age', 'numeric', '2147483647', '2147483647'],
    ['age', 'double precision', '2147483647', '2147483647'],
    ['age', 'text', '-7', '-7'],
    ['big', 'numeric', '9223372036854775807', '9223372036854775807'],
    ['big', 'text', '-9223372036854775808', '-9223372036854775808'],
    ['score', 'numeric', '0.1', '0.1'],
    ['score', 'numeric', '1.7976931348623157e+308', `17976931348623157${'0'.repeat(292)}`],
    ['score', 'numeric', '123456789.123456789', '123456789.12345679'],
    ['balance', 'text', '12345678901234567890.123456789', '12345678901234567890.123456789'],
    ['vip', 'text', 'true', 'true'],
    ['born', 'text', '1965-08-01', '1965-08-01'],
    ['born', 'timestamptz', '1965-08-01', '1965-08-01 00:00:00+00'],
    ['wakes', 'text', '06:30:00.5', '06:30:00.5'],
    ['email', 'text[]', 'a,"b', '{"a,\\"b"}'],
    ['email', 'jsonb', 'a"b', '"a\\"b"'],
    ['tags', 'jsonb', '{"a,b",NULL}', '["a,b", null]'],
    ['extra', 'text', '{"a": [1, null]}', '{"a": [1, null]}'],
    ['age', 'jsonb', '7', '7'],
  ] as const)('%s to %s keeps %s in place', async (name, type, before, after) => {
    await install();
    await listed();
    await pool.query(`INSERT INTO salesforce.contacts (id, ${name}) VALUES ('1', $1), ('2', NULL)`, [before]);
    describeAs(typed(name, type));
    const { statements } = await plan();
    expect(statements).toEqual([expect.stringContaining(`ALTER COLUMN "${name}" TYPE`)]);
    const table = await install();
    expect(table.resource.columns.find((column) => column.name === name)?.type).toBe(type);
    const rows = await pool.query<{ v: string }>(`SELECT ${name}::text AS v FROM salesforce.contacts ORDER BY id`);
    expect(rows.rows.map((row) => row.v)).toEqual([after, null]);
    expect(await stateOf()).toMatchObject(relisted);
    expect((await plan()).statements).toEqual([]);
  });

  test.each([
    ['email', 'integer', 'not a number'],
    ['big', 'integer', '9223372036854775807'],
    ['balance', 'double precision', '12345678901234567890.123456789'],
    ['tags', 'text', '{a,b}'],
    ['extra', 'bytea', '1'],
  ] as const)('%s to %s may lose values: the old ones stay in a column beside it', async (name, type, value) => {
    await install();
    await listed();
    await pool.query(`INSERT INTO salesforce.contacts (id, ${name}) VALUES ('1', $1)`, [value]);
    describeAs(typed(name, type));
    const table = await install();
    expect(table.resource.columns.find((column) => column.name === name)?.type).toBe(type);
    const rows = await pool.query(`SELECT ${name}::text AS new, ${name}_old_1::text AS old FROM salesforce.contacts`);
    expect(rows.rows).toEqual([{ new: null, old: value }]);
    expect(await stateOf()).toMatchObject(relisted);
    api.resources = [contacts()];
    expect((await install()).columnNames.filter((each) => each.startsWith(name)).length).toBeGreaterThan(1);
    expect((await pool.query(`SELECT ${name}_old_1::text AS old FROM salesforce.contacts`)).rows).toEqual([
      { old: value },
    ]);
  });
});

describe('what depends on a column', () => {
  const ways: readonly (readonly [string, string, string])[] = [
    ['a view', 'CREATE VIEW reports.ages AS SELECT id, age FROM salesforce.contacts', 'view reports.ages'],
    [
      'a materialized view',
      'CREATE MATERIALIZED VIEW reports.ages AS SELECT age FROM salesforce.contacts',
      'materialized view reports.ages',
    ],
    [
      'a policy',
      'CREATE POLICY old ON salesforce.contacts USING (age > 30)',
      'policy old on table salesforce.contacts',
    ],
    [
      'a generated column',
      'ALTER TABLE salesforce.contacts ADD COLUMN twice int GENERATED ALWAYS AS (age * 2) STORED',
      'default value for column twice of table salesforce.contacts',
    ],
    [
      'a function',
      'CREATE FUNCTION reports.oldest() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT max(age) FROM salesforce.contacts; END',
      'function reports.oldest()',
    ],
  ];
  test.each(ways)(
    '%s keeps its type from changing, and that is said; everything else is done',
    async (_what, sql, by) => {
      await install();
      await admin.query(sql);
      await pool.query("INSERT INTO salesforce.contacts (id, age) VALUES ('1', 7)");
      describeAs((all) => [...typed('age', 'bigint')(all), nickname]);
      const planned = await plan();
      expect(planned.blocked).toEqual([
        {
          column: 'age',
          statement: 'ALTER TABLE "salesforce"."contacts" ALTER COLUMN "age" TYPE bigint USING "age"::bigint',
          by: [by],
        },
      ]);
      expect(planned.statements).toHaveLength(2);
      const table = await install();
      expect(table.columnNames).toContain('nickname');
      expect(table.resource.columns.map((column) => column.name)).not.toContain('age');
      expect((await stateOf())['notes']).toContainEqual(expect.stringContaining(by));
      expect((await pool.query('SELECT age FROM salesforce.contacts')).rows).toEqual([{ age: 7 }]);
      await admin.query(
        'DROP SCHEMA reports CASCADE; DROP POLICY IF EXISTS old ON salesforce.contacts; ALTER TABLE salesforce.contacts DROP COLUMN IF EXISTS twice',
      );
      expect((await install()).resource.columns.find((column) => column.name === 'age')?.type).toBe('bigint');
      expect((await stateOf())['notes']).toEqual([]);
    },
  );

  test('and that is not known beforehand leaves the table as it is, and stops nothing else', async () => {
    await install();
    // The partition of another table cannot get a column.
    await admin.query(`ALTER TABLE salesforce.contacts RENAME TO part;
      CREATE TABLE salesforce.contacts (LIKE salesforce.part) PARTITION BY LIST (vip);
      ALTER TABLE salesforce.contacts RENAME TO whole`);
    await admin.query('ALTER TABLE salesforce.whole ATTACH PARTITION salesforce.part DEFAULT');
    describeAs((all) => [...all, nickname]);
    const [outcome] = await bringUpToDate(options());
    expect(outcome).toMatchObject({ statements: [], waiting: expect.stringContaining('the database refused it: ') });
    expect((await stateOf())['notes']).toContainEqual(expect.stringContaining('ADD COLUMN "nickname" text'));
    await admin.query('ALTER TABLE salesforce.whole DETACH PARTITION salesforce.part');
    expect(await bringUpToDate(options())).toMatchObject([{ waiting: null }]);
  });

  test('keeps a column from being replaced behind its back', async () => {
    await install();
    await admin.query('CREATE VIEW reports.mail AS SELECT email FROM salesforce.contacts');
    describeAs(typed('email', 'integer'));
    expect((await plan()).blocked).toMatchObject([
      { statement: expect.stringContaining('RENAME COLUMN "email" TO "email_old_1"') },
    ]);
    await install();
    expect((await admin.query('SELECT email FROM reports.mail')).rows).toEqual([]);
  });
});

describe('a table', () => {
  test('keeps its name when its object is renamed, and gets the one that the configuration gives', async () => {
    await install();
    const { oid } = await only();
    api.resources = [contacts({ name: 'people' })];
    expect(await install()).toMatchObject({ oid, schema: 'salesforce', name: 'contacts' });
    expect(await install({ tables: [{ resource: 'contacts', name: 'humans' }] })).toMatchObject({
      oid,
      name: 'humans',
    });
    expect(await install({ schema: 'crm' })).toMatchObject({ oid, schema: 'crm', name: 'humans' });
    expect(await plan({ schema: 'crm' })).toEqual({ statements: [], blocked: [], notes: [] });
  });

  test('whose object is gone stays; one that comes later becomes a table only where the configuration takes all', async () => {
    const listedOnly = { tables: [{ resource: 'contacts' }] };
    await install(listedOnly);
    const leads = contacts({ name: 'leads', object: 'Lead' });
    api.resources = [leads];
    const notes: string[] = [];
    await bringUpToDate({ ...options(listedOnly), onNote: (table, note) => notes.push(`${table}: ${note}`) });
    expect(notes).toEqual(['salesforce.contacts: the API no longer has "Contact"; the rows stay as they are']);
    expect((await readTables(pool, tables)).map((table) => [table.name, table.attached])).toEqual([['contacts', true]]);
    await bringUpToDate(options());
    expect((await readTables(pool, tables)).map((table) => table.name)).toEqual(['contacts', 'leads']);
  });

  test('that leaves the configuration is detached, and is read again in full when it comes back', async () => {
    await install();
    await listed();
    await pool.query("INSERT INTO salesforce.contacts (id, email) VALUES ('1', 'kept')");
    await bringUpToDate({ ...options(), connections: [] });
    expect(await only()).toMatchObject({ attached: false });
    expect(await stateOf()).toMatchObject({ state: 'detached', reason: 'it is not in the configuration' });
    const back = await install();
    expect(back.attached).toBe(true);
    expect(await stateOf()).toMatchObject({ state: 'backfilling', reason: null, ...relisted });
    expect((await pool.query('SELECT email FROM salesforce.contacts')).rows).toEqual([{ email: 'kept' }]);
  });

  test('of a connection that could not be asked stays as it is', async () => {
    await install();
    const down: ConnectionChoice = {
      name: 'salesforce',
      provider: 'salesforce',
      session: { ...api.session, describe: async () => Promise.reject(new Error('down')) },
    };
    await expect(bringUpToDate({ ...options(), connections: [down] })).rejects.toThrow('down');
    const failed: string[] = [];
    await bringUpToDate({ ...options(), connections: [down], onFailure: (name) => failed.push(name) });
    expect(failed).toEqual(['salesforce']);
    expect((await only()).attached).toBe(true);
  });
});

describe('without leave to change tables', () => {
  test('the first start is refused, and says what to do', async () => {
    await expect(install({ ddl: false })).rejects.toThrow(
      'run "upwrite plan" to see them and "upwrite apply" to make them',
    );
  });

  test('what needs no statement takes effect, and what waits is said', async () => {
    await install();
    await listed();
    describeAs((all) => [
      ...typed(
        'age',
        'bigint',
      )(all)
        .filter((column) => column.name !== 'vip')
        .map((column) => (column.name === 'email' ? { ...column, updatable: false } : column)),
      nickname,
    ]);
    const table = await install({ ddl: false });
    const names = table.resource.columns.map((column) => column.name);
    expect([names.includes('nickname'), names.includes('vip'), names.includes('age')]).toEqual([false, false, false]);
    expect(table.resource.columns.find((column) => column.name === 'email')?.updatable).toBe(false);
    expect(await stateOf()).toMatchObject({
      ...goesOn,
      notes: [
        expect.stringContaining(
          'waiting for "upwrite apply": ALTER TABLE "salesforce"."contacts" ALTER COLUMN "age" TYPE bigint',
        ),
        expect.stringContaining('ADD COLUMN "nickname" text'),
        expect.stringContaining('COMMENT ON COLUMN'),
        expect.stringContaining('column "vip" is no longer synced'),
      ],
    });
    await install();
    expect(await stateOf()).toMatchObject({ ...relisted, notes: [expect.stringContaining('"vip"')] });
  });
});

describe('locks', () => {
  test('a long reader is waited for, and nobody waits behind', async () => {
    await install();
    describeAs((all) => [...all, nickname]);
    const reader = await connect(server.upwriteUrl);
    await reader.query('BEGIN; SELECT FROM salesforce.contacts');
    const [outcome] = await bringUpToDate(options({ lockTimeoutMs: 1 }));
    expect(outcome).toMatchObject({ statements: [], waiting: 'its lock was not to be had in time' });
    expect((await stateOf())['notes']).toContain(
      'waiting for "upwrite apply": ALTER TABLE "salesforce"."contacts" ADD COLUMN "nickname" text',
    );
    const changing = bringUpToDate(options({ lockTimeoutMs: 60_000 }));
    // Another reader comes through again and again while the change waits for its turn.
    await admin.query("SET statement_timeout = '20s'");
    for (let i = 0; i < 30; i += 1) await admin.query('SELECT count(*) FROM salesforce.contacts');
    await reader.query('COMMIT');
    expect(await changing).toMatchObject([{ waiting: null }]);
    await admin.query('RESET statement_timeout');
  });

  test('processes that change at once, and one that is cut off in the middle, leave a whole table', async () => {
    await install();
    describeAs((all) => [...typed('age', 'bigint')(all), nickname]);
    const pools = Array.from({ length: 4 }, () => ownPool(server.upwriteUrl, 2));
    const doomed = ownPool(server.upwriteUrl, 2);
    const holder = await connect(server.upwriteUrl);
    await holder.query('BEGIN; LOCK TABLE upwrite.tables IN ACCESS EXCLUSIVE MODE');
    const cut = bringUpToDate({ ...options(), pool: doomed }).then(
      () => 'done',
      () => 'cut',
    );
    await eventually(async () => {
      const found = await admin.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%upwrite.tables%' AND application_name = 'upwrite'",
      );
      return found.rowCount === 0 ? undefined : true;
    });
    await holder.query('ROLLBACK');
    expect(await cut).toBe('cut');
    const outcomes = await Promise.all(pools.map((each) => bringUpToDate({ ...options(), pool: each })));
    expect(outcomes.flat().filter(({ statements }) => statements.length > 0)).toHaveLength(1);
    const table = await only();
    expect(table.resource.columns).toHaveLength(15);
    expect((await plan()).statements).toEqual([]);
  });
});

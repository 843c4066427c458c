import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import type pg from 'pg';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type ConnectionChoice,
  createCatalog,
  type InstallOptions,
  installCatalog,
  isProvisionalKey,
  type LiveCatalog,
  planCatalog,
  watchCatalog,
} from '../../src/catalog/index.js';
import type { Resource } from '../../src/provider/index.js';
import { internalOptions, migrate, tables } from '../../src/store/index.js';
import { connect, eventually, ownPool } from '../support/database.js';
import { contacts, type FakeApi, fakeApi } from '../support/fake-api.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';

let server: TestPostgres;
let pool: pg.Pool;
let api: FakeApi;
const notes: string[] = [];

beforeEach(async () => {
  server ??= await startTestPostgres();
  const admin = await connect(server.superuserUrl);
  await admin.query('DROP SCHEMA IF EXISTS salesforce CASCADE; DROP SCHEMA IF EXISTS upwrite CASCADE');
  await admin.end();
  pool ??= ownPool(server.upwriteUrl);
  await migrate(pool);
  api = fakeApi([contacts()]);
  notes.length = 0;
});

function options(overrides: Partial<ConnectionChoice> = {}): InstallOptions {
  return {
    pool,
    registry: tables,
    connections: [{ name: 'salesforce', provider: 'salesforce', session: api.session, ...overrides }],
    signal: AbortSignal.timeout(30_000),
    onNote: (table, note) => notes.push(`${table}: ${note}`),
  };
}

const install = (overrides: Partial<ConnectionChoice> = {}): Promise<LiveCatalog> => installCatalog(options(overrides));

async function columns(): Promise<unknown> {
  const result = await pool.query(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS required
     FROM pg_attribute WHERE attrelid = 'salesforce.contacts'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
  );
  return result.rows;
}

function withColumns(change: (columns: Resource['columns']) => Resource['columns']): Resource {
  const resource = contacts();
  return { ...resource, columns: change(resource.columns) };
}

describe('a new table', () => {
  test('has the key first, true types, and nothing required but the key', async () => {
    await install();
    expect(await columns()).toEqual([
      { name: 'id', type: 'text', required: true },
      { name: 'email', type: 'text', required: false },
      { name: 'account_id', type: 'text', required: false },
      { name: 'vip', type: 'boolean', required: false },
      { name: 'age', type: 'integer', required: false },
      { name: 'big', type: 'bigint', required: false },
      { name: 'score', type: 'double precision', required: false },
      { name: 'balance', type: 'numeric', required: false },
      { name: 'born', type: 'date', required: false },
      { name: 'wakes', type: 'time without time zone', required: false },
      { name: 'modified_at', type: 'timestamp with time zone', required: false },
      { name: 'photo', type: 'bytea', required: false },
      { name: 'extra', type: 'jsonb', required: false },
      { name: 'tags', type: 'text[]', required: false },
    ]);
    const comments = await pool.query(
      `SELECT obj_description('salesforce.contacts'::regclass, 'pg_class') AS of_table,
              col_description('salesforce.contacts'::regclass, 2) AS of_column`,
    );
    expect(comments.rows).toEqual([{ of_table: 'People', of_column: "The contact's address \\ e-mail" }]);
    const indexes = await pool.query<{ def: string }>(
      "SELECT indexdef AS def FROM pg_indexes WHERE tablename = 'contacts' AND schemaname = 'salesforce' ORDER BY indexname",
    );
    expect(
      indexes.rows.map((row) => row.def.replace(/^.* USING/, row.def.includes('UNIQUE') ? 'unique' : 'plain')),
    ).toEqual(['plain btree (account_id)', 'plain btree (modified_at)', 'unique btree (id)']);
  });

  test('is in the catalog, with the limits that the API or the configuration gives', async () => {
    const catalog = await install({ tables: [{ resource: 'Contact', limits: { update: 150 } }] });
    const table = catalog.find('salesforce', 'contacts');
    expect(table).toMatchObject({
      schema: 'salesforce',
      name: 'contacts',
      connection: 'salesforce',
      provider: 'salesforce',
      limits: { insert: 200, update: 150, delete: 200 },
    });
    expect(table?.resource).toEqual(contacts());
    expect(catalog.named('contacts')).toEqual([table]);
    expect(catalog.byOid(table?.oid ?? 0)).toBe(table);
    expect(catalog.find('public', 'contacts')).toBeUndefined();
  });

  test('gives a new row a provisional key', async () => {
    await install();
    const row = await pool.query<{ id: string }>('INSERT INTO salesforce.contacts DEFAULT VALUES RETURNING id');
    expect(isProvisionalKey(row.rows[0]?.id ?? '')).toBe(true);
    expect(isProvisionalKey('0038b00002gszToAAI')).toBe(false);
  });

  test('has the columns and names that the configuration chooses', async () => {
    const catalog = await install({
      schema: 'crm',
      tables: [
        {
          resource: 'contacts',
          name: 'people',
          columns: { include: ['Email', 'age'], rename: { id: 'contact_id', Email: 'mail', modified_at: 'changed' } },
        },
      ],
    });
    const resource = catalog.find('crm', 'people')?.resource;
    expect(resource?.columns.map((column) => [column.name, column.field])).toEqual([
      ['mail', 'Email'],
      ['contact_id', 'Id'],
      ['age', 'Age'],
      ['changed', 'ModifiedAt'],
    ]);
    expect([resource?.key, resource?.version]).toEqual(['contact_id', 'changed']);
    await pool.query('DROP SCHEMA crm CASCADE');
  });

  test("that is another program's is left alone", async () => {
    await pool.query('CREATE SCHEMA salesforce; CREATE TABLE salesforce.contacts (id text)');
    await expect(install()).rejects.toThrow("exists and is not Upwrite's");
    await pool.query('DROP TABLE salesforce.contacts; CREATE VIEW salesforce.contacts AS SELECT 1 AS id');
    await expect(install()).rejects.toThrow('is no plain table');
  });
});

describe('a configuration that cannot be', () => {
  test.each([
    [{ tables: [{ resource: 'leads' }] }, /salesforce has no such table; it has contacts/],
    [
      { tables: [{ resource: 'contacts', limits: { update: 201 } }] },
      /limits.update: must be a whole number from 1 to 200/,
    ],
    [{ tables: [{ resource: 'contacts', columns: { exclude: ['nope'] } }] }, /has no column "nope"/],
    [{ tables: [{ resource: 'contacts', columns: { exclude: ['modified_at'] } }] }, /cannot be left out/],
    [{ tables: [{ resource: 'contacts', columns: { rename: { age: 'email' } } }] }, /two columns are named "email"/],
    [{ tables: [{ resource: 'contacts', name: 'é'.repeat(32) }] }, /1 to 63 bytes, this one has 64/],
    [
      { tables: [{ resource: 'contacts' }, { resource: 'Contact', name: 'again' }] },
      /lists twice the object "Contact"/,
    ],
  ])('is refused by its key: %j', async (choice, message) => {
    await expect(install(choice)).rejects.toThrow(message);
    await expect(install(choice)).rejects.toThrow('connections.salesforce.tables');
  });
});

describe('grants', () => {
  async function privileges(): Promise<string> {
    const result = await pool.query<{ has: string }>(
      `SELECT string_agg(p, ',' ORDER BY p) AS has FROM unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) p
       WHERE has_schema_privilege('reader', 'salesforce', 'USAGE') AND has_table_privilege('reader', 'salesforce.contacts', p)`,
    );
    return result.rows[0]?.has ?? '';
  }

  test('go to the roles that the configuration names, and grow with it', async () => {
    const admin = await connect(server.superuserUrl);
    await admin.query('DROP ROLE IF EXISTS reader; CREATE ROLE reader');
    await install();
    expect(await privileges()).toBe('');
    await install({ grant: { read: ['reader'] } });
    expect(await privileges()).toBe('SELECT');
    await install({ grant: { write: ['public'] } });
    expect(await privileges()).toBe('DELETE,INSERT,SELECT,UPDATE');
    expect(
      (await planCatalog(options({ grant: { write: ['public'], read: ['reader'] } }))).tables[0]?.statements,
    ).toEqual([]);
  });
});

describe('a second installation', () => {
  test('has nothing to do, and a plan changes nothing', async () => {
    expect((await planCatalog(options())).tables[0]?.statements[0]).toMatch(/^CREATE TABLE "salesforce"."contacts"/);
    expect((await pool.query("SELECT to_regclass('salesforce.contacts') AS found")).rows).toEqual([{ found: null }]);
    await install();
    const plan = await planCatalog(options());
    expect(plan.tables.flatMap((table) => table.statements)).toEqual([]);
    expect(plan.schemas.flatMap((schema) => schema.statements)).toEqual([]);
  });

  test('adds a field that appeared, and keeps one that is gone', async () => {
    await install();
    await pool.query("INSERT INTO salesforce.contacts (id, email, age) VALUES ('1', 'kept', 7)");
    api.resources = [
      withColumns((all) => [
        ...all.filter((column) => column.name !== 'email'),
        {
          name: 'nickname',
          field: 'Nickname',
          type: 'text',
          nullable: true,
          insertable: true,
          updatable: true,
          comment: 'Short',
        },
      ]),
    ];
    const catalog = await install();
    expect(notes).toEqual([
      'salesforce.contacts: column "email" is no longer synced; it stays with the values that it has',
    ]);
    const names = catalog.find('salesforce', 'contacts')?.resource.columns.map((column) => column.name);
    expect(names).toContain('nickname');
    expect(names).not.toContain('email');
    const rows = await pool.query('SELECT email, age, nickname FROM salesforce.contacts');
    expect(rows.rows).toEqual([{ email: 'kept', age: 7, nickname: null }]);
  });

  test('puts back a guard that was switched off', async () => {
    await install();
    await pool.query('ALTER TABLE salesforce.contacts DISABLE TRIGGER upwrite_guard');
    await install();
    const client = await connect(server.upwriteUrl);
    await expect(client.query("INSERT INTO salesforce.contacts (id) VALUES ('x')")).rejects.toMatchObject({
      code: '25006',
    });
  });

  test('may run in several processes at once', async () => {
    const pools = Array.from({ length: 5 }, () => ownPool(server.upwriteUrl, 2));
    const catalogs = await Promise.all(pools.map((each) => installCatalog({ ...options(), pool: each })));
    expect(new Set(catalogs.map((catalog) => catalog.find('salesforce', 'contacts')?.oid)).size).toBe(1);
  });
});

describe('the catalog in memory', () => {
  test('grows its version with changes only', async () => {
    const installed = await install();
    const catalog = createCatalog(installed.all());
    const before = catalog.version;
    let heard = 0;
    const stop = catalog.onChange(() => {
      heard += 1;
    });
    catalog.replace([...installed.all()]);
    expect([catalog.version, heard]).toEqual([before, 0]);
    catalog.replace([]);
    expect([catalog.version > before, heard, catalog.all()]).toEqual([true, 1, []]);
    stop();
    catalog.replace(installed.all());
    expect(heard).toBe(1);
  });

  test('follows what another process does, and a table that is renamed or dropped', async () => {
    const catalog = createCatalog();
    const watch = watchCatalog({
      connection: { connectionString: server.upwriteUrl, options: internalOptions },
      pool,
      registry: tables,
      catalog,
      retryMs: 20,
      onError: () => {},
    });
    await watch.ready;
    expect(catalog.all()).toEqual([]);
    await install();
    await eventually(async () => catalog.find('salesforce', 'contacts'));

    const admin = await connect(server.superuserUrl);
    // Nobody is told of it: whoever listens again has to look for what it has missed.
    await pool.query('ALTER TABLE salesforce.contacts RENAME TO people');
    await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'");
    await eventually(async () => catalog.find('salesforce', 'people'));
    expect(catalog.find('salesforce', 'contacts')).toBeUndefined();

    await pool.query('DROP TABLE salesforce.people; NOTIFY upwrite_catalog');
    await eventually(async () => (catalog.all().length === 0 ? true : undefined));
    await watch.stop();
  });

  test('is kept fresh by one connection, however it is lost, and by none after its end', async () => {
    const road = await slowRoad();
    const url = new URL(server.upwriteUrl);
    url.port = String(road.port);
    const watch = watchCatalog({
      connection: { connectionString: url.href, options: internalOptions },
      pool,
      registry: tables,
      catalog: createCatalog(),
      retryMs: 1,
      onError: () => {},
    });
    await watch.ready;
    const admin = await connect(server.superuserUrl);
    const listening = "pg_stat_activity WHERE query LIKE 'LISTEN%'";
    await admin.query(`SELECT pg_terminate_backend(pid) FROM ${listening}`);
    await eventually(async () => (road.ends() === 1 ? true : undefined));
    await eventually(async () => ((await admin.query(`SELECT FROM ${listening}`)).rowCount === 0 ? undefined : true));
    // A second one, were there any, has its time.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect((await admin.query(`SELECT FROM ${listening}`)).rowCount).toBe(1);
    await watch.stop();
    await eventually(async () => ((await admin.query(`SELECT FROM ${listening}`)).rowCount === 0 ? true : undefined));
    road.close();
  });

  /** A road to the server on which the news that a session has ended comes in two parts, and a new one takes its time. */
  async function slowRoad(): Promise<{ readonly port: number; ends(): number; close(): void }> {
    let ends = 0;
    const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    const relay = createServer({ pauseOnConnect: true }, async (client) => {
      client.on('error', () => {});
      await wait(300);
      const database = createConnection({ host: server.host, port: server.port });
      database.on('error', () => {});
      client.pipe(database);
      client.once('close', () => database.destroy());
      database.on('data', (chunk) => client.write(chunk));
      database.once('end', () => {
        ends += 1;
        void wait(100).then(() => client.end());
      });
    });
    relay.listen(0, server.host);
    await once(relay, 'listening');
    return { port: (relay.address() as AddressInfo).port, ends: () => ends, close: () => void relay.close() };
  }
});

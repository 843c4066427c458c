/** From a synced table to generic records tables: loads, changes, deletions, filters, failures, kills. */
import type pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readTables } from '../../src/catalog/index.js';
import { syncId } from '../../src/records/index.js';
import { tables } from '../../src/store/index.js';
import { TalkingChild } from '../faults/child.js';
import { connect, eventually, ownPool } from '../support/database.js';
import { contacts } from '../support/fake-api.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { World } from './world.js';

let world: World;
const sales = syncId('salesforce');
const other = syncId('other');

let server: TestPostgres;

beforeEach(async () => {
  server ??= await startTestPostgres();
  world = await World.start(server);
});

afterEach(() => world.stop());

function fill(count: number, connection = 'salesforce', modified = 1000): void {
  const api = world.apis.get(connection);
  for (let i = 0; i < count; i += 1)
    api?.put('Contact', `c${String(i).padStart(4, '0')}`, { email: `e${i}` }, modified);
}

async function rows(table: string, pool: Pick<pg.Pool, 'query'> = world.pool): Promise<Record<string, unknown>[]> {
  return (await pool.query<Record<string, unknown>>(`SELECT * FROM my_schema.${table} ORDER BY upstream_id`)).rows;
}

describe('a records table', () => {
  test('gets what is there, then every change, under ids that stay', async () => {
    await world.connections(['salesforce']);
    fill(250);
    await world.createTable('records');
    const target = world.target('records', { provider: 'salesforce' });
    await world.feed([target], ['salesforce'], { externalId: 'customer 7', metadata: '{"plan":"gold"}', batch: 100 });
    await world.converged('records', sales, 'salesforce');
    await world.becomes('my_schema.records', 'live');
    const api = world.api('salesforce');
    const before = (await rows('records'))[0];
    api.put(
      'Contact',
      'c0000',
      {
        email: 'new',
        age: 7,
        big: '9007199254740993',
        vip: true,
        tags: ['a', 'b'],
        extra: { deep: [1] },
        photo: 'aGVsbG8=',
      },
      2000,
    );
    api.put('Contact', 'd0000', { email: 'made' }, 2000);
    api.remove('Contact', 'c0001', 2000);
    await world.converged('records', sales, 'salesforce');
    const [after] = await rows('records');
    expect(after).toMatchObject({
      sequin_id: before?.['sequin_id'],
      sync_id: sales,
      sync_external_id: 'customer 7',
      sync_metadata: { plan: 'gold' },
      collection_id: 'Contact',
      upstream_id: 'c0000',
      upstream_updated_at: new Date(2000),
      upstream_created_at: before?.['upstream_created_at'],
      inserted_at: before?.['inserted_at'],
    });
    expect(BigInt(String(after?.['updated_idx']))).toBeGreaterThan(BigInt(String(before?.['updated_idx'])));
    const text = await world.pool.query<{ payload: string }>(
      "SELECT payload::text FROM my_schema.records WHERE upstream_id = 'c0000'",
    );
    expect(text.rows[0]?.payload).toContain('"Big": 9007199254740993');
    expect(after?.['payload']).toMatchObject({
      Id: 'c0000',
      Email: 'new',
      Age: 7,
      Vip: true,
      Tags: ['a', 'b'],
      Extra: { deep: [1] },
      Photo: 'aGVsbG8=',
      Score: null,
      ModifiedAt: '1970-01-01T00:00:02+00:00',
    });
  });

  test('has numbers that rise in the order of the commits, one for each change', async () => {
    await world.connections(['salesforce']);
    await world.createTable('records');
    await world.feed([world.target('records', { provider: 'salesforce' })], ['salesforce'], { turnMs: 50 });
    const seen = new Map<string, string>();
    let highest = 0n;
    for (let round = 1; round <= 6; round += 1) {
      for (let i = 0; i < 5; i += 1) {
        world.api('salesforce').put('Contact', `c${(round + i) % 9}`, { email: `${round}` }, 1000 + round);
      }
      await world.converged('records', sales, 'salesforce');
      const news = await world.pool.query<{ upstream_id: string; updated_idx: string; email: string }>(
        `SELECT upstream_id, updated_idx, payload ->> 'Email' AS email FROM my_schema.records
         WHERE updated_idx > $1 ORDER BY updated_idx`,
        [highest],
      );
      for (const row of news.rows) {
        highest = BigInt(row.updated_idx);
        seen.set(row.upstream_id, row.email);
      }
      // Whoever reads on from the highest number has missed nothing.
      expect(Object.fromEntries([...seen].sort())).toEqual(world.upstream('salesforce'));
    }
  });

  test('carries views as the document has them', async () => {
    const base = contacts();
    const column = { nullable: true, insertable: true, updatable: true } as const;
    const properties = [
      ...base.columns.filter(({ name }) => ['id', 'modified_at'].includes(name)),
      { ...column, name: 'lifecycle', field: 'lifecyclestage', type: 'text' as const },
      { ...column, name: 'owner', field: 'hubspot_owner_id', type: 'text' as const },
      { ...column, name: 'created', field: 'createdate', type: 'timestamptz' as const },
      { ...column, name: 'city', field: 'address.city', type: 'text' as const },
      { ...column, name: 'long', field: `a${'b'.repeat(80)}`, type: 'text' as const },
    ];
    await world.connections(['salesforce'], [contacts({ columns: properties, created: 'created' })]);
    const values = { owner: '12', created: '2024-02-03T04:05:06.789Z', city: 'Arrakeen', long: 'x' };
    world.api('salesforce').put('Contact', 'a', { ...values, lifecycle: 'lead' }, 1000);
    world.api('salesforce').put('Contact', 'b', { ...values, lifecycle: 'customer' }, 1000);
    await world.createTable('your_sequin_table');
    await world.feed([world.target('your_sequin_table', { connection: 'salesforce' })], ['salesforce']);
    await eventually(async () => ((await rows('your_sequin_table')).length === 2 ? true : undefined));
    const admin = await connect(world.server.superuserUrl);
    await admin.query(`
      create view public.hubspot_leads as
        select upstream_id, payload ->> 'hubspot_owner_id' as hubspot_owner_id,
          (payload ->> 'createdate')::timestamp as createdate
        from my_schema.your_sequin_table
        where payload ->> 'lifecyclestage' = 'lead'`);
    const view = await admin.query<Record<string, unknown>>(
      'select *, createdate::text as at from public.hubspot_leads',
    );
    expect(view.rows).toEqual([
      expect.objectContaining({ upstream_id: 'a', hubspot_owner_id: '12', at: '2024-02-03 04:05:06.789' }),
    ]);
    const [first] = await rows('your_sequin_table');
    expect(first).toMatchObject({
      upstream_created_at: new Date('2024-02-03T04:05:06.789Z'),
      payload: { address: { city: 'Arrakeen' }, [`a${'b'.repeat(80)}`]: 'x' },
    });
  });

  test('is fed by a provider with its connections to come, or by one connection; in this database or in another', async () => {
    await world.connections(['salesforce', 'other']);
    fill(20);
    fill(10, 'other');
    await world.createTable('everything');
    const elsewhere = world.server.url({ user: 'postgres', password: 'postgres', database: 'postgres' });
    await world.admin('CREATE SCHEMA my_schema; GRANT USAGE ON SCHEMA my_schema TO upwrite', elsewhere);
    await world.createTable('one', elsewhere);
    const there = world.server.url({ user: 'upwrite', password: 'upwrite', database: 'postgres' });
    const targets = [
      world.target('everything', { provider: 'salesforce' }),
      world.target('one', { connection: 'other', url: there }),
    ];
    const remote = ownPool(there, 2);
    await world.feed(targets, ['salesforce', 'other']);
    await world.converged('everything', sales, 'salesforce');
    await world.converged('everything', other, 'other');
    await world.converged('one', other, 'other', remote);
    expect(await world.held('one', sales, remote)).toEqual({});
    const names = ['salesforce', 'other', 'third'];
    await world.connections(names);
    fill(5, 'third');
    await world.feed(targets, names);
    await world.converged('everything', syncId('third'), 'third');
    expect(await rows('one', remote)).toHaveLength(10);
  });

  test('keeps the rows of a connection that is removed, and is right again when it comes back', async () => {
    await world.connections(['salesforce', 'other']);
    fill(30);
    fill(3, 'other');
    await world.createTable('records');
    const target = world.target('records', { provider: 'salesforce' });
    await world.feed([target], ['salesforce', 'other']);
    await world.converged('records', sales, 'salesforce');
    await world.converged('records', other, 'other');
    await world.feed([target], ['other']);
    world.api('salesforce').remove('Contact', 'c0003', 2000);
    world.api('salesforce').put('Contact', 'c0004', { email: 'changed' }, 2000);
    world.api('other').put('Contact', 'x', { email: 'x' }, 2000);
    await world.converged('records', other, 'other');
    expect(Object.keys(await world.held('records', sales))).toHaveLength(30);
    const triggers = await world.pool.query(
      "SELECT FROM pg_trigger WHERE tgrelid = 'salesforce.contacts'::regclass AND tgname LIKE 'upwrite_changes%'",
    );
    expect(triggers.rowCount).toBe(0);
    await world.feed([target], ['salesforce', 'other']);
    await world.converged('records', sales, 'salesforce');
    await world.converged('records', other, 'other');
  });

  test('keeps the rows of a collection that is taken out, and when its typed table is dropped', async () => {
    await world.connections(['salesforce'], [contacts(), contacts({ name: 'companies', object: 'Company' })]);
    fill(10);
    world.api('salesforce').put('Company', 'x', { email: 'x' }, 1000);
    await world.createTable('records');
    const target = world.target('records', { provider: 'salesforce' });
    await world.feed([target], ['salesforce']);
    await world.converged('records', sales, 'salesforce');
    const companies = () => world.pool.query("SELECT FROM my_schema.records WHERE collection_id = 'Company'");
    await eventually(async () => ((await companies()).rowCount === 1 ? true : undefined));
    const { oid } = world.table('salesforce', 'companies');
    await tables.detach(world.pool, oid);
    world.catalog.replace(await readTables(world.pool, tables));
    await world.feed([target], ['salesforce']);
    world.api('salesforce').put('Contact', 'later', { email: 'later' }, 2000);
    await world.converged('records', sales, 'salesforce');
    expect((await companies()).rowCount).toBe(1);
    await world.pool.query('DROP TABLE salesforce.companies');
    await tables.forget(world.pool, oid);
    world.catalog.replace(await readTables(world.pool, tables));
    await world.feed([target], ['salesforce']);
    world.api('salesforce').put('Contact', 'latest', { email: 'latest' }, 3000);
    await world.converged('records', sales, 'salesforce');
    expect((await companies()).rowCount).toBe(1);
    expect((await world.pool.query('SELECT FROM upwrite.record_routes')).rowCount).toBe(1);
  });

  test('that is missing, wrong or away is unhealthy with the reason, and catches up by itself; others go on', async () => {
    await world.connections(['salesforce']);
    fill(10);
    await world.createTable('good');
    await world.feed(
      [world.target('good', { provider: 'salesforce' }), world.target('bad', { provider: 'salesforce' })],
      ['salesforce'],
    );
    await world.becomes('my_schema.bad', 'unhealthy', /^table my_schema\.bad does not exist$/);
    await world.converged('good', sales, 'salesforce');
    await world.createTable('bad');
    await world.converged('bad', sales, 'salesforce');
    await world.becomes('my_schema.bad', 'live');
    await world.admin('ALTER TABLE my_schema.bad ADD COLUMN note text');
    await world.becomes('my_schema.bad', 'unhealthy', /^column note is none of the twelve$/);
    for (let i = 0; i < 50; i += 1) world.api('salesforce').put('Contact', `n${i}`, { email: 'n' }, 2000 + i);
    world.api('salesforce').remove('Contact', 'c0000', 3000);
    await world.converged('good', sales, 'salesforce');
    expect(Object.keys(await world.held('bad', sales))).toHaveLength(10);
    await world.admin('ALTER TABLE my_schema.bad DROP COLUMN note');
    await world.converged('bad', sales, 'salesforce');
    await world.becomes('my_schema.bad', 'live');
    const away = world.target('gone', {
      provider: 'salesforce',
      url: 'postgres://upwrite:upwrite@127.0.0.1:1/upwrite',
    });
    await world.feed([world.target('good', { provider: 'salesforce' }), away], ['salesforce']);
    await world.becomes(away.name, 'unhealthy', /^its database cannot be reached \(ECONNREFUSED\)$/);
    await world.becomes('my_schema.good', 'live');
  });

  test('is complete after its feeder was killed at any moment, and says no record twice', async () => {
    await world.connections(['salesforce']);
    fill(200);
    await world.createTable('records');
    const config = { url: world.server.upwriteUrl, table: 'records' };
    for (let round = 0; round < 4; round += 1) {
      const child = await TalkingChild.start('test/records/feeder.js', config, () => {});
      const before = await world.pool.query<{ n: string }>('SELECT sum(delivered) AS n FROM upwrite.record_targets');
      for (let i = 0; i < 40; i += 1) {
        const key = `c${String((round * 31 + i * 7) % 260).padStart(4, '0')}`;
        if (i % 4 === 3) world.api('salesforce').remove('Contact', key, 2000 + round * 100 + i);
        else world.api('salesforce').put('Contact', key, { email: `${round}.${i}` }, 2000 + round * 100 + i);
      }
      // Somewhere in the middle: another moment of the work in each round.
      await eventually(async () => {
        const now = await world.pool.query<{ n: string }>('SELECT sum(delivered) AS n FROM upwrite.record_targets');
        return Number(now.rows[0]?.n) > Number(before.rows[0]?.n ?? 0) + round ? true : undefined;
      });
      await child.kill();
    }
    await world.feed([world.target('records', { provider: 'salesforce' })], ['salesforce'], { batch: 50 });
    await world.converged('records', sales, 'salesforce');
    await world.becomes('my_schema.records', 'live');
    const twice = await world.pool.query(
      'SELECT FROM my_schema.records GROUP BY sync_id, collection_id, upstream_id HAVING count(*) > 1',
    );
    expect(twice.rowCount).toBe(0);
  });
});

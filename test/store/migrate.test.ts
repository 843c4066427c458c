import { expect, test } from 'vitest';
import { migrate } from '../../src/store/index.js';
import { migrations } from '../../src/store/migrations/index.js';
import { connect, ownPool } from '../support/database.js';
import { startTestPostgres } from '../support/postgres.js';

/** Numbers only grow. */
const latest = Math.max(...migrations.map((step) => step.version));

test('any number of processes may start at once on an empty database', async () => {
  const server = await startTestPostgres();
  const admin = await connect(server.superuserUrl);
  await admin.query('DROP SCHEMA IF EXISTS upwrite CASCADE');
  const pools = Array.from({ length: 6 }, () => ownPool(server.upwriteUrl, 2));
  const results = await Promise.all(pools.map((pool) => migrate(pool)));
  expect(results.filter((result) => result.from === 0)).toHaveLength(1);
  expect(results.every((result) => result.to === latest)).toBe(true);
  const applied = await admin.query('SELECT version FROM upwrite.migrations ORDER BY version');
  expect(applied.rows).toEqual(migrations.map((step) => ({ version: step.version })));
});

test('a step that fails leaves nothing of itself, and a newer database is refused', async () => {
  const server = await startTestPostgres();
  const pool = ownPool(server.upwriteUrl, 2);
  const broken = { version: latest + 1, name: 'broken', sql: 'CREATE TABLE upwrite.half (n int); SELECT 1 / 0' };
  await expect(migrate(pool, [...migrations, broken])).rejects.toMatchObject({ code: '22012' });
  expect((await pool.query("SELECT to_regclass('upwrite.half') AS found")).rows).toEqual([{ found: null }]);
  expect(await migrate(pool)).toEqual({ from: latest, to: latest });

  const added = { version: latest + 1, name: 'added', sql: 'CREATE TABLE upwrite.extra (n int)' };
  expect(await migrate(pool, [...migrations, added])).toEqual({ from: latest, to: latest + 1 });
  await expect(migrate(pool)).rejects.toThrow('start a newer Upwrite');
});

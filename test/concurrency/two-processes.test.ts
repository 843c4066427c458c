/** Two Upwrites, each a process of its own, on one database: writers of one record take turns across both. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bench, sharedPace } from '../faults/bench.js';
import { seen } from '../faults/verify.js';

const times = 100;
let bench: Bench;

beforeAll(async () => {
  // Time enough for a loaded machine: nothing here is to be refused.
  const writes = { timeout: '180s', lockTimeout: '120s', queueTimeout: '120s' };
  bench = await Bench.start(2, { syncInterval: '1s', writes, pace: sharedPace });
}, 300_000);

afterAll(() => bench?.stop());

async function raise(client: pg.Client, sql: string): Promise<readonly number[]> {
  const told: number[] = [];
  for (let i = 0; i < times; i++) {
    const { rows } = await client.query<{ n: number }>(sql);
    told.push(rows[0]?.n ?? Number.NaN);
  }
  return told;
}

test.each([
  ['an API that takes all rows or none', 'salesforce.contacts', 'last_name', 'visits'],
  ['an API that takes some', 'partial.items', 'name', 'n'],
])(
  'n = n + 1 from two clients, a hundred times each: %s',
  async (_, table, name, n) => {
    const clients = [await bench.client(0), await bench.client(1)];
    const { rows } = (await clients[0]?.query<{ id: string }>(
      `INSERT INTO ${table} (${name}, ${n}) VALUES ('counted', 0) RETURNING id`,
    )) ?? { rows: [] };
    const id = rows[0]?.id ?? '';
    const sql = `UPDATE ${table} SET ${n} = ${n} + 1 WHERE id = '${id}' RETURNING ${n}::int AS n`;
    const told = await Promise.all(clients.map((client) => raise(client, sql)));
    // Each was told a number of its own.
    const all = Array.from({ length: 2 * times }, (__, i) => i + 1);
    expect(told.flat().sort((a, b) => a - b)).toEqual(all);
    const [row] = await bench.direct<{ n: number }>(`SELECT ${n}::int AS n FROM ${table} WHERE id = $1`, [id]);
    const record = (await seen(bench)).find(({ key }) => key === id);
    expect([row?.n, record?.n]).toEqual([2 * times, 2 * times]);
    await Promise.all(clients.map((client) => client.end()));
  },
  300_000,
);

import pg from 'pg';
import { expect, test } from 'vitest';
import { startTally } from './tally.js';

test('what was counted since the last note is noted at the end', async () => {
  const noted: unknown[] = [];
  const pool = Object.assign(new pg.Pool(), {
    query: async (sql: string, values: readonly unknown[]) => {
      if (sql.includes('deliveries = h.deliveries')) noted.push(values);
      return { rows: [], rowCount: 0 };
    },
  });
  const tally = startTally(pool, { debug: () => {}, info: () => {}, warn: () => {} });
  tally.count('stripe', 'new', 'we_1');
  tally.count('stripe', 'known', 'we_1');
  await tally.stop();
  expect(noted).toEqual([[['stripe'], ['we_1'], [2]]]);
});

/** A condition means to Upwrite what it means to PostgreSQL: the text, the tree, and the tree as SQL agree on every row. */
import fc from 'fast-check';
import type pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { conditionSql } from '../../src/catalog/index.js';
import { parseCondition } from '../../src/catalog/where/parse.js';
import { belonging } from '../../src/catalog/where/sql.js';
import type { Filter } from '../../src/provider/index.js';
import { type Plain, plain } from '../../src/provider/index.js';
import { ownPool } from '../support/database.js';
import { contacts } from '../support/fake-api.js';
import { startTestPostgres } from '../support/postgres.js';
import { conditions, rowValues } from './conditions.js';

const resource = contacts();
let pool: pg.Pool;

beforeAll(async () => {
  pool = ownPool((await startTestPostgres()).upwriteUrl, 4);
});

/** A plain condition as a tree again. */
function again(condition: Plain): Filter {
  if (condition.kind === 'test') return condition.negated ? { kind: 'not', of: condition.test } : condition.test;
  return condition.kind === 'constant' ? condition : { kind: condition.kind, of: condition.of.map(again) };
}

test('random conditions over random rows', async () => {
  const rows = fc.sample(rowValues(resource, resource.columns), { numRuns: 80, seed: 7 });
  const records = rows.map((values, index) => ({ key: `k${index}`, values }));
  const types = resource.columns.map(({ name, type }) => `"${name}" ${type}`).join(', ');
  const json = JSON.stringify(
    records.map(({ key, values }) => ({
      ...values,
      id: key,
    })),
  );
  await fc.assert(
    fc.asyncProperty(conditions(resource.columns), async (text) => {
      const filter = parseCondition(text, resource);
      const [tree, pushed] = [filter, again(plain(filter))].map((each) => conditionSql(each, resource, 't'));
      const result = await pool.query<{ written: boolean; read: boolean; pushed: boolean }>(
        `SELECT (${text}) IS TRUE AS written, ${tree} IS TRUE AS read, ${pushed} IS TRUE AS pushed
         FROM jsonb_to_recordset($1::jsonb) AS t (${types})`,
        [json],
      );
      expect(result.rows.map((row) => row.read)).toEqual(result.rows.map((row) => row.written));
      expect(result.rows.map((row) => row.pushed)).toEqual(result.rows.map((row) => row.written));
      expect(await belonging(pool, resource, filter, records)).toEqual(result.rows.map((row) => row.written));
    }),
    { numRuns: 400, seed: 11 },
  );
});

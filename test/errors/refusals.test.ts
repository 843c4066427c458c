/** What the API refuses or does not answer: the errors of a real client, through the real provider and the sandbox. */
import { beforeAll, expect, test } from 'vitest';
import { connect } from '../support/database.js';
import { type SalesforceUpwrite, startSalesforceUpwrite } from '../support/salesforce-upwrite.js';
import { expectShown } from './case.js';
import { refusals } from './cases/refusals.js';

let upwrite: SalesforceUpwrite;

beforeAll(async () => {
  // The journal is to be read as the write has left it: nothing is settled meanwhile.
  upwrite = await startSalesforceUpwrite({}, { writes: { timeout: '20s' } }, { settleInterval: 3_600_000 });
});

test.each(refusals)('$code: $title', async ({ code, provoke, shows }) => {
  const error = await provoke(upwrite);
  expectShown(error, code, shows);
  const client = await connect(upwrite.url());
  const { rows } = await client.query<{ state: string; sqlstate: string; error: string }>(
    'SELECT state, sqlstate, error FROM upwrite.mutations ORDER BY id DESC LIMIT 1',
  );
  await client.end();
  expect(rows[0]).toMatchObject({ sqlstate: shows.sqlstate, error: shows.message });
  if (code !== 'outcome_unknown') expect(rows[0]?.state).toBe('refused');
});

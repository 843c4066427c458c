/** Records that outlive the sandbox's process: a sandbox that goes on from another one's file. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type SalesforceSandbox, startSalesforceSandbox } from '../../fixtures/salesforce/index.js';

const folder = mkdtempSync(join(tmpdir(), 'upwrite-kept-'));
const started: SalesforceSandbox[] = [];

afterAll(async () => {
  for (const sandbox of started) await sandbox.close();
  rmSync(folder, { recursive: true, force: true });
});

async function start(stateFile: string): Promise<SalesforceSandbox> {
  const sandbox = await startSalesforceSandbox({ contacts: 3, accounts: 2, invoiceItems: 2, stateFile });
  started.push(sandbox);
  return sandbox;
}

const objects = ['Account', 'Contact', 'Invoice_Item__c', 'User'];

test('another sandbox on the same file has the same records, and gives no id twice', async () => {
  const file = join(folder, 'new', 'state.json');
  const first = await start(file);
  const id = first.upsert('Contact', { LastName: 'Kynes', External_Id__c: 'kept-1' });
  const gone = first.upsert('Contact', { LastName: 'Harkonnen' });
  first.delete('Contact', gone);

  // Both at once: the first one is not asked to put anything away, as a process that is killed is not.
  const second = await start(file);
  for (const object of objects) expect(second.records(object)).toEqual(first.records(object));
  expect(second.records('Contact').filter((record) => record['IsDeleted'] === true)).toHaveLength(1);
  expect(() => second.upsert('Contact', { LastName: 'Kynes', External_Id__c: 'kept-1' })).toThrow('DUPLICATE_VALUE');
  const later = second.upsert('Contact', { LastName: 'Idaho' });
  expect([id, gone]).not.toContain(later);
  second.undelete('Contact', gone);

  const third = await start(file);
  expect(third.records('Contact')).toEqual(second.records('Contact'));
  expect(readdirSync(join(folder, 'new'))).toEqual(['state.json']);
});

test('a reset forgets what was kept', async () => {
  const file = join(folder, 'reset.json');
  const first = await start(file);
  first.upsert('Contact', { LastName: 'Kynes' });
  first.reset();
  expect((await start(file)).records('Contact')).toHaveLength(3);
});

test('a file that is no state is refused by name', async () => {
  const file = join(folder, 'broken.json');
  writeFileSync(file, '{"form": 99}');
  await expect(start(file)).rejects.toThrow('broken.json');
});

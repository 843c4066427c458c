/** The APIs of the fault tests, in a process that can be killed: what they have applied is in files. */
import { join } from 'node:path';
import { startSalesforceSandbox } from '../../fixtures/salesforce/index.js';
import type { ApiConfig, FromChild } from './messages.js';
import { startPartialApi } from './partial-api.js';

process.on('disconnect', () => process.exit());
process.once('message', async (config: ApiConfig) => {
  await startSalesforceSandbox({
    port: config.salesforcePort,
    publicUrl: config.salesforceUrl,
    stateFile: join(config.directory, 'salesforce.json'),
    contacts: 3,
    accounts: 2,
    invoiceItems: 0,
    dailyApiLimit: 100_000_000,
    logSize: 100,
  });
  await startPartialApi({ port: config.partialPort, stateFile: join(config.directory, 'partial.json') });
  process.send?.({ kind: 'ready' } satisfies FromChild);
});

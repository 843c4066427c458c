/** Three Upwrite processes, one Airtable base that takes five requests a second, and a penalty for whoever sends more. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AirtableSandbox, startAirtableSandbox } from '../../fixtures/airtable/index.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { waitFor } from '../support/wait.js';
import { startUpwrite, type UpwriteProcess } from './upwrites.js';

/** Pages of the first listing: at five a second it takes longer than everything else here. */
const pages = 800;
let server: TestPostgres;
let sandbox: AirtableSandbox;
const processes: UpwriteProcess[] = [];

beforeAll(async () => {
  server = await startTestPostgres();
  sandbox = await startAirtableSandbox({ contacts: pages * 10, companies: 1, others: 1, pageSize: 10 });
  const settings = {
    connections: {
      airtable: {
        provider: 'airtable',
        auth: { kind: 'personal_access_token', token: sandbox.settings.personalAccessToken },
        endpoint_url: sandbox.url,
        bases: [{ base: 'Caladan CRM', prefix: '' }],
        tables: ['contacts'],
      },
    },
    sync: { interval: '1s' },
  };
  processes.push(await startUpwrite({ server, settings }));
  processes.push(...(await Promise.all([1, 2].map(() => startUpwrite({ server, settings })))));
});
afterAll(async () => {
  await Promise.all(processes.map((each) => each.stop()));
  await sandbox.close();
});

interface Request {
  readonly id: number;
  readonly method: string;
  readonly path: string;
}

const isSync = ({ path }: Request): boolean => path.includes('listRecords');
const isWrite = (request: Request): boolean => request.method === 'POST' && !isSync(request);

test('no process makes the API refuse another, and no write waits for the first listing', async () => {
  const overtaken: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    const last = sandbox.requests.list().at(-1)?.id ?? 0;
    await Promise.all(
      processes.map(({ client }, number) =>
        client.query(`INSERT INTO airtable.contacts (name) VALUES ('Chani ${round * 3 + number}')`),
      ),
    );
    const asked = sandbox.requests.list().filter(({ id }) => id > last);
    expect(asked.filter(isWrite)).toHaveLength(3);
    // Up to the last of them: what follows on its answer is no matter of the budget.
    overtaken.push(asked.slice(0, asked.findLastIndex(isWrite)).filter(isSync).length);
  }
  // The listing has not ended meanwhile, so that every write had something to overtake.
  expect(sandbox.requests.list().filter(isSync).length).toBeLessThan(pages);
  // Three writes at once, each of which may wait for what is under way and for what the window has let go before.
  expect(Math.max(...overtaken)).toBeLessThanOrEqual(10);
  expect(sandbox.requests.list().filter(({ status }) => status === 429)).toEqual([]);
});

test('a process that is killed takes nothing with it', async () => {
  await processes.pop()?.stop('SIGKILL');
  const before = sandbox.requests.list().length;
  await Promise.all(
    processes.map(({ client }, number) => client.query(`INSERT INTO airtable.contacts (name) VALUES ('${number}')`)),
  );
  await waitFor('requests to go on', () => sandbox.requests.list().length > before + 10);
  expect(sandbox.requests.list().filter(({ status }) => status === 429)).toEqual([]);
});

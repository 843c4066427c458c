/** Deliveries that arrive while a table is listed for the first time. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type StripeSandbox, startStripeSandbox } from '../../fixtures/stripe/index.js';
import type { Running } from '../../src/main/serve.js';
import { freePort } from '../support/ports.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { waitFor } from '../support/wait.js';
import { startUpwrite } from './world.js';

let server: TestPostgres;
let stripe: StripeSandbox;
let upwrite: Running | undefined;
let client: pg.Client;

beforeAll(async () => {
  [server, stripe] = await Promise.all([startTestPostgres(), startStripeSandbox({ customers: 250 })]);
  client = new pg.Client(server.upwriteUrl);
  await client.connect();
});
afterAll(async () => {
  await upwrite?.stop();
  await client?.end();
  await stripe?.close();
});

async function column(sql: string, ...values: unknown[]): Promise<readonly unknown[]> {
  const found = await client.query<unknown[]>({ text: sql, values, rowMode: 'array' });
  return found.rows.map(([first]) => first);
}

test('are visible at once, wherever the listing is, and no page that was read before undoes them', async () => {
  // The second of three pages has been read, and is on its way.
  const held = stripe.faults.add({
    method: 'GET',
    path: '/v1/customers',
    skip: 1,
    action: { kind: 'hold', phase: 'after' },
  });
  const port = await freePort();
  upwrite = await startUpwrite({
    database: server.upwriteUrl,
    port,
    listed: false,
    connections: {
      stripe: {
        provider: 'stripe',
        auth: { kind: 'api_key', api_key: stripe.settings.secretKey },
        base_url: stripe.url,
        requests_per_second: 500,
        tables: ['customers'],
      },
    },
  });
  await held.reached;
  await waitFor('the hook', async () => (await column('select state from upwrite.webhooks'))[0] === 'live');
  // Newest first, as the API lists.
  const ids = (await listed()).map(({ id }) => id);
  const [stored = '', onItsWay = '', toCome = ''] = [ids[10], ids[110], ids[210]];
  const [goneFromPage = '', goneBefore = ''] = [ids[111], ids[211]];
  for (const id of [stored, onItsWay, toCome]) stripe.update('customers', id, { name: 'told' });
  for (const id of [goneFromPage, goneBefore]) stripe.remove('customers', id);
  const { id: made } = stripe.create('customers', { name: 'told' });
  const told = [stored, onItsWay, toCome, made].sort();
  const shown = () => column(`select id from stripe.customers where name = 'told' order by id collate "C"`);
  await waitFor('the changes', async () => JSON.stringify(await shown()) === JSON.stringify(told));
  await waitFor('the queue to be empty', async () => (await column('select key from upwrite.stale_keys')).length === 0);
  expect(await column('select state from upwrite.tables')).toEqual(['backfilling']);
  expect(await column('select count(*)::int from stripe.customers')).toEqual([103]);
  held.release();
  await upwrite.sync.firstSync;
  const rows = await client.query('select id, name from stripe.customers order by id collate "C"');
  const upstream = (await listed()).map(({ id, name }) => ({ id, name })).sort((a, b) => (a.id < b.id ? -1 : 1));
  expect(rows.rows).toEqual(upstream);
  expect(upstream).toHaveLength(249);
});

interface Customer {
  readonly id: string;
  readonly name: string | null;
}

/** All customers as the API lists them. */
async function listed(): Promise<readonly Customer[]> {
  const all: Customer[] = [];
  for (;;) {
    const after = all.at(-1)?.id;
    const answer = await fetch(
      `${stripe.url}/v1/customers?limit=100${after === undefined ? '' : `&starting_after=${after}`}`,
      { headers: { authorization: `Bearer ${stripe.settings.secretKey}` } },
    );
    const page: { data: Customer[]; has_more: boolean } = JSON.parse(await answer.text());
    all.push(...page.data.map(({ id, name }) => ({ id, name })));
    if (!page.has_more) return all;
  }
}

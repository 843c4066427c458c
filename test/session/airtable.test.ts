/** Airtable's tour of the demo, through a whole Upwrite: the sync, the write path and the proxy over the sandbox. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AirtableDemo, startAirtableDemo } from '../../fixtures/airtable/demo.js';
import { parseConfig, parseDatabaseUrl } from '../../src/config/index.js';
import { type Running, serve } from '../../src/main/serve.js';
import { createRegistry } from '../../src/provider/index.js';
import { createLog } from '../../src/telemetry/index.js';
import { startTestPostgres } from '../support/postgres.js';

let demo: AirtableDemo;
let upwrite: Running;
let client: pg.Client;
const log: string[] = [];

beforeAll(async () => {
  const server = await startTestPostgres();
  demo = await startAirtableDemo();
  const text = JSON.stringify({ listen: '127.0.0.1:0', connections: { airtable: demo.connection } });
  upwrite = await serve({
    config: parseConfig(text, { file: 'test', environment: {} }).config,
    database: parseDatabaseUrl(server.upwriteUrl, '/'),
    registry: createRegistry(),
    log: createLog({ level: 'warn', format: 'json', sink: { write: (line) => log.push(line) } }),
    grant: { write: ['app'] },
  });
  await upwrite.sync.firstSync;
  client = new pg.Client({ connectionString: `postgres://app:app@127.0.0.1:${upwrite.proxy.port}/upwrite` });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await upwrite.stop();
  await demo.sandbox.close();
});

test('the tour', async () => {
  const shown: unknown[] = [];
  for (const { sql } of demo.sandbox.tour) {
    const before = demo.sandbox.lastRequest();
    const result = await client.query(sql).catch((error: unknown) => error);
    const own = demo.sandbox.requestsSince(before).filter((request) => request.own);
    const requests = own.map((request) => request.method);
    if (result instanceof pg.DatabaseError) {
      const { code, message, detail, column } = result;
      shown.push({ requests, code, message, detail, column });
    } else if (result instanceof pg.Result) {
      shown.push({ requests, command: result.command, count: result.rowCount, rows: result.rows.length });
    } else throw result;
  }
  expect(shown).toEqual([
    { requests: [], command: 'SELECT', count: 3, rows: 3 },
    { requests: ['POST'], command: 'INSERT', count: 2, rows: 2 },
    { requests: ['PATCH'], command: 'UPDATE', count: 2, rows: 0 },
    {
      requests: ['PATCH'],
      code: '23514',
      message: 'airtable validation error',
      detail: 'Key (status)=(Naib) is not one of the values that the field allows.',
      column: 'status',
    },
    { requests: ['DELETE'], command: 'DELETE', count: 2, rows: 0 },
  ]);
});

test('tables of every type are filled, and hold what Airtable computes', async () => {
  const { rows } = await client.query<Record<string, unknown>>(
    `insert into airtable.contacts (name, score, budget, tags, company, subscribed, owner, next_call)
     select 'Leto', 2, 5, '{Spice}', array[id], true, '{"email": "thufir@sandbox.example"}', '2024-06-01 10:00+02'
     from airtable.companies order by id limit 1
     returning name, label, budget_per_point, company_city is not null as looked_up, owner->>'name' as owner,
       next_call = '2024-06-01 08:00Z' as same_time, created_time is not null as dated`,
  );
  expect(rows).toEqual([
    {
      name: 'Leto',
      label: 'Leto <>',
      budget_per_point: '2.5',
      looked_up: true,
      owner: 'Thufir Hawat',
      same_time: true,
      dated: true,
    },
  ]);
  const counts = await client.query<Record<string, string>>(
    `select (select count(*) from airtable.contacts) as contacts, (select count(*) from airtable.companies) as companies,
       (select count(*) from airtable.content_calendar_posts) as posts,
       (select count(*) from airtable.contacts where not subscribed) > 0 as unchecked`,
  );
  expect(counts.rows).toEqual([{ contacts: '121', companies: '30', posts: '25', unchecked: true }]);
});

test('eleven rows are refused, and nothing is sent', async () => {
  const before = demo.sandbox.lastRequest();
  await expect(
    client.query(`insert into airtable.contacts (name) select 'Fremen ' || n from generate_series(1, 11) n`),
  ).rejects.toMatchObject({ code: '54000', message: expect.stringContaining('has 11 rows, more than the 10') });
  expect(demo.sandbox.requestsSince(before).filter((request) => request.own)).toEqual([]);
  expect(log).toEqual([]);
});

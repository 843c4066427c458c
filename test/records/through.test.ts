/** A whole Upwrite: its generic records table, and fresh data for a reader. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, eventually } from '../support/database.js';
import { type SalesforceUpwrite, startSalesforceUpwrite } from '../support/salesforce-upwrite.js';
import { built } from '../support/under-test.js';

let upwrite: SalesforceUpwrite;
let directory: string;
/** What the health hook was told. */
const posted: unknown[] = [];
const hook = createServer((request, response) => {
  void json(request).then((message) => {
    posted.push(message);
    response.writeHead(204).end();
  });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  const { port } = hook.address() as AddressInfo;
  upwrite = await startSalesforceUpwrite(
    {},
    {
      records: [{ table: 'my_schema.my_table', provider: 'salesforce' }],
      sync: { interval: '1h' },
      admin: { listen: '127.0.0.1:0' },
      health: { hook: `http://127.0.0.1:${port}/` },
    },
  );
  directory = await mkdtemp(join(tmpdir(), 'upwrite-records-'));
  const { upwriteUrl: database } = upwrite.server;
  const records = [{ table: 'my_schema.my_table', provider: 'salesforce' }];
  writeFileSync(join(directory, 'upwrite.yaml'), JSON.stringify({ database, records }));
});

afterAll(async () => {
  hook.close();
  await rm(directory, { recursive: true });
});

async function health(): Promise<{ readonly status: number; readonly body: unknown }> {
  const answer = await fetch(`http://127.0.0.1:${upwrite.running.admin?.port}/healthz`);
  return { status: answer.status, body: await answer.json() };
}

/** Standard output of a command, whatever its exit code. */
async function command(...args: string[]): Promise<string> {
  const run = promisify(execFile)(process.execPath, [built('src/main.js'), ...args], { cwd: directory });
  const { stdout } = await run.catch((error: { stdout: string }) => error);
  return stdout;
}

test('is created from what table-sql prints, and follows listings and writes', async () => {
  const sql = await command('table-sql');
  expect(sql).toBe(await command('table-sql', 'my_schema.my_table'));
  expect(await command('check')).toMatch(
    /FAILED {2}records my_schema\.my_table: table my_schema\.my_table does not exist\n +→ create it with what "upwrite table-sql my_schema\.my_table" prints/,
  );
  expect(await eventually(async () => ((await health()).status === 503 ? health() : undefined))).toMatchObject({
    body: {
      records: { unhealthy: 1 },
      attention: [{ records: 'my_schema.my_table', reason: 'table my_schema.my_table does not exist' }],
    },
  });
  const admin = await connect(upwrite.server.superuserUrl);
  await admin.query(`CREATE SCHEMA my_schema; ${sql}
    GRANT USAGE ON SCHEMA my_schema TO upwrite;
    GRANT SELECT, INSERT, UPDATE, DELETE ON my_schema.my_table TO upwrite`);
  expect(await command('check')).toMatch(/ok {6}records my_schema\.my_table: as it has to be/);
  const client = await connect(upwrite.url());
  const same = await eventually(async () => {
    const counts = await admin.query<{ here: string; there: string }>(
      `SELECT (SELECT count(*) FROM my_schema.my_table WHERE collection_id = 'Contact') AS here,
         (SELECT count(*) FROM salesforce.contacts) AS there`,
    );
    return counts.rows[0]?.here === counts.rows[0]?.there ? counts.rows[0] : undefined;
  });
  expect(Number(same.there)).toBeGreaterThan(0);
  const written = await client.query<{ id: string }>(
    "INSERT INTO salesforce.contacts (last_name) VALUES ('Records') RETURNING id",
  );
  const id = written.rows[0]?.id ?? '';
  const held = async (): Promise<Record<string, unknown> | undefined> =>
    (await admin.query<Record<string, unknown>>('SELECT * FROM my_schema.my_table WHERE upstream_id = $1', [id]))
      .rows[0];
  const row = await eventually(held);
  expect(row).toMatchObject({ collection_id: 'Contact', payload: { Id: id, LastName: 'Records' } });
  await client.query("UPDATE salesforce.contacts SET title = 'Duke' WHERE id = $1", [id]);
  await eventually(async () => {
    const payload = (await held())?.['payload'];
    return typeof payload === 'object' && payload !== null && Reflect.get(payload, 'Title') === 'Duke'
      ? true
      : undefined;
  });
  await client.query('DELETE FROM salesforce.contacts WHERE id = $1', [id]);
  await eventually(async () => ((await held()) === undefined ? true : undefined));
  await eventually(async () => {
    const found = await client.query<{ state: string }>('SELECT state FROM upwrite.record_targets');
    return found.rows[0]?.state === 'live' ? true : undefined;
  });
  expect((await health()).status).toBe(200);
  const told = () => posted.filter((message) => Reflect.get(Object(message), 'records') === 'my_schema.my_table');
  await eventually(async () => (told().some((each) => Reflect.get(Object(each), 'to') === 'live') ? true : undefined));
  expect(told()[0]).toEqual({
    at: expect.any(String),
    records: 'my_schema.my_table',
    from: 'loading',
    to: 'unhealthy',
    reason: 'table my_schema.my_table does not exist',
  });
});

test('a reader who asks for it sees what somebody else has changed in the API a moment ago', async () => {
  const id = upwrite.sandbox.upsert('Contact', { LastName: 'Elsewhere' });
  const client = await connect(upwrite.url());
  const names = async (): Promise<unknown[]> =>
    (await client.query('SELECT last_name FROM salesforce.contacts WHERE id = $1', [id])).rows;
  expect(await names()).toEqual([]);
  await client.query('SET upwrite.max_staleness = 0');
  expect(await names()).toEqual([{ last_name: 'Elsewhere' }]);
  upwrite.sandbox.upsert('Contact', { Id: id, LastName: 'Renamed' });
  expect(await names()).toEqual([{ last_name: 'Renamed' }]);
  upwrite.sandbox.delete('Contact', id);
  expect(await names()).toEqual([]);
});

/** Operating a whole Upwrite: status, pause, resume and resync from the command line, health, metrics, and the hook. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseConfig, parseDatabaseUrl } from '../../src/config/index.js';
import { startWorking } from '../../src/main/work.js';
import { createRegistry } from '../../src/provider/index.js';
import { silentLog } from '../../src/telemetry/index.js';
import { connect, eventually } from '../support/database.js';
import { type SalesforceUpwrite, startSalesforceUpwrite } from '../support/salesforce-upwrite.js';
import { built } from '../support/under-test.js';

const directory = mkdtempSync(join(tmpdir(), 'upwrite-operate-'));
const config = join(directory, 'upwrite.yaml');
const posted: unknown[] = [];
const hook = createServer((request, response) => {
  void json(request).then((message) => {
    posted.push(message);
    response.writeHead(204).end();
  });
});

let upwrite: SalesforceUpwrite;
let admin: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  const { port } = hook.address() as AddressInfo;
  const settings = {
    sync: { interval: '1s' },
    admin: { listen: '127.0.0.1:0' },
    health: { hook: `http://127.0.0.1:${port}/` },
  };
  upwrite = await startSalesforceUpwrite({}, settings);
  admin = `http://127.0.0.1:${upwrite.running.admin?.port}`;
  const { health } = settings;
  writeFileSync(config, JSON.stringify({ database: upwrite.server.upwriteUrl, health }));
});

afterAll(() => {
  hook.close();
  rmSync(directory, { recursive: true, force: true });
});

async function cli(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [built('src/main.js'), ...args, '--config', config]);
  return stdout;
}

/** What the hook was told of a table, as `from to`, and why. */
function told(table: string): readonly string[] {
  return posted.flatMap((message) => {
    const of = (name: string): unknown => Reflect.get(Object(message), name);
    return of('table') === table ? [`${of('from')} ${of('to')}: ${of('reason')}`] : [];
  });
}

async function stateOf(table: string): Promise<string> {
  const client = await connect(upwrite.server.superuserUrl);
  const found = await client.query('SELECT state FROM upwrite.tables WHERE table_name = $1', [table]);
  await client.end();
  return String(found.rows[0]?.state);
}

test('status shows every table and every process, for people and for programs', async () => {
  const text = await cli('status');
  expect(text).toMatch(/^TABLE +STATE +FOR +AGE +EVERY$/m);
  expect(text).toMatch(/^salesforce\.contacts +live +\S+( \S+)? +\S+ +1s$/m);
  expect(text).toContain('1 process: serve on ');
  const status = JSON.parse(await cli('status', '--json'));
  expect(status).toMatchObject({ open_writes: 0, processes: [{ kind: 'serve' }] });
  expect(status.tables).toContainEqual(
    expect.objectContaining({
      schema: 'salesforce',
      table: 'contacts',
      state: 'live',
      reason: null,
      max_age_seconds: 1,
    }),
  );
});

test('a table can be paused, resumed and listed anew', async () => {
  expect(await cli('pause', 'salesforce.contacts')).toBe('salesforce.contacts is paused\n');
  expect(await cli('status')).toMatch(/^salesforce\.contacts +paused .*paused by an operator$/m);
  expect(await cli('resume', 'salesforce.contacts')).toBe('salesforce.contacts is resumed\n');
  await eventually(async () => ((await stateOf('contacts')) === 'live' ? true : undefined), 60_000);
  await eventually(async () => {
    const heard = told('salesforce.contacts');
    return heard.includes('live paused: paused by an operator') && heard.includes('paused live: null')
      ? true
      : undefined;
  }, 60_000);
  expect(await cli('resync', 'salesforce.contacts')).toBe('salesforce.contacts is being listed anew\n');
  await expect(cli('pause', 'salesforce.nothing')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('there is no synced table "salesforce.nothing"'),
  });
});

test('an API that fails is seen in /healthz and /metrics, is told to the hook, and so is its return', async () => {
  // Where the machine stalls for longer than the database is given to answer, a look may say so.
  await eventually(async () => ((await fetch(`${admin}/healthz`)).status === 200 ? true : undefined), 60_000);
  expect((await fetch(`${admin}/livez`)).status).toBe(200);
  const body = [{ errorCode: 'INSUFFICIENT_ACCESS', message: 'no' }];
  upwrite.sandbox.faults.add({ path: '*/query*', times: 'always', action: { kind: 'respond', status: 403, body } });
  const sick = await eventually(async () => {
    const answer = await fetch(`${admin}/healthz`);
    const body = (await answer.json()) as Record<string, unknown>;
    return answer.status === 503 && body['database'] === 'ok' ? body : undefined;
  }, 60_000);
  expect(sick).toMatchObject({ status: 'unhealthy' });
  const metrics = await eventually(async () => {
    const text = await (await fetch(`${admin}/metrics`)).text();
    return /^upwrite_database_up 1$/m.test(text) ? text : undefined;
  }, 60_000);
  expect(metrics).toMatch(/^upwrite_tables\{provider="salesforce",state="unhealthy"\} [1-9]/m);
  expect(metrics).toMatch(/^upwrite_sync_runs_total\{provider="salesforce",result="live"\} [1-9]/m);
  expect(metrics).toMatch(/^upwrite_jobs_total\{task="sync",result="done"\} [1-9]/m);
  upwrite.sandbox.faults.clear();
  await eventually(async () => ((await fetch(`${admin}/healthz`)).status === 200 ? true : undefined), 90_000);
  await eventually(async () => {
    const changes = posted.map(
      (message) => `${Reflect.get(Object(message), 'from')} ${Reflect.get(Object(message), 'to')}`,
    );
    return changes.includes('live unhealthy') && changes.includes('unhealthy live') ? true : undefined;
  }, 60_000);
  expect(posted[0]).toMatchObject({ table: expect.stringMatching(/^salesforce\./), provider: 'salesforce' });
}, 300_000);

test('upwrite sync takes over the tables where the proxy does not sync', async () => {
  const text = JSON.stringify({
    connections: {
      salesforce: {
        provider: 'salesforce',
        auth: {
          kind: 'refresh_token',
          client_id: upwrite.sandbox.settings.clientId,
          client_secret: upwrite.sandbox.settings.clientSecret,
          refresh_token: upwrite.sandbox.settings.refreshToken,
          login_url: upwrite.sandbox.url,
        },
      },
    },
  });
  const working = await startWorking({
    config: parseConfig(text, { file: 'test', environment: {} }).config,
    database: parseDatabaseUrl(upwrite.server.upwriteUrl, '/'),
    registry: createRegistry(),
    log: silentLog,
  });
  try {
    expect(await cli('status')).toMatch(/2 processes: serve on .*, sync on /);
    expect(working.admin).toBeNull();
    await working.sync.firstSync;
  } finally {
    await working.stop();
  }
});

test('alive asks the listener of health and metrics, or where there is none the one of clients', async () => {
  const file = join(directory, 'alive.yaml');
  const ask = async (settings: object): Promise<unknown> => {
    writeFileSync(file, JSON.stringify({ database: upwrite.server.upwriteUrl, ...settings }));
    const asked = promisify(execFile)(process.execPath, [built('src/main.js'), 'alive', '--config', file]);
    return asked.then(
      () => 0,
      (error: unknown) => Reflect.get(Object(error), 'code'),
    );
  };
  // Nobody is given this port by chance, as it may be one that is free at this moment.
  const free = 1;
  const listen = `127.0.0.1:${upwrite.running.proxy.port}`;
  expect(await ask({ listen })).toBe(0);
  expect(await ask({ listen: `127.0.0.1:${free}` })).toBe(1);
  expect(await ask({ admin: { listen: `0.0.0.0:${upwrite.running.admin?.port}` } })).toBe(0);
  // Something that takes connections is not the process.
  expect(await ask({ listen, admin: { listen } })).toBe(1);
});

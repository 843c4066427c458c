/** What an operator is told where tokens have to be kept: `upwrite check` and `upwrite start`, with and without a key. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  type AirtableSandbox,
  DEFAULT_CREDENTIALS as credentials,
  startAirtableSandbox,
} from '../../fixtures/airtable/index.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres.js';
import { built } from '../support/under-test.js';
import { startUpwrite } from './upwrites.js';

// Each starts processes, one after the other, which take their time on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

let server: TestPostgres;
let sandbox: AirtableSandbox;
let directory: string;

beforeAll(async () => {
  server = await startTestPostgres();
  sandbox = await startAirtableSandbox({ contacts: 1, companies: 1, others: 1, rateLimits: false });
  directory = mkdtempSync(join(tmpdir(), 'upwrite-keys-'));
});
afterAll(async () => {
  await sandbox.close();
  rmSync(directory, { recursive: true, force: true });
});

function settings() {
  const { clientId: client_id, clientSecret: client_secret, refreshToken: refresh_token } = credentials;
  return {
    connections: {
      airtable: {
        provider: 'airtable',
        auth: { kind: 'oauth', client_id, client_secret, refresh_token, token_url: `${sandbox.url}/oauth2/v1/token` },
        endpoint_url: sandbox.url,
        bases: [{ base: 'Caladan CRM', prefix: '' }],
        tables: ['contacts'],
      },
    },
  };
}

/** Asynchronous: the sandbox that it asks is in this process. */
async function upwrite(command: string, database: string | undefined, key?: string) {
  writeFileSync(
    join(directory, 'upwrite.yaml'),
    JSON.stringify({ ...settings(), listen: '127.0.0.1:0', ...(database === undefined ? {} : { database }) }),
  );
  const { UPWRITE_ENCRYPTION_KEY: _none, ...environment } = process.env;
  const child = spawn(process.execPath, [built('src/main.js'), command], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...environment, ...(key === undefined ? {} : { UPWRITE_ENCRYPTION_KEY: key }) },
  });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
  }
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, out };
}

const renewals = (): number => sandbox.requests.list().filter(({ path }) => path === '/oauth2/v1/token').length;

test('without a key, and with one that is none', async () => {
  const empty = await upwrite('check', server.upwriteUrl, randomBytes(32).toString('hex'));
  expect(empty.out).toContain('the database, which keeps the next one, is not set up yet');
  const advice = /set UPWRITE_ENCRYPTION_KEY to 32 random bytes \(openssl rand -base64 32\)/;
  const check = await upwrite('check', server.upwriteUrl);
  expect(check).toMatchObject({ code: 1, out: expect.stringMatching(advice) });
  const start = await upwrite('start', server.upwriteUrl);
  expect(start).toMatchObject({ code: 1, out: expect.stringMatching(advice) });
  const wrong = await upwrite('start', server.upwriteUrl, 'hunter2hunter2');
  expect(wrong.out).toContain('UPWRITE_ENCRYPTION_KEY must be 32 bytes in base64 or hex');
  expect(wrong.out).not.toContain('hunter2');
  expect(renewals()).toBe(0);
});

test('check does not use up a refresh token that it could not replace, and tries it where it can', async () => {
  const key = randomBytes(32).toString('hex');
  const embedded = await upwrite('check', undefined, key);
  expect(embedded).toMatchObject({
    code: 0,
    out: expect.stringContaining('not tried: its refresh token is good once'),
  });
  expect(renewals()).toBe(0);

  const running = await startUpwrite({
    server,
    settings: settings(),
    environment: { UPWRITE_ENCRYPTION_KEY: key },
  });
  await running.stop();
  expect(renewals()).toBe(1);
  sandbox.expireTokens();
  const good = await upwrite('check', server.upwriteUrl, key);
  expect(good).toMatchObject({ code: 0, out: expect.stringContaining('connection airtable: airtable, user ') });
  expect(renewals()).toBe(2);

  const other = await upwrite('check', server.upwriteUrl, randomBytes(32).toString('hex'));
  expect(other.code).toBe(1);
  expect(other.out).toMatch(/UPWRITE_ENCRYPTION_KEY holds another/);
  expect(renewals()).toBe(2);
});

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../src/config/index.js';
import { createKit, createRegistry, silentLog } from '../../src/provider/index.js';
import { built } from '../support/under-test.js';
import { waitFor } from '../support/wait.js';

let directory: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'upwrite-sandbox-'));
});
afterEach(async () => {
  if (child !== undefined && child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(directory, { recursive: true, force: true });
});

function sandbox(...args: string[]) {
  const started = spawn(process.execPath, [built('src/main.js'), 'sandbox', ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child = started;
  const seen = { out: '', err: '' };
  started.stdout.on('data', (chunk: Buffer) => {
    seen.out += chunk.toString();
  });
  started.stderr.on('data', (chunk: Buffer) => {
    seen.err += chunk.toString();
  });
  // Not `exit`, before which not all that was said need have come.
  const ended = once(started, 'close');
  const listening = (): boolean => {
    if (started.exitCode !== null) throw new Error(seen.err);
    return seen.err.includes('Ctrl-C');
  };
  const ready = waitFor('the sandboxes', listening, 50_000);
  return { seen, ready, ended, stop: () => started.kill('SIGTERM') };
}

test('every provider has one, and the output is a configuration that reaches it', async () => {
  const running = sandbox('--port', '0', '--data', 'kept');
  await running.ready;
  const registry = createRegistry();
  const { config } = parseConfig(running.seen.out, { file: 'output', environment: {} });
  expect(config.connections.map(({ name }) => name).sort()).toEqual([...(await registry.names())]);
  for (const { name, provider, settings } of config.connections) {
    const loaded = (await registry.load(provider)).configure(settings);
    const session = loaded.open(createKit({ connection: name, provider, log: silentLog }));
    expect(await session.check(AbortSignal.timeout(30_000))).not.toBe('');
  }
  running.stop();
  expect(await running.ended).toEqual([0, null]);
});

test('some of them, with latency, faults by the control endpoint, and a port that stays', async () => {
  const running = sandbox('stripe', 'github', '--port', '0', '--latency', '30');
  await running.ready;
  expect(Object.keys(parse(running.seen.out).connections)).toEqual(['github', 'stripe']);
  const url = /stripe +(\S+)/.exec(running.seen.out)?.[1] ?? '';
  const began = performance.now();
  expect((await fetch(`${url}/v1/customers`)).status).toBe(401);
  expect(performance.now() - began).toBeGreaterThanOrEqual(29);
  const command = /curl (\S+) -H '(\S+): (\S+)' -d '([^']+)'/.exec(running.seen.out);
  const [, address = '', header = '', value = '', body = ''] = command ?? [];
  const ordered = await fetch(address, { method: 'POST', headers: { [header]: value }, body });
  expect(ordered.status).toBe(201);
  const [, github = ''] = /github +(\S+)/.exec(running.seen.out) ?? [];
  expect((await fetch(`${github}/graphql`, { method: 'POST' })).status).toBe(500);
  running.stop();
  await running.ended;
});

test.each([
  [['acme'], 'there is no sandbox of "acme"; there are: airtable, github, hubspot, salesforce, stripe'],
  [['--port', 'x'], '--port must be a number'],
  [['--port', '65535'], '--port must be a number'],
  [['--latency', '-1'], '--latency'],
])('called as %j', async (args, words) => {
  const { seen, ready, ended } = sandbox(...args);
  ready.catch(() => undefined);
  expect(await ended).toEqual([2, null]);
  expect(seen.err).toContain(words);
});

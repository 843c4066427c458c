/** `upwrite demo`, what `npm start` runs: everything on this machine, a tour of it, and then it stays up. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Sandboxes, startSandboxes } from '../../fixtures/index.js';
import { type CommandContext, type Embedded, freePort, startEmbedded, stopRequested } from '../cli/index.js';
import { type Config, parseConfig, parseDatabaseUrl } from '../config/index.js';
import { KeyRing, type Registry } from '../provider/index.js';
import type { Progress } from '../sync/index.js';
import { createLog } from '../telemetry/index.js';
import { hookUrl } from '../webhooks/index.js';
import { showPause } from './pause-tour.js';
import { type Running, serve } from './serve.js';
import { takeTour } from './tour.js';
import { showWebhooks } from './tour-webhooks.js';

/** The demo's clients log in with this role. */
const clientRole = 'app';

/** Runs against the embedded Postgres and the sandboxes only, whatever configuration there is. */
export async function demo(context: CommandContext, registry: Registry): Promise<number> {
  const cleanup: (() => Promise<unknown>)[] = [];
  try {
    return await runDemo(context, registry, cleanup);
  } finally {
    for (const step of cleanup.reverse()) await step().catch(() => undefined);
  }
}

async function runDemo(
  { io }: CommandContext,
  registry: Registry,
  cleanup: (() => Promise<unknown>)[],
): Promise<number> {
  const stop = stopRequested();
  const step = (line: string): void => io.err(line);
  const began = performance.now();
  const embedded = await startEmbedded({ directory: join(io.directory, '.upwrite'), log: step });
  cleanup.push(() => embedded.stop());
  const sandboxes = await startSandboxes({ directory: join(io.directory, '.upwrite', 'sandboxes') });
  cleanup.push(() => sandboxes.close());
  for (const { name, url } of sandboxes.all) step(`Sandbox of ${name} on ${url}`);
  const config = demoConfig(sandboxes, io.environment, await freePort());
  const { url: hooks = '' } = config.webhooks;
  for (const { name, subscribe } of sandboxes.all) subscribe?.(hookUrl(hooks, name));
  const running = await serve({
    config,
    database: parseDatabaseUrl(embedded.upwriteUrl, io.directory),
    registry,
    log: createLog({ level: 'warn', format: 'pretty' }),
    // The sandboxes forget their hooks, and so may the demo.
    keys: KeyRing.parse(randomBytes(32).toString('base64')),
    grant: { write: [clientRole] },
    onStep: step,
    onProgress: progressLines(step),
  });
  cleanup.push(() => running.stop());
  await Promise.race([running.sync.firstSync, stop]);
  step(`Ready after ${((performance.now() - began) / 1000).toFixed(1)} s.\n`);
  const url = embedded.clientUrl(running.proxy.host, running.proxy.port);
  await takeTour({ url, sandboxes, out: io.out });
  await showWebhooks({ url, ownUrl: embedded.upwriteUrl, sandboxes, out: io.out, stop });
  await showPause({ url, upwriteUrl: embedded.upwriteUrl, running, out: io.out });
  showUrl(io.out, url, running, embedded);
  const why = await Promise.race([stop, embedded.exited.then(() => 'database' as const)]);
  if (why === 'database') {
    step('The embedded Postgres has ended. See .upwrite/postgres.log.');
    return 1;
  }
  step('\nStopping …');
  return 0;
}

/** A line for each page of a first listing, and afterwards one for each change of a table's state. */
function progressLines(step: (line: string) => void): (progress: Progress) => void {
  const last = new Map<number, string>();
  return (progress) => {
    const { table, rows, state, reason } = progress;
    const line = `  ${table.schema}.${table.name}: ${howFar(progress)}, ${state}${reason === null ? '' : `: ${reason}`}`;
    const key = state === 'backfilling' ? `${state} ${rows}` : `${state} ${reason}`;
    if (last.get(table.oid) === key || (state === 'backfilling' && rows === 0)) return;
    last.set(table.oid, key);
    step(line);
  };
}

/** `200 of 1500 rows (13 %), 4100 a second`. */
function howFar({ rows, expectedRows, rowsPerSecond, state }: Progress): string {
  if (state !== 'backfilling') return `${rows} rows`;
  const known = expectedRows !== null && expectedRows >= rows && expectedRows > 0;
  const share = known ? ` of ${expectedRows} rows (${Math.floor((rows / expectedRows) * 100)} %)` : ' rows';
  return `${rows}${share}${rowsPerSecond === null ? '' : `, ${Math.round(rowsPerSecond)} a second`}`;
}

/** UPWRITE_LISTEN takes another address than 127.0.0.1:6432. */
function demoConfig(
  sandboxes: Sandboxes,
  environment: Readonly<Record<string, string | undefined>>,
  hookPort: number,
): Config {
  const listen = environment['UPWRITE_LISTEN'] ?? '127.0.0.1:6432';
  const address = `127.0.0.1:${hookPort}`;
  const webhooks = { listen: address, url: `http://${address}` };
  const text = JSON.stringify({ listen, webhooks, connections: sandboxes.connections });
  return parseConfig(text, { file: 'the demo', environment: {} }).config;
}

function showUrl(out: (line: string) => void, url: string, running: Running, embedded: Embedded): void {
  out('');
  out(`Connect to   ${url}`);
  out(`for example  psql ${url}`);
  out('');
  out(`${running.catalog.all().length} synced tables; the database itself is on port ${embedded.port}.`);
  out('Ctrl-C stops everything; the data stays in .upwrite/.');
}

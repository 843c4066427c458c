#!/usr/bin/env node
/** The composition root: the only place where the rooms are put together. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Command,
  type Commands,
  checkCommand,
  exitCodes,
  runCli,
  startEmbedded,
  stopRequested,
} from './cli/index.js';

const dataFolder = '.upwrite';

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}

const demo: Command = {
  summary: 'starts an embedded Postgres, prints its URL, and stays up until Ctrl-C',
  takesConfig: false,
  run: async ({ io }) => {
    const stop = stopRequested();
    const embedded = await startEmbedded({ directory: join(io.directory, dataFolder), log: io.err });
    io.out(`Postgres is ready: ${embedded.clientUrl('127.0.0.1', embedded.port)}`);
    io.err('Press Ctrl-C to stop.');
    const lost = await Promise.race([stop.then(() => false), embedded.exited.then(() => true)]);
    await embedded.stop();
    if (lost) throw new Error(`the embedded Postgres ended by itself; its log is ${join(dataFolder, 'postgres.log')}`);
    io.err('Stopped.');
    return exitCodes.ok;
  },
};

const commands: Commands = new Map([
  [
    'check',
    checkCommand({
      checkConnection: async ({ provider }) => Promise.reject(new Error(`there is no provider "${provider}"`)),
    }),
  ],
  ['demo', demo],
]);

process.exitCode = await runCli({
  args: process.argv.slice(2),
  commands,
  version: version(),
  io: {
    out: (line) => process.stdout.write(`${line}\n`),
    err: (line) => process.stderr.write(`${line}\n`),
    environment: process.env,
    directory: process.cwd(),
  },
});

#!/usr/bin/env -S node --max-semi-space-size=2
/**
 * The composition root: the only place, with its folder main/, where the rooms are tied together.
 *
 * The flag bounds the heap's part for new objects to 2 MB, which V8 would let grow to 16: what passes through a session is
 * short-lived, so that collecting it early costs nothing that could be measured, not even of a first listing.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  aliveCommand,
  type Command,
  checkCommand,
  type Io,
  operateCommands,
  runCli,
  startEmbedded,
  stopRequested,
  tableSqlCommand,
} from './cli/index.js';
import { parseDatabaseUrl } from './config/index.js';
import { connectionLook } from './main/check-connection.js';
import { applyCommand, dropCommand, planCommand, releaseCommand } from './main/definition-commands.js';
import { operateOptions } from './main/operate.js';
import { encryptionKeys, keyVariable } from './main/shared.js';
import { createRegistry, type Registry } from './provider/index.js';
import { createLog } from './telemetry/index.js';

const io: Io = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  environment: process.env,
  directory: process.cwd(),
};

/** `upwrite start`: serves the configured connections until it is told to stop. */
function startCommand(registry: Registry): Command {
  return {
    summary: 'serves the configured connections until SIGINT or SIGTERM',
    takesConfig: true,
    options: { 'no-sync': { summary: 'serves clients only; "upwrite sync" processes keep the tables fresh' } },
    run: async (context) => {
      const { serve } = await import('./main/serve.js');
      const config = context.config();
      const stop = stopRequested();
      const log = createLog(config.log);
      const embedded =
        config.database === undefined
          ? await startEmbedded({ directory: join(context.io.directory, '.upwrite'), log: context.io.err })
          : null;
      try {
        const database = config.database ?? parseDatabaseUrl(embedded?.upwriteUrl ?? '', context.io.directory);
        const running = await serve({
          config,
          database,
          registry,
          log,
          keys: encryptionKeys(context.io.environment[keyVariable]),
          work: context.options['no-sync'] !== true,
          ...(embedded === null ? {} : { grant: { write: ['app'] } }),
        });
        process.on('SIGHUP', () => reload(running.reload, log));
        const { host, port } = running.proxy;
        log.info({ host, port, tables: running.catalog.all().length }, 'listening');
        context.io.out(embedded === null ? `Listening on ${host}:${port}` : embedded.clientUrl(host, port));
        await stop;
        log.info({}, 'stopping');
        await running.stop();
      } finally {
        await embedded?.stop();
      }
      return 0;
    },
  };
}

/** `upwrite sync`: a process that takes jobs, and serves no clients. As many as one likes may run on one database. */
function syncCommand(registry: Registry): Command {
  return {
    summary: 'keeps the synced tables fresh, without serving clients, until SIGINT or SIGTERM',
    takesConfig: true,
    run: async (context) => (await import('./main/work.js')).work(context, registry),
  };
}

/**
 * `upwrite demo`, what `npm start` runs: everything on this machine, a tour of it, and then it stays up. It has the
 * stand-ins of all APIs with it, which no other command should have to load.
 */
function demoCommand(registry: Registry): Command {
  return {
    summary: 'starts everything on this machine with sandboxes in place of the APIs, and shows it working',
    takesConfig: false,
    run: async (context) => (await import('./main/demo.js')).demo(context, registry),
  };
}

/** `upwrite sandbox`: the stand-ins alone, for trying out and for tests of one's own. */
function sandboxCommand(providers: readonly string[]): Command {
  return {
    summary: 'starts stand-ins of the APIs, and prints a configuration that reaches them',
    arguments: { usage: '[provider …]', least: 0, most: providers.length },
    options: {
      port: { value: 'n', summary: 'the first one’s port; the others follow (7101)' },
      latency: { value: 'ms', summary: 'how long each answer takes (0)' },
      data: { value: 'dir', summary: 'where records are kept, but HubSpot’s; else they end with the process' },
    },
    takesConfig: false,
    run: async (context) => (await import('./main/sandbox.js')).sandbox(context),
  };
}

function reload(read: () => void, log: ReturnType<typeof createLog>): void {
  try {
    read();
    log.info({}, 'the certificate files were read again');
  } catch (error) {
    log.error({ error }, 'the certificate files cannot be used; the old ones stay');
  }
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const found = typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, 'version') : undefined;
  return typeof found === 'string' ? found : 'unknown';
}

async function main(): Promise<number> {
  const registry = createRegistry();
  const providers = await registry.names();
  const look = connectionLook(registry, io.environment);
  return runCli({
    args: process.argv.slice(2),
    version: version(),
    io,
    providers,
    commands: new Map<string, Command>([
      ['start', startCommand(registry)],
      ['sync', syncCommand(registry)],
      ...operateCommands(operateOptions),
      ['alive', aliveCommand],
      [
        'check',
        checkCommand({
          checkConnection: async (connection, loaded, signal) => {
            const looked = await look(connection, loaded, (session) => session.check(signal));
            return 'untried' in looked ? looked.untried : looked.result;
          },
          checkConditions: async (connection, loaded, signal) => {
            const { conditionsOf } = await import('./main/where.js');
            const looked = await look(connection, loaded, (session) => conditionsOf(connection, session, signal));
            return 'untried' in looked ? [] : looked.result;
          },
          further: async function* (config) {
            const { webhookFindings } = await import('./main/check-webhooks.js');
            yield* webhookFindings(config, registry, encryptionKeys(io.environment[keyVariable]));
          },
        }),
      ],
      ['table-sql', tableSqlCommand],
      ['plan', planCommand(registry)],
      ['apply', applyCommand(registry)],
      ['drop', dropCommand],
      ['release', releaseCommand],
      ['demo', demoCommand(registry)],
      ['sandbox', sandboxCommand(providers)],
    ]),
  });
}

process.exitCode = await main();
// Whatever a library may still hold open must not keep a finished command alive.
process.exit();

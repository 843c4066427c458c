#!/usr/bin/env node
/** The composition root: the only place, with its folder main/, where the rooms are tied together. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Command,
  checkCommand,
  type Io,
  operateCommands,
  runCli,
  startEmbedded,
  stopRequested,
  tableSqlCommand,
} from './cli/index.js';
import { type ConnectionConfig, type LoadedConfig, parseDatabaseUrl } from './config/index.js';
import { SettingError } from './errors/index.js';
import { applyCommand, dropCommand, planCommand, releaseCommand } from './main/definition-commands.js';
import { operateOptions } from './main/operate.js';
import { encryptionKeys, keyVariable } from './main/shared.js';
import { createKit, createRegistry, type Registry, type Session, silentLog } from './provider/index.js';
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

/** Looks at a connection's API. What its provider says against the configuration gets its line. */
async function look<T>(
  registry: Registry,
  connection: ConnectionConfig,
  loaded: LoadedConfig,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const provider = await registry.load(connection.provider);
  const kit = createKit({ connection: connection.name, provider: provider.name, log: silentLog });
  try {
    return await work(provider.configure(connection.settings).open(kit));
  } catch (error) {
    if (error instanceof SettingError) throw loaded.errorAt(error.path, error.reason);
    throw error instanceof Error && error.name === 'Error' ? loaded.connectionError(connection.name, error) : error;
  }
}

async function main(): Promise<number> {
  const registry = createRegistry();
  const providers = await registry.names();
  return runCli({
    args: process.argv.slice(2),
    version: version(),
    io,
    providers,
    commands: new Map<string, Command>([
      ['start', startCommand(registry)],
      ['sync', syncCommand(registry)],
      ...operateCommands(operateOptions),
      [
        'check',
        checkCommand({
          checkConnection: (connection, loaded, signal) =>
            look(registry, connection, loaded, (session) => session.check(signal)),
          checkConditions: async (connection, loaded, signal) => {
            const { conditionsOf } = await import('./main/where.js');
            return look(registry, connection, loaded, (session) => conditionsOf(connection, session, signal));
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
    ]),
  });
}

process.exitCode = await main();
// Whatever a library may still hold open must not keep a finished command alive.
process.exit();

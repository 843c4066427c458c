/** The command line: picks a command, gives it its configuration, and turns failures into words and an exit code. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError, defaultConfig, type LoadedConfig, loadConfig } from '../config/index.js';
import { redactText } from '../telemetry/index.js';
import type { CommandContext, Commands, Io } from './command.js';

/** 0: done; 1: it failed; 2: it was called wrongly. */
export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

const defaultFile = 'upwrite.yaml';

export interface CliOptions {
  /** Without node and the script. */
  readonly args: readonly string[];
  readonly commands: Commands;
  readonly version: string;
  readonly io: Io;
  /** The providers that exist, for a plain message about one that does not. */
  readonly providers?: readonly string[];
}

/** Runs one command and answers the exit code. Never throws. */
export async function runCli(options: CliOptions): Promise<number> {
  const { io, commands, version } = options;
  const call = parseCall(options);
  if ('usage' in call) {
    io.err(`upwrite: ${call.usage}`);
    io.err('Run "upwrite --help" to see what there is.');
    return exitCodes.usage;
  }
  if (call.kind === 'help') {
    io.out(helpText(commands));
    return exitCodes.ok;
  }
  if (call.kind === 'version') {
    io.out(`upwrite ${version}`);
    return exitCodes.ok;
  }
  try {
    const command = commands.get(call.name);
    return command === undefined ? exitCodes.usage : await command.run(contextOf(options, call.configFile));
  } catch (error) {
    io.err(describeFailure(error));
    return exitCodes.failed;
  }
}

/** An error as the last line on a terminal: its words, not its stack, and no secrets. */
export function describeFailure(error: unknown): string {
  if (error instanceof ConfigError) return `upwrite: the configuration cannot be used\n${error.message}`;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const words = error instanceof Error ? error.message || code || error.name : String(error);
  return `upwrite: ${redactText(words)}`;
}

type Call =
  | { kind: 'help' }
  | { kind: 'version' }
  | { kind: 'run'; name: string; configFile?: string }
  | { usage: string };

function parseCall({ args, commands }: CliOptions): Call {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    return { usage: error instanceof Error ? firstSentence(error.message) : String(error) };
  }
  const { values, positionals } = parsed;
  const [name, ...more] = positionals;
  if (values.help === true || name === 'help') return { kind: 'help' };
  if (values.version === true) return { kind: 'version' };
  if (name === undefined) return { usage: 'a command is missing' };
  const command = commands.get(name);
  if (command === undefined) return { usage: `there is no command "${name}"` };
  if (more.length > 0) return { usage: `"${name}" takes no argument "${more[0]}"` };
  if (values.config !== undefined && !command.takesConfig) return { usage: `"${name}" takes no --config` };
  return { kind: 'run', name, ...(values.config === undefined ? {} : { configFile: values.config }) };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      config: { type: 'string', short: 'c' },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
  });
}

/** Node appends advice for programmers. */
function firstSentence(message: string): string {
  return (message.split('. ')[0] ?? message).replace(/\.$/, '').replace(/^([A-Z])/, (first) => first.toLowerCase());
}

function contextOf({ io, providers }: CliOptions, configFile: string | undefined): CommandContext {
  let known: { loaded: LoadedConfig | undefined } | undefined;
  const loaded = () => {
    known ??= { loaded: load(io, configFile, providers) };
    return known.loaded;
  };
  return {
    io,
    ...(configFile === undefined ? {} : { configFile }),
    loaded,
    config: () => loaded()?.config ?? defaultConfig(),
  };
}

function load(
  io: Io,
  configFile: string | undefined,
  providers: readonly string[] | undefined,
): LoadedConfig | undefined {
  const file = configFile === undefined ? join(io.directory, defaultFile) : resolve(io.directory, configFile);
  if (configFile === undefined && !existsSync(file)) return undefined;
  return loadConfig({ file, environment: io.environment, ...(providers === undefined ? {} : { providers }) });
}

function helpText(commands: Commands): string {
  const width = Math.max(...[...commands.keys()].map((name) => name.length));
  const lines = [...commands].map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `upwrite: a Postgres endpoint for SaaS data

Usage: upwrite <command> [options]

Commands:
${lines.join('\n')}

Options:
  -c, --config <file>  the configuration (${defaultFile} in the working directory, if it exists)
  -h, --help           this text
  -v, --version        the version`;
}

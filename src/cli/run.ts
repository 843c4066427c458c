/** The command line: picks a command, gives it its configuration, and turns failures into words and an exit code. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError, defaultConfig, type LoadedConfig, loadConfig } from '../config/index.js';
import { SettingError } from '../errors/index.js';
import { redactText } from '../telemetry/index.js';
import type { Command, CommandContext, Commands, Io } from './command.js';

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
  const context = contextOf(options, call);
  try {
    const command = commands.get(call.name);
    return command === undefined ? exitCodes.usage : await command.run(context);
  } catch (error) {
    io.err(describeFailure(withPlace(error, context)));
    return exitCodes.failed;
  }
}

/** What turned out to be wrong with a condition of the configuration gets its line. */
function withPlace(error: unknown, context: CommandContext): unknown {
  return error instanceof SettingError ? (context.loaded()?.errorAt(error.path, error.reason) ?? error) : error;
}

/** An error as the last line on a terminal: its words, not its stack, and no secrets. */
export function describeFailure(error: unknown): string {
  if (error instanceof ConfigError) return `upwrite: the configuration cannot be used\n${error.message}`;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const words = error instanceof Error ? error.message || code || error.name : String(error);
  return `upwrite: ${redactText(words)}`;
}

interface Run {
  readonly kind: 'run';
  readonly name: string;
  readonly configFile?: string;
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, string | true>>;
}

type Call = { kind: 'help' } | { kind: 'version' } | Run | { usage: string };

const ownOptions = {
  config: { type: 'string', short: 'c' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const;

function parseCall({ args, commands }: CliOptions): Call {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args, commands);
  } catch (error) {
    return { usage: error instanceof Error ? firstSentence(error.message) : String(error) };
  }
  const { values, positionals } = parsed;
  const [name, ...more] = positionals;
  if (values['help'] === true || name === 'help') return { kind: 'help' };
  if (values['version'] === true) return { kind: 'version' };
  if (name === undefined) return { usage: 'a command is missing' };
  const command = commands.get(name);
  if (command === undefined) return { usage: `there is no command "${name}"` };
  const { config, ...others } = values;
  const usage = misuse(name, command, more, Object.keys(others), config !== undefined);
  if (usage !== undefined) return { usage };
  const options = Object.fromEntries(
    Object.entries(others).flatMap(([key, value]) =>
      typeof value === 'string' || value === true ? [[key, value]] : [],
    ),
  );
  return { kind: 'run', name, args: more, options, ...(typeof config === 'string' ? { configFile: config } : {}) };
}

/** What is wrong with a call of a command, or undefined. */
function misuse(
  name: string,
  command: Command,
  args: readonly string[],
  options: readonly string[],
  config: boolean,
): string | undefined {
  const { usage, least, most } = command.arguments ?? { usage: '', least: 0, most: 0 };
  if (args.length > most) return `"${name}" takes no argument "${args[most]}"`;
  if (args.length < least) return `"${name}" needs ${usage}`;
  if (config && !command.takesConfig) return `"${name}" takes no --config`;
  const foreign = options.find((option) => command.options?.[option] === undefined);
  return foreign === undefined ? undefined : `"${name}" takes no --${foreign}`;
}

/** The options of all commands are known to the parser, so that they may stand before the command too. */
function parse(args: readonly string[], commands: Commands) {
  const own = [...commands.values()].flatMap(({ options }) => Object.entries(options ?? {}));
  const further = own.map(([name, { value }]) => [name, { type: value === undefined ? 'boolean' : 'string' }] as const);
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...Object.fromEntries(further), ...ownOptions },
  });
}

/** Node appends advice for programmers. */
function firstSentence(message: string): string {
  return (message.split('. ')[0] ?? message).replace(/\.$/, '').replace(/^([A-Z])/, (first) => first.toLowerCase());
}

function contextOf({ io, providers }: CliOptions, { configFile, args, options }: Run): CommandContext {
  let known: { loaded: LoadedConfig | undefined } | undefined;
  const loaded = () => {
    known ??= { loaded: load(io, configFile, providers) };
    return known.loaded;
  };
  return {
    io,
    args,
    options,
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
  const shown = [...commands].map(([name, command]) => ({
    head: [name, command.arguments?.usage].filter((part) => part !== undefined).join(' '),
    command,
  }));
  const options = optionsOf(commands).map(({ head, names, summary }) => ({
    head: `    --${head}`,
    summary: `${names.join(', ')}: ${summary}`,
  }));
  const own = [
    {
      head: '-c, --config <file>',
      summary: `the configuration (${defaultFile} in the working directory, if it exists)`,
    },
    ...options,
    { head: '-h, --help', summary: 'this text' },
    { head: '-v, --version', summary: 'the version' },
  ];
  return `upwrite: a Postgres endpoint for SaaS data

Usage: upwrite <command> [options]

Commands:
${columns(shown.map(({ head, command }) => [head, command.summary]))}

Options:
${columns(own.map(({ head, summary }) => [head, summary]))}`;
}

/** The options of all commands; one that several commands have in the same way stands there once. */
function optionsOf(commands: Commands) {
  const found: { readonly head: string; readonly names: string[]; readonly summary: string }[] = [];
  for (const [name, command] of commands) {
    for (const [option, { value, summary }] of Object.entries(command.options ?? {})) {
      const head = `${option}${value === undefined ? '' : ` <${value}>`}`;
      const same = found.find((each) => each.head === head && each.summary === summary);
      if (same === undefined) found.push({ head, names: [name], summary });
      else same.names.push(name);
    }
  }
  return found;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([head]) => head.length));
  return rows.map(([head, text]) => `  ${head.padEnd(width)}  ${text}`).join('\n');
}

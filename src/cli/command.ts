/** What a command of `upwrite` is made of. The composition root adds those that need the whole product. */
import type { Config, LoadedConfig } from '../config/index.js';

/** The outside world, as a command sees it. */
export interface Io {
  /** Writes a line of results to standard output. */
  out(line: string): void;
  /** Writes a line of progress or failure to standard error. */
  err(line: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The working directory: `upwrite.yaml` and `.upwrite/` are looked for here. */
  readonly directory: string;
}

export interface CommandContext {
  readonly io: Io;
  /** The value of --config. */
  readonly configFile?: string;
  /** What stands behind the command's name, in number as `arguments` allows. */
  readonly args: readonly string[];
  /** The command's own options that were given: true for a flag. */
  readonly options: Readonly<Record<string, string | true>>;
  /**
   * The configuration of --config, or of `upwrite.yaml` in the working directory, or the built-in defaults.
   * Throws ConfigError.
   */
  config(): Config;
  /** As `config`; undefined when there is no file and the defaults apply. */
  loaded(): LoadedConfig | undefined;
}

/** Arguments of a command behind its name. */
export interface CommandArguments {
  /** As --help shows them: `<table>`, `[provider …]`. */
  readonly usage: string;
  readonly least: number;
  readonly most: number;
}

/** An option of one command. */
export interface CommandOption {
  /** As --help shows its value; absent for a flag. */
  readonly value?: string;
  /** One line for --help. */
  readonly summary: string;
}

export interface Command {
  /** One line for --help. */
  readonly summary: string;
  /** Absent: it takes none. */
  readonly arguments?: CommandArguments;
  /** By name, without the dashes. */
  readonly options?: Readonly<Record<string, CommandOption>>;
  /** Whether it takes --config. */
  readonly takesConfig: boolean;
  /** Answers the process's exit code. */
  run(context: CommandContext): Promise<number>;
}

/** By name, in the order in which --help shows them. */
export type Commands = ReadonlyMap<string, Command>;

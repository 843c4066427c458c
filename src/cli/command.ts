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
  /**
   * The configuration of --config, or of `upwrite.yaml` in the working directory, or the built-in defaults.
   * Throws ConfigError.
   */
  config(): Config;
  /** As `config`; undefined when there is no file and the defaults apply. */
  loaded(): LoadedConfig | undefined;
}

export interface Command {
  /** One line for --help. */
  readonly summary: string;
  /** Whether it takes --config. */
  readonly takesConfig: boolean;
  /** Answers the process's exit code. */
  run(context: CommandContext): Promise<number>;
}

/** By name, in the order in which --help shows them. */
export type Commands = ReadonlyMap<string, Command>;

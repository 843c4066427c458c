/** The log: one JSON object a line on standard error (or lines for a person), with secrets taken out. */
import pino from 'pino';
import { prettyLine } from './pretty.js';
import { redact, redactFields, redactText } from './redact.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

type Fields = Readonly<Record<string, unknown>>;

/** Fields first, then a message in words that holds no values. */
export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
  /** A log whose lines all carry these fields too. */
  child(fields: Fields): Log;
}

/** Where lines go. */
export interface LogSink {
  write(line: string): unknown;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'pretty';
  /** Standard error unless given. */
  readonly sink?: LogSink;
  /** For `pretty`: colours; by default as the terminal has them. */
  readonly colour?: boolean;
}

/**
 * Makes a log. Values under names such as `auth`, `password`, `token`, `secret`, `key` or `authorization` are replaced
 * at any depth, and passwords inside URLs, connection strings and headers wherever they stand.
 */
export function createLog({ level, format, sink = process.stderr, colour }: LogOptions): Log {
  const paint =
    colour ?? (sink === process.stderr && process.stderr.isTTY === true && process.env['NO_COLOR'] === undefined);
  const target = format === 'json' ? sink : { write: (line: string) => sink.write(prettyLine(line, paint)) };
  const logger = pino(
    {
      level,
      base: null,
      serializers: { err: redact, error: redact },
      formatters: { log: redactFields },
      hooks: {
        logMethod(args, method) {
          const [fields, message] = args;
          return typeof message === 'string'
            ? method.call(this, fields, redactText(message))
            : method.apply(this, args);
        },
      },
    },
    { write: (line: string) => void target.write(line) },
  );
  return wrap(logger);
}

function wrap(logger: pino.Logger): Log {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => wrap(logger.child(redactFields(fields))),
  };
}

/** A log that says nothing. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};

/** From a file and the environment to a `Config`, or to the list of everything that is wrong. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import type { Config, ConnectionConfig, RecordsConfig, TableSelection, TlsConfig } from './config.js';
import type { Environment } from './environment.js';
import { ConfigError, nearest, type Problem } from './problem.js';
import { configSchema, type ParsedConfig } from './schema.js';
import { type Path, readSource, type Source, showPath } from './source.js';

export interface LoadOptions {
  /** The file's name as messages show it. */
  readonly file: string;
  readonly environment: Environment;
  /** The providers that exist; a connection with another one is a problem. Absent: not checked. */
  readonly providers?: readonly string[];
}

/** A configuration, and a way to say where in it something turned out to be wrong later. */
export interface LoadedConfig {
  readonly config: Config;
  /**
   * Makes an error of what a provider's `parseConfig` threw, with the line of the key that its message names.
   * Values of the connection that the message quotes are taken out.
   */
  connectionError(connection: string, error: unknown): ConfigError;
  /** Makes an error of what is wrong with the value of a key. */
  errorAt(path: readonly string[], message: string): ConfigError;
}

const largestFile = 1024 * 1024;

/** Reads and checks a file. Throws ConfigError with every problem that there is. */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const { file } = options;
  let text: string;
  try {
    if (statSync(file).size > largestFile) throw new Error('it is larger than 1 MiB');
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason =
      error instanceof Error && 'code' in error && error.code === 'ENOENT'
        ? 'there is no such file'
        : 'it cannot be read';
    throw new ConfigError([{ file, line: 1, column: 1, path: '', message: reason }]);
  }
  return parseConfig(text, options);
}

/** The configuration of an empty file: everything by default, the embedded database, no connections. */
export function defaultConfig(): Config {
  const { file: _none, ...config } = parseConfig('', { file: 'the defaults', environment: {} }).config;
  return config;
}

/** Checks a text. Throws ConfigError with every problem that there is. */
export function parseConfig(text: string, options: LoadOptions): LoadedConfig {
  const source = readSource(text, options.file, options.environment);
  const directory = dirname(resolve(options.file));
  const schema = configSchema(directory);
  const parsed = schema.safeParse(source.value);
  const unusable = new Set(source.problems.map(({ path }) => path));
  const found = parsed.success ? [] : parsed.error.issues.flatMap((issue) => problemsOf(issue, source, schema));
  const problems = [
    ...source.problems,
    // What cannot be read is not also of the wrong form.
    ...(unusable.has('') ? [] : found.filter(({ path }) => !unusable.has(path))),
    ...connectionProblems(source, options.providers),
    ...recordProblems(source, options.providers),
  ].sort((left, right) => left.line - right.line || left.column - right.column);
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return {
    config: complete(parsed.data, options.file, directory),
    connectionError: (connection, error) => connectionError(source, connection, error),
    errorAt: (path, message) => new ConfigError([problem(source, path, message)]),
  };
}

function problem(source: Source, path: Path, message: string, fix?: string, atKey = false): Problem {
  const place = atKey ? source.placeOfKey(path) : source.placeOf(path);
  return { file: source.file, ...place, path: showPath(path), message, ...(fix === undefined ? {} : { fix }) };
}

function plainPath(path: readonly PropertyKey[]): Path {
  return path.map((part) => (typeof part === 'number' ? part : String(part)));
}

/** What zod found, in words of our own. */
function problemsOf(issue: z.core.$ZodIssue, source: Source, schema: z.ZodType): readonly Problem[] {
  const path = plainPath(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, path);
    return issue.keys.map((key) => {
      const meant = nearest(key, known);
      const fix = meant === undefined ? `known here: ${known.join(', ')}` : `did you mean ${meant}?`;
      return problem(source, [...path, key], 'this key is unknown', fix, true);
    });
  }
  if (issue.code === 'invalid_key') {
    const message = issue.issues[0]?.message ?? 'is not a usable name';
    return [problem(source, path, `the name ${message}`, undefined, true)];
  }
  if (issue.code === 'invalid_value') {
    return [problem(source, path, `must be one of ${issue.values.map(String).join(', ')}`)];
  }
  if (issue.code === 'invalid_type' && issue.input === undefined && path.length > 0 && isMissing(source, path)) {
    return [problem(source, path, 'is missing', `add it below ${showPath(path.slice(0, -1))}`)];
  }
  if (issue.code === 'invalid_type' && (issue.expected === 'object' || issue.expected === 'record')) {
    return [problem(source, path, 'must hold keys and values, each on a line of its own')];
  }
  if (issue.code === 'invalid_type' && issue.expected === 'array') return [problem(source, path, 'must be a list')];
  return [problem(source, path, issue.message)];
}

function isMissing(source: Source, path: Path): boolean {
  let at: unknown = source.value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return true;
    at = Object.entries(at).find(([name]) => name === String(part))?.[1];
  }
  return false;
}

type JsonSchema = z.core.JSONSchema._JSONSchema;

/** The keys that may stand at a path. */
function knownKeys(schema: z.ZodType, path: Path): readonly string[] {
  let at: JsonSchema = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  for (const part of path) {
    if (typeof at !== 'object') return [];
    at = at.properties?.[String(part)] ?? at.additionalProperties ?? false;
  }
  return typeof at === 'object' ? Object.keys(at.properties ?? {}) : [];
}

const ownConnectionKeys = ['provider', 'auth', 'schema', 'tables', 'limits', 'external_id', 'metadata', 'webhooks'];

/** A connection may hold keys that only its provider knows; one that is nearly ours is a slip all the same. */
function connectionProblems(source: Source, providers: readonly string[] | undefined): readonly Problem[] {
  return Object.entries(asObject(asObject(source.value)['connections'])).flatMap(([name, value]) => {
    const slips = Object.keys(asObject(value)).flatMap((key) => {
      const meant = ownConnectionKeys.includes(key) ? undefined : nearest(key, ownConnectionKeys);
      const path = ['connections', name, key];
      return meant === undefined ? [] : [problem(source, path, 'this key is unknown', `did you mean ${meant}?`, true)];
    });
    const provider = asObject(value)['provider'];
    if (providers === undefined || typeof provider !== 'string' || providers.includes(provider)) return slips;
    const meant = nearest(provider, providers);
    const fix = meant === undefined ? `there are ${providers.join(', ')}` : `did you mean ${meant}?`;
    return [...slips, problem(source, ['connections', name, 'provider'], 'there is no such provider', fix)];
  });
}

/** What feeds a records table has to exist. */
function recordProblems(source: Source, providers: readonly string[] | undefined): readonly Problem[] {
  const { connections, records } = asObject(source.value);
  const known = { connection: Object.keys(asObject(connections)), provider: providers };
  return (Array.isArray(records) ? records : []).flatMap((entry: unknown, at) =>
    (['connection', 'provider'] as const).flatMap((key) => {
      const name = asObject(entry)[key];
      const names = known[key];
      if (typeof name !== 'string' || names === undefined || names.includes(name)) return [];
      const meant = nearest(name, names);
      const fix = meant === undefined ? `there are ${names.join(', ') || 'none'}` : `did you mean ${meant}?`;
      return [problem(source, ['records', at, key], `there is no such ${key}`, fix)];
    }),
  );
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : {};
}

function complete(parsed: ParsedConfig, file: string, directory: string): Config {
  const { database, tls, webhooks, connections, records, sync, admin, health, ...rest } = parsed;
  const { interval, ...syncRest } = sync;
  return {
    ...rest,
    sync: { ...syncRest, ...(interval === undefined ? {} : { interval }) },
    admin: admin.listen === undefined ? {} : { listen: admin.listen },
    health: health.hook === undefined ? {} : { hook: health.hook },
    file,
    ...(database === undefined ? {} : { database }),
    tls: completeTls(tls, directory),
    webhooks: { listen: webhooks.listen, ...(webhooks.url === undefined ? {} : { url: webhooks.url }) },
    connections: Object.entries(connections).map(([name, connection]) => completeConnection(name, connection)),
    records: records.map(completeRecords),
  };
}

function completeTls({ mode, cert, key, minVersion }: ParsedConfig['tls'], directory: string): TlsConfig {
  const path = (name: string) => (isAbsolute(name) ? name : resolve(directory, name));
  return {
    mode: mode ?? (cert === undefined ? 'disable' : 'allow'),
    ...(cert === undefined ? {} : { cert: path(cert) }),
    ...(key === undefined ? {} : { key: path(key) }),
    minVersion,
  };
}

type ParsedConnection = ParsedConfig['connections'][string];

function completeConnection(name: string, connection: ParsedConnection): ConnectionConfig {
  const { provider, schema, tables, limits, external_id: externalId, metadata, webhooks, ...settings } = connection;
  return {
    name,
    provider,
    schema: schema ?? name,
    ...(tables === undefined ? {} : { tables: Object.entries(tables).map(completeTable) }),
    limits: withoutUndefined(limits),
    ...(externalId === undefined ? {} : { externalId }),
    metadata,
    webhooks,
    settings,
  };
}

function completeRecords({ table, provider, connection, database }: ParsedConfig['records'][number]): RecordsConfig {
  return {
    table,
    ...(provider === undefined ? {} : { provider }),
    ...(connection === undefined ? {} : { connection }),
    ...(database === undefined ? {} : { database }),
  };
}

function completeTable([resource, { table, columns, where, max_age: maxAge }]: [
  string,
  NonNullable<ParsedConnection['tables']>[string],
]): TableSelection {
  const { include, ...selection } = columns;
  return {
    resource,
    ...(table === undefined ? {} : { table }),
    columns: { ...selection, ...(include === undefined ? {} : { include }) },
    ...(where === undefined ? {} : { where }),
    ...(maxAge === undefined ? {} : { maxAge }),
  };
}

function withoutUndefined(limits: ParsedConnection['limits']): ConnectionConfig['limits'] {
  const { insert, update, delete: remove, upsert } = limits;
  return {
    ...(insert === undefined ? {} : { insert }),
    ...(update === undefined ? {} : { update }),
    ...(remove === undefined ? {} : { delete: remove }),
    ...(upsert === undefined ? {} : { upsert }),
  };
}

function connectionError(source: Source, connection: string, error: unknown): ConfigError {
  const base: Path = ['connections', connection];
  if (error instanceof z.ZodError) {
    return new ConfigError(
      error.issues.map(({ path, message }) =>
        problem(source, [...base, ...plainPath(path)], hideValues(message, source, base)),
      ),
    );
  }
  const message = hideValues(error instanceof Error ? error.message : String(error), source, base);
  return new ConfigError([problem(source, [...base, ...keyNamedIn(message)], message)]);
}

/** The longest dotted word of the message names the key: `auth.clientId is missing`. */
function keyNamedIn(message: string): Path {
  const words = message.match(/[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*/g) ?? [];
  const dotted = words.filter((word) => word === 'auth' || word.startsWith('auth.'));
  return (dotted.sort((left, right) => right.length - left.length)[0] ?? '').split('.').filter((part) => part !== '');
}

/** Shorter values are too likely to be parts of ordinary words. */
const shortestHidden = 4;

function hideValues(message: string, source: Source, base: Path): string {
  return [...source.stringsBelow([...base, 'auth'])]
    .filter((value) => value.length >= shortestHidden)
    .sort((left, right) => right.length - left.length)
    .reduce((hidden, value) => hidden.replaceAll(value, '***'), message);
}

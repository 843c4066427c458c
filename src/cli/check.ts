/** `upwrite check`: looks at everything that Upwrite needs and says of each whether it is there, or what to do. */

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import {
  type Config,
  ConfigError,
  type ConnectionConfig,
  type DatabaseTarget,
  type LoadedConfig,
  type TlsConfig,
} from '../config/index.js';
import type { Command, CommandContext } from './command.js';
import { connect } from './database.js';
import { bad, type Finding, ok, words } from './finding.js';
import { recordFindings } from './records.js';

export interface CheckOptions {
  /**
   * Proves the credentials of a connection and answers whom the API takes Upwrite for. A failure's message must be
   * fit to be shown. `loaded` is there to give a provider's complaint its line.
   */
  checkConnection(connection: ConnectionConfig, loaded: LoadedConfig, signal: AbortSignal): Promise<string>;
  /** What the API makes of the conditions of a connection's tables, in words. Throws a ConfigError for one that is wrong. */
  checkConditions(
    connection: ConnectionConfig,
    loaded: LoadedConfig,
    signal: AbortSignal,
  ): Promise<readonly { readonly table: string; readonly words: string }[]>;
  /** For one connection, in milliseconds. */
  readonly connectionTimeout?: number;
  /** What else is looked at, when everything else has been. */
  further?(config: Config): AsyncIterable<Finding>;
}

/** The oldest server whose behaviour Upwrite relies on. */
const oldestServer = 140_000;

export function checkCommand(options: CheckOptions): Command {
  return {
    summary: 'looks at the configuration, the database, the privileges and the credentials',
    takesConfig: true,
    run: async (context) => {
      let failed = false;
      for await (const finding of findings(context, options)) {
        failed ||= !finding.ok;
        context.io.out(showFinding(finding));
      }
      return failed ? 1 : 0;
    },
  };
}

function showFinding({ ok: fine, item, state, fix }: Finding): string {
  return `${fine ? 'ok    ' : 'FAILED'}  ${item}: ${state}${fix === undefined ? '' : `\n          → ${fix}`}`;
}

async function* findings(context: CommandContext, options: CheckOptions): AsyncGenerator<Finding> {
  let config: Config;
  try {
    config = context.config();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { file, line, column, path, message, fix } of error.problems) {
      yield bad(
        'configuration',
        `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`,
        fix ?? 'correct the line',
      );
    }
    return;
  }
  const count = config.connections.length;
  yield ok(
    'configuration',
    `${config.file ?? 'none, the defaults apply'}; ${count} ${count === 1 ? 'connection' : 'connections'}`,
  );
  yield checkTls(config.tls);
  if (config.database === undefined)
    yield ok('database', 'none is configured: the embedded Postgres is used, and brings all that is needed');
  else yield* checkDatabase(config.database);
  yield* recordFindings(config);
  const loaded = context.loaded();
  for (const connection of loaded === undefined ? [] : config.connections) {
    if (loaded === undefined) continue;
    const finding = await checkConnection(connection, loaded, options);
    yield finding;
    if (finding.ok && connection.tables?.some(({ where }) => where !== undefined)) {
      yield* checkConditions(connection, loaded, options);
    }
  }
  if (options.further !== undefined) yield* options.further(config);
}

function checkTls({ mode, cert, key }: TlsConfig): Finding {
  if (mode === 'disable' || cert === undefined || key === undefined) return ok('TLS', 'not offered to clients');
  try {
    const chain = readFileSync(cert);
    createSecureContext({ cert: chain, key: readFileSync(key) });
    const { validTo } = new X509Certificate(chain);
    if (Date.parse(validTo) < Date.now())
      return bad('TLS', `the certificate in ${cert} expired on ${validTo}`, 'renew it');
    return ok('TLS', `${mode === 'require' ? 'required' : 'offered'}, certificate valid to ${validTo}`);
  } catch (error) {
    return bad(
      'TLS',
      words(error),
      'tls.cert and tls.key must be PEM files that belong together and that Upwrite can read',
    );
  }
}

interface ServerFacts {
  readonly version: string;
  readonly number: number;
  readonly user: string;
  readonly superuser: boolean;
  readonly mayCreate: boolean;
  readonly schema: boolean;
  readonly ownsSchema: boolean;
  readonly others: number;
  readonly tls: string | null;
}

const factsQuery = `
  SELECT current_setting('server_version') AS version,
         current_setting('server_version_num')::int AS number,
         session_user AS "user",
         (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user) AS superuser,
         pg_catalog.has_database_privilege(current_database(), 'CREATE') AS "mayCreate",
         pg_catalog.to_regnamespace('upwrite') IS NOT NULL AS "schema",
         coalesce((SELECT pg_catalog.has_schema_privilege(oid, 'CREATE') FROM pg_catalog.pg_namespace WHERE nspname = 'upwrite'), false) AS "ownsSchema",
         (SELECT count(*)::int FROM pg_catalog.pg_stat_activity
           WHERE usename = session_user AND pid <> pg_catalog.pg_backend_pid()
             AND backend_type = 'client backend' AND application_name NOT LIKE 'upwrite%') AS others,
         (SELECT version FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid() AND ssl) AS tls`;

async function* checkDatabase(target: DatabaseTarget): AsyncGenerator<Finding> {
  const where = `${target.host}:${target.port}/${target.database}`;
  let facts: ServerFacts | undefined;
  try {
    const client = await connect(target);
    try {
      facts = (await client.query<ServerFacts>(factsQuery)).rows[0];
    } finally {
      await client.end().catch(() => {});
    }
  } catch (error) {
    yield bad(
      'database',
      `${where}: ${words(error)}`,
      'check the URL in "database", that the server runs, and what its pg_hba.conf allows',
    );
    return;
  }
  if (facts !== undefined) yield* judge(target, where, facts);
}

function* judge(target: DatabaseTarget, where: string, facts: ServerFacts): Generator<Finding> {
  yield facts.number >= oldestServer
    ? ok('database', `${where}, PostgreSQL ${facts.version}`)
    : bad('database', `${where} is PostgreSQL ${facts.version}`, 'Upwrite needs PostgreSQL 14 or newer');
  yield ok('TLS to the database', facts.tls ?? (target.host.startsWith('/') ? 'not needed on a Unix socket' : 'off'));
  yield facts.others === 0
    ? ok('role', `${facts.user}${facts.superuser ? ' (a superuser, which it need not be)' : ''}`)
    : bad(
        'role',
        `${facts.others} ${facts.others === 1 ? 'session' : 'sessions'} of other programs use Upwrite's role ${facts.user}`,
        `give Upwrite a role of its own: the guard on synced tables lets this role through`,
      );
  yield facts.mayCreate
    ? ok('privileges', `${facts.user} may create schemas in ${target.database}`)
    : bad(
        'privileges',
        `${facts.user} may not create schemas in ${target.database}`,
        `GRANT CREATE ON DATABASE "${target.database}" TO "${facts.user}";`,
      );
  if (!facts.schema) yield ok('journal', 'schema upwrite does not exist yet and is created at the first start');
  else if (facts.ownsSchema) yield ok('journal', 'schema upwrite');
  else
    yield bad(
      'journal',
      `schema upwrite exists and ${facts.user} may not create tables in it`,
      `ALTER SCHEMA upwrite OWNER TO "${facts.user}";`,
    );
}

async function* checkConditions(
  connection: ConnectionConfig,
  loaded: LoadedConfig,
  options: CheckOptions,
): AsyncGenerator<Finding> {
  try {
    const signal = AbortSignal.timeout(options.connectionTimeout ?? 30_000);
    for (const { table, words: state } of await options.checkConditions(connection, loaded, signal)) {
      yield ok(`condition of ${table}`, state);
    }
  } catch (error) {
    const fix = error instanceof ConfigError ? 'correct the condition' : 'see whether the API can be reached';
    yield bad(`conditions of ${connection.name}`, error instanceof ConfigError ? error.message : words(error), fix);
  }
}

async function checkConnection(
  connection: ConnectionConfig,
  loaded: LoadedConfig,
  options: CheckOptions,
): Promise<Finding> {
  const item = `connection ${connection.name}`;
  try {
    const signal = AbortSignal.timeout(options.connectionTimeout ?? 30_000);
    return ok(item, `${connection.provider}, ${await options.checkConnection(connection, loaded, signal)}`);
  } catch (error) {
    if (error instanceof ConfigError) return bad(item, error.message, 'correct the line');
    return bad(
      item,
      words(error),
      `renew the credentials below connections.${connection.name}.auth, or the address there`,
    );
  }
}

import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  ConfigError,
  configReference,
  configReferenceMarkdown,
  defaultConfig,
  loadConfig,
  type Problem,
  parseConfig,
} from './index.js';

const options = { file: 'upwrite.yaml', environment: { PASSWORD: 's3cret', PORT: '7000' } };

function problemsOf(text: string, providers?: readonly string[]): readonly Problem[] {
  try {
    parseConfig(text, { ...options, ...(providers === undefined ? {} : { providers }) });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

function lines(text: string, providers?: readonly string[]): readonly string[] {
  return problemsOf(text, providers).map(
    ({ line, column, path, message, fix }) => `${line}:${column} ${path}: ${message}${fix ? ` (${fix})` : ''}`,
  );
}

test('an empty file is the default configuration', () => {
  const { file, ...config } = parseConfig('', options).config;
  expect(file).toBe('upwrite.yaml');
  expect(config).toEqual(defaultConfig());
  expect(config).toMatchObject({
    listen: { host: '127.0.0.1', port: 6432 },
    tls: { mode: 'disable', minVersion: 'TLSv1.2' },
    transactions: 'escape',
    connections: [],
    journal: { retention: 30 * 24 * 3600 * 1000 },
  });
  expect(config).not.toHaveProperty('database');
});

test('everything that can be said', () => {
  const { config } = parseConfig(
    `
listen: 0.0.0.0:\${PORT}
database: postgres://upwrite:\${PASSWORD}@db/shop?sslmode=require
tls: { cert: tls/server.crt, key: /keys/server.key, minVersion: TLSv1.3 }
connections:
  salesforce:
    provider: salesforce
    auth:
      clientId: abc
      password: \${PASSWORD}
    apiVersion: 62
    tables:
      contacts:
      accounts:
        table: customers
        columns: { exclude: [Fax], rename: { Name: title } }
        where: industry = 'Energy'
      leads:
        columns: [id, email]
    limits: { insert: 50 }
  second:
    provider: salesforce
    schema: sf2
    webhooks: false
    tables: [contacts]
transactions: reject
schemaChanges: manual
writes: { maxInFlight: 5, queueTimeout: 1s, lockTimeout: 100ms, timeout: 2m, settleAfter: 5m }
sync: { interval: 5m, sweep: 1d, describe: 1h }
journal: { retention: 7d }
shutdown: { grace: 5s }
webhooks: { url: "https://hooks.example/upwrite/", listen: 0.0.0.0:8080 }
log: { level: debug, format: pretty }
`,
    { ...options, file: '/etc/upwrite/upwrite.yaml' },
  );
  expect(config).toEqual({
    file: '/etc/upwrite/upwrite.yaml',
    listen: { host: '0.0.0.0', port: 7000, maxConnections: 1000, startupTimeout: 60_000, directIo: 'auto' },
    database: {
      host: 'db',
      port: 5432,
      user: 'upwrite',
      password: 's3cret',
      database: 'shop',
      sslmode: 'require',
      connectTimeout: 10_000,
    },
    tls: { mode: 'allow', cert: '/etc/upwrite/tls/server.crt', key: '/keys/server.key', minVersion: 'TLSv1.3' },
    connections: [
      {
        name: 'salesforce',
        provider: 'salesforce',
        schema: 'salesforce',
        settings: { auth: { clientId: 'abc', password: 's3cret' }, apiVersion: 62 },
        tables: [
          { resource: 'contacts', columns: { exclude: [], rename: {} } },
          {
            resource: 'accounts',
            table: 'customers',
            columns: { exclude: ['Fax'], rename: { Name: 'title' } },
            where: "industry = 'Energy'",
          },
          { resource: 'leads', columns: { include: ['id', 'email'], exclude: [], rename: {} } },
        ],
        limits: { insert: 50 },
        metadata: {},
        webhooks: true,
      },
      {
        name: 'second',
        provider: 'salesforce',
        schema: 'sf2',
        settings: {},
        tables: [{ resource: 'contacts', columns: { exclude: [], rename: {} } }],
        limits: {},
        metadata: {},
        webhooks: false,
      },
    ],
    admin: {},
    health: {},
    records: [],
    webhooks: { url: 'https://hooks.example/upwrite', listen: { host: '0.0.0.0', port: 8080 } },
    transactions: 'reject',
    schemaChanges: 'manual',
    writes: { maxInFlight: 5, queueTimeout: 1_000, lockTimeout: 100, timeout: 120_000, settleAfter: 300_000 },
    sync: {
      describe: 3_600_000,
      interval: 300_000,
      jobs: 16,
      sweep: 86_400_000,
      staleness: { timeout: 30_000, late: 'error' },
      verify: { interval: 86_400_000, share: 0.05 },
    },
    journal: { retention: 604_800_000 },
    shutdown: { grace: 5_000 },
    log: { level: 'debug', format: 'pretty' },
  });
});

test.each([
  'http://hooks.example',
  'https://hooks.example/?a=1',
  'https://user@hooks.example',
  'hooks.example',
  'ftp://hooks.example',
])('%s is no public address', (url) => {
  expect(() => parseConfig(`webhooks: { url: "${url}" }`, options)).toThrow('must be an https:// address');
});

test('a secret of digits stays text, a number may come from the environment', () => {
  const { config } = parseConfig(
    'listen: { port: "${PORT}" }\nconnections: { a: { provider: x, auth: { pin: "${PORT}" } } }',
    options,
  );
  expect(config.listen.port).toBe(7000);
  expect(config.connections[0]?.settings).toEqual({ auth: { pin: '7000' } });
});

test.each([
  ['listen: 6000', { host: '127.0.0.1', port: 6000 }],
  ['listen: db.local:6000', { host: 'db.local', port: 6000 }],
  ['listen: "[::1]:6000"', { host: '::1', port: 6000 }],
  ['listen: { host: "::" }', { host: '::', port: 6432 }],
])('%s', (text, listen) => {
  expect(parseConfig(text, options).config.listen).toMatchObject(listen);
});

test('every problem is reported at once, each with its place, key and fix', () => {
  const text = `listen:
  prot: 6432
  host: ""
database: postgres://u:hush@h:99999/x
tls:
  mode: require
connections:
  pg_x: { provider: salesforce }
  upwrite: { provider: salesforce }
  Big: { provider: salesforce }
  salesforce:
    provider: salesforcee
    auth: { password: "\${ABSENT}" }
    tabels: [contacts]
    tables:
      accounts: { colums: [] }
    limits: { insert: 0 }
  empty: { auth: 1 }
transactions: maybe
writes: 5
sync:
  interval: 3x
lgo: {}
`;
  expect(lines(text, ['salesforce'])).toEqual([
    '2:3 listen.prot: this key is unknown (did you mean port?)',
    '3:9 listen.host: must be a host name or an address',
    '4:11 database: is not usable: its port is not a number from 1 to 65535',
    '6:9 tls.mode: mode require needs cert and key',
    '8:3 connections.pg_x: the name must not begin with pg_: Postgres keeps such schemas for itself',
    "9:3 connections.upwrite: the name must not be upwrite: that schema holds Upwrite's own tables",
    '10:3 connections.Big: the name must be a name of at most 63 lower-case letters, digits and underscores, beginning with a letter',
    '12:15 connections.salesforce.provider: there is no such provider (did you mean salesforce?)',
    '13:23 connections.salesforce.auth.password: environment variable ABSENT is not set (set it, or give a default: ${ABSENT:-…})',
    '14:5 connections.salesforce.tabels: this key is unknown (did you mean tables?)',
    '16:19 connections.salesforce.tables.accounts.colums: this key is unknown (did you mean columns?)',
    '17:23 connections.salesforce.limits.insert: must be a whole number from 1 to 10000',
    '18:3 connections.empty.provider: is missing (add it below connections.empty)',
    '19:15 transactions: must be one of escape, reject',
    '20:9 writes: must hold keys and values, each on a line of its own',
    '22:13 sync.interval: must be a duration from 1s to 30d, such as 250ms, 30s, 5m, 2h or 30d',
    '23:1 lgo: this key is unknown (did you mean log?)',
  ]);
});

test('the message names file, line, column, key and fix', () => {
  expect(() => parseConfig('listne: 1', options)).toThrow(
    'upwrite.yaml:1:1: listne: this key is unknown (did you mean listen?)',
  );
});

test.each([
  'connections:\n  a:\n    auth: { password: *s3cret }',
  'connections:\n  a:\n    auth: { password: !s3cret }',
  'connections:\n  a:\n    auth: { password: @s3cret }',
  'connections:\n  a:\n    auth: { password: "s3cret }',
  'database: postgres://u:s3cret@h:port/d',
  'database: [postgres://u:s3cret@h/d]',
  'transactions: s3cret',
  'log: { level: s3cret }',
  'listen: s3cret',
  'tls: { minVersion: s3cret }',
  'writes: { timeout: s3cret }',
  'connections: { a: { provider: S3cret } }',
])('%s is refused and not quoted', (text) => {
  const shown = lines(text).join('\n');
  expect(shown).not.toBe('');
  expect(shown).not.toMatch(/s3cret/i);
});

test('a YAML mistake has its line', () => {
  expect(lines('listen: 1\nlog: { level: "info }\n')[0]).toMatch(/^[23]:\d+ : the YAML cannot be read/);
  expect(lines('listen: 1\nlisten: 2')[0]).toBe(
    '2:1 : the YAML cannot be read: this key is given twice (indent with spaces, and quote values that hold : # or begin with one of ! * & @ % `)',
  );
});

test('what is too large or too deep is refused', () => {
  expect(lines('#'.repeat(1024 * 1024 + 1))).toEqual(['1:1 : the file is larger than 1 MiB']);
  expect(lines(`a: ${'['.repeat(60)}${']'.repeat(60)}`).join()).toMatch(/nested too deeply/);
  const bomb = ['a: &a [1,1,1,1,1,1,1,1,1,1]', 'b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]'];
  for (const [name, of] of ['cb', 'dc', 'ed', 'fe'].map((pair) => [pair[0], pair[1]])) {
    bomb.push(`${name}: &${name} [${Array(10).fill(`*${of}`).join()}]`);
  }
  expect(lines(bomb.join('\n')).join()).toMatch(/too large/);
});

test('a missing file is said plainly', () => {
  expect(() => loadConfig({ ...options, file: '/nowhere/upwrite.yaml' })).toThrow(
    '/nowhere/upwrite.yaml:1:1: there is no such file',
  );
});

test("a provider's own complaint gets the line of its key, and no values", () => {
  const text =
    'connections:\n  crm:\n    provider: x\n    auth:\n      clientId: abc\n      password: hunter2hunter2\n';
  const loaded = parseConfig(text, options);
  expect(loaded.connectionError('crm', new Error('auth.password: hunter2hunter2 is too short')).message).toBe(
    'upwrite.yaml:6:17: connections.crm.auth.password: auth.password: *** is too short',
  );
  expect(loaded.connectionError('crm', new Error('auth.loginUrl is missing')).problems[0]).toMatchObject({
    line: 4,
    path: 'connections.crm.auth.loginUrl',
  });
  const thrown = z.object({ auth: z.object({ clientId: z.number() }) }).safeParse({ auth: { clientId: 'x' } }).error;
  expect(loaded.connectionError('crm', thrown).problems[0]).toMatchObject({
    line: 5,
    path: 'connections.crm.auth.clientId',
  });
});

test('the reference has every key once, and its defaults are the ones that apply', () => {
  const rows = configReference();
  const keys = rows.map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  for (const key of [
    'listen',
    'database',
    'tls.cert',
    'connections.<name>.provider',
    'connections.<name>.auth',
    'connections.<name>.tables',
  ]) {
    expect(keys).toContain(key);
  }
  const given = rows.filter((row) => /^`[^`{]+`$/.test(row.default) && !row.key.includes('<'));
  type Nested = { [name: string]: Nested | string };
  const all: Nested = {};
  for (const { key, default: value } of given) {
    const path = key.split('.');
    let at = all;
    for (const part of path.slice(0, -1)) {
      const below = at[part] ?? {};
      if (typeof below === 'string') throw new Error(`${key} is below a value`);
      at[part] = below;
      at = below;
    }
    at[path.at(-1) ?? ''] = value.slice(1, -1);
  }
  const { file: _file, ...config } = parseConfig(JSON.stringify(all), options).config;
  expect(config).toEqual(defaultConfig());
  expect(configReferenceMarkdown().split('\n')).toHaveLength(rows.length + 2);
});

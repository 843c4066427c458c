/**
 * Every key of the configuration with its default and its meaning. The README's table is generated from it.
 * Messages never quote a value: it may be a secret.
 */
import { z } from 'zod';
import { DatabaseUrlError, parseDatabaseUrl } from './database.js';
import { adminListen, listen, tls, webhooks } from './schema-listeners.js';
import { duration, meaning, schemaName, sqlName, text, whole } from './schema-values.js';

const names = z.array(text('a name')).meta(meaning('Columns or API fields'));

const columns = z.strictObject({
  include: names.optional().meta(meaning('Columns or API fields to sync; without it, all but the excluded ones')),
  exclude: names.prefault([]).meta(meaning('Columns or API fields to leave out')),
  rename: z.record(z.string(), sqlName).prefault({}).meta(meaning('New column names: `field: name`')),
});

const table = z.strictObject({
  table: sqlName.optional().meta(meaning("The table's name, instead of the resource's")),
  columns: z.preprocess((input) => (Array.isArray(input) ? { include: input } : input), columns).prefault({}),
  max_age: duration('1s', '30d')
    .optional()
    .meta({
      ...meaning('How old the table may be at most: from one look for changes to the next'),
      shownDefault: '`sync.interval`',
    }),
  where: text('a condition in SQL')
    .optional()
    .meta(meaning('A condition in SQL over the columns: only records that fulfil it are in the table')),
});

const tables = z.preprocess(
  (input) => (Array.isArray(input) ? Object.fromEntries(input.map((name) => [String(name), {}])) : input),
  z.record(
    text('a name'),
    z.preprocess((input) => input ?? {}, table),
  ),
);

const rows = (verb: string) =>
  whole(1, 10_000)
    .optional()
    .meta(meaning(`Rows that one ${verb} may have; up to what the API takes`));

/** What else a connection holds is its provider's to check. */
const connection = z.looseObject({
  provider: z
    .string('must be the name of a provider')
    .regex(/^[a-z][a-z0-9-]*$/, 'must be the name of a provider')
    .meta(meaning('The API: the name of a folder under `providers/`')),
  auth: z.unknown().optional().meta(meaning('Credentials and addresses, as the provider asks for them')),
  schema: schemaName.optional().meta({ ...meaning('The schema of its tables'), shownDefault: "the connection's name" }),
  tables: tables.optional().meta({
    ...meaning('A list of tables, or a map from a table to what is special about it'),
    shownDefault: "the provider's choice",
  }),
  limits: z
    .strictObject({
      insert: rows('INSERT'),
      update: rows('UPDATE'),
      delete: rows('DELETE'),
      upsert: rows('INSERT … ON CONFLICT DO UPDATE'),
    })
    .prefault({}),
  external_id: text('a text')
    .optional()
    .meta(meaning('`sync_external_id` of its records in [generic records tables](#the-generic-records-table)')),
  metadata: z
    .record(z.string(), z.json(), 'must hold keys and values')
    .prefault({})
    .meta(meaning('`sync_metadata` of its records there, any JSON object')),
  webhooks: z
    .boolean('must be true or false')
    .prefault(true)
    .meta(meaning('Whether webhooks are registered and taken, where `webhooks.url` is set; `false` takes them back')),
});

const tableName = z.string('must be schema.table').transform((input, context) => {
  const [schema = '', name = '', ...more] = input.split('.');
  if (more.length === 0 && schemaName.safeParse(schema).success && sqlName.safeParse(name).success) {
    return { schema, name };
  }
  context.addIssue({
    code: 'custom',
    message: 'must be schema.table, two names of lower-case letters, digits and underscores',
  });
  return z.NEVER;
});

/** The whole file. File names in it are relative to `directory`. */
export function configSchema(directory: string) {
  const database = z.string('must be a postgres:// URL').transform((url, context) => {
    try {
      return parseDatabaseUrl(url, directory);
    } catch (error) {
      if (!(error instanceof DatabaseUrlError)) throw error;
      context.addIssue({ code: 'custom', message: `is not usable: ${error.message}` });
      return z.NEVER;
    }
  });
  return z.strictObject({
    listen,
    database: database.optional().meta({
      ...meaning(
        "URL of the database, with Upwrite's own role, `sslmode`, `sslrootcert`, `sslcert`, `sslkey`; a Unix socket by `?host=/directory`",
      ),
      shownDefault: 'the embedded Postgres',
    }),
    tls,
    webhooks,
    connections: z.record(schemaName, connection).prefault({}),
    records: z
      .array(
        z
          .strictObject({
            table: tableName.meta(meaning('The generic records table, as `schema.table`')),
            provider: text('the name of a provider')
              .optional()
              .meta(meaning('All connections of this provider feed it, those to come as well')),
            connection: text('the name of a connection')
              .optional()
              .meta(meaning('This connection feeds it; give it or `provider`')),
            database: database.optional().meta({
              ...meaning('URL of the database that the table is in, as for `database`'),
              shownDefault: 'the same database',
            }),
          })
          .superRefine(({ provider, connection: chosen }, context) => {
            if ((provider === undefined) === (chosen === undefined)) {
              context.addIssue({ code: 'custom', message: 'must have either provider or connection' });
            }
          }),
        'must be a list',
      )
      .prefault([])
      .meta(meaning('[Generic records tables](#the-generic-records-table), a list of the keys below')),
    transactions: z
      .enum(['escape', 'reject'])
      .prefault('escape')
      .meta(
        meaning(
          'A write inside a transaction block takes effect at once (`escape`) or is refused with 25001 (`reject`)',
        ),
      ),
    schemaChanges: z
      .enum(['auto', 'manual'])
      .prefault('auto')
      .meta(
        meaning(
          "Whether tables are made and changed by themselves as the API's description changes (`auto`), or by `upwrite apply` only (`manual`)",
        ),
      ),
    writes: z
      .strictObject({
        maxInFlight: whole(1, 10_000).prefault(32).meta(meaning('Writes at once; further ones wait')),
        queueTimeout: duration('0s', '1h').prefault('10s').meta(meaning('Time that a write waits for its turn')),
        lockTimeout: duration('1ms', '1h')
          .prefault('5s')
          .meta(meaning('Time that a write waits for rows that others hold')),
        timeout: duration('100ms', '1h').prefault('60s').meta(meaning('Time that a write may take in all')),
        settleAfter: duration('0s', '1d')
          .prefault('10m')
          .meta(
            meaning(
              'Time beyond it that an API may still be working on a request without an answer: until then a write that cannot be found there is not taken for refused',
            ),
          ),
      })
      .prefault({}),
    sync: z
      .strictObject({
        interval: duration('1s', '30d')
          .optional()
          .meta({
            ...meaning('From one look for changes to the next, for every table'),
            shownDefault: "by the API's quota",
          }),
        sweep: duration('1m', '30d')
          .prefault('6h')
          .meta(meaning('From one full listing to the next, where the API does not list deletions')),
        jobs: whole(1, 1000)
          .prefault(16)
          .meta(
            meaning(
              'Tables (and other jobs) that one process works on at once, and four more with the [truth check](#the-truth-check); most of the time they wait for an API',
            ),
          ),
        staleness: z
          .strictObject({
            timeout: duration('100ms', '1h')
              .prefault('30s')
              .meta(meaning('Time that a statement waits for [fresh data](#fresh-data-for-a-reader) at most')),
            late: z
              .enum(['error', 'warn'])
              .prefault('error')
              .meta(meaning('What happens then: the statement fails with 55000, or reads what is here with a WARNING')),
          })
          .prefault({}),
        verify: z
          .strictObject({
            interval: duration('1m', '365d')
              .prefault('1d')
              .meta(meaning('From the beginning of a [truth check](#the-truth-check) of a table to that of the next')),
            share: z
              .union([z.number(), z.string().regex(/^\d(\.\d+)?$/)], 'must be a number from 0 to 1')
              .transform(Number)
              .refine((value) => value >= 0 && value <= 1, 'must be a number from 0 to 1')
              .prefault(0.05)
              .meta(
                meaning(
                  "Share of the time that one of the check's requests to an API may be under way; 0 switches it off",
                ),
              ),
          })
          .prefault({}),
        describe: duration('10s', '30d')
          .prefault('15m')
          .meta(meaning("From one look at the API's description of its objects and fields to the next")),
      })
      .prefault({}),
    journal: z
      .strictObject({
        retention: duration('1h', '3650d').prefault('30d').meta(meaning('How long settled journal entries are kept')),
      })
      .prefault({}),
    admin: z
      .strictObject({
        listen: adminListen
          .optional()
          .meta(meaning('`host:port` of an HTTP listener with health and metrics; without it there is none')),
      })
      .prefault({}),
    health: z
      .strictObject({
        hook: z
          .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
          .optional()
          .meta(
            meaning('URL that gets a POST with JSON when the state of a table changes, or of a generic records table'),
          ),
      })
      .prefault({}),
    shutdown: z
      .strictObject({
        grace: duration('0s', '1h').prefault('30s').meta(meaning('Time that running statements have on SIGTERM')),
      })
      .prefault({}),
    log: z
      .strictObject({
        level: z
          .enum(['debug', 'info', 'warn', 'error', 'silent'])
          .prefault('info')
          .meta(meaning('Least severe level that is logged')),
        format: z
          .enum(['json', 'pretty'])
          .prefault('json')
          .meta(meaning('A JSON object a line, or lines for a person')),
      })
      .prefault({}),
  });
}

export type ParsedConfig = z.output<ReturnType<typeof configSchema>>;

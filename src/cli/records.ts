/** `upwrite table-sql`, and what `upwrite check` says of the generic records tables. */
import type pg from 'pg';
import type { Config, RecordsConfig } from '../config/index.js';
import { createTableSql, differences, inWords, type TableName } from '../records/index.js';
import type { Command } from './command.js';
import { connect } from './database.js';
import { bad, type Finding, ok, words } from './finding.js';

export const tableSqlCommand: Command = {
  summary: 'prints the CREATE TABLE of a generic records table, or of all that are configured',
  arguments: { usage: '[schema.table]', least: 0, most: 1 },
  takesConfig: true,
  run: async ({ args, config, io }) => {
    const tables = args[0] === undefined ? config().records.map(({ table }) => table) : [named(args[0])];
    if (tables.length === 0) {
      io.err('upwrite: no records table is configured; name one, as in "upwrite table-sql my_schema.my_table"');
      return 2;
    }
    for (const sql of new Set(tables.map(createTableSql))) io.out(sql);
    return 0;
  },
};

function named(text: string): TableName {
  const [schema = '', name = '', ...more] = text.split('.');
  if (schema === '' || name === '' || more.length > 0) throw new Error(`"${text}" is no schema.table`);
  return { schema, name };
}

/** One finding a table. */
export async function* recordFindings(config: Config): AsyncGenerator<Finding> {
  const seen = new Set<string>();
  for (const entry of config.records) {
    const item = itemOf(entry);
    if (seen.has(item)) continue;
    seen.add(item);
    const database = entry.database ?? config.database;
    if (database === undefined) yield ok(item, 'in the embedded Postgres, looked at when Upwrite starts');
    else yield await checkTable(item, entry, () => connect(database));
  }
}

function itemOf({ table, database }: RecordsConfig): string {
  const where = database === undefined ? '' : ` on ${database.host}:${database.port}/${database.database}`;
  return `records ${table.schema}.${table.name}${where}`;
}

async function checkTable(item: string, { table }: RecordsConfig, open: () => Promise<pg.Client>): Promise<Finding> {
  let client: pg.Client | undefined;
  try {
    client = await open();
    const found = await differences(client, table);
    if (found.length === 0) return ok(item, 'as it has to be');
    return bad(item, inWords(found), found.map(({ fix }) => fix).join('; '));
  } catch (error) {
    return bad(item, words(error), 'check the URL in "records[].database", and that the server runs');
  } finally {
    await client?.end().catch(() => {});
  }
}

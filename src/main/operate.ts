/** The operator's commands, with Upwrite's own connections to the database. */
import { join } from 'node:path';
import type pg from 'pg';
import { type CommandContext, embeddedUrl, type OperateOptions } from '../cli/index.js';
import { type DatabaseTarget, parseDatabaseUrl } from '../config/index.js';
import { internalPool, migrate } from '../store/index.js';
import { ownConnections } from './own-connections.js';

export const operateOptions: OperateOptions = {
  withDatabase: async (context, work) => {
    const pool = internalPool({ ...(await ownConnections(databaseOf(context))), max: 2 }, () => undefined);
    try {
      await migrate(pool);
      return await work(pool);
    } finally {
      await pool.end();
    }
  },
  wake: async (pool, tableOid) => {
    if (await areJobsThere(pool)) await (await import('../sync/index.js')).wakeTable(pool, tableOid);
  },
  tell: async (context, pool, { schema, table }, { connection, provider, from, to, reason }) => {
    if (context.config().health.hook === undefined || !(await areJobsThere(pool))) return;
    const { tellHook } = await import('./health-hook.js');
    await tellHook(pool, { table: { schema, name: table, connection, provider }, from, to, reason });
  },
};

/** Where nothing was ever started on the database there is nobody to tell. */
async function areJobsThere(pool: pg.Pool): Promise<boolean> {
  const found = await pool.query<{ there: boolean }>("SELECT to_regnamespace('upwrite_jobs') IS NOT NULL AS there");
  return found.rows[0]?.there === true;
}

/** The configured database, or the embedded one that an `upwrite start` or `upwrite demo` runs in this directory. */
function databaseOf(context: CommandContext): DatabaseTarget {
  const { database } = context.config();
  if (database !== undefined) return database;
  const { directory } = context.io;
  const url = embeddedUrl(join(directory, '.upwrite'));
  if (url === null) throw new Error('no database is configured, and no embedded one was ever started in this folder');
  return parseDatabaseUrl(url, directory);
}

/** The end of the demo's tour: the state of the sync in SQL, and a pause with its reason. */
import pg from 'pg';
import { internalPool, pauseTable, resumeTable } from '../store/index.js';
import type { Running } from './serve.js';
import { answerOf } from './tour.js';

export interface PauseTourOptions {
  /** As a client of Upwrite. */
  readonly url: string;
  /** As Upwrite itself, for what `upwrite pause` does. */
  readonly upwriteUrl: string;
  readonly running: Pick<Running, 'catalog' | 'sync'>;
  readonly out: (line: string) => void;
}

/** Milliseconds that the table has to be live again. */
const patience = 10_000;

/** Pauses a table, shows what a client sees of it, and lets it go on. */
export async function showPause({ url, upwriteUrl, running, out }: PauseTourOptions): Promise<void> {
  const table = running.catalog.all()[0];
  if (table === undefined) return;
  const name = `${table.schema}.${table.name}`;
  const sql = `select state, reason, pages, rows, max_age::text, last_synced_at is not null as synced from upwrite.tables
where schema_name = '${table.schema}' and table_name = '${table.name}'`;
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  const pool = internalPool({ connectionString: upwriteUrl, max: 1 }, () => undefined);
  await client.connect();
  const show = async (title: string): Promise<void> => {
    out(`-- ${title}`);
    for (const line of sql.split('\n')) out(line);
    out(await answerOf(client, sql));
    out('');
  };
  try {
    await pauseTable(pool, { schema: table.schema, table: table.name }, 'paused by an operator');
    await show(`The sync of ${name} after "upwrite pause ${name}"`);
    await resumeTable(pool, { schema: table.schema, table: table.name });
    await running.sync.wake(table.oid);
    await untilLive(client, table.oid);
    await show(`and after "upwrite resume ${name}"`);
  } finally {
    await Promise.all([client.end(), pool.end()]).catch(() => undefined);
  }
}

async function untilLive(client: pg.Client, oid: number): Promise<void> {
  const end = Date.now() + patience;
  while (Date.now() < end) {
    const live = await client.query("SELECT FROM upwrite.tables WHERE table_oid = $1 AND state = 'live'", [oid]);
    if (live.rowCount === 1) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The demo's tour: statements typed into Upwrite, what came back, and the API requests that each one made. */
import pg from 'pg';
import type { Sandboxes } from '../../fixtures/index.js';

export interface TourOptions {
  readonly url: string;
  readonly sandboxes: Sandboxes;
  readonly out: (line: string) => void;
}

/** Runs each statement of each sandbox's tour and shows it. A statement may fail: that is part of the tour. */
export async function takeTour({ url, sandboxes, out }: TourOptions): Promise<void> {
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  try {
    for (const sandbox of sandboxes.all) {
      for (const { title, sql } of sandbox.tour) {
        out(`-- ${title}`);
        for (const line of sql.split('\n')) out(line);
        const seen = sandbox.lastRequest();
        out(await answerOf(client, sql));
        const requests = sandbox.requestsSince(seen).filter((request) => request.method !== 'GET' || request.own);
        for (const request of requests) out(`   → ${request.method} ${request.path}  ${request.status}`);
        if (requests.length === 0) out('   → no API request');
        out('');
      }
    }
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** What psql would show of a statement. */
export async function answerOf(client: pg.Client, sql: string): Promise<string> {
  try {
    const result = await client.query<Record<string, unknown>>(sql);
    const tag = result.command === 'INSERT' ? `INSERT 0 ${result.rowCount}` : `${result.command} ${result.rowCount}`;
    return result.fields.length === 0 ? tag : table(result);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const lines = [`ERROR:  ${error.message}`, `SQLSTATE: ${error.code}`];
    if (error.detail !== undefined) lines.push(`DETAIL:  ${error.detail}`);
    if (error.hint !== undefined) lines.push(`HINT:  ${error.hint}`);
    return lines.join('\n');
  }
}

/** Rows as psql shows them. */
function table(result: pg.QueryResult<Record<string, unknown>>): string {
  const names = result.fields.map((field) => field.name);
  const rows = result.rows.map((row) => names.map((name) => cell(row[name])));
  const widths = names.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (values: readonly string[]): string => values.map((v, i) => ` ${v.padEnd(widths[i] ?? 0)} `).join('|');
  const count = `(${rows.length} row${rows.length === 1 ? '' : 's'})`;
  return [line(names), widths.map((width) => '-'.repeat(width + 2)).join('+'), ...rows.map(line), count].join('\n');
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

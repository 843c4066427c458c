/** Connections for tests: Upwrite's own pool on a throwaway server, and clients of any role, all closed at the end. */
import pg from 'pg';
import { afterAll } from 'vitest';
import { internalPool } from '../../src/store/index.js';

const pools = new Set<pg.Pool>();
const clients = new Set<pg.Client>();

/** Upwrite's own pool. What goes wrong on idle connections is dropped: tests stop servers. */
export function ownPool(url: string, max = 10): pg.Pool {
  const pool = internalPool({ connectionString: url, max }, () => {});
  pools.add(pool);
  return pool;
}

/** A connected client, as any client of the database would be. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on('error', () => {});
  await client.connect();
  clients.add(client);
  return client;
}

/** Waits until `condition` answers something other than undefined, and answers that. Fails after `deadlineMs`. */
export async function eventually<T>(condition: () => Promise<T | undefined>, deadlineMs = 60_000): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const result = await condition();
    if (result !== undefined) return result;
    if (Date.now() > end) throw new Error('the condition did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

afterAll(async () => {
  await Promise.all([...clients].map((client) => client.end().catch(() => {})));
  await Promise.all([...pools].map((pool) => pool.end().catch(() => {})));
});

/** How Upwrite's own connections reach the database, TLS as sslmode says. */
import pg from 'pg';
import { clientConfig, mayGoWithoutTls } from '../cli/index.js';
import type { DatabaseTarget } from '../config/index.js';

/**
 * Options for node-postgres that work now. With `prefer` and `allow` one connection is tried first: TLS where the server
 * has it, plain where not. Rejects with the reason when the database cannot be reached.
 */
export async function ownConnections(database: DatabaseTarget): Promise<pg.ClientConfig> {
  const preferred = clientConfig(database);
  if (!mayGoWithoutTls(database) || preferred.ssl === undefined) return preferred;
  const client = new pg.Client(preferred);
  try {
    await client.connect();
    return preferred;
  } catch {
    return clientConfig(database, true);
  } finally {
    await client.end().catch(() => undefined);
  }
}

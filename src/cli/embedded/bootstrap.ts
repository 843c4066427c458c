/** What a new embedded cluster is given: Upwrite's role, a role for clients, and the database that they share. */
import pg from 'pg';

export interface Passwords {
  /** Of the superuser `postgres`. */
  readonly postgres: string;
  /** Of Upwrite's own role `upwrite`. */
  readonly upwrite: string;
  /** Of the clients' role `app`. */
  readonly app: string;
}

export interface ServerAddress {
  /** A host name, or the directory of the server's Unix socket. */
  readonly host: string;
  readonly port: number;
}

/** The names in every embedded cluster. */
export const names = { superuser: 'postgres', upwrite: 'upwrite', client: 'app', database: 'upwrite' } as const;

async function withClient<T>(
  address: ServerAddress,
  password: string,
  database: string,
  use: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ ...address, user: names.superuser, password, database });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/**
 * Creates what is missing, as the superuser; running it again changes nothing. Role `upwrite` owns the database and is
 * no superuser. Role `app` may use every table that Upwrite creates, except in Upwrite's own schema `upwrite`, and may
 * create schemas and tables of its own.
 */
export async function bootstrap(address: ServerAddress, passwords: Passwords): Promise<void> {
  await withClient(address, passwords.postgres, 'postgres', async (client) => {
    for (const role of [names.upwrite, names.client] as const) {
      const found = await client.query('SELECT FROM pg_catalog.pg_roles WHERE rolname = $1', [role]);
      const verb = found.rowCount === 0 ? 'CREATE' : 'ALTER';
      await client.query(`${verb} ROLE ${role} LOGIN PASSWORD ${client.escapeLiteral(passwords[role])}`);
    }
    const found = await client.query('SELECT FROM pg_catalog.pg_database WHERE datname = $1', [names.database]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${names.database} OWNER ${names.upwrite}`);
  });
  await withClient(address, passwords.postgres, names.database, async (client) => {
    await client.query(`CREATE SCHEMA IF NOT EXISTS upwrite AUTHORIZATION ${names.upwrite}`);
    await client.query(`ALTER DEFAULT PRIVILEGES FOR ROLE ${names.upwrite} GRANT USAGE ON SCHEMAS TO ${names.client}`);
    await client.query(
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${names.upwrite} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${names.client}`,
    );
    await client.query(`GRANT CREATE ON DATABASE ${names.database} TO ${names.client}`);
    await client.query(`GRANT CREATE, USAGE ON SCHEMA public TO ${names.client}`);
  });
}

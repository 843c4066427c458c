/** The synced tables in memory, read from the database and kept fresh by its notifications. */
import pg from 'pg';
import type { TableRegistry } from './port.js';
import { parseLimits, parseResource } from './snapshot.js';
import type { Catalog, SyncedTable } from './synced-table.js';

/** Notified with an empty payload, inside the transaction that changes a synced table's definition. */
export const catalogChannel = 'upwrite_catalog';

/** A catalog whose tables can be replaced as a whole. */
export interface LiveCatalog extends Catalog {
  /** Takes the tables in place of the old ones; the version grows, unless they are the same. */
  replace(tables: readonly SyncedTable[]): void;
  /** Calls the listener after every change; the answer ends that. */
  onChange(listener: () => void): () => void;
}

/** The tables at one moment, by each of the ways to look them up. */
interface Index {
  readonly tables: readonly SyncedTable[];
  readonly byOid: ReadonlyMap<number, SyncedTable>;
  readonly byName: ReadonlyMap<string, readonly SyncedTable[]>;
  readonly print: string;
}

const none: readonly SyncedTable[] = [];

function index(tables: readonly SyncedTable[]): Index {
  const byName = new Map<string, SyncedTable[]>();
  for (const table of tables) {
    const same = byName.get(table.name);
    if (same === undefined) byName.set(table.name, [table]);
    else same.push(table);
  }
  return {
    tables,
    byOid: new Map(tables.map((table) => [table.oid, table])),
    byName,
    print: JSON.stringify(tables),
  };
}

/** A catalog in memory. */
export function createCatalog(initial: readonly SyncedTable[] = none): LiveCatalog {
  let current = index(initial);
  let version = 1;
  const listeners = new Set<() => void>();
  return {
    get version(): number {
      return version;
    },
    find: (schema, name) => current.byName.get(name)?.find((table) => table.schema === schema),
    named: (name) => current.byName.get(name) ?? none,
    byOid: (oid) => current.byOid.get(oid),
    all: () => current.tables,
    replace(tables): void {
      const next = index(tables);
      if (next.print === current.print) return;
      current = next;
      version += 1;
      for (const listener of listeners) listener();
    },
    onChange(listener): () => void {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

/**
 * Reads the synced tables from the database: those registered that are still there, under the names that they have now.
 * A description that this version of Upwrite cannot read is an Error.
 */
export async function readTables(db: Pick<pg.Pool, 'query'>, registry: TableRegistry): Promise<readonly SyncedTable[]> {
  const registered = await registry.list(db);
  const present = await db.query<{ oid: number; schema: string; name: string; columns: readonly string[] }>(
    `SELECT c.oid, n.nspname AS schema, c.relname AS name, (
       SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = ANY ($1::oid[]) AND c.relkind = 'r'`,
    [registered.map((table) => table.tableOid)],
  );
  const names = new Map(present.rows.map((row) => [row.oid, row]));
  return registered.flatMap((table): SyncedTable[] => {
    const now = names.get(table.tableOid);
    if (now === undefined) return [];
    return [
      {
        oid: table.tableOid,
        schema: now.schema,
        name: now.name,
        connection: table.connection,
        provider: table.provider,
        columnNames: now.columns,
        attached: table.attached,
        definition: table.definition,
        resource: parseResource(table.resource, `${now.schema}.${now.name}`),
        limits: parseLimits(table.limits, `${now.schema}.${now.name}`),
      },
    ];
  });
}

export interface WatchOptions {
  /** How the database is reached; one connection is kept for listening. */
  readonly connection: pg.ClientConfig;
  /** For reading the tables. */
  readonly pool: Pick<pg.Pool, 'query'>;
  readonly registry: TableRegistry;
  readonly catalog: LiveCatalog;
  /** The connection was lost or the tables could not be read; it is tried again by itself. */
  readonly onError: (error: unknown) => void;
  /** Milliseconds between tries. Default 1,000. */
  readonly retryMs?: number;
}

export interface CatalogWatch {
  /** Resolves once listening has begun and the tables have been read for the first time. */
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}

/** Keeps a catalog as the database has it, whichever process changes it, across losses of the connection. */
export function watchCatalog(options: WatchOptions): CatalogWatch {
  let client: pg.Client | null = null;
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;
  let reading: Promise<void> = Promise.resolve();
  /** The try to connect that is under way, one at a time: a second one would leave a connection that nobody ends. */
  let connecting: Promise<void> | null = null;
  let markReady: () => void = () => {};
  const ready = new Promise<void>((resolve) => {
    markReady = resolve;
  });

  const read = (): Promise<void> => {
    reading = reading.then(async () => {
      if (stopped) return;
      try {
        options.catalog.replace(await readTables(options.pool, options.registry));
        markReady();
      } catch (error) {
        options.onError(error);
        later();
      }
    });
    return reading;
  };

  const later = (): void => {
    if (stopped || timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      if (client !== null) void read();
      else connect();
    }, options.retryMs ?? 1000);
  };

  const connect = (): void => {
    connecting ??= open().finally(() => {
      connecting = null;
      if (client === null) later();
    });
  };

  /** Leaves a client that listens, or none. */
  const open = async (): Promise<void> => {
    const next = new pg.Client(options.connection);
    const lost = (error?: Error): void => {
      if (error !== undefined) options.onError(error);
      if (client !== next) return;
      client = null;
      later();
    };
    next.on('error', lost);
    next.on('end', () => lost());
    next.on('notification', () => void read());
    try {
      await next.connect();
      client = next;
      await next.query(`LISTEN ${catalogChannel}`);
    } catch (error) {
      client = null;
      options.onError(error);
      await next.end().catch(() => {});
      return;
    }
    await read();
  };

  connect();
  return {
    ready,
    async stop(): Promise<void> {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
      await connecting;
      await reading;
      await client?.end().catch(() => {});
    },
  };
}

/**
 * The boards on which processes share the limits of APIs: a row each, which only whoever saw its latest state may change.
 * Nobody holds a lock while it thinks: of two who change a row at once, one starts again from what the other left.
 */
import pg from 'pg';
import type { Lease } from './lease.js';

/** Carries the name of a board that others have to look at. */
const channel = 'upwrite_budgets';
/** Between tries to listen again, in milliseconds. */
const listenAgain = 1000;
/** So many others may change a row in between; it takes a row's own owner to be that unlucky. */
const mostTries = 50;

interface Seen {
  readonly state: unknown;
  readonly version: string | null;
  readonly now: number;
  readonly alive: readonly string[];
}

export interface BoardChange<T> {
  readonly state: object;
  readonly tell: boolean;
  readonly result: T;
}

export interface BoardOptions {
  readonly pool: pg.Pool;
  /** Options of the connection that listens. */
  readonly connection: pg.ClientConfig;
  readonly lease: Lease;
  /** Another process has changed a board, and this one should look at it. */
  readonly onTold: (name: string) => void;
  /** From now on no change is missed; those before may have been. */
  readonly onListening: () => void;
  readonly onError: (error: unknown) => void;
}

export interface Boards {
  readonly holder: string;
  isAlive(): boolean;
  /** See the provider room's `BudgetBoards`. Throws what the database throws. */
  change<T>(
    name: string,
    step: (state: unknown, now: number, alive: ReadonlySet<string>) => BoardChange<T>,
  ): Promise<T>;
  stop(): Promise<void>;
}

/** Opens the boards and listens to what others change. */
export function openBoards(options: BoardOptions): Boards {
  const { pool, lease } = options;
  const ears = listen(options);
  return {
    holder: lease.id,
    isAlive: () => lease.isHeld(),
    async change(name, step) {
      for (let tries = 1; ; tries += 1) {
        const seen = await look(pool, name);
        const done = step(seen.state, seen.now, new Set(seen.alive));
        if (await put(pool, name, seen.version, done, lease.id)) return done.result;
        if (tries === mostTries) throw new Error(`the budget ${name} changes too fast`);
      }
    },
    stop: () => ears.stop(),
  };
}

async function look(pool: pg.Pool, name: string): Promise<Seen> {
  const found = await pool.query<Seen>(
    `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now, b.state, b.xmin::text AS version,
            ARRAY(SELECT id::text FROM upwrite.processes WHERE lease_until > clock_timestamp()) AS alive
     FROM (SELECT) AS one LEFT JOIN upwrite.budgets b ON b.name = $1`,
    [name],
  );
  const [seen] = found.rows;
  if (seen === undefined) throw new Error('no answer');
  return seen;
}

/** Stores a state unless another process has stored one since; whether it did. */
async function put<T>(
  pool: pg.Pool,
  name: string,
  version: string | null,
  { state, tell }: BoardChange<T>,
  holder: string,
): Promise<boolean> {
  const change =
    version === null
      ? 'INSERT INTO upwrite.budgets (name, state) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1'
      : 'UPDATE upwrite.budgets SET state = $2 WHERE name = $1 AND xmin::text = $3 RETURNING 1';
  const notice = tell ? `, pg_notify('${channel}', $${version === null ? 3 : 4})` : '';
  const done = await pool.query(`WITH done AS (${change}) SELECT 1${notice} FROM done`, [
    name,
    JSON.stringify(state),
    ...(version === null ? [] : [version]),
    ...(tell ? [`${holder} ${name}`] : []),
  ]);
  return done.rowCount === 1;
}

/** One connection that listens, opened again whenever it is lost. */
function listen({ connection, lease, onTold, onListening, onError }: BoardOptions): { stop(): Promise<void> } {
  let stopped = false;
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  const connect = async (): Promise<void> => {
    const next = new pg.Client(connection);
    client = next;
    let lost = false;
    const again = (error: unknown): void => {
      if (lost || stopped) return;
      lost = true;
      onError(error);
      next.end().catch(() => undefined);
      timer = setTimeout(() => void connect(), listenAgain);
      timer.unref();
    };
    next.on('error', again);
    next.on('end', () => again(new Error('the connection that listens was closed')));
    next.on('notification', ({ payload = '' }) => {
      const [holder, name] = [payload.slice(0, lease.id.length), payload.slice(lease.id.length + 1)];
      if (holder !== lease.id) onTold(name);
    });
    try {
      await next.connect();
      await next.query(`LISTEN ${channel}`);
      onListening();
    } catch (error) {
      again(error);
    }
  };
  const first = connect();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await first;
      await client?.end().catch(() => undefined);
    },
  };
}

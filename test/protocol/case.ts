/** A protocol case: one script that runs directly and through the proxy, and must read the same both times. */
import type pg from 'pg';
import { waitFor } from '../support/wait.js';
import type { Allowed } from './differences.js';
import { type Address, RawConnection } from './raw/connection.js';
import * as fe from './raw/frontend.js';
import { applicationName, type Login, logIn } from './raw/login.js';
import type { Mask } from './raw/transcript.js';

/** What a script has in its hands. */
export interface World {
  /** Another connection to the address under test; its transcript is compared under `name`. */
  open(name?: string): Promise<RawConnection>;
  /** The same, logged in. */
  login(login?: Login, name?: string): Promise<RawConnection>;
  /** A superuser's session straight to the database, for looking on and for taking locks. */
  readonly control: pg.Client;
  /** Resolves when `count` sessions of the case wait for a lock. */
  blocked(count?: number): Promise<void>;
  /** PEM of the server's certificate. */
  readonly ca: string;
}

export interface Case {
  readonly name: string;
  run(world: World): Promise<void>;
  /** Rewrites what cannot be the same twice. */
  readonly mask?: Mask;
  /** Runs of equal lines count as one: their number is a matter of chunks or time. */
  readonly collapse?: boolean;
  /** An allowed difference. */
  readonly differs?: Allowed;
  /** The major version of PostgreSQL that brought what the case is about. */
  readonly since?: number;
}

/** Bytes to send, then what to read: a message type each, `!` for a single byte, `$` for the end. */
export type Turn = readonly [Buffer | readonly Buffer[], string];

/** Plays turns on a connection. Buffers of one turn go out in one write. */
export async function play(connection: RawConnection, turns: readonly Turn[]): Promise<void> {
  for (const [data, reads] of turns) {
    await connection.send(Buffer.isBuffer(data) ? data : Buffer.concat(data));
    for (const type of reads) {
      if (type === '!') await connection.byte();
      else if (type === '$') await connection.untilClosed();
      else await connection.until(type);
    }
  }
}

export interface CaseOptions extends Pick<Case, 'mask' | 'collapse' | 'differs' | 'since'> {
  readonly login?: Login;
}

/** A case that logs in and plays turns. */
export function session(name: string, turns: readonly Turn[], options: CaseOptions = {}): Case {
  const { login, ...rest } = options;
  return { name, ...rest, run: async (world) => play(await world.login(login), turns) };
}

/** A case that plays turns from the first byte of the connection. */
export function raw(name: string, turns: readonly Turn[], options: Omit<CaseOptions, 'login'> = {}): Case {
  return { name, ...options, run: async (world) => play(await world.open(), turns) };
}

/** Runs a case against an address; gives the transcript of all its connections. */
export async function transcribe(
  subject: Case,
  address: Address,
  context: Pick<World, 'control' | 'ca'>,
): Promise<string[]> {
  const connections: { name: string; connection: RawConnection }[] = [];
  const open = async (name = 'A'): Promise<RawConnection> => {
    const connection = await RawConnection.open(address);
    if (subject.mask !== undefined) connection.mask = subject.mask;
    connections.push({ name, connection });
    return connection;
  };
  const login = async (how: Login = {}, name?: string): Promise<RawConnection> => {
    const connection = await open(name);
    await logIn(connection, how);
    return connection;
  };
  try {
    await subject.run({ ...context, open, login, blocked: (count = 1) => blocked(context.control, count) });
    for (const { connection } of connections) await sayGoodbye(connection);
  } finally {
    for (const { connection } of connections) connection.vanish('FIN');
    await allGone(context.control);
  }
  const lines = connections.flatMap(({ name, connection }) => connection.transcript.map((line) => `${name}: ${line}`));
  return subject.collapse === true ? lines.filter((line, at) => line !== lines[at - 1]) : lines;
}

/** Terminate (after a login) and whatever still comes, so that a message too many is seen. */
async function sayGoodbye(connection: RawConnection): Promise<void> {
  if (connection.closed) return;
  if (connection.pid !== 0) await connection.send(fe.terminate);
  connection.finish();
  await connection.untilClosed();
}

async function blocked(control: pg.Client, count: number): Promise<void> {
  await waitFor(`${count} sessions to wait for a lock`, async () => {
    const found = await control.query(
      `select from pg_stat_activity where application_name like '${applicationName}%' and wait_event_type = 'Lock'`,
    );
    return found.rowCount === count;
  });
}

/** Waits until the database has no session of the battery left; ends what is left after all, so that no case meets it. */
async function allGone(control: pg.Client): Promise<void> {
  const ours = `from pg_stat_activity where application_name like '${applicationName}%'`;
  try {
    await waitFor(
      'every session of the case to end',
      async () => (await control.query(`select ${ours}`)).rowCount === 0,
    );
  } catch (error) {
    await control.query(`select pg_terminate_backend(pid, 5000) ${ours}`);
    throw error;
  }
}

/** A differential case: one conversation that a plain table and a synced one must answer alike. */
import type { Turn } from '../protocol/case.js';
import { play } from '../protocol/case.js';
import { type Address, RawConnection } from '../protocol/raw/connection.js';
import * as fe from '../protocol/raw/frontend.js';
import { logIn } from '../protocol/raw/login.js';
import type { Message } from '../protocol/raw/transcript.js';
import type { DifferenceName } from './differences.js';

/** One of the two databases. */
export interface Side {
  readonly address: Address;
  readonly database: string;
  /** Every row of the tables of the suite, as text, in a fixed order. */
  contents(): Promise<readonly string[]>;
}

export interface CaseOptions {
  /** Role that logs in; `app` unless given. */
  readonly user?: string;
  /** Parameters of the start-up packet. */
  readonly params?: readonly (readonly [string, string])[];
  /** Queries before the conversation, whose answers are not compared. */
  readonly before?: readonly string[];
  /** Queries after it, whose answers are compared: what can be read then. */
  readonly after?: readonly string[];
  /** Batches that reach the API: 1 unless given. */
  readonly sends?: number;
  /** An allowed difference. */
  readonly differs?: DifferenceName;
  /** The major version of PostgreSQL that brought what the case is about. */
  readonly since?: number;
}

export interface Case extends CaseOptions {
  readonly name: string;
  readonly turns: readonly Turn[];
}

/** The ways in which one statement without parameters may be sent. */
const modes = {
  simple: (sql: string): Turn[] => [[fe.query(sql), 'Z']],
  extended: (sql: string): Turn[] => [[[fe.extended(sql), fe.sync], 'Z']],
  'extended, binary': (sql: string): Turn[] => [
    [[fe.parse(sql), fe.describe('S'), fe.bind({ resultFormats: [1] }), fe.describe('P'), fe.execute(), fe.sync], 'Z'],
  ],
} as const;

export type Mode = keyof typeof modes;

const everyMode: readonly Mode[] = ['simple', 'extended', 'extended, binary'];

export interface StatementOptions extends CaseOptions {
  readonly modes?: readonly Mode[];
}

/** One statement as a case for each way of sending it. */
export function statement(name: string, sql: string, options: StatementOptions = {}): Case[] {
  const { modes: chosen = everyMode, ...rest } = options;
  return chosen.map((mode) => ({ name: `${name} (${mode})`, turns: modes[mode](sql), ...rest }));
}

/** A conversation as it is. */
export function conversation(name: string, turns: readonly Turn[], options: CaseOptions = {}): Case {
  return { name, turns, ...options };
}

/** Simple queries, one after the other. */
export function queries(name: string, texts: readonly string[], options: CaseOptions = {}): Case {
  return conversation(
    name,
    texts.map((text): Turn => [fe.query(text), 'Z']),
    options,
  );
}

/** Plays a case on one side; what was read from the conversation on. */
export async function transcribe(subject: Case, side: Side): Promise<readonly string[]> {
  const connection = await RawConnection.open(side.address);
  try {
    const user = subject.user ?? 'app';
    const login = { user, password: user, database: side.database, params: subject.params ?? [] };
    if (!(await logIn(connection, login))) throw new Error(`no login: ${connection.transcript.at(-1)}`);
    for (const text of subject.before ?? []) await prepare(connection, text);
    connection.mask = withoutClock;
    const start = connection.transcript.length;
    await play(connection, subject.turns);
    for (const text of subject.after ?? []) await play(connection, [[fe.query(text), 'Z']]);
    await connection.send(fe.terminate);
    await connection.untilClosed();
    return connection.transcript.slice(start);
  } finally {
    connection.vanish('FIN');
  }
}

async function prepare(connection: RawConnection, text: string): Promise<void> {
  const start = connection.transcript.length;
  await play(connection, [[fe.query(text), 'Z']]);
  const failed = connection.transcript.slice(start).find((line) => line.startsWith('E '));
  if (failed !== undefined) throw new Error(`${text}: ${failed}`);
}

/** Values of DataRow that are a moment of the last hours are all the same moment: the two sides run one after the other. */
function withoutClock(message: Message): Message {
  if (message.type !== 'D') return message;
  const pieces: Buffer[] = [message.body.subarray(0, 2)];
  let at = 2;
  for (let count = message.body.readUInt16BE(0); count > 0; count--) {
    const length = message.body.readInt32BE(at);
    const value = message.body.subarray(at + 4, at + 4 + Math.max(0, length));
    const masked = isNow(value.toString('latin1')) ? Buffer.from('now') : value;
    pieces.push(fe.int32(length < 0 ? -1 : masked.length), masked);
    at += 4 + value.length;
  }
  return { type: 'D', body: Buffer.concat(pieces) };
}

const hours = 3_600_000;

function isNow(value: string): boolean {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)\+00$/.exec(value);
  return match !== null && Math.abs(Date.now() - Date.parse(`${match[1]}T${match[2]}Z`)) < 2 * hours;
}

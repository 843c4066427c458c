/** How drivers put one statement on the wire, and values in binary (manual, "Extended Query"; the types' send functions). */
import type { Turn } from '../protocol/case.js';
import * as fe from '../protocol/raw/frontend.js';
import { type Case, type CaseOptions, conversation } from './case.js';

/** A parameter in binary with its type, or text without one. */
export interface Binary {
  readonly oid: number;
  readonly bytes: Buffer;
}

export type Value = string | null | Binary;

export type Driver = (sql: string, values: readonly Value[]) => readonly Turn[];

const isBinary = (value: Value): value is Binary => value !== null && typeof value !== 'string';

function bound(values: readonly Value[], statement: string, resultFormats: readonly number[]): Buffer {
  return fe.bind({
    statement,
    values: values.map((value) => (isBinary(value) ? value.bytes : value)),
    formats: values.some(isBinary) ? values.map((value) => (isBinary(value) ? 1 : 0)) : [],
    resultFormats,
  });
}

const typesOf = (values: readonly Value[]): number[] => values.map((value) => (isBinary(value) ? value.oid : 0));

/** node-postgres: a simple query without parameters, else Parse … Sync in one write. Prisma 7, Drizzle, Kysely, … */
export const nodePostgres: Driver = (sql, values) =>
  values.length === 0
    ? [[fe.query(sql), 'Z']]
    : [[[fe.parse(sql), bound(values, '', []), fe.describe('P'), fe.execute(), fe.sync], 'Z']];

/** tokio-postgres (Prisma's own engine): prepared by name and described, then run with everything in binary. */
export const tokioPostgres: Driver = (sql, values) => [
  [[fe.parse(sql, 's0'), fe.describe('S', 's0'), fe.sync], 'Z'],
  [[bound(values, 's0', [1]), fe.execute(), fe.sync], 'Z'],
];

/** libpq's PQexecParams with declared types: psycopg 3. */
export const psycopg: Driver = (sql, values) => [
  [[fe.parse(sql, '', typesOf(values)), bound(values, '', [0]), fe.describe('P'), fe.execute(), fe.sync], 'Z'],
];

/** The client puts values into the text: psycopg 2, Django without server-side binding. */
export const textOnly: Driver = (sql) => [[fe.query(sql), 'Z']];

/** asyncpg: Parse and Describe with Flush, then Bind and Execute with Sync. */
export const asyncpg: Driver = (sql, values) => [
  [[fe.parse(sql, '__asyncpg_stmt_1__'), fe.describe('S', '__asyncpg_stmt_1__'), fe.flush], described(sql)],
  [[bound(values, '__asyncpg_stmt_1__', [1]), fe.execute(), fe.sync], 'Z'],
];

const described = (sql: string): string => (/\breturning\b/i.test(sql) ? 'T' : 'n');

/** ruby-pg under ActiveRecord: prepared by name once, then run by it. */
export const rubyPg: Driver = (sql, values) => [
  [[fe.parse(sql, 'a1'), fe.sync], 'Z'],
  [[bound(values, 'a1', [0]), fe.describe('P'), fe.execute(), fe.sync], 'Z'],
];

/** pgjdbc without autocommit: BEGIN goes in front of the first statement, in the same pipeline. */
export const jdbc: Driver = (sql, values) => [
  [
    [
      fe.parse('BEGIN'),
      fe.bind(),
      fe.execute(0),
      fe.parse(sql, '', typesOf(values)),
      bound(values, '', []),
      fe.describe('P'),
      fe.execute(),
      fe.sync,
    ],
    'Z',
  ],
  [[fe.parse('COMMIT', 'S_1'), fe.bind({ statement: 'S_1' }), fe.execute(1), fe.sync], 'Z'],
];

/** pgx: a named statement prepared and described, then Bind, Describe and Execute. */
export const pgx: Driver = (sql, values) => [
  [[fe.parse(sql, 'stmtcache_1'), fe.describe('S', 'stmtcache_1'), fe.sync], 'Z'],
  [[bound(values, 'stmtcache_1', [1]), fe.describe('P'), fe.execute(), fe.sync], 'Z'],
];

export interface Generated extends CaseOptions {
  readonly sql: string;
  readonly values?: readonly Value[];
}

/** Statements of one tool, by name, as its driver sends them. */
export function generated(
  driver: Driver,
  shared: CaseOptions,
  statements: Readonly<Record<string, string | Generated>>,
): Case[] {
  return Object.entries(statements).map(([name, given]) => {
    const { sql, values = [], ...options } = typeof given === 'string' ? { sql: given } : given;
    return conversation(name, driver(sql, values), { ...shared, ...options });
  });
}

export const int4 = (value: number): Binary => ({ oid: 23, bytes: fe.int32(value) });

export function int8(value: bigint): Binary {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return { oid: 20, bytes };
}

export function float8(value: number): Binary {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return { oid: 701, bytes };
}

export const bool = (value: boolean): Binary => ({ oid: 16, bytes: Buffer.from([value ? 1 : 0]) });
export const text = (value: string): Binary => ({ oid: 25, bytes: Buffer.from(value) });
export const varchar = (value: string): Binary => ({ oid: 1043, bytes: Buffer.from(value) });
export const bytea = (value: Buffer): Binary => ({ oid: 17, bytes: value });

/** A version byte of 1 and the text. */
export const jsonb = (value: string): Binary => ({ oid: 3802, bytes: Buffer.from(`\x01${value}`) });

const epoch = Date.UTC(2000, 0, 1);

/** Microseconds since 2000-01-01. */
export const timestamptz = (iso: string): Binary => ({
  oid: 1184,
  bytes: int8(BigInt(Date.parse(iso) - epoch) * 1000n).bytes,
});

/** Days since 2000-01-01. */
export const date = (iso: string): Binary => ({
  oid: 1082,
  bytes: fe.int32((Date.parse(iso) - epoch) / 86_400_000),
});

function array(oid: number, element: number, items: readonly (Buffer | null)[]): Binary {
  const head = [1, items.includes(null) ? 1 : 0, element, items.length, 1].map(fe.int32);
  const body = items.flatMap((item) => (item === null ? [fe.int32(-1)] : [fe.int32(item.length), item]));
  return { oid, bytes: Buffer.concat([...head, ...body]) };
}

export const textArray = (items: readonly (string | null)[]): Binary =>
  array(
    1009,
    25,
    items.map((item) => (item === null ? null : Buffer.from(item))),
  );

export const int4Array = (items: readonly number[]): Binary => array(1007, 23, items.map(fe.int32));

/** Base 10,000: 12.5 is [12, 5000] with weight 0 and one decimal. */
export const numeric = (digits: readonly number[], weight: number, scale: number, negative = false): Binary => ({
  oid: 1700,
  bytes: Buffer.concat([digits.length, weight, negative ? 0x4000 : 0, scale, ...digits].map(fe.int16)),
});

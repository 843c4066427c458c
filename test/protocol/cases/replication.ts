import { roles } from '../../support/cluster.js';
import { type Case, play, session, type Turn } from '../case.js';
import type { RawConnection } from '../raw/connection.js';
import * as fe from '../raw/frontend.js';
import type { Login } from '../raw/login.js';
import type { Mask, Message } from '../raw/transcript.js';

const logical: Login = { params: [['replication', 'database']] };
const physical: Login = { params: [['replication', 'true']] };

/** The database whose changes are decoded; made by the cluster. */
const decoded = 'battery_decoded';

/** Log positions, snapshots and system identifiers as they are printed. */
const position = /[0-9A-F]+\/[0-9A-F]{2,}|[0-9A-F]{8}-[0-9A-F]{8}-\d+|\d{19}/g;

const withoutPositions = (body: Buffer): Buffer =>
  Buffer.from(body.toString('latin1').replace(position, '…'), 'latin1');

/**
 * Replaces what differs from one moment to the next: positions, times, transaction numbers. Keepalives come when they
 * will and are left out; WAL data keeps its payload's kind, and all of it where it is text.
 */
const mask: Mask = (message: Message) => {
  const { type, body } = message;
  if (type === 'D' || type === 'E') return { type, body: positionsInRow(body) };
  if (type !== 'd') return message;
  if (body[0] === 0x6b) return null;
  if (body[0] !== 0x77) return { type, body: Buffer.from('data') };
  const payload = body.subarray(25).toString('latin1');
  return { type, body: Buffer.from(`w … ${payload.startsWith('table') ? payload : payload.slice(0, 1)}`) };
};

/** A DataRow's lengths vary with the positions in it, so that they go too. */
function positionsInRow(body: Buffer): Buffer {
  const printed = withoutPositions(body);
  return printed.equals(body) ? body : Buffer.from(printed.toString('latin1').replace(/\0\0\0./gs, '|'), 'latin1');
}

const replicating = (name: string, login: Login, ...turns: Turn[]): Case =>
  session(name, turns, { login, mask, collapse: true });

const command = (text: string, reads = 'Z'): Turn => [fe.query(text), reads];

/** StandbyStatusUpdate: everything up to `lsn` written, flushed and applied. */
const status = (lsn: bigint, reply: number): Buffer => {
  const body = Buffer.alloc(34);
  body.write('r');
  for (const at of [1, 9, 17]) body.writeBigInt64BE(lsn, at);
  body.writeUInt8(reply, 33);
  return fe.copyData(body);
};

/** Reads CopyData until one that `wanted` accepts. */
async function untilData(connection: RawConnection, wanted: (payload: string) => boolean): Promise<bigint> {
  for (;;) {
    const message = await connection.until('d');
    if (message === null) throw new Error('the replication stream ended');
    if (message.body[0] === 0x77 && wanted(message.body.subarray(25).toString('latin1'))) {
      return message.body.readBigInt64BE(1);
    }
  }
}

/**
 * A slot, a stream, two transactions of another session in it, status updates, and its orderly end. In a database of
 * its own: a slot sees everything that is committed in its database, and Upwrite renews its lease in the battery's.
 */
const stream = (name: string, create: string, start: string, last: (payload: string) => boolean): Case => ({
  name,
  mask,
  run: async (world) => {
    const writer = await world.login({ database: decoded }, 'W');
    await play(writer, [
      command('drop table if exists battery_stream; create table battery_stream (a int primary key, b text)'),
      command('drop publication if exists battery; create publication battery for table battery_stream'),
    ]);
    const connection = await world.login({ ...logical, database: decoded });
    await play(connection, [command(create), command(start, 'W')]);
    await play(writer, [command("insert into battery_stream values (1, 'one'), (2, 'zwei')")]);
    const seen = await untilData(connection, last);
    await connection.send(status(seen, 0));
    await play(writer, [
      command("begin; update battery_stream set b = 'x' where a = 1; delete from battery_stream; commit"),
    ]);
    await untilData(connection, last);
    await connection.send(status(seen, 1));
    await play(connection, [[fe.copyDone, 'cZ'], command('IDENTIFY_SYSTEM')]);
    await play(writer, [command('drop publication battery; drop table battery_stream')]);
  },
});

export const replication: readonly Case[] = [
  replicating('IDENTIFY_SYSTEM, logical', logical, command('IDENTIFY_SYSTEM')),
  replicating('IDENTIFY_SYSTEM, physical', physical, command('IDENTIFY_SYSTEM')),
  replicating('SHOW', physical, command('SHOW wal_level')),
  replicating('by a role with a password', { ...roles.scram, ...logical }, command('IDENTIFY_SYSTEM')),
  replicating('physical without a database in the packet', physical, command('IDENTIFY_SYSTEM')),
  replicating('SQL on a logical connection', logical, command('select 1'), command('select 1/0')),
  replicating('SQL on a physical connection', physical, command('select 1')),
  replicating('the extended protocol on a physical connection', physical, [[fe.extended('select 1'), fe.sync], 'Z']),
  replicating('a syntax error', logical, command('IDENTIFY'), command('IDENTIFY_SYSTEM')),
  replicating('TIMELINE_HISTORY of a line that does not exist', physical, command('TIMELINE_HISTORY 9')),
  replicating(
    'a slot that does not exist',
    logical,
    command('START_REPLICATION SLOT nope LOGICAL 0/0'),
    command('SHOW work_mem'),
  ),
  replicating('READ_REPLICATION_SLOT', physical, command('READ_REPLICATION_SLOT nope')),
  replicating(
    'a temporary physical slot, and its end',
    physical,
    command('CREATE_REPLICATION_SLOT battery TEMPORARY PHYSICAL RESERVE_WAL'),
    command('READ_REPLICATION_SLOT battery'),
    command('DROP_REPLICATION_SLOT battery'),
  ),
  replicating(
    'a temporary logical slot with a snapshot',
    logical,
    command('BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ'),
    command("CREATE_REPLICATION_SLOT battery TEMPORARY LOGICAL pgoutput (SNAPSHOT 'use')"),
    command('COMMIT'),
  ),
  replicating(
    'an output plug-in that does not exist',
    logical,
    command('CREATE_REPLICATION_SLOT battery TEMPORARY LOGICAL nope'),
  ),
  stream(
    'START_REPLICATION with test_decoding',
    'CREATE_REPLICATION_SLOT battery TEMPORARY LOGICAL test_decoding',
    `START_REPLICATION SLOT battery LOGICAL 0/0 ("include-xids" '0', "skip-empty-xacts" '1')`,
    (payload) => payload.startsWith('COMMIT'),
  ),
  stream(
    'START_REPLICATION with pgoutput',
    'CREATE_REPLICATION_SLOT battery TEMPORARY LOGICAL pgoutput',
    `START_REPLICATION SLOT battery LOGICAL 0/0 (proto_version '1', publication_names 'battery')`,
    (payload) => payload.startsWith('C'),
  ),
  {
    name: 'START_REPLICATION PHYSICAL, and CopyDone of the client',
    // The log of the whole server: in how many pieces it comes, and with what, is up to whoever writes to it meanwhile.
    mask: (message) => {
      const masked = mask(message);
      return masked?.body.toString().startsWith('w ') === true ? { type: 'd', body: Buffer.from('log') } : masked;
    },
    collapse: true,
    run: async (world) => {
      const connection = await world.login(physical);
      const found = await world.control.query('select pg_current_wal_lsn() as lsn');
      await play(connection, [command(`START_REPLICATION PHYSICAL ${found.rows[0].lsn}`, 'W')]);
      await world.control.query("select pg_logical_emit_message(false, 'battery', 'some'), pg_switch_wal()");
      await untilData(connection, () => true);
      await play(connection, [[fe.copyDone, 'cZ']]);
    },
  },
  {
    name: 'a client that leaves in the middle of the stream',
    mask: ({ type, body }) => (type === 'd' ? null : (mask({ type, body }) ?? null)),
    run: async (world) => {
      const connection = await world.login(logical);
      await play(connection, [
        command('CREATE_REPLICATION_SLOT battery TEMPORARY LOGICAL test_decoding'),
        command('START_REPLICATION SLOT battery LOGICAL 0/0', 'W'),
      ]);
      connection.finish();
      await connection.untilClosed();
    },
  },
  replicating(
    'BASE_BACKUP, read to its end',
    physical,
    command("BASE_BACKUP (LABEL 'battery', CHECKPOINT 'fast', WAIT false, MANIFEST 'no')"),
  ),
  {
    name: 'BASE_BACKUP, given up',
    // Its options in parentheses.
    since: 15,
    mask,
    collapse: true,
    run: async (world) => {
      const connection = await world.login(physical);
      await play(connection, [command("BASE_BACKUP (LABEL 'battery', CHECKPOINT 'fast')", 'Hd')]);
      connection.vanish('FIN');
    },
  },
];

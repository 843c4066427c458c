import { type Case, play, type World } from '../case.js';
import type { Allowed } from '../differences.js';
import type { RawConnection } from '../raw/connection.js';
import * as fe from '../raw/frontend.js';
import type { Login } from '../raw/login.js';

const lock = 7010;

/** A session that waits for a lock that the control session holds, `attempt`, and then the session's own end of it. */
async function whileBlocked(
  world: World,
  login: Login,
  attempt: (victim: RawConnection) => Promise<void>,
  released: 'by the cancel' | 'by us',
): Promise<void> {
  await world.control.query('select pg_advisory_lock($1)', [lock]);
  try {
    const victim = await world.login(login, 'victim');
    await victim.send(fe.query(`select pg_advisory_lock(${lock})`));
    await world.blocked();
    await attempt(victim);
    if (released === 'by us') await world.control.query('select pg_advisory_unlock_all()');
    await victim.until('Z');
    await play(victim, [[fe.query('select 1'), 'Z']]);
  } finally {
    await world.control.query('select pg_advisory_unlock_all()');
  }
}

/** Sends a cancel request on a connection of its own and reads to its end. */
async function request(world: World, packet: Buffer, name = 'canceller'): Promise<void> {
  const canceller = await world.open(name);
  await canceller.send(packet);
  await canceller.untilClosed();
}

const cancels = (name: string, login: Login, packet: (victim: RawConnection) => Buffer): Case => ({
  name,
  run: (world) => whileBlocked(world, login, (victim) => request(world, packet(victim)), 'by the cancel'),
});

const passes = (name: string, login: Login, packet: (victim: RawConnection) => Buffer, differs?: Allowed): Case => ({
  name,
  ...(differs === undefined ? {} : { differs }),
  run: (world) => whileBlocked(world, login, (victim) => request(world, packet(victim)), 'by us'),
});

const right = (victim: RawConnection): Buffer => fe.cancel(victim.pid, victim.key);
const flipped = (key: Buffer): Buffer => Buffer.from(key.map((byte) => byte ^ 0xff));
const long: Login = { protocol: fe.version.v32 };

export const cancellation: readonly Case[] = [
  cancels('the right key', {}, right),
  cancels('the right long key of protocol 3.2', long, right),
  passes('a wrong key', {}, (victim) => fe.cancel(victim.pid, flipped(victim.key))),
  passes('a wrong long key', long, (victim) => fe.cancel(victim.pid, flipped(victim.key))),
  passes('the first four bytes of a long key', long, (victim) => fe.cancel(victim.pid, victim.key.subarray(0, 4))),
  passes('a long key with a byte too many', long, (victim) =>
    fe.cancel(victim.pid, Buffer.concat([victim.key, Buffer.from([0])])),
  ),
  passes('a short key with a byte too many', {}, (victim) =>
    fe.cancel(victim.pid, Buffer.concat([victim.key, Buffer.from([0])])),
  ),
  passes('an empty key', {}, (victim) => fe.cancel(victim.pid, Buffer.alloc(0))),
  passes('a key of three bytes', {}, (victim) => fe.cancel(victim.pid, victim.key.subarray(0, 3))),
  passes('a key of 256 bytes', {}, (victim) => fe.cancel(victim.pid, Buffer.alloc(256, 1))),
  passes('a key of 5000 bytes', {}, (victim) => fe.cancel(victim.pid, Buffer.alloc(5000, 1)), {
    because: 'answers a broken message',
    says: 'invalid length of cancel request packet',
    to: 'canceller',
  }),
  passes('a pid that does not exist', {}, (victim) => fe.cancel(0x7fff_fff0, victim.key)),
  passes('a negative pid', {}, (victim) => fe.cancel(-1, victim.key)),
  {
    name: 'the right key, one byte at a time',
    run: (world) =>
      whileBlocked(
        world,
        {},
        async (victim) => {
          const canceller = await world.open('canceller');
          await canceller.sendSlowly(right(victim));
          await canceller.untilClosed();
        },
        'by the cancel',
      ),
  },
  {
    name: 'the right key, and the canceller is gone at once',
    run: (world) =>
      whileBlocked(
        world,
        {},
        async (victim) => {
          const canceller = await world.open('canceller');
          await canceller.send(right(victim));
          canceller.finish();
          await canceller.untilClosed();
        },
        'by the cancel',
      ),
  },
  {
    name: 'half a cancel request',
    run: (world) =>
      whileBlocked(
        world,
        {},
        async (victim) => {
          const canceller = await world.open('canceller');
          await canceller.send(right(victim).subarray(0, 13));
          canceller.finish();
          await canceller.untilClosed();
        },
        'by us',
      ),
  },
  {
    name: 'after GSSENCRequest',
    run: (world) =>
      whileBlocked(
        world,
        {},
        async (victim) => {
          const canceller = await world.open('canceller');
          await play(canceller, [
            [fe.gssRequest, '!'],
            [right(victim), '$'],
          ]);
        },
        'by the cancel',
      ),
  },
  {
    name: 'of an idle session: nothing happens',
    run: async (world) => {
      const idle = await world.login({}, 'idle');
      await request(world, right(idle));
      await play(idle, [[fe.query('select 1'), 'Z']]);
    },
  },
  {
    name: 'of a session that has ended',
    run: async (world) => {
      const ended = await world.login({}, 'ended');
      await play(ended, [[fe.terminate, '$']]);
      await request(world, right(ended));
    },
  },
  {
    name: 'twice in a row, each of another statement',
    run: async (world) => {
      for (let round = 0; round < 2; round++) {
        await whileBlocked(world, {}, (victim) => request(world, right(victim)), 'by the cancel');
      }
    },
  },
  {
    name: 'of the one that is meant among three',
    run: async (world) => {
      await world.control.query('select pg_advisory_lock($1)', [lock]);
      const sessions: RawConnection[] = [];
      for (const name of ['one', 'two', 'three']) {
        const connection = await world.login({}, name);
        sessions.push(connection);
        await connection.send(fe.query(`select pg_advisory_lock_shared(${lock})`));
      }
      await world.blocked(3);
      const [, meant] = sessions;
      if (meant !== undefined) await request(world, right(meant));
      await meant?.until('Z');
      await world.control.query('select pg_advisory_unlock_all()');
      for (const connection of sessions) if (connection !== meant) await connection.until('Z');
    },
  },
  {
    name: 'in a pipeline: skip to Sync, and the next segment runs',
    run: async (world) => {
      await world.control.query('select pg_advisory_lock($1)', [lock]);
      const victim = await world.login({}, 'victim');
      const wait = fe.extended(`select pg_advisory_lock(${lock})`);
      await victim.send(Buffer.concat([wait, fe.extended('select 1'), fe.sync, fe.extended('select 2'), fe.sync]));
      await world.blocked();
      await request(world, right(victim));
      await world.control.query('select pg_advisory_unlock_all()');
      await victim.until('Z');
      await victim.until('Z');
    },
  },
  {
    name: 'of a COPY IN',
    // How far the row had come when the backend looked for a cancel is chance.
    mask: ({ type, body }) => ({
      type,
      body: Buffer.from(body.toString('latin1').replace(/WCOPY t, line[^\0]*\0/, ''), 'latin1'),
    }),
    run: async (world) => {
      const victim = await world.login({}, 'victim');
      await play(victim, [
        [fe.query('create temp table t (a int)'), 'Z'],
        [fe.query('copy t from stdin'), 'G'],
      ]);
      await request(world, right(victim));
      await victim.send(fe.copyData('1\n'));
      await victim.until('E');
      await play(victim, [
        [fe.copyDone, 'Z'],
        [fe.query('select 1'), 'Z'],
      ]);
    },
  },
  {
    name: 'of a large result that is being read',
    collapse: true,
    mask: ({ type, body }) => (type === 'D' ? { type, body: Buffer.from('row') } : { type, body }),
    run: async (world) => {
      const victim = await world.login({}, 'victim');
      await victim.send(fe.query("select repeat('x', 1000) from generate_series(1, 10000000)"));
      for (let rows = 0; rows < 100; rows++) await victim.next();
      await request(world, right(victim));
      await victim.until('Z');
      await play(victim, [[fe.query('select 1'), 'Z']]);
    },
  },
];

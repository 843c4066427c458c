import { roles } from '../../support/cluster.js';
import { type Case, play } from '../case.js';
import type { RawConnection } from '../raw/connection.js';
import * as fe from '../raw/frontend.js';
import { authenticate, startupOf } from '../raw/login.js';

/** A session's worth of every kind of message after the login; it ends with two ReadyForQuery. */
const workload = Buffer.concat([
  fe.parse('select $1::int', 's'),
  fe.bind({ statement: 's', values: ['5'] }),
  fe.describe('P'),
  fe.execute(1),
  fe.close('S', 's'),
  fe.flush,
  fe.sync,
  fe.query('select 1/0'),
]);

async function bothReady(connection: RawConnection): Promise<void> {
  await connection.until('Z');
  await connection.until('Z');
}

/** The workload cut in two at every offset, one session for all. */
const atEveryOffset: Case = {
  name: 'messages cut in two at every offset',
  run: async (world) => {
    const connection = await world.login();
    for (let at = 1; at < workload.length; at++) {
      await connection.sendSlowly(workload.subarray(0, at), at);
      await connection.send(workload.subarray(at));
      await bothReady(connection);
    }
  },
};

const inPieces = (size: number): Case => ({
  name: `messages in pieces of ${size}`,
  run: async (world) => {
    const connection = await world.login();
    await connection.sendSlowly(Buffer.concat(Array.from({ length: 10 }, () => workload)), size);
    for (let round = 0; round < 10; round++) await bothReady(connection);
  },
});

const startupPacket = startupOf();

export const splitting: readonly Case[] = [
  atEveryOffset,
  ...[1, 2, 3, 4, 5, 7, 13, 64].map(inPieces),
  {
    name: 'a start-up packet cut in two at every offset',
    run: async (world) => {
      for (let at = 1; at < startupPacket.length; at++) {
        const connection = await world.open(`at ${at}`);
        await connection.sendSlowly(startupPacket.subarray(0, at), at);
        await connection.send(startupPacket.subarray(at));
        await authenticate(connection, {});
        await play(connection, [[fe.terminate, '$']]);
      }
    },
  },
  {
    name: 'a whole session with SCRAM, one byte at a time',
    run: async (world) => {
      const connection = await world.open();
      await connection.sendSlowly(startupOf(roles.scram));
      const send = connection.send.bind(connection);
      connection.send = async (data) => {
        for (const byte of data) await send(Buffer.from([byte]));
      };
      await authenticate(connection, roles.scram);
      await connection.send(workload);
      await bothReady(connection);
      await play(connection, [[fe.query('create temp table t (a int); copy t from stdin'), 'G']]);
      await play(connection, [[[fe.copyData('1\n2\n'), fe.copyDone, fe.terminate], '$']]);
    },
  },
  {
    name: 'a whole session in one write',
    run: async (world) => {
      const connection = await world.open();
      const copy = [fe.query('create temp table t (a int); copy t from stdin'), fe.copyData('1\n'), fe.copyDone];
      await connection.send(Buffer.concat([startupPacket, workload, ...copy, workload, fe.terminate]));
      await connection.untilClosed();
    },
  },
  {
    name: 'a password message cut in two at every offset',
    run: async (world) => {
      const answer = fe.password(roles.clear.password);
      for (let at = 1; at < answer.length; at++) {
        const connection = await world.open(`at ${at}`);
        await play(connection, [[startupOf(roles.clear), 'R']]);
        await connection.sendSlowly(answer.subarray(0, at), at);
        await play(connection, [
          [answer.subarray(at), 'Z'],
          [fe.terminate, '$'],
        ]);
      }
    },
  },
  {
    name: 'a query of 2 MB in pieces of 1000 bytes',
    run: async (world) => {
      const connection = await world.login();
      await connection.sendSlowly(fe.query(`select length('${'q'.repeat(2 << 20)}')`), 1000);
      await connection.until('Z');
    },
  },
  {
    name: 'a header at the end of one write, its body in the next',
    run: async (world) => {
      const connection = await world.login();
      const text = fe.query('select 42');
      for (let round = 0; round < 50; round++) {
        await connection.sendSlowly(Buffer.concat([text, text.subarray(0, 5)]), text.length + 5);
        await play(connection, [[text.subarray(5), 'ZZ']]);
      }
    },
  },
];

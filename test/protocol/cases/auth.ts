import { roles } from '../../support/cluster.js';
import { type Case, play, raw, session, type Turn } from '../case.js';
import type { Allowed } from '../differences.js';
import * as fe from '../raw/frontend.js';
import { type Login, logIn, md5, startupOf } from '../raw/login.js';
import { scramClient } from '../raw/scram.js';

const select: Turn = [fe.query('select current_user'), 'Z'];

const succeeds = (name: string, login: Login): Case => session(name, [select], { login });
const fails = (name: string, login: Login): Case => session(name, [], { login });

/** The start-up packet, the request that it brings, then something that ends the connection. */
const replies = (name: string, login: Login, reply: Buffer, differs?: Allowed): Case =>
  raw(
    name,
    [
      [startupOf(login), 'R'],
      [reply, '$'],
    ],
    differs === undefined ? {} : { differs },
  );

/** The client closes its side in a step of the login. */
const leaves = (name: string, login: Login, ...replies: Buffer[]): Case => ({
  name,
  run: async (world) => {
    const connection = await world.open();
    await play(connection, [[startupOf(login), 'R'], ...replies.map((reply): Turn => [reply, 'R'])]);
    connection.finish();
    await connection.untilClosed();
  },
});

/** SCRAM up to the server's first message, whose answer `spoil` writes. */
const spoiled = (name: string, spoil: (serverFirst: string, good: string) => Buffer): Case => ({
  name,
  run: async (world) => {
    const connection = await world.open();
    const scram = scramClient(roles.scram.password);
    await play(connection, [[startupOf(roles.scram), 'R']]);
    await connection.send(fe.saslInitial('SCRAM-SHA-256', scram.first));
    const request = await connection.until('R');
    const serverFirst = request?.body.subarray(4).toString() ?? '';
    await connection.send(spoil(serverFirst, scram.final(serverFirst)));
    await connection.untilClosed();
  },
});

const initial = (data: string): Buffer => fe.saslInitial('SCRAM-SHA-256', data);
const broken: Allowed = { because: 'answers a broken message', says: 'invalid message length' };

export const auth: readonly Case[] = [
  succeeds('trust', roles.trust),
  succeeds('cleartext', roles.clear),
  succeeds('md5', roles.md5),
  succeeds('SCRAM-SHA-256', roles.scram),
  succeeds('SCRAM-SHA-256 with a password that SASLprep changes', roles.unicode),
  succeeds('SCRAM-SHA-256 in protocol 3.2', { ...roles.scram, protocol: fe.version.v32 }),
  fails('a role that is rejected', roles.reject),
  fails('cleartext, wrong', { ...roles.clear, password: 'wrong' }),
  fails('cleartext, empty', { ...roles.clear, password: '' }),
  fails('md5, wrong', { ...roles.md5, password: 'wrong' }),
  fails('SCRAM, wrong', { ...roles.scram, password: 'wrong' }),
  fails('SCRAM of a role that does not exist', { user: 'battery_scram', password: 'x', database: 'no such' }),
  fails('SCRAM, then a database that does not exist', { ...roles.scram, database: 'no such' }),
  replies('cleartext where md5 is asked for', roles.md5, fe.password('pw-md5')),
  replies('md5 with the salt of another', roles.md5, fe.password(md5('battery_md5', 'pw-md5', Buffer.alloc(4)))),
  replies('a password that is not terminated', roles.clear, fe.message('p', 'pw-clear')),
  replies('a password with a NUL in it', roles.clear, fe.message('p', 'pw-clear\0more\0')),
  replies('a password of 60000 bytes', roles.clear, fe.password('x'.repeat(60_000))),
  replies('a password past 65535 bytes', roles.clear, fe.lying('p', 70_000), broken),
  replies('a password message of length 0x7fffffff', roles.clear, fe.lying('p', 0x7fff_ffff), broken),
  replies('a password message of length 3', roles.clear, fe.lying('p', 3), broken),
  replies('a password message of length -1', roles.clear, fe.lying('p', -1), broken),
  replies('an empty password message', roles.clear, fe.message('p')),
  replies('a query instead of the password', roles.clear, fe.query('select 1')),
  replies('Terminate instead of the password', roles.clear, fe.terminate),
  replies('an unknown type instead of the password', roles.clear, fe.message('~', 'x')),
  replies('a start-up packet instead of the password', roles.clear, startupOf(roles.clear)),
  replies('a query instead of the SASL answer', roles.scram, fe.query('select 1')),
  replies('a mechanism that does not exist', roles.scram, fe.saslInitial('SCRAM-SHA-1', 'n,,n=,r=abc')),
  replies('an empty mechanism', roles.scram, fe.saslInitial('', 'n,,n=,r=abc')),
  replies(
    'channel binding without TLS',
    roles.scram,
    fe.saslInitial('SCRAM-SHA-256-PLUS', 'p=tls-server-end-point,,n=,r=abc'),
  ),
  replies('a mechanism without a terminator', roles.scram, fe.message('p', 'SCRAM-SHA-256')),
  replies(
    'a first message longer than the packet',
    roles.scram,
    fe.message('p', 'SCRAM-SHA-256\0', fe.int32(100), 'n,,'),
  ),
  replies(
    'a first message with a negative length',
    roles.scram,
    fe.message('p', 'SCRAM-SHA-256\0', fe.int32(-2), 'n,,'),
  ),
  raw('no first message: the server asks for it', [
    [startupOf(roles.scram), 'R'],
    [fe.message('p', 'SCRAM-SHA-256\0', fe.int32(-1)), 'R'],
    [fe.saslResponse('nonsense'), '$'],
  ]),
  replies('a first message past 1024 bytes', roles.scram, initial(`n,,n=,r=${'x'.repeat(2000)}`)),
  replies('an empty first message', roles.scram, initial('')),
  replies('a first message without a header', roles.scram, initial('n=,r=abc')),
  replies('a first message with an authorisation identity', roles.scram, initial('n,a=other,n=,r=abc')),
  replies('a first message with a mandatory extension', roles.scram, initial('n,,m=ext,n=,r=abc')),
  leaves('a first message with an empty nonce', roles.scram, initial('n,,n=,r=')),
  replies('a first message with a nonce that is not printable', roles.scram, initial('n,,n=,r=a\u0001b')),
  leaves('a first message of a client that would bind channels', roles.scram, initial('y,,n=,r=abcdefgh')),
  spoiled('a proof that is wrong', (_first, good) => {
    return fe.saslResponse(good.replace(/p=.*/, `p=${Buffer.alloc(32).toString('base64')}`));
  }),
  spoiled('a proof that is too short', (_first, good) => fe.saslResponse(good.replace(/p=.*/, 'p=AAAA'))),
  spoiled('a proof that is not base64', (_first, good) => fe.saslResponse(good.replace(/p=.*/, 'p=!!!!'))),
  spoiled('no proof', (_first, good) => fe.saslResponse(good.replace(/,p=.*/, ''))),
  spoiled('a nonce that is not the server’s', (_first, good) => fe.saslResponse(good.replace(/r=[^,]*/, 'r=mine'))),
  spoiled('a channel binding that was not announced', (_first, good) =>
    fe.saslResponse(good.replace(/c=[^,]*/, 'c=eSws')),
  ),
  spoiled('an empty final message', () => fe.saslResponse('')),
  spoiled('a query in place of the final message', () => fe.query('select 1')),
  spoiled('a final message with bytes after its end', (_first, good) => fe.message('p', `${good}\0tail`)),
  leaves('leaving before the cleartext password', roles.clear),
  leaves('leaving before the md5 password', roles.md5),
  leaves('leaving before SASL', roles.scram),
  leaves('leaving in the middle of SASL', roles.scram, initial('n,,n=,r=abcdefgh')),
  {
    name: 'half of a password message, then the end',
    run: async (world) => {
      const connection = await world.open();
      await play(connection, [[startupOf(roles.clear), 'R']]);
      await connection.send(fe.password('pw-clear').subarray(0, 7));
      connection.finish();
      await connection.untilClosed();
    },
  },
  {
    name: 'three logins at the same time, by three methods',
    run: async (world) => {
      const logins = [roles.clear, roles.md5, roles.scram] as const;
      const open = await Promise.all(logins.map((login) => world.open(login.user)));
      await Promise.all(open.map((connection, at) => logIn(connection, logins[at])));
      for (const connection of open) await play(connection, [select]);
    },
  },
];

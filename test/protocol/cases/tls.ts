import type { ConnectionOptions } from 'node:tls';
import { roles } from '../../support/cluster.js';
import { type Case, play, raw, type World } from '../case.js';
import type { Allowed } from '../differences.js';
import type { RawConnection } from '../raw/connection.js';
import * as fe from '../raw/frontend.js';
import { authenticate, logIn, startupOf } from '../raw/login.js';

/** The version that brought ALPN and TLS from the first byte. */
const withAlpn = 17;
const alpn = { ALPNProtocols: ['postgresql'] };
const select = fe.query("select 'over tls'");

/** Plain text behind a request for encryption, in the same write. */
const second = (kind: 'SSL' | 'GSSAPI'): { differs: Allowed } => ({
  differs: { because: 'refuses a second request itself', says: `received a second ${kind} encryption request` },
});

const stuffed = (kind: 'SSL' | 'GSSAPI'): { differs: Allowed } => ({
  differs: {
    because: 'refuses stuffed plain text unread',
    says: `received unencrypted data after ${kind} encryption request`,
  },
});

/** Asks for TLS and goes on over it. */
async function requestTls(world: World, options: ConnectionOptions = {}, name?: string): Promise<RawConnection> {
  const connection = await world.open(name);
  await connection.send(fe.sslRequest);
  await connection.byte();
  await connection.startTls({ ca: world.ca, servername: 'localhost', ...options });
  return connection;
}

/** TLS from the first byte. */
async function directTls(world: World, options: ConnectionOptions = {}, name?: string): Promise<RawConnection> {
  const connection = await world.open(name);
  await connection.startTls({ ca: world.ca, servername: 'localhost', ...options });
  return connection;
}

async function loginAndSelect(connection: RawConnection): Promise<void> {
  await logIn(connection);
  await play(connection, [[select, 'Z']]);
}

const requested = (name: string, options: ConnectionOptions, since = 0): Case => ({
  name,
  since,
  run: async (world) => loginAndSelect(await requestTls(world, options)),
});

export const tls: readonly Case[] = [
  requested('SSLRequest', {}),
  requested('SSLRequest, with ALPN', alpn, withAlpn),
  requested('SSLRequest, TLS 1.2', { maxVersion: 'TLSv1.2' }),
  {
    name: 'SSLRequest, with a foreign ALPN',
    since: withAlpn,
    run: async (world) => {
      await requestTls(world, { ALPNProtocols: ['h2'] });
    },
  },
  {
    name: 'SSLRequest, TLS 1.1, which is too old',
    run: async (world) => {
      await requestTls(world, { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
    },
  },
  {
    name: 'direct TLS with ALPN',
    since: withAlpn,
    run: async (world) => loginAndSelect(await directTls(world, alpn)),
  },
  {
    name: 'direct TLS with ALPN among others',
    since: withAlpn,
    run: async (world) => loginAndSelect(await directTls(world, { ALPNProtocols: ['h2', 'postgresql'] })),
  },
  {
    name: 'direct TLS with a foreign ALPN',
    since: withAlpn,
    run: async (world) => {
      await directTls(world, { ALPNProtocols: ['http/1.1'] });
    },
  },
  {
    name: 'direct TLS without ALPN',
    since: withAlpn,
    run: async (world) => {
      const connection = await directTls(world);
      await connection.untilClosed();
    },
  },
  {
    name: 'SSLRequest inside direct TLS',
    since: withAlpn,
    run: async (world) => {
      const connection = await directTls(world, alpn);
      await connection.send(fe.sslRequest);
      await connection.byte();
      await loginAndSelect(connection);
    },
  },
  {
    name: 'SSLRequest inside TLS',
    run: async (world) => {
      const connection = await requestTls(world);
      await connection.send(fe.sslRequest);
      await connection.untilClosed();
    },
    ...second('SSL'),
  },
  {
    name: 'GSSENCRequest inside TLS',
    run: async (world) => {
      const connection = await requestTls(world);
      await connection.send(fe.gssRequest);
      await connection.untilClosed();
    },
    ...second('GSSAPI'),
  },
  raw('GSSENCRequest, refused, then in plain', [
    [fe.gssRequest, '!'],
    [startupOf(), 'Z'],
    [select, 'Z'],
  ]),
  {
    name: 'GSSENCRequest, then SSLRequest',
    run: async (world) => {
      const connection = await world.open();
      await play(connection, [
        [fe.gssRequest, '!'],
        [fe.sslRequest, '!'],
      ]);
      await connection.startTls({ ca: world.ca, servername: 'localhost' });
      await loginAndSelect(connection);
    },
  },
  raw(
    'GSSENCRequest twice',
    [
      [fe.gssRequest, '!'],
      [fe.gssRequest, '$'],
    ],
    second('GSSAPI'),
  ),
  raw('GSSENCRequest and start-up packet in one write', [[[fe.gssRequest, startupOf()], '!$']], stuffed('GSSAPI')),
  raw(
    'SSLRequest and start-up packet in one write: stuffed plain text',
    [[[fe.sslRequest, startupOf()], '!$']],
    // Older ones look at it after the handshake, for which they wait.
    { ...stuffed('SSL'), since: 17 },
  ),
  raw('SSLRequest, then plain text instead of a handshake', [
    [fe.sslRequest, '!'],
    [startupOf(), '$'],
  ]),
  raw('SSLRequest twice', [
    [fe.sslRequest, '!'],
    [fe.sslRequest, '$'],
  ]),
  raw('SSLRequest and GSSENCRequest in one write', [[[fe.sslRequest, fe.gssRequest], '!$']], {
    ...stuffed('SSL'),
    since: 17,
  }),
  raw('SSLRequest with a body', [[fe.packet(fe.int32(80877103), fe.int32(1)), '!']], stuffed('SSL')),
  raw('GSSENCRequest with a body', [[fe.packet(fe.int32(80877104), fe.int32(1)), '!']], stuffed('GSSAPI')),
  {
    name: 'SSLRequest, then the end',
    run: async (world) => {
      const connection = await world.open();
      await play(connection, [[fe.sslRequest, '!']]);
      connection.finish();
      await connection.untilClosed();
    },
  },
  {
    name: 'the handshake begun and given up',
    run: async (world) => {
      const connection = await world.open();
      await play(connection, [[fe.sslRequest, '!']]);
      await connection.send(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
      connection.finish();
      // How a half handshake is ended (an alert or nothing) is TLS's affair: only that it ends is compared.
      connection.mask = () => null;
      await connection.untilClosed();
    },
  },
  {
    name: 'one byte at a time through the request and the handshake',
    run: async (world) => {
      const connection = await world.open();
      await connection.sendSlowly(fe.sslRequest);
      await connection.byte();
      await connection.startTls({ ca: world.ca, servername: 'localhost' });
      await connection.sendSlowly(startupOf());
      await authenticate(connection, {});
      await connection.sendSlowly(select);
      await connection.until('Z');
    },
  },
  {
    name: 'SCRAM over TLS, without channel binding',
    differs: { because: 'offers no channel binding' },
    run: async (world) => {
      await logIn(await requestTls(world), roles.scram);
    },
  },
  {
    name: 'SCRAM over TLS, by a client that takes the server for one that cannot bind',
    differs: { because: 'lets a client pass that could bind channels' },
    run: async (world) => {
      const connection = await requestTls(world);
      await play(connection, [[startupOf(roles.scram), 'R']]);
      await connection.send(fe.saslInitial('SCRAM-SHA-256', 'y,,n=,r=abcdefgh'));
      await connection.next();
    },
  },
  {
    name: 'a wrong password over TLS',
    differs: { because: 'offers no channel binding' },
    run: async (world) => {
      await logIn(await requestTls(world), { ...roles.scram, password: 'wrong' });
    },
  },
  {
    name: 'md5 over TLS',
    run: async (world) => {
      await logIn(await requestTls(world), roles.md5);
    },
  },
  {
    name: '16 MB each way over TLS',
    run: async (world) => {
      const connection = await requestTls(world);
      await logIn(connection);
      await play(connection, [[fe.query(`select '${'t'.repeat(16 * 1024 * 1024)}'`), 'Z']]);
    },
  },
  {
    name: 'cancel over TLS',
    run: async (world) => {
      const victim = await requestTls(world);
      await logIn(victim);
      await world.control.query('select pg_advisory_lock(7001)');
      try {
        await victim.send(fe.query('select pg_advisory_lock(7001)'));
        await world.blocked();
        const canceller = await requestTls(world, {}, 'canceller');
        await canceller.send(fe.cancel(victim.pid, victim.key));
        await canceller.untilClosed();
        await victim.until('Z');
      } finally {
        await world.control.query('select pg_advisory_unlock(7001)');
      }
    },
  },
  {
    name: 'cancel over direct TLS',
    since: withAlpn,
    run: async (world) => {
      const victim = await directTls(world, alpn);
      await logIn(victim, { protocol: fe.version.v32 });
      await world.control.query('select pg_advisory_lock(7002)');
      try {
        await victim.send(fe.query('select pg_advisory_lock(7002)'));
        await world.blocked();
        const canceller = await directTls(world, alpn, 'canceller');
        await canceller.send(fe.cancel(victim.pid, victim.key));
        await canceller.untilClosed();
        await victim.until('Z');
      } finally {
        await world.control.query('select pg_advisory_unlock(7002)');
      }
    },
  },
];

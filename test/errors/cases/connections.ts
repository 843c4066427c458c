/** What ends a connection, or keeps it from coming about: told by bytes, since drivers show little of it. */
import * as fe from '../../protocol/raw/frontend.js';
import type { ErrorCase } from '../case.js';
import type { ConnectionWorld } from '../connection-world.js';

/** Nobody listens there, and no process is given it by chance, as it may be a port that is free at this moment. */
const unusedPort = 1;

const fatal = { severity: 'FATAL' } as const;

export const connections: readonly ErrorCase<ConnectionWorld>[] = [
  {
    code: 'protocol_violation',
    title: 'a message whose length cannot be',
    provoke: async (world) => {
      const connection = await world.loggedIn();
      return world.lastError(connection, fe.lying('Q', 3));
    },
    shows: { ...fatal, sqlstate: '08P01', message: 'invalid message length in a message of type 81' },
  },
  {
    code: 'protocol_violation',
    title: 'a byte that begins no message',
    provoke: async (world) => {
      const connection = await world.loggedIn();
      return world.lastError(connection, fe.message('!', 'x'));
    },
    shows: { ...fatal, sqlstate: '08P01', message: 'invalid frontend message type 33' },
  },
  {
    code: 'database_unreachable',
    title: 'nothing listens where the database should be',
    provoke: async (world) => {
      const connection = await world.connection(await world.proxy({ database: { port: unusedPort } }));
      return world.lastError(connection, world.startup());
    },
    shows: {
      ...fatal,
      sqlstate: '08006',
      message: 'Upwrite could not connect to the database: connect ECONNREFUSED 127.0.0.1:1',
    },
  },
  {
    code: 'too_many_connections',
    title: 'a second client where one is allowed',
    provoke: async (world) => {
      const proxy = await world.proxy({ maxConnections: 1 });
      await world.loggedIn(proxy);
      return world.lastError(await world.connection(proxy), world.startup());
    },
    shows: {
      ...fatal,
      sqlstate: '53300',
      message: 'sorry, too many clients already',
      detail: 'Upwrite accepts at most 1 connections.',
    },
  },
  {
    code: 'tls_required',
    title: 'a client without TLS where it is required',
    provoke: async (world) => {
      const proxy = await world.proxy({ tls: 'require' });
      return world.lastError(await world.connection(proxy), world.startup());
    },
    shows: {
      ...fatal,
      sqlstate: '28000',
      message: 'this server requires TLS',
      hint: 'Connect with sslmode=require.',
    },
  },
  {
    code: 'channel_binding',
    title: 'a client that could bind and was not offered to, as libpq does over TLS, and TLS to the database',
    provoke: async (world) => {
      const proxy = await world.proxy({ database: { tls: { mode: 'require' } } });
      return world.lastErrorOfScram(await world.connection(proxy), 'y,,');
    },
    shows: {
      ...fatal,
      sqlstate: '28000',
      message: 'SCRAM channel binding is not possible through Upwrite',
      detail: 'TLS ends at Upwrite, and the database would take the login for intercepted.',
      hint: 'Add channel_binding=disable to the connection parameters.',
    },
  },
  {
    code: 'login_timeout',
    title: 'a client that says nothing',
    provoke: async (world) => {
      const proxy = await world.proxy({ startupTimeout: 100 });
      return world.lastError(await world.connection(proxy));
    },
    shows: { ...fatal, sqlstate: '08P01', message: 'canceling authentication due to timeout' },
  },
  {
    code: 'shutting_down',
    title: 'an idle client when Upwrite is stopped',
    provoke: async (world) => {
      const proxy = await world.proxy({});
      const connection = await world.loggedIn(proxy);
      const closed = proxy.close();
      const error = await world.lastError(connection);
      await closed;
      return error;
    },
    shows: { ...fatal, sqlstate: '57P01', message: 'terminating connection due to administrator command' },
  },
];

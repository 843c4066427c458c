/** Raw connections to the real Postgres, TLS negotiated as `sslmode` says. */
import net from 'node:net';
import tls from 'node:tls';
import { serialize } from 'pg-protocol';
import { raise } from '../errors/index.js';
import { adoptSocket } from './adopt.js';
import { SocketLink } from './link.js';
import { type DatabaseTarget, socketPath } from './target.js';

/**
 * Connects and negotiates TLS; nothing of the start-up is sent yet. The socket is paused.
 * Throws `database_unreachable` when the server cannot be reached in time, or refuses or fails TLS that the mode requires.
 */
export async function connectDatabase(target: DatabaseTarget): Promise<SocketLink> {
  const { mode } = target.tls;
  const link = new SocketLink();
  if (socketPath(target) !== null || mode === 'disable' || mode === 'allow') {
    return link.attach(await openSocket(target, link), 'onread');
  }
  const socket = await openSocket(target, null);
  const answer = await askForTls(socket, target);
  if (answer === 'S') return link.attach(await startTls(socket, target), 'events');
  if (mode === 'prefer') return adoptSocket(socket);
  socket.destroy();
  return raise('database_unreachable', { params: { what: `it does not support TLS, and sslmode is ${mode}` } });
}

function openSocket(target: DatabaseTarget, link: SocketLink | null): Promise<net.Socket> {
  const path = socketPath(target);
  const onread = link === null ? {} : { onread: link.onread };
  return new Promise((resolve, reject) => {
    const socket =
      path === null
        ? net.connect({
            host: target.host,
            port: target.port,
            noDelay: true,
            keepAlive: true,
            allowHalfOpen: true,
            ...onread,
          })
        : net.connect({ path, allowHalfOpen: true, ...onread });
    whenReady(socket, 'connect', target, resolve, reject);
  });
}

/** Resolves on the event; rejects with the reason on error, close or time-out, and then destroys the socket. */
function whenReady<S extends net.Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  target: DatabaseTarget,
  resolve: (socket: S) => void,
  reject: (reason: unknown) => void,
): void {
  const timer = setTimeout(
    () => failed(new Error(`no answer within ${target.connectTimeout} ms`)),
    target.connectTimeout,
  );
  const failed = (error?: Error): void => {
    settle();
    socket.on('error', () => undefined);
    socket.destroy();
    reject(unreachable(error));
  };
  const ready = (): void => {
    settle();
    resolve(socket);
  };
  const closed = (): void => failed(new Error('the connection was closed'));
  const settle = (): void => {
    clearTimeout(timer);
    socket.off(event, ready).off('error', failed).off('close', closed);
  };
  socket.once(event, ready).once('error', failed).once('close', closed);
}

function unreachable(error: unknown): unknown {
  const reason = error instanceof Error ? error.message : 'unknown reason';
  try {
    return raise('database_unreachable', { params: { what: reason } }, error);
  } catch (fault) {
    return fault;
  }
}

/** SSLRequest: the server answers with one byte (manual, "SSL Session Encryption"). */
function askForTls(socket: net.Socket, target: DatabaseTarget): Promise<'S' | 'N'> {
  return new Promise((resolve, reject) => {
    const failed = (error?: Error): void => {
      settle();
      socket.destroy();
      reject(unreachable(error ?? new Error('the connection was closed during TLS negotiation')));
    };
    const timer = setTimeout(() => failed(new Error('no answer to the TLS request')), target.connectTimeout);
    const closed = (): void => failed();
    const settle = (): void => {
      clearTimeout(timer);
      socket.off('data', answered).off('error', failed).off('close', closed).off('end', closed);
    };
    const answered = (chunk: Buffer): void => {
      socket.pause();
      settle();
      const byte = chunk.toString('latin1', 0, 1);
      // More than the one byte could be injected plaintext (CVE-2021-23222).
      if (chunk.length === 1 && (byte === 'S' || byte === 'N')) resolve(byte);
      else failed(new Error('an unexpected answer to the TLS request'));
    };
    socket.on('data', answered).once('error', failed).once('close', closed).once('end', closed);
    socket.write(serialize.requestSsl());
  });
}

function startTls(socket: net.Socket, target: DatabaseTarget): Promise<net.Socket> {
  const { mode, ca, cert, key } = target.tls;
  const verifies = mode === 'verify-ca' || mode === 'verify-full' || (mode === 'require' && ca !== undefined);
  return new Promise((resolve, reject) => {
    const secured = tls.connect({
      socket,
      ...(net.isIP(target.host) === 0 ? { servername: target.host } : {}),
      rejectUnauthorized: verifies,
      ...(mode === 'verify-full'
        ? { checkServerIdentity: (_host, peer) => tls.checkServerIdentity(target.host, peer) }
        : { checkServerIdentity: () => undefined }),
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ALPNProtocols: ['postgresql'],
    });
    whenReady(
      secured,
      'secureConnect',
      target,
      (ready) => {
        ready.pause();
        resolve(ready);
      },
      reject,
    );
  });
}

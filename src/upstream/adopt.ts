/**
 * A connection that is there already as a link with a buffer of its own: an accepted one, or one that was asked for TLS.
 * Node gives `onread` to who connects alone; so the socket's handle is put under a new socket that has it. Between bare
 * pipes that was worth a tenth of one client's transactions. Where the handle is not as expected (TLS, another runtime), or
 * anything is under way on the socket, it is read by events, which every socket has. Such a socket that is paused is not
 * read at all, so that its end is not noticed either.
 */
import net from 'node:net';
import { SocketLink } from './link.js';

/** The link of a socket. Its own may be another one; the one given is then not to be used again. */
export function adoptSocket(accepted: net.Socket): SocketLink {
  const link = new SocketLink();
  const handle = idle(accepted) ? takeHandle(accepted) : null;
  if (handle === null) return link.attach(accepted, 'events');
  const options = { handle, allowHalfOpen: true, pauseOnCreate: true, onread: link.onread };
  const socket = new net.Socket(options);
  // The server counts the accepted socket until that is destroyed.
  socket.once('close', () => accepted.destroy());
  for (const listener of accepted.listeners('error')) socket.on('error', (error) => listener.call(socket, error));
  return link.attach(socket, 'onread');
}

/** Whether nothing is under way on a socket, in either direction. */
function idle(socket: net.Socket): boolean {
  return (
    Object.getPrototypeOf(socket) === net.Socket.prototype &&
    !socket.destroyed &&
    !socket.readableEnded &&
    !socket.writableEnded &&
    socket.readableLength === 0 &&
    socket.writableLength === 0
  );
}

/** Takes a socket's handle away from it; null, and nothing is changed, where it is not as Node 20, 22 and 24 have it. */
function takeHandle(socket: net.Socket): object | null {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return null;
  const readStop: unknown = Reflect.get(handle, 'readStop');
  if (typeof readStop !== 'function' || typeof Reflect.get(handle, 'useUserBuffer') !== 'function') return null;
  readStop.call(handle);
  Reflect.set(handle, 'reading', false);
  Reflect.set(socket, '_handle', null);
  return handle;
}

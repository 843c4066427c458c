/** What a socket of Node is made of, where that is as expected. */
import type net from 'node:net';

/** The parts of a socket's handle that the direct poll uses, as Node 20, 22 and 24 have them. */
export interface SocketHandle {
  readonly fd: number;
  /** Whether the socket wants to be read. */
  readonly reading: boolean;
  readStart(): void;
  readStop(): void;
}

/**
 * A socket with its parts as properties of its own: Node's `_handle` and `writableLength` are getters for all kinds of
 * sockets, which cost as much for each chunk as anything that is done with it.
 */
export interface SocketParts {
  readonly handle: SocketHandle;
  /** What has been written and has not left yet, in bytes. */
  readonly unsent: { readonly length: number };
}

/** Null where a socket is not as expected, or has no handle (any more). */
export function partsOf(socket: net.Socket): SocketParts | null {
  const handle: unknown = Reflect.get(socket, '_handle');
  const unsent: unknown = Reflect.get(socket, '_writableState');
  return isHandle(handle) && hasLength(unsent) ? { handle, unsent } : null;
}

function isHandle(handle: unknown): handle is SocketHandle {
  if (typeof handle !== 'object' || handle === null) return false;
  const fd: unknown = Reflect.get(handle, 'fd');
  const isFunction = (name: string): boolean => typeof Reflect.get(handle, name) === 'function';
  return (
    typeof fd === 'number' &&
    fd >= 0 &&
    typeof Reflect.get(handle, 'reading') === 'boolean' &&
    isFunction('readStart') &&
    isFunction('readStop')
  );
}

function hasLength(value: unknown): value is { readonly length: number } {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'length') === 'number';
}

/**
 * Calls back just before a socket closes its descriptor, which another connection can have from then on; its `close` comes
 * later. Source: Node.js documentation, "writable._destroy".
 */
export function beforeClosing(socket: net.Socket, call: () => void): void {
  const destroy = socket._destroy;
  socket._destroy = (error, callback) => {
    call();
    destroy.call(socket, error, callback);
  };
}

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

/** `_handle` is null once it is closed. */
export type HandledSocket = net.Socket & { readonly _handle: SocketHandle | null };

export function hasHandle(socket: net.Socket): socket is net.Socket & { readonly _handle: SocketHandle } {
  const handle: unknown = Reflect.get(socket, '_handle');
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

/**
 * From an accepted socket to a start-up packet: TLS by SSLRequest or at once with ALPN, GSSENCRequest, CancelRequest.
 * Source: PostgreSQL manual, "Message Flow" (Start-up, SSL Session Encryption, Canceling Requests in Progress).
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type Fault, fault } from '../errors/index.js';
import { errorResponse, maxStartupPacket, readStartupParameters, requestCode } from '../wire/index.js';
import type { ProxyOptions } from './options.js';

/** What a client wants, with the socket to go on with (paused). */
export type Greeting =
  | {
      readonly kind: 'start';
      readonly socket: Socket;
      readonly packet: Buffer;
      readonly parameters: ReadonlyMap<string, string> | null;
      /** Bytes that came behind the packet. */
      readonly rest: Buffer;
    }
  | { readonly kind: 'cancel'; readonly socket: Socket; readonly packet: Buffer }
  | { readonly kind: 'gone' };

/** The first byte of a TLS record that carries a handshake (RFC 8446, section 5.1). */
const tlsHandshake = 0x16;
const maxCancelPacket = 8 + 4 + 256;

/** Reads what the client opens with. Answers violations itself; resolves `gone` when the socket is lost or refused. */
export async function greet(accepted: Socket, options: ProxyOptions): Promise<Greeting> {
  let socket = accepted;
  let encrypted = false;
  const asked = new Set<number>();
  let buffered: Buffer = Buffer.alloc(0);
  for (;;) {
    const opening = await read(
      socket,
      buffered,
      8,
      (bytes) => (!encrypted && bytes[0] === tlsHandshake) || (bytes.length >= 4 && !plausible(bytes.readUInt32BE(0))),
    );
    if (opening === null) return { kind: 'gone' };
    if (!encrypted && opening[0] === tlsHandshake && options.tls !== null && options.tls.mode !== 'disable') {
      socket.unshift(opening);
      const secured = await startTls(socket, options, true);
      if (secured === null) return { kind: 'gone' };
      socket = secured;
      encrypted = true;
      buffered = Buffer.alloc(0);
      continue;
    }
    const length = opening.readUInt32BE(0);
    if (!plausible(length)) return refuse(socket, 'invalid length of startup packet');
    const code = opening.readUInt32BE(4);
    if (code === requestCode.ssl || code === requestCode.gssenc) {
      const kind = code === requestCode.ssl ? 'SSL' : 'GSSAPI';
      // PostgreSQL takes each request once, and reads a second one as a protocol version.
      if (asked.has(code) || (encrypted && asked.has(requestCode.ssl)))
        return refuse(socket, `received a second ${kind} encryption request`);
      asked.add(code);
      if (length !== 8 || opening.length > 8) {
        return refuse(socket, `received unencrypted data after ${kind} encryption request`);
      }
      const accepts = kind === 'SSL' && !encrypted && options.tls !== null && options.tls.mode !== 'disable';
      socket.write(accepts ? 'S' : 'N');
      buffered = Buffer.alloc(0);
      if (!accepts) continue;
      const secured = await startTls(socket, options, false);
      if (secured === null) return { kind: 'gone' };
      socket = secured;
      encrypted = true;
      continue;
    }
    if (code === requestCode.cancel) {
      if (length > maxCancelPacket) return refuse(socket, 'invalid length of cancel request packet');
      const packet = await read(socket, opening, length);
      return packet === null ? { kind: 'gone' } : { kind: 'cancel', socket, packet: packet.subarray(0, length) };
    }
    const all = await read(socket, opening, length);
    if (all === null) return { kind: 'gone' };
    if (!encrypted && options.tls?.mode === 'require') return refuseWith(socket, fault('tls_required'));
    const packet = Buffer.from(all.subarray(0, length));
    return { kind: 'start', socket, packet, parameters: readStartupParameters(packet), rest: all.subarray(length) };
  }
}

/** Whether a start-up packet can have this length. */
function plausible(length: number): boolean {
  return length >= 8 && length <= maxStartupPacket;
}

/** Ends a connection with a FATAL error. */
export function refuseWith(socket: Socket, why: Fault): Greeting {
  if (!socket.destroyed) {
    socket.end(errorResponse(why, 'FATAL'));
    socket.resume();
  }
  return { kind: 'gone' };
}

function refuse(socket: Socket, what: string): Greeting {
  return refuseWith(socket, fault('protocol_violation', { params: { what } }));
}

/**
 * At least `count` bytes, the ones already buffered included, or whatever came when `enough` says so; null when the
 * socket ends before. Leaves the socket paused. Never holds more than one packet and the chunk that completed it.
 */
function read(
  socket: Socket,
  buffered: Buffer,
  count: number,
  enough: (bytes: Buffer) => boolean = () => false,
): Promise<Buffer | null> {
  let bytes = buffered;
  const complete = (): boolean => bytes.length >= count || (bytes.length > 0 && enough(bytes));
  if (complete()) return Promise.resolve(bytes);
  return new Promise((resolve) => {
    const finish = (result: Buffer | null): void => {
      socket.pause();
      socket.off('data', take).off('end', lost).off('close', lost);
      resolve(result);
    };
    const take = (chunk: Buffer): void => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      if (complete()) finish(bytes);
    };
    const lost = (): void => {
      socket.end();
      socket.destroySoon();
      finish(null);
    };
    socket.on('data', take).once('end', lost).once('close', lost);
    socket.resume();
  });
}

/** The server's side of the handshake; null when it fails. Direct TLS needs ALPN (manual, "SSL Session Encryption"). */
function startTls(socket: Socket, options: ProxyOptions, direct: boolean): Promise<TLSSocket | null> {
  const { tls } = options;
  if (tls === null) return Promise.resolve(null);
  return new Promise((resolve) => {
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: tls.context(),
      ALPNProtocols: ['postgresql'],
    });
    const finish = (result: TLSSocket | null): void => {
      secured.pause();
      secured.off('secure', ready).off('close', lost).off('end', lost);
      resolve(result);
    };
    const ready = (): void => {
      if (direct && secured.alpnProtocol !== 'postgresql') {
        secured.destroy();
        finish(null);
        return;
      }
      secured.setNoDelay(true);
      finish(secured);
    };
    const lost = (): void => {
      secured.destroy();
      socket.destroy();
      finish(null);
    };
    secured.on('error', (error) => options.log.debug({ error: error.message }, 'TLS with a client failed'));
    secured.once('secure', ready).once('close', lost).once('end', lost);
    // Nothing can be read before the handshake is done, but without reading its end would not be noticed.
    secured.resume();
    socket.once('close', () => secured.destroy());
  });
}

/**
 * The login: the database asks, the client answers, Upwrite relays and keeps nothing of it but the key data for cancels.
 * Source: PostgreSQL manual, "Message Flow" (Start-up) and "SASL Authentication".
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { fault } from '../errors/index.js';
import type { SocketLink } from '../upstream/index.js';
import {
  authenticationSasl,
  Back,
  errorResponse,
  FrameAssembler,
  Front,
  firstMessage,
  maxAuthMessage,
  saslMechanisms,
} from '../wire/index.js';

export interface LoggedIn {
  /** The body of BackendKeyData: process id and key; empty where the database sent none. */
  readonly keyData: Buffer;
  /** What the database reported of itself and the session. */
  readonly parameters: Map<string, string>;
  /** Bytes of the client that belong behind the login. */
  readonly clientRest: Buffer;
  /** Bytes of the database that came behind its ReadyForQuery. */
  readonly backendRest: Buffer;
}

/** AuthenticationOk and AuthenticationSASLFinal ask for no answer; every other request does. */
const asksNothing = new Set([0, 12]);

/** Relays until the first ReadyForQuery has gone to the client; null when either side ended before. */
export function relayLogin(
  client: Socket,
  link: SocketLink,
  startupPacket: Buffer,
  clientRest: Buffer,
): Promise<LoggedIn | null> {
  const backend = link.socket;
  return new Promise((resolve) => {
    const parameters = new Map<string, string>();
    let keyData: Buffer = Buffer.alloc(0);
    let waiting = false;
    let held: Buffer = clientRest;
    const fromBackend = new FrameAssembler();

    const finish = (result: LoggedIn | null): void => {
      client.pause();
      link.pause();
      client.off('data', onClient).off('end', onClientEnd).off('close', onLost);
      backend.off('end', onBackendEnd).off('close', onLost);
      resolve(result);
    };
    const onLost = (): void => {
      client.destroy();
      backend.destroy();
      finish(null);
    };
    const onClientEnd = (): void => {
      backend.end();
    };
    const onBackendEnd = (): void => {
      // What does not look like a message: servers refuse protocol 2 and older in that protocol's own form.
      client.write(fromBackend.take());
      client.end();
      finish(null);
    };
    const violation = (what: string): void => {
      client.end(errorResponse(fault('protocol_violation', { params: { what } }), 'FATAL'));
      backend.destroy();
      finish(null);
    };

    /** Sends on what the database waits for; anything but a password message is for after the login, or its error. */
    const relayHeld = (): void => {
      if (waiting && held.length > 0 && held[0] !== Front.password) {
        // Not what the database asked for: it says so itself.
        waiting = false;
        backend.write(held);
        held = Buffer.alloc(0);
        return;
      }
      while (waiting && held.length >= 5) {
        const length = held.readUInt32BE(1);
        if (length < 4 || length > maxAuthMessage) {
          violation('invalid message length');
          return;
        }
        const message = firstMessage(held);
        if (message === null) return;
        if (wantsChannelBinding(message) && backend instanceof TLSSocket) {
          client.end(errorResponse(fault('channel_binding'), 'FATAL'));
          backend.destroy();
          finish(null);
          return;
        }
        waiting = false;
        held = held.subarray(message.length);
        backend.write(message);
      }
    };
    const onClient = (chunk: Buffer): void => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      relayHeld();
      if (held.length > maxAuthMessage) client.pause();
    };
    const onMessage = (message: Buffer): boolean => {
      const type = message[0];
      if (type === Back.authentication) {
        const mechanisms = saslMechanisms(message);
        client.write(mechanisms === null ? message : authenticationSasl(withoutBinding(mechanisms)));
        waiting = !asksNothing.has(message.length >= 9 ? message.readUInt32BE(5) : 0);
        relayHeld();
        return false;
      }
      if (type === Back.keyData) keyData = Buffer.from(message.subarray(5));
      else if (type === Back.parameterStatus) {
        const [name = '', value = ''] = message.toString('latin1', 5).split('\0');
        parameters.set(name, value);
      }
      client.write(message);
      return type === Back.readyForQuery;
    };
    const onBackend = (chunk: Buffer): boolean => {
      let rest = fromBackend.push(Buffer.from(chunk));
      if (rest === null) return true;
      for (let message = firstMessage(rest); message !== null; message = firstMessage(rest)) {
        rest = rest.subarray(message.length);
        if (onMessage(message)) {
          finish({ keyData, parameters, clientRest: held, backendRest: rest });
          return false;
        }
        if (backend.destroyed) return false;
      }
      fromBackend.keep(rest);
      return true;
    };

    client.on('data', onClient).once('end', onClientEnd).once('close', onLost);
    link.receive(onBackend);
    backend.once('end', onBackendEnd).once('close', onLost);
    backend.write(startupPacket);
    // Its end may have come while nobody listened.
    if (client.readableEnded) onClientEnd();
    client.resume();
    link.resume();
  });
}

/** Channel binding ties the login to a TLS connection, and TLS ends here: it is not offered. */
function withoutBinding(mechanisms: readonly string[]): string[] {
  return mechanisms.filter((name) => !name.endsWith('-PLUS'));
}

/**
 * Whether a SASLInitialResponse starts with `y`: "I could bind, and you did not offer it". A database that is reached
 * over TLS takes that for an attack (RFC 5802, section 6), and nobody but the client can change it.
 */
function wantsChannelBinding(message: Buffer): boolean {
  if (message[0] !== Front.password) return false;
  const end = message.indexOf(0, 5);
  if (end < 0 || message.toString('latin1', 5, end) !== 'SCRAM-SHA-256') return false;
  return message.toString('latin1', end + 5, end + 7) === 'y,';
}

/**
 * A Postgres client that does nothing by itself: it writes the bytes it is given and keeps a transcript of what it
 * has read. How a connection ends (FIN or RST) is not told apart, since a proxy cannot always pass on which.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { within } from '../../support/wait.js';
import { Inbox } from './inbox.js';
import { bytes, type Mask, type Message, render } from './transcript.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** PostgreSQL's own limit of a message, 1 GB: a longer one means that the stream is not framed as it should be. */
const longestMessage = 0x4000_0000;

export class RawConnection {
  /** What was read, one line each. */
  readonly transcript: string[] = [];
  /** What BackendKeyData said, for cancel requests. */
  pid = 0;
  key: Buffer = Buffer.alloc(0);
  mask: Mask = (message) => message;
  #plain: Socket;
  #socket: Socket | TLSSocket;
  #inbox = new Inbox();
  #closed = false;

  private constructor(socket: Socket) {
    this.#plain = socket;
    this.#socket = socket;
    this.#listen();
  }

  static async open(address: Address): Promise<RawConnection> {
    const socket = connect({ ...address, noDelay: true, allowHalfOpen: true });
    await within(50_000, () => 'a TCP connection', once(socket, 'connect'));
    return new RawConnection(socket);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Writes in one piece; resolves when the system has taken the bytes, or the connection is gone. */
  send(data: Buffer): Promise<void> {
    const taken = new Promise<void>((resolve) => {
      if (this.#socket.destroyed || this.#socket.writableEnded) resolve();
      else this.#socket.write(data, () => resolve());
    });
    return within(60_000, () => this.#where(`${data.length} bytes to be taken`), taken);
  }

  /** Writes in pieces of `size` bytes, each handed to the system by itself. */
  async sendSlowly(data: Buffer, size = 1): Promise<void> {
    for (let at = 0; at < data.length; at += size) {
      await this.send(data.subarray(at, at + size));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Reads one byte outside any message: the answer to SSLRequest and GSSENCRequest. */
  async byte(): Promise<string> {
    if (!(await this.#inbox.has(1, () => this.#where('a single byte')))) return this.#end();
    const got = bytes(this.#inbox.take(1));
    this.transcript.push(`byte ${got}`);
    return got;
  }

  /** Reads one message; null when the connection ended instead. */
  async next(): Promise<Message | null> {
    if (this.#closed) return null;
    const where = (): string => this.#where('a message');
    if (!(await this.#inbox.has(5, where))) return this.#ended();
    const length = this.#inbox.peek(5).readInt32BE(1);
    const framed = length >= 4 && length <= longestMessage;
    if (!framed) await this.#inbox.has(Number.MAX_SAFE_INTEGER, where);
    if (!framed || !(await this.#inbox.has(length + 1, where))) return this.#ended();
    const whole = this.#inbox.take(length + 1);
    const message = { type: String.fromCharCode(whole[0] ?? 0), body: whole.subarray(5) };
    this.#record(message);
    return message;
  }

  /** Reads up to and including a message of `type`, or the end of the connection; gives that message. */
  async until(type: string): Promise<Message | null> {
    for (;;) {
      const message = await this.next();
      if (message === null || message.type === type) return message;
    }
  }

  /** Reads whatever comes until the connection ends. */
  async untilClosed(): Promise<void> {
    while ((await this.next()) !== null);
  }

  /** Goes on over TLS; records only whether that worked and the protocol agreed on. */
  async startTls(options: ConnectionOptions): Promise<boolean> {
    this.#socket.removeAllListeners('data');
    const plain = this.#socket;
    const secure = connectTls({ socket: plain, ...options });
    this.#socket = secure;
    this.#listen();
    try {
      const ready = Promise.race([
        once(secure, 'secureConnect'),
        once(secure, 'close').then(() => Promise.reject(new Error('closed during the handshake'))),
      ]);
      await within(50_000, () => 'the TLS handshake', ready);
    } catch (error) {
      this.transcript.push(`tls refused ${code(error)}`);
      return false;
    }
    this.transcript.push(`tls ${secure.authorized ? 'verified' : 'unverified'} alpn=${secure.alpnProtocol || 'none'}`);
    return true;
  }

  /** Stops reading, so that whoever sends must stop in the end too. */
  stall(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes the sending side only. */
  finish(): void {
    this.#socket.end();
  }

  /** Closes at once: with RST, or with FIN and no further reading, so that the transcript ends here. */
  vanish(how: 'FIN' | 'RST'): void {
    this.#closed = true;
    if (how === 'FIN') this.#socket.destroy();
    else this.#plain.resetAndDestroy();
  }

  /** Bytes that were received and not yet read, and bytes given to `send` that the system has not taken. */
  get pending(): { received: number; unsent: number } {
    return { received: this.#inbox.length, unsent: this.#socket.writableLength };
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => this.#inbox.push(chunk));
    socket.on('error', () => undefined);
    const over = (): void => {
      if (socket === this.#socket) this.#inbox.end();
    };
    socket.on('end', over);
    socket.on('close', over);
  }

  #record(message: Message): void {
    if (message.type === 'K') {
      this.pid = message.body.readInt32BE(0);
      this.key = Buffer.from(message.body.subarray(4));
    }
    const masked = this.mask(message);
    if (masked !== null) this.transcript.push(render(masked));
  }

  #ended(): null {
    this.#end();
    return null;
  }

  #end(): string {
    if (this.#closed) return '';
    this.#closed = true;
    const rest = this.#inbox.take(this.#inbox.length);
    if (rest.length > 0) this.transcript.push(`bytes ${bytes(rest)}`);
    this.transcript.push('closed');
    this.#socket.destroy();
    return '';
  }

  #where(what: string): string {
    return `${what} after ${this.transcript.slice(-3).join(' | ')}`;
  }
}

function code(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'closed';
}

/**
 * One side of a session as the pumps read it. Where nothing lies between (no TLS), it is read into one buffer of its own
 * again and again, which saves an allocation of 64 KiB for each chunk: under load that is half of the work that JavaScript
 * has with it. The buffer is small while a session is, and grows under a stream.
 * Source: Node.js documentation, `net.connect`, option `onread`.
 */
import type net from 'node:net';

/** Takes a chunk that is only good until the call returns, unless the link's `keep` is called. False stops reading. */
export type Receiver = (chunk: Buffer) => boolean;

/** Bytes of the buffer: at first, at most, and how many times as many it becomes when a read fills it. */
const smallest = 1024;
const largest = 65_536;
const growth = 8;
/** After so many reads in a row that would have fitted into a quarter of it, the buffer shrinks again. */
const smallReads = 32;

const ignore: Receiver = () => true;

export class SocketLink {
  #socket: net.Socket | null = null;
  #receive: Receiver = ignore;
  #buffer: Buffer = Buffer.allocUnsafeSlow(smallest);
  /** The last chunk, as a view of the buffer: much traffic comes in equal pieces. */
  #chunk: Buffer = this.#buffer;
  #small = 0;
  #how: 'onread' | 'events' = 'events';

  /** The `onread` option for the socket that this link is going to be of. Node asks for a buffer after each callback. */
  readonly onread = {
    buffer: (): Buffer => this.#buffer,
    callback: (bytes: number): boolean => {
      const { length } = this.#buffer;
      if (bytes !== this.#chunk.length) this.#chunk = this.#buffer.subarray(0, bytes);
      const flowing = this.#receive(this.#chunk);
      if (bytes === length && length < largest) this.#resize(length * growth);
      else if (length > smallest && bytes * 4 <= length) {
        this.#small++;
        if (this.#small >= smallReads) this.#resize(length / growth);
      } else this.#small = 0;
      if (!flowing) this.pause();
      return true;
    },
  };

  #resize(length: number): void {
    this.#renew(length);
    this.#small = 0;
  }

  #renew(length: number): void {
    this.#buffer = Buffer.allocUnsafeSlow(length);
    this.#chunk = this.#buffer;
  }

  /** Ties the link to its socket; `events` where the socket is not read through `onread`. */
  attach(socket: net.Socket, how: 'onread' | 'events'): this {
    this.#socket = socket;
    this.#how = how;
    if (how === 'events') {
      socket.on('data', (chunk: Buffer) => {
        if (!this.#receive(chunk)) socket.pause();
      });
    }
    socket.pause();
    return this;
  }

  get socket(): net.Socket {
    if (this.#socket === null) throw new Error('the link has no socket yet');
    return this.#socket;
  }

  /** Gives what comes from now on to this receiver. */
  receive(receiver: Receiver): void {
    this.#receive = receiver;
  }

  /** Whoever still needs the chunk at hand (a socket that has not written it out) keeps it; reading goes on elsewhere. */
  keep(): void {
    if (this.#how === 'onread') this.#renew(this.#buffer.length);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }
}

/**
 * One side of a session as the pumps read and write it. Where nothing lies between (no TLS), it is read into one buffer of
 * its own again and again, which saves an allocation of 64 KiB for each chunk: under load that is half of the work that
 * JavaScript has with it. Where it has much to read, it is read by the direct poll.
 * Source: Node.js documentation, `net.connect`, option `onread`.
 */
import type net from 'node:net';
import { performance } from 'node:perf_hooks';
import { DirectPoll, type Pollable } from './direct-poll.js';
import { largest, ReadBuffer } from './read-buffer.js';
import { beforeClosing, partsOf, type SocketHandle, type SocketParts } from './socket-handle.js';

/** Takes a chunk that is only good until the call returns, unless the link's `keep` is called. False stops reading. */
export type Receiver = (chunk: Buffer) => boolean;

/** So many reads within so many milliseconds make a connection busy, by what is asked for. */
const busyReads = { auto: 8, always: 1 };
const busyMs = 1000;

const ignore: Receiver = () => true;

/** The poll of this process; null: everything is left to Node. */
let poll: DirectPoll | null = null;

/** Has links be read by a poll of their own when they are busy. Answers whether there is one here. */
export async function useDirectIo(): Promise<boolean> {
  poll ??= await DirectPoll.open();
  return poll !== null;
}

export class SocketLink implements Pollable {
  #socket: net.Socket | null = null;
  #receive: Receiver = ignore;
  #how: 'onread' | 'events' = 'events';
  /** What Node reads into; it has it until it has read. */
  readonly #buffer = new ReadBuffer();
  /** What the poll reads into while it is a stream: for other traffic it has one buffer for all. */
  #stream: ReadBuffer | null = null;
  /** Where the chunk at hand is. */
  #current: { renew(): void } = this.#buffer;
  /** Null where the link is left to Node. */
  #poll: DirectPoll | null = null;
  /** Null as well once it is closed. */
  #handle: SocketHandle | null = null;
  #unsent: SocketParts['unsent'] | null = null;
  fd = -1;
  /** The poll has it. */
  #isBusy = false;
  #busyReads = 0;
  /** Reads by Node since a moment. */
  #reads = 0;
  #readsSince = 0;

  /** The `onread` option for the socket that this link is going to be of. Node asks for a buffer after each callback. */
  readonly onread = {
    buffer: (): Buffer => this.#buffer.bytes,
    callback: (bytes: number): boolean => {
      this.#deliver(this.#buffer, bytes);
      if (this.#poll !== null) this.#countRead(this.#poll);
      return true;
    },
  };

  #deliver(buffer: ReadBuffer, bytes: number): void {
    this.#current = buffer;
    const flowing = this.#receive(buffer.chunk(bytes));
    buffer.adapt(bytes);
    if (!flowing) this.pause();
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

  /** Whether `write` copies what it cannot write at once, so that nobody need keep the chunk for it. */
  get copies(): boolean {
    return this.#unsent !== null;
  }

  /** Whoever still needs the chunk at hand (a socket that has not written it out) keeps it; reading goes on elsewhere. */
  keep(): void {
    if (this.#how === 'onread') this.#current.renew();
  }

  pause(): void {
    this.#leavePoll();
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Writes a chunk behind what was written before. False asks to wait for the socket's `drain`. */
  write(chunk: Buffer): boolean {
    const unsent = this.#unsent;
    if (unsent === null) return this.socket.write(chunk);
    const isFree = this.#handle !== null && unsent.length === 0;
    const sent = isFree ? (this.#poll?.system.write(this.fd, chunk) ?? 0) : 0;
    if (sent === chunk.length) return true;
    this.yield();
    return this.socket.write(Buffer.from(sent > 0 ? chunk.subarray(sent) : chunk));
  }

  /** From now on the poll may have it: its receiver calls `yield` where it leaves something for later. */
  allowDirect(which: keyof typeof busyReads): void {
    const { socket } = this;
    const parts = this.#how === 'onread' && poll !== null ? partsOf(socket) : null;
    if (parts === null) return;
    this.#busyReads = busyReads[which];
    this.#poll = poll;
    this.#handle = parts.handle;
    this.#unsent = parts.unsent;
    this.fd = parts.handle.fd;
    beforeClosing(socket, () => {
      this.#leavePoll();
      this.#handle = null;
    });
  }

  /** Something is left for later, a promise for example: nothing more is read by the poll before Node has done it. */
  yield(): void {
    this.#poll?.yield();
  }

  /** Called by the poll: there is something to read. */
  read({ system, buffer: common }: DirectPoll): void {
    const stream = this.#stream;
    const into = stream ?? common;
    const bytes = this.#isReadable() ? system.read(this.fd, into.bytes) : 0;
    if (bytes <= 0) {
      this.giveBack();
      return;
    }
    let flowing: boolean;
    if (stream === null) {
      this.#current = common;
      if (bytes === common.bytes.length) this.#stream = new ReadBuffer(largest);
      flowing = this.#receive(common.chunk(bytes));
    } else {
      this.#current = stream;
      flowing = this.#receive(stream.chunk(bytes));
      stream.adapt(bytes);
      if (stream.bytes.length <= common.bytes.length) this.#stream = null;
    }
    if (!flowing) this.pause();
  }

  /** Called by the poll: Node reads it again, if it is open and wants to be read. */
  giveBack(): void {
    this.#leavePoll();
    if (this.#isReadable()) this.#handle?.readStart();
  }

  #countRead(busy: DirectPoll): void {
    const now = performance.now();
    if (now - this.#readsSince > busyMs) {
      this.#readsSince = now;
      this.#reads = 0;
    }
    this.#reads++;
    // What is still to be written needs Node's loop to watch the socket.
    if (this.#reads < this.#busyReads || this.#unsent?.length !== 0 || !this.#isReadable()) return;
    this.#isBusy = true;
    this.#handle?.readStop();
    busy.take(this);
  }

  /** Whether it is open, and wants to be read. */
  #isReadable(): boolean {
    return this.#handle?.reading === true;
  }

  #leavePoll(): void {
    if (!this.#isBusy) return;
    this.#isBusy = false;
    this.#stream = null;
    this.#reads = 0;
    this.#poll?.leave(this);
  }
}

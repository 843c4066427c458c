/**
 * A poll of its own for the connections that are busy. For each chunk that Node hands over it does some 5 µs of work: as
 * much as all the rest of a proxy's. So a connection that has much to read is taken out of Node's loop and read here, by
 * system calls, in bursts: the thread waits in an epoll that holds the busy connections and Node's loop itself. Whatever is
 * to be done beyond handing bytes on ends the burst, and Node's loop has its turn: it has something to do, a timer is due, a
 * receiver has left work for later (`yield`). A connection that is quiet, at its end or faulty goes back to Node's loop,
 * which finds there what it would have found without.
 * It is the idea of Electron's and GLib's integration of libuv, the other way round.
 */
import net from 'node:net';
import { performance } from 'node:perf_hooks';
import { CommonBuffer } from './read-buffer.js';
import { openSystemCalls, type SystemCalls } from './system-calls.js';

/** A connection that can be busy. */
export interface Pollable {
  readonly fd: number;
  /** There is something to read. */
  read(poll: DirectPoll): void;
  /** It is to be read by Node's loop again. */
  giveBack(): void;
}

/** Milliseconds without anything to read after which connections are no longer busy. */
const quietMs = 50;
/** Milliseconds after which Node's loop has its turn, if there is always something to read; waits between looks at the clock. */
const longestBurst = 5;
const waitsPerLook = 4;

const wakeByte = new Uint8Array(1);

export class DirectPoll {
  readonly system: SystemCalls;
  /** What connections are read into, one after the other: it stays in the processor's cache, as theirs would not. */
  readonly buffer = new CommonBuffer(8192);
  readonly #poll: number;
  /** Written to in order to be called by Node's loop, when it has done everything else. */
  readonly #wake: number;
  readonly #byFd: (Pollable | undefined)[] = [];
  #busy = 0;
  #isAwaited = false;
  #hasLeftWork = false;
  /** Something was read in the burst that runs. */
  #hasRead = false;
  /** When something was read last, about. */
  #lastRead = 0;

  private constructor(system: SystemCalls) {
    this.system = system;
    this.#poll = system.poll();
    const [reading, writing] = system.pipe();
    this.#wake = writing;
    if (!system.watch(this.#poll, system.loopFd)) throw new Error('the loop of Node cannot be watched');
    const buffer = new Uint8Array(64);
    const onread = { buffer, callback: () => this.#called() };
    const options = { fd: reading, readable: true, writable: false, onread };
    const pipe = new net.Socket(options);
    pipe.on('error', () => undefined);
    pipe.resume();
    pipe.unref();
  }

  /** Null where the system has none. */
  static async open(): Promise<DirectPoll | null> {
    const system = await openSystemCalls();
    try {
      return system === null ? null : new DirectPoll(system);
    } catch {
      return null;
    }
  }

  /** Takes a connection that Node's loop has just been told not to read. */
  take(connection: Pollable): void {
    const { fd } = connection;
    // Node's loop forgets it only when it comes upon it again, and until then it would wake us for nothing.
    this.system.unwatch(this.system.loopFd, fd);
    if (!this.system.watch(this.#poll, fd)) {
      connection.giveBack();
      return;
    }
    this.#busy++;
    this.#byFd[fd] = connection;
    this.#lastRead = performance.now();
    this.#await();
  }

  /** Gives a connection up, before it is closed. */
  leave(connection: Pollable): void {
    const { fd } = connection;
    if (this.#byFd[fd] !== connection) return;
    this.#byFd[fd] = undefined;
    this.#busy--;
    this.system.unwatch(this.#poll, fd);
  }

  /** A receiver has left work for later, a promise for example: Node does that before anything more is read here. */
  yield(): void {
    this.#hasLeftWork = true;
  }

  #await(): void {
    if (this.#isAwaited) return;
    this.#isAwaited = true;
    this.system.write(this.#wake, wakeByte);
  }

  #called(): boolean {
    this.#isAwaited = false;
    if (this.#burst()) this.#await();
    return true;
  }

  /** Reads what there is to read, and waits for more. Answers whether it is to be called again. */
  #burst(): boolean {
    const { system } = this;
    const idle = system.loopTimeout();
    const limit = idle < 0 ? quietMs : Math.min(idle, quietMs);
    const begun = performance.now();
    this.#hasLeftWork = false;
    this.#hasRead = false;
    for (let waits = 0; this.#busy > 0; waits++) {
      const count = system.wait(this.#poll, waits === 0 ? limit : Math.min(limit, longestBurst));
      if (count <= 0) break;
      const isLoopReady = this.#readAll(count);
      if (isLoopReady || this.#hasLeftWork) break;
      if (waits % waitsPerLook === 0 && performance.now() - begun >= Math.min(limit, longestBurst)) break;
    }
    if (this.#hasRead) this.#lastRead = performance.now();
    else if (performance.now() - this.#lastRead >= quietMs) this.#giveAllBack();
    return this.#busy > 0;
  }

  /** Answers whether Node's loop has something to do. */
  #readAll(count: number): boolean {
    const { system } = this;
    let isLoopReady = false;
    for (let i = 0; i < count && !this.#hasLeftWork; i++) {
      const fd = system.eventFd(i);
      if (fd === system.loopFd) {
        isLoopReady = true;
        continue;
      }
      const connection = this.#byFd[fd];
      if (connection === undefined) continue;
      if (system.canRead(i)) {
        this.#hasRead = true;
        connection.read(this);
      } else connection.giveBack();
    }
    return isLoopReady;
  }

  #giveAllBack(): void {
    for (const connection of [...this.#byFd]) connection?.giveBack();
  }
}

/**
 * The system calls of Linux that the direct poll makes itself, through koffi. Sources: the manual pages read(2), write(2),
 * epoll_wait(2), epoll_ctl(2) and pipe(2); for Node's own loop libuv's documentation, "uv_loop_t" (`uv_backend_fd`,
 * `uv_backend_timeout`).
 */
import { closeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

export interface SystemCalls {
  /** The descriptor that is readable when Node's loop has something to do. */
  readonly loopFd: number;
  /** Milliseconds that Node's loop would wait now; 0: it has something to do, -1: for ever. */
  loopTimeout(): number;
  /** A new epoll. */
  poll(): number;
  /** Has the epoll tell when the descriptor can be read, or has ended. False: the system watches no more of them. */
  watch(poll: number, fd: number): boolean;
  /** It tells no more. */
  unwatch(poll: number, fd: number): void;
  /** Waits so many milliseconds at most. Answers how many events `eventFd` and `canRead` know of; negative: interrupted. */
  wait(poll: number, timeoutMs: number): number;
  eventFd(index: number): number;
  /** Whether there is something to read and nothing else to know: no end, no error. */
  canRead(index: number): boolean;
  /** Bytes read, at most the buffer's length; 0 at the end, negative where there is nothing or an error. */
  read(fd: number, into: Uint8Array): number;
  /**
   * Bytes written, of something that need not have room for all; negative where it has none, or on an error. Node has
   * everything that it opens not wait, and ignores SIGPIPE.
   */
  write(fd: number, bytes: Uint8Array): number;
  /** A pipe's descriptors: of the end that is read, and of the one that is written. */
  pipe(): readonly [number, number];
}

/** Of <sys/epoll.h>. */
const add = 1;
const remove = 2;
const readable = 0x1;
const halfClosed = 0x2000;
const eventsAtOnce = 64;

/** Where the numbers below hold. */
const architectures = ['x64', 'arm64'];

/** Null where this is no Linux with glibc, no main thread, or koffi is not there for it. */
export async function openSystemCalls(): Promise<SystemCalls | null> {
  if (process.platform !== 'linux' || !architectures.includes(process.arch) || !isMainThread) return null;
  try {
    const calls = await load();
    return answersAsItShould(calls) ? calls : null;
  } catch {
    return null;
  }
}

async function load(): Promise<SystemCalls> {
  const { default: koffi } = await import('koffi');
  const libc = koffi.load('libc.so.6');
  const node = koffi.load(null);
  const createPoll: (flags: number) => number = libc.func('int epoll_create1(int)');
  const control: (poll: number, operation: number, fd: number, event: Int32Array) => number = libc.func(
    'int epoll_ctl(int, int, int, void*)',
  );
  const wait: (poll: number, events: Int32Array, most: number, timeoutMs: number) => number = libc.func(
    'int epoll_wait(int, void*, int, int)',
  );
  const read: (fd: number, into: Uint8Array, length: number) => number = libc.func('long read(int, void*, size_t)');
  const write: (fd: number, bytes: Uint8Array, length: number) => number = libc.func('long write(int, void*, size_t)');
  const pipe: (fds: Int32Array, flags: number) => number = libc.func('int pipe2(int*, int)');
  const defaultLoop: () => unknown = node.func('void* uv_default_loop()');
  const backendFd: (loop: unknown) => number = node.func('int uv_backend_fd(void*)');
  const backendTimeout: (loop: unknown) => number = node.func('int uv_backend_timeout(void*)');
  const loop = defaultLoop();
  // A struct epoll_event is packed on x86-64 alone (epoll_ctl(2)); the descriptor stands in its data.
  const words = process.arch === 'x64' ? 3 : 4;
  const data = words - 2;
  const events = new Int32Array(words * eventsAtOnce);
  const event = new Int32Array(words);
  return {
    loopFd: backendFd(loop),
    loopTimeout: () => backendTimeout(loop),
    poll: () => checked(createPoll(closeOnExec), 'epoll_create1'),
    watch: (poll, fd) => {
      event[0] = readable | halfClosed;
      event[data] = fd;
      return control(poll, add, fd, event) === 0;
    },
    unwatch: (poll, fd) => {
      control(poll, remove, fd, event);
    },
    wait: (poll, timeoutMs) => wait(poll, events, eventsAtOnce, timeoutMs),
    eventFd: (index) => events[index * words + data] ?? -1,
    canRead: (index) => events[index * words] === readable,
    read: (fd, into) => read(fd, into, into.length),
    write: (fd, bytes) => write(fd, bytes, bytes.length),
    pipe: () => {
      const ends = new Int32Array(2);
      checked(pipe(ends, closeOnExec | nonBlocking), 'pipe2');
      return [ends[0] ?? -1, ends[1] ?? -1];
    },
  };
}

/** O_CLOEXEC, which is EPOLL_CLOEXEC as well, and O_NONBLOCK. */
const closeOnExec = 0x80000;
const nonBlocking = 0x800;

function checked(result: number, what: string): number {
  if (result < 0) throw new Error(`${what} failed`);
  return result;
}

/** Whether events look as they are expected to look here. */
function answersAsItShould(calls: SystemCalls): boolean {
  if (calls.loopFd < 0) return false;
  const poll = calls.poll();
  const [reading, writing] = calls.pipe();
  try {
    const isQuiet = calls.watch(poll, reading) && calls.wait(poll, 0) === 0;
    calls.write(writing, new Uint8Array(1));
    return isQuiet && calls.wait(poll, 0) === 1 && calls.eventFd(0) === reading && calls.canRead(0);
  } finally {
    for (const fd of [poll, reading, writing]) closeSync(fd);
  }
}

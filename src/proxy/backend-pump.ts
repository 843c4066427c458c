/**
 * The database's side of a session. While nothing is intercepted, chunks go to the client as they came, and the headers
 * are hopped over only to keep the pipeline's state. During an interception, whole messages are handed out instead.
 */
import type { SocketLink } from '../upstream/index.js';
import { Back, FrameAssembler, firstMessage, type TransactionStatus } from '../wire/index.js';
import { backendCounts, type Pipeline } from './pipeline.js';

/** Types that the pump has to look at: 1 by the header alone, 2 with their body. */
const watched = new Uint8Array(256);
for (const type of [Back.error, Back.copyInResponse]) watched[type] = 1;
for (const type of [Back.readyForQuery, Back.parameterStatus]) watched[type] = 2;

/** A ParameterStatus body that is longer than this is not read. */
const maxStatusBody = 1024;

export interface BackendEvents {
  /** A parameter's new value, as ParameterStatus reports it. */
  parameter(name: string, value: string): void;
  /** A ReadyForQuery has passed. */
  ready(): void;
  /** Any progress while somebody waits for the pipeline to become quiet. */
  progress(): void;
}

export class BackendPump {
  readonly #client: SocketLink;
  readonly #pipeline: Pipeline;
  readonly #events: BackendEvents;
  /** Body bytes of the current message that are still to come. */
  #skip = 0;
  /** A header, or header and body, of which only a part has come (and gone on to the client). */
  #part: Buffer | null = null;
  /** Set while messages are captured. */
  #capture: ((message: Buffer) => void) | null = null;
  readonly #assembler = new FrameAssembler();
  /** Somebody waits for progress. */
  watching = false;

  constructor(client: SocketLink, pipeline: Pipeline, events: BackendEvents) {
    this.#client = client;
    this.#pipeline = pipeline;
    this.#events = events;
  }

  /** Somebody else than the client has what comes, or waits for it. */
  get engaged(): boolean {
    return this.watching || this.#capture !== null;
  }

  /** From the next message boundary on, hands messages to `receive` instead of the client. */
  capture(receive: (message: Buffer) => void): void {
    this.#capture = receive;
  }

  /** Ends the capture; a message of which a part has come goes to the client. */
  release(): void {
    this.#capture = null;
    if (this.#assembler.pending > 0) {
      this.#part = this.#assembler.take();
      this.#client.write(this.#part);
    }
  }

  /** Whether a chunk was taken up whole by the client's socket; false asks to stop reading. */
  push(chunk: Buffer): boolean {
    // What is captured outlives the chunk.
    if (this.#capture !== null) return this.#distribute(Buffer.from(chunk));
    this.#follow(chunk, 0);
    const flowing = this.#client.write(chunk);
    if (this.watching) this.#events.progress();
    return flowing;
  }

  /** Hops over the headers of `chunk` from `from`, whose bytes go to the client as they are. */
  #follow(chunk: Buffer, from: number): void {
    const end = chunk.length;
    let at = from;
    if (this.#part !== null) {
      at = this.#completePart(chunk, at);
      if (at < 0) return;
    }
    if (this.#skip > 0) {
      const take = Math.min(this.#skip, end - at);
      this.#skip -= take;
      at += take;
    }
    while (end - at >= 5) {
      const type = chunk[at] ?? 0;
      const next = at + 1 + chunk.readUInt32BE(at + 1);
      const kind = watched[type];
      if (kind === 2) {
        if (next > end && next - at <= maxStatusBody) break;
        this.#observe(type, chunk, at, Math.min(next, end));
      } else if (kind === 1) this.#observe(type, chunk, at, end);
      else this.#pipeline.answered += backendCounts[type] ?? 0;
      if (next > end) {
        this.#skip = next - end;
        return;
      }
      at = next;
    }
    if (at < end) {
      this.#part = Buffer.from(chunk.subarray(at));
    }
  }

  /** Goes on with a message that began in an earlier chunk; the offset behind it, or -1 if the chunk does not end it. */
  #completePart(chunk: Buffer, from: number): number {
    const part = this.#part ?? Buffer.alloc(0);
    let whole = part;
    let at = from;
    const grow = (length: number): boolean => {
      const take = Math.min(length - whole.length, chunk.length - at);
      if (take > 0) {
        whole = Buffer.concat([whole, chunk.subarray(at, at + take)]);
        at += take;
      }
      return whole.length >= length;
    };
    if (!grow(5)) return this.#keepPart(whole);
    const type = whole[0] ?? 0;
    const length = 1 + whole.readUInt32BE(1);
    if (watched[type] === 2 && length <= maxStatusBody && !grow(length)) return this.#keepPart(whole);
    if (watched[type] !== 0) this.#observe(type, whole, 0, whole.length);
    else this.#pipeline.answered += backendCounts[type] ?? 0;
    this.#part = null;
    this.#skip = length - whole.length;
    return at;
  }

  #keepPart(part: Buffer): -1 {
    this.#part = part;
    return -1;
  }

  #observe(type: number, chunk: Buffer, at: number, end: number): void {
    const pipeline = this.#pipeline;
    if (type === Back.readyForQuery) {
      pipeline.gotReady(statusOf(chunk[at + 5]));
      this.#events.ready();
    } else if (type === Back.error) pipeline.gotError();
    else if (type === Back.copyInResponse) pipeline.gotCopyIn();
    else if (type === Back.parameterStatus) {
      const [name = '', value = ''] = chunk.toString('latin1', at + 5, end).split('\0');
      this.#events.parameter(name, value);
    }
  }

  /** During a capture: what belongs to a message already begun goes to the client, whole messages to the receiver. */
  #distribute(chunk: Buffer): boolean {
    let rest = chunk;
    if (this.#part !== null) {
      const at = this.#completePart(rest, 0);
      if (at < 0) return this.#client.write(rest);
      this.#client.write(rest.subarray(0, at));
      rest = rest.subarray(at);
    }
    if (this.#skip > 0) {
      const take = Math.min(this.#skip, rest.length);
      this.#client.write(rest.subarray(0, take));
      this.#skip -= take;
      rest = rest.subarray(take);
    }
    return rest.length === 0 ? !this.#client.socket.writableNeedDrain : this.#handOut(rest);
  }

  #handOut(chunk: Buffer): boolean {
    let rest = this.#assembler.push(chunk);
    if (rest === null) return !this.#client.socket.writableNeedDrain;
    for (let message = firstMessage(rest); message !== null; message = firstMessage(rest)) {
      rest = rest.subarray(message.length);
      this.#account(message);
      this.#capture?.(message);
      if (this.#capture === null) return rest.length === 0 || this.push(rest);
    }
    this.#assembler.keep(rest);
    return !this.#client.socket.writableNeedDrain;
  }

  #account(message: Buffer): void {
    const type = message[0] ?? 0;
    if (watched[type] !== 0) this.#observe(type, message, 0, message.length);
    else this.#pipeline.answered += backendCounts[type] ?? 0;
  }
}

function statusOf(byte: number | undefined): TransactionStatus {
  return byte === 0x54 ? 'T' : byte === 0x45 ? 'E' : 'I';
}

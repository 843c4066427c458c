/**
 * The client's side of a session. Chunks go to the database as they came; headers are hopped over to check lengths and to
 * keep the pipeline's state. Only a Query or Parse is looked at, and whatever else the interceptor asks to follow.
 */
import type { SocketLink } from '../upstream/index.js';
import { Front, maxFrontendLength } from '../wire/index.js';
import { frontendCounts, type Pipeline } from './pipeline.js';

/** Bytes that are taken from a client while it waits for a verdict: it is read on, so that its end is noticed. */
const mostHeld = 65_536;

/** What became of a message that was looked at: the pump forwards it, or it has been dealt with. */
export type Verdict = 'pass' | 'consumed';

export interface Interceptor {
  /** Whether every message is to be looked at, not only Query and Parse. */
  readonly following: boolean;
  /** Knows of nothing that a later message could refer to, and will not until it has inspected one. */
  readonly blank: boolean;
  /** While `blank`: whether a Query or Parse, whole between `at` and `end`, is certain to be of no concern. */
  overlooks(type: number, chunk: Buffer, at: number, end: number): boolean;
  /** Looks at a whole message. While a promise is open, nothing further of the client's stream moves. */
  inspect(type: number, message: Buffer): Verdict | Promise<Verdict>;
}

export interface ClientEvents {
  /**
   * Bytes that the protocol does not allow. The pump takes nothing more. `unfinished`: whether answers that only a Sync or
   * Flush would have brought are due to the client as well, as PostgreSQL has it for an unknown type.
   */
  violation(what: string, unfinished: boolean): void;
  /** An interception failed in a way that leaves the session unusable. */
  broken(error: unknown): void;
}

export interface ClientPumpOptions {
  readonly client: SocketLink;
  readonly backend: SocketLink;
  readonly pipeline: Pipeline;
  readonly interceptor: Interceptor | null;
  readonly events: ClientEvents;
  /** A statement longer than this (bytes) goes through unseen. */
  readonly maxInspected: number;
}

export class ClientPump {
  readonly #options: ClientPumpOptions;
  /** Body bytes of the current message that are still to come. */
  #skip = 0;
  /** Pieces of a message that is held until it is whole, and how many bytes that takes. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #needed = 0;
  #deciding = false;
  /** During an interception, COPY data goes to the database; called when the client has ended it. */
  #copyEnded: (() => void) | null = null;
  #dead = false;

  constructor(options: ClientPumpOptions) {
    this.#options = options;
  }

  /** COPY data of the client goes through during an interception. */
  get copying(): boolean {
    return this.#copyEnded !== null;
  }

  /** A verdict is awaited. */
  get deciding(): boolean {
    return this.#deciding;
  }

  /** Something of the last chunk is still needed. */
  get holding(): boolean {
    return this.#deciding || this.#heldBytes > 0;
  }

  /** Takes a chunk; false asks to stop reading from the client until the backend drains. */
  push(chunk: Buffer): boolean {
    if (this.#dead) return true;
    if (this.#deciding || this.#heldBytes > 0) {
      this.#hold(chunk);
      if (this.#copyEnded !== null) return this.#relayCopy();
      if (this.#deciding) return this.#heldBytes < mostHeld;
      return this.#heldBytes < this.#needed || this.#process(this.#takeHeld());
    }
    return this.#process(chunk);
  }

  #hold(chunk: Buffer): void {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
  }

  #takeHeld(): Buffer {
    const all = this.#held.length === 1 ? this.#held[0] : undefined;
    const whole = all ?? Buffer.concat(this.#held, this.#heldBytes);
    this.#held = [];
    this.#heldBytes = 0;
    this.#needed = 0;
    return whole;
  }

  #forward(chunk: Buffer, from: number, to: number): boolean {
    if (to <= from) return true;
    const { backend } = this.#options;
    return backend.write(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
  }

  #process(chunk: Buffer): boolean {
    const { pipeline, interceptor } = this.#options;
    const end = chunk.length;
    if (interceptor !== null && !pipeline.plain) pipeline.plain = interceptor.blank;
    let following = !pipeline.plain && interceptor?.following === true;
    let sent = 0;
    let at = Math.min(this.#skip, end);
    this.#skip -= at;
    while (end - at >= 5) {
      const type = chunk[at] ?? 0;
      const length = chunk.readUInt32BE(at + 1);
      const most = maxFrontendLength(type);
      if (length < 4 || length > most) return this.#violation(chunk, sent, at, type, most);
      const next = at + 1 + length;
      if (interceptor !== null && this.#wants(type, following)) {
        if (next <= end) {
          if (pipeline.plain && interceptor.overlooks(type, chunk, at, next)) {
            count(pipeline, type);
            at = next;
            continue;
          }
          pipeline.plain = false;
          const verdict = interceptor.inspect(type, chunk.subarray(at, next));
          following = interceptor.following;
          if (verdict !== 'pass') {
            this.#forward(chunk, sent, at);
            if (verdict !== 'consumed') return this.#wait(verdict, chunk, at, next);
            sent = next;
            at = next;
            continue;
          }
        } else if (next - at <= this.#options.maxInspected) {
          this.#needed = next - at;
          this.#hold(chunk.subarray(at));
          return this.#forward(chunk, sent, at);
        }
      }
      count(pipeline, type);
      if (next > end) {
        this.#skip = next - end;
        return this.#forward(chunk, sent, end);
      }
      at = next;
    }
    if (at < end) {
      this.#needed = 5;
      this.#hold(chunk.subarray(at));
    }
    return this.#forward(chunk, sent, at);
  }

  #wants(type: number, following: boolean): boolean {
    return type === Front.query || type === Front.parse || (following && type !== Front.copyData);
  }

  /** Stops the stream at a message until its verdict is there, then goes on behind or with it. */
  #wait(verdict: Promise<Verdict>, chunk: Buffer, at: number, next: number): boolean {
    const { client, backend, pipeline, events } = this.#options;
    this.#deciding = true;
    this.#needed = Number.POSITIVE_INFINITY;
    if (next < chunk.length) this.#hold(chunk.subarray(next));
    verdict.then(
      (decided) => {
        if (this.#dead) return;
        if (decided === 'pass') {
          count(pipeline, chunk[at] ?? 0);
          backend.write(chunk.subarray(at, next));
        }
        this.#deciding = false;
        const flowing = this.#heldBytes === 0 || this.#process(this.#takeHeld());
        if (!this.#deciding && (flowing || !backend.socket.writableNeedDrain)) client.resume();
      },
      (error: unknown) => {
        this.#dead = true;
        events.broken(error);
      },
    );
    return true;
  }

  /** While an interception is open: lets the client's COPY data through to the database, up to its end. */
  startCopy(ended: () => void): void {
    this.#copyEnded = ended;
    this.#skip = 0;
    if (this.#relayCopy()) this.#options.client.resume();
  }

  /** The database has ended the copy itself: what the client still sends is no concern of the interception. */
  stopCopy(): void {
    this.#copyEnded = null;
  }

  /** Forwards what is held of the copy; Sync and Flush mean nothing within it (manual, "COPY Operations"). */
  #relayCopy(): boolean {
    let flowing = true;
    let bytes = this.#heldBytes === 0 ? Buffer.alloc(0) : this.#takeHeld();
    while (bytes.length > 0 && this.#copyEnded !== null) {
      if (this.#skip > 0) {
        const take = Math.min(this.#skip, bytes.length);
        flowing = this.#options.backend.write(bytes.subarray(0, take));
        this.#skip -= take;
        bytes = bytes.subarray(take);
        continue;
      }
      if (bytes.length < 5) break;
      const type = bytes[0] ?? 0;
      const length = 1 + bytes.readUInt32BE(1);
      if (length < 5 || length - 1 > maxFrontendLength(type))
        return this.#violation(bytes, 0, 0, type, maxFrontendLength(type));
      if (type === Front.copyData) {
        this.#skip = length;
      } else {
        if (bytes.length < length) break;
        const message = bytes.subarray(0, length);
        bytes = bytes.subarray(length);
        if (type === Front.sync || type === Front.flush) continue;
        flowing = this.#options.backend.write(message);
        count(this.#options.pipeline, type);
        const ended = this.#copyEnded;
        this.#copyEnded = null;
        ended();
      }
    }
    if (bytes.length > 0) this.#hold(bytes);
    this.#needed = Number.POSITIVE_INFINITY;
    return flowing && (this.#copyEnded !== null || this.#heldBytes < mostHeld);
  }

  /** What precedes the offending bytes still reaches the database. */
  #violation(chunk: Buffer, sent: number, at: number, type: number, most: number): boolean {
    const { pipeline, events } = this.#options;
    this.#dead = true;
    if (most === 0 && pipeline.copyIn) {
      // Within a COPY the database has more to say of it, and ends the session as well.
      return this.#forward(chunk, sent, chunk.length);
    }
    this.#forward(chunk, sent, at);
    events.violation(
      most === 0 ? `invalid frontend message type ${type}` : `invalid message length in a message of type ${type}`,
      most === 0,
    );
    return true;
  }
}

function count(pipeline: Pipeline, type: number): void {
  if (frontendCounts[type] === 1) {
    pipeline.asked++;
    if (type === Front.execute) pipeline.executed = true;
  } else if (type === Front.sync) pipeline.sentSync();
  else if (type === Front.query || type === Front.functionCall) pipeline.sentQuery();
  else if (type === Front.copyDone || type === Front.copyFail) pipeline.sentCopyEnd();
}

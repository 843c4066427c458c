/**
 * Upwrite's own talk with a client's backend, in the middle of the client's stream. It uses prepared statements and
 * portals of its own names, so that nothing of the client's is disturbed, and ends with Flush, never with Sync, unless
 * told otherwise: a Sync would end the client's implicit transaction.
 * Source: PostgreSQL manual, "Extended Query" and "Pipelining".
 */
import type { Socket } from 'node:net';
import { serialize } from 'pg-protocol';
import { DatabaseRefusal, SessionGone } from '../../upstream/index.js';
import { Back, bindMessage, Front, parseMessage, textParameters } from '../../wire/index.js';
import type { BackendPump } from '../backend-pump.js';
import { frontendCounts, type Pipeline } from '../pipeline.js';

/** The name of every statement and portal that Upwrite makes in a client's session. */
export const ownName = 'upwrite';

export type Cell = Buffer | null;

export interface Answer {
  readonly rows: readonly (readonly Cell[])[];
  /** The command tag. */
  readonly tag: string;
}

/** The parts of a session that a dialogue needs. */
export interface DialogueSides {
  readonly client: Socket;
  readonly backend: Socket;
  readonly pump: BackendPump;
  readonly pipeline: Pipeline;
  /** Lets the client's COPY data through to the backend. */
  readonly copy: { start(ended: () => void): void; stop(): void };
}

export class Dialogue {
  readonly #sides: DialogueSides;
  #queue: Buffer[] = [];
  #wake: (() => void) | null = null;
  #gone = false;
  #edit: ((message: Buffer) => Buffer | null) | null = null;
  #collected: Buffer[] | null = null;
  /** Whether notices of what runs now go to the client. */
  forwardNotices = true;

  constructor(sides: DialogueSides) {
    this.#sides = sides;
  }

  /**
   * Takes over the backend's answers once everything outstanding has been answered. False if the pipeline has failed:
   * then the database skips everything up to the next Sync, and nothing but that Sync may be sent.
   */
  async open(quiet: Promise<void>): Promise<boolean> {
    await quiet;
    if (this.#gone) throw new SessionGone();
    this.#sides.pump.capture((message) => this.#receive(message));
    return !this.#sides.pipeline.failed;
  }

  /** Gives the backend's answers back to the client. */
  close(): void {
    this.#sides.pump.release();
    for (const message of this.#queue) this.#sides.client.write(message);
    this.#queue = [];
  }

  /** A side was lost: whoever waits learns of it. */
  abandon(): void {
    this.#gone = true;
    this.#wake?.();
  }

  send(...messages: readonly Buffer[]): void {
    const { backend, pipeline } = this.#sides;
    for (const message of messages) {
      const type = message[0] ?? 0;
      if (type === Front.sync) pipeline.sentSync();
      else if (type === Front.query) pipeline.sentQuery();
      else pipeline.asked += frontendCounts[type] ?? 0;
    }
    backend.write(messages.length === 1 ? (messages[0] ?? Buffer.alloc(0)) : Buffer.concat(messages));
  }

  /** The next message that is not a notice, a notification or a parameter's new value: those go where they belong. */
  async next(): Promise<Buffer> {
    for (;;) {
      const message = this.#queue.shift();
      if (message !== undefined) return message;
      if (this.#gone) throw new SessionGone();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }

  /** The next message, which must be of this type. Throws DatabaseRefusal on an ErrorResponse. */
  async expect(type: number): Promise<Buffer> {
    const message = await this.next();
    if (message[0] === Back.error) throw new DatabaseRefusal(message);
    if (message[0] !== type) throw new Error(`unexpected backend message ${message[0]} instead of ${type}`);
    return message;
  }

  /** Reads the rows of an Execute. */
  async answer(): Promise<Answer> {
    const rows: Cell[][] = [];
    for (;;) {
      const message = await this.next();
      switch (message[0]) {
        case Back.dataRow:
          rows.push(cells(message));
          break;
        case Back.commandComplete:
          return { rows, tag: message.toString('latin1', 5, message.length - 1) };
        case Back.portalSuspended:
        case Back.emptyQuery:
          return { rows, tag: '' };
        case Back.error:
          throw new DatabaseRefusal(message);
        default:
          throw new Error(`unexpected backend message ${message[0]} in an answer`);
      }
    }
  }

  /** Reads the DataRow messages of an Execute as they are. */
  async rawRows(): Promise<readonly Buffer[]> {
    const rows: Buffer[] = [];
    for (;;) {
      const message = await this.next();
      if (message[0] === Back.dataRow) rows.push(message);
      else if (message[0] === Back.commandComplete) return rows;
      else if (message[0] === Back.error) throw new DatabaseRefusal(message);
      else throw new Error(`unexpected backend message ${message[0]} among rows`);
    }
  }

  /** Reads the answers to `forgetNamed`. */
  async forgotten(): Promise<void> {
    await this.expect(Back.closeComplete);
    await this.expect(Back.closeComplete);
  }

  /** Runs one statement to its end. */
  async run(text: string, parameters: readonly (string | null)[] = []): Promise<Answer> {
    this.send(...statement(text, parameters), serialize.flush());
    return this.statementAnswer();
  }

  /** Does something and answers the notices that it gave, which do not go to the client. */
  async noticesOf(work: () => Promise<unknown>): Promise<readonly Buffer[]> {
    const collected: Buffer[] = [];
    this.#collected = collected;
    try {
      await work();
    } finally {
      this.#collected = null;
    }
    return collected;
  }

  /** The answer to one `statement(…)`. */
  async statementAnswer(): Promise<Answer> {
    await this.expect(Back.closeComplete);
    await this.expect(Back.closeComplete);
    await this.expect(Back.parseComplete);
    await this.expect(Back.bindComplete);
    const answer = await this.answer();
    await this.expect(Back.closeComplete);
    await this.expect(Back.closeComplete);
    return answer;
  }

  /** Sends Sync and waits for its ReadyForQuery, which is returned; an error on the way is returned too. */
  async sync(): Promise<{ readonly ready: Buffer; readonly errors: readonly Buffer[] }> {
    this.send(serialize.sync());
    const errors: Buffer[] = [];
    for (;;) {
      const message = await this.next();
      if (message[0] === Back.readyForQuery) return { ready: message, errors };
      if (message[0] === Back.error) errors.push(message);
    }
  }

  /** Lets the client send the data of a COPY that has just been executed; how many rows the database made of it. */
  async relayCopyIn(): Promise<number> {
    const response = await this.expect(Back.copyInResponse);
    this.#sides.client.write(response);
    this.#sides.copy.start(() => this.send(serialize.flush()));
    try {
      const { tag } = await this.answer();
      return Number(tag.split(' ')[1] ?? 0);
    } finally {
      this.#sides.copy.stop();
    }
  }

  /** Runs a Query whose answer goes to the client, all but its ReadyForQuery; `edit` may change or drop a message. */
  async relayQuery(
    query: Buffer,
    edit: (message: Buffer) => Buffer | null,
  ): Promise<{ failed: boolean; ready: Buffer }> {
    this.#edit = edit;
    this.send(query);
    let failed = false;
    for (;;) {
      const message = await this.next();
      if (message[0] === Back.readyForQuery) {
        this.#edit = null;
        return { failed, ready: message };
      }
      if (message[0] === Back.copyInResponse) this.#sides.copy.start(() => undefined);
      else if (message[0] === Back.error || message[0] === Back.commandComplete) this.#sides.copy.stop();
      if (message[0] === Back.error) failed = true;
      const edited = edit(message);
      if (edited !== null) this.#sides.client.write(edited);
    }
  }

  #receive(message: Buffer): void {
    switch (message[0]) {
      case Back.notice: {
        if (this.#collected !== null) {
          this.#collected.push(message);
          return;
        }
        const notice = this.#edit === null ? message : this.#edit(message);
        if (this.forwardNotices && notice !== null) this.#sides.client.write(notice);
        return;
      }
      case Back.notification:
        this.#sides.client.write(message);
        return;
      case Back.parameterStatus:
        if (!message.toString('latin1', 5).startsWith('client_encoding\0')) this.#sides.client.write(message);
        return;
      default:
        this.#queue.push(message);
        this.#wake?.();
    }
  }
}

/** Parse, Bind, Execute and both Closes of one statement under Upwrite's own name. */
export function statement(text: string, parameters: readonly (string | null)[] = []): Buffer[] {
  return [
    // An earlier dialogue that failed may have left its own behind.
    ...forget(),
    parseMessage(ownName, Buffer.from(text, 'utf8'), []),
    bindMessage(ownName, ownName, textParameters(parameters), []),
    serialize.execute({ portal: ownName }),
    ...forget(),
  ];
}

/** The same under another name, for what has to run while a portal of Upwrite's own is open. */
export function namedStatement(name: string, text: string | Buffer): Buffer[] {
  return [
    ...forgetNamed(name),
    parseMessage(name, typeof text === 'string' ? Buffer.from(text, 'utf8') : text, []),
    bindMessage(name, name, textParameters([]), []),
    serialize.execute({ portal: name }),
    ...forgetNamed(name),
  ];
}

/** Closes a portal and a statement; closing what does not exist is no error. */
export function forgetNamed(name: string): Buffer[] {
  return [serialize.close({ type: 'P', name }), serialize.close({ type: 'S', name })];
}

/** Closes Upwrite's own portal and statement. */
export function forget(): Buffer[] {
  return forgetNamed(ownName);
}

/** The values of a DataRow: views into the message. */
export function cells(message: Buffer): Cell[] {
  const count = message.readUInt16BE(5);
  const values: Cell[] = [];
  let at = 7;
  for (let i = 0; i < count; i++) {
    const length = message.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : message.subarray(at, at + length));
    if (length > 0) at += length;
  }
  return values;
}

/** EXPLAIN of a mutation of a synced table: the database's plan, and under it the API request that would be sent. */
import { Back, frame, noticeResponse } from '../../wire/index.js';
import { cells } from './dialogue.js';

/** Plans in another format than text are one value; a line behind it would spoil it. */
const otherFormats = /^\s*(?:\[|<|- Plan)/;

/** Watches an EXPLAIN's answer go by, and adds the request's lines in front of its CommandComplete. */
export class ExplainAddition {
  readonly #lines: readonly string[];
  #first: string | null = null;

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  /** What to send for a message of the answer. */
  edit(message: Buffer): Buffer {
    if (message[0] === Back.dataRow && this.#first === null) {
      this.#first = cells(message)[0]?.toString('latin1') ?? '';
    }
    if (message[0] !== Back.commandComplete || this.#first === null) return message;
    const asNotice = otherFormats.test(this.#first);
    const added = asNotice ? [this.#notice()] : this.#lines.map(row);
    return Buffer.concat([...added, message]);
  }

  #notice(): Buffer {
    return noticeResponse({ sqlstate: '00000', message: this.#lines.join('\n') }, 'NOTICE');
  }
}

/** A DataRow of one text column. */
function row(line: string): Buffer {
  const text = Buffer.from(line, 'latin1');
  const head = Buffer.alloc(6);
  head.writeUInt16BE(1, 0);
  head.writeInt32BE(text.length, 2);
  return frame(Back.dataRow, Buffer.concat([head, text]));
}

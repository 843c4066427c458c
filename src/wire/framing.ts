/** Cutting a byte stream into whole messages, for the places where messages are looked at. */

/** Collects chunks until whole messages are there; copies only what arrives in pieces. */
export class FrameAssembler {
  #parts: Buffer[] = [];
  #have = 0;
  #need = 5;

  /** Bytes of an unfinished message. */
  get pending(): number {
    return this.#have;
  }

  /**
   * Takes a chunk and returns what can be read now: a view on whole messages, perhaps followed by a piece of one.
   * Null while the message that has begun is unfinished.
   */
  push(chunk: Buffer): Buffer | null {
    this.#parts.push(chunk);
    this.#have += chunk.length;
    if (this.#have < this.#need) return null;
    const whole = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#have);
    this.#parts = [];
    this.#have = 0;
    this.#need = 5;
    return whole;
  }

  /** Puts back the piece behind the last whole message. */
  keep(rest: Buffer): void {
    if (rest.length === 0) return;
    this.#parts = [Buffer.from(rest)];
    this.#have = rest.length;
    this.#need = rest.length < 5 ? 5 : 1 + rest.readUInt32BE(1);
  }

  /** Everything collected so far, which the assembler then forgets. */
  take(): Buffer {
    const all = Buffer.concat(this.#parts, this.#have);
    this.#parts = [];
    this.#have = 0;
    this.#need = 5;
    return all;
  }
}

/** The whole message at the start of `bytes`, or null if it is not all there. */
export function firstMessage(bytes: Buffer): Buffer | null {
  if (bytes.length < 5) return null;
  const length = 1 + bytes.readUInt32BE(1);
  return bytes.length < length ? null : bytes.subarray(0, length);
}

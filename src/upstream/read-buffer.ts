/** A buffer that a connection is read into again and again: small while its traffic is, and larger under a stream. */

/** Bytes of the buffer: at first, at most, and how many times as many it becomes when a read fills it. */
const smallest = 1024;
export const largest = 65_536;
const growth = 8;
/** After so many reads in a row that would have fitted into a quarter of it, the buffer shrinks again. */
const smallReads = 32;
/** Bytes of the longest view that is kept. */
const longestView = 1024;

export class ReadBuffer {
  /** What is read into next. */
  bytes: Buffer;
  /** The last chunk, as a view of the buffer: much traffic comes in equal pieces. */
  #chunk: Buffer;
  #small = 0;

  constructor(length = smallest) {
    this.bytes = Buffer.allocUnsafeSlow(length);
    this.#chunk = this.bytes;
  }

  /** What a read of so many bytes has brought, until the next one. */
  chunk(bytes: number): Buffer {
    if (bytes !== this.#chunk.length) this.#chunk = this.bytes.subarray(0, bytes);
    return this.#chunk;
  }

  /** A read of so many bytes is over: how large the buffer is goes by them. */
  adapt(bytes: number): void {
    const { length } = this.bytes;
    if (bytes === length && length < largest) this.#resize(length * growth);
    else if (length > smallest && bytes * 4 <= length) {
      this.#small++;
      if (this.#small >= smallReads) this.#resize(length / growth);
    } else this.#small = 0;
  }

  /** Somebody keeps the last chunk: what comes next is read into another buffer. */
  renew(): void {
    this.#allocate(this.bytes.length);
  }

  #resize(length: number): void {
    this.#allocate(length);
    this.#small = 0;
  }

  #allocate(length: number): void {
    this.bytes = Buffer.allocUnsafeSlow(length);
    this.#chunk = this.bytes;
  }
}

/** A buffer that all connections are read into, one after the other: views of it that are not long are made once. */
export class CommonBuffer {
  /** What is read into next. */
  bytes: Buffer;
  readonly #views: (Buffer | undefined)[] = new Array<Buffer | undefined>(longestView + 1).fill(undefined);

  constructor(length: number) {
    this.bytes = Buffer.allocUnsafeSlow(length);
  }

  /** What a read of so many bytes has brought, until the next one. */
  chunk(bytes: number): Buffer {
    const known = this.#views[bytes];
    if (known !== undefined) return known;
    const made = this.bytes.subarray(0, bytes);
    if (bytes <= longestView) this.#views[bytes] = made;
    return made;
  }

  /** Somebody keeps the last chunk: what comes next is read into another buffer. */
  renew(): void {
    this.bytes = Buffer.allocUnsafeSlow(this.bytes.length);
    this.#views.fill(undefined);
  }
}

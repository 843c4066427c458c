/** Bytes from a socket, taken by exact amounts; whoever asks for more than has come waits, with a deadline. */
import { within } from '../../support/wait.js';

/** Milliseconds that any one read may take: of five hundred logins at once the last one has to wait for all the others. */
const deadline = 50_000;

export class Inbox {
  #chunks: Buffer[] = [];
  #length = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  get length(): number {
    return this.#length;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Resolves true when `count` bytes are there, false when the stream ended before. */
  async has(count: number, what: () => string): Promise<boolean> {
    const enough = async (): Promise<void> => {
      while (this.#length < count && !this.#ended) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    };
    await within(deadline, () => `${what()}, with ${this.#length} of ${count} bytes`, enough());
    return this.#length >= count;
  }

  /** The first `count` bytes without taking them; they must be there. */
  peek(count: number): Buffer {
    this.#join(count);
    return (this.#chunks[0] ?? Buffer.alloc(0)).subarray(0, count);
  }

  take(count: number): Buffer {
    this.#join(count);
    const first = this.#chunks[0] ?? Buffer.alloc(0);
    if (first.length === count) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(count);
    this.#length -= count;
    return first.subarray(0, count);
  }

  /** Makes the first chunk hold at least `count` bytes, copying no more than that needs. */
  #join(count: number): void {
    const first = this.#chunks[0];
    if (first === undefined || first.length >= count) return;
    let total = 0;
    let parts = 0;
    while (total < count) total += this.#chunks[parts++]?.length ?? Number.POSITIVE_INFINITY;
    this.#chunks.splice(0, parts, Buffer.concat(this.#chunks.slice(0, parts)));
  }
}

/** A map of bounded memory from texts to what was found out about them; the longest unused goes first. */

interface Entry<V> {
  readonly value: V;
  readonly cost: number;
}

/** What an entry costs beside its text and its value, in bytes: the map's slot and two small objects. */
const overhead = 200;

export class TextCache<V> {
  readonly #entries = new Map<string, Entry<V>>();
  readonly #capacity: number;
  #used = 0;

  /** `capacity` in bytes, about. An entry of more than a thirty-second part of it is not kept. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(text: string): V | undefined {
    const entry = this.#entries.get(text);
    if (entry === undefined) return undefined;
    // A Map iterates in order of insertion: the first key is the longest unused.
    this.#entries.delete(text);
    this.#entries.set(text, entry);
    return entry.value;
  }

  /** `weight`: the value's size in bytes. The text must be one of one byte a character (latin1). */
  set(text: string, value: V, weight: number): void {
    const cost = text.length + weight + overhead;
    if (cost > this.longest) return;
    this.#drop(text);
    this.#entries.set(text, { value, cost });
    this.#used += cost;
    for (const oldest of this.#entries.keys()) {
      if (this.#used <= this.#capacity) return;
      this.#drop(oldest);
    }
  }

  #drop(text: string): void {
    const entry = this.#entries.get(text);
    if (entry === undefined) return;
    this.#entries.delete(text);
    this.#used -= entry.cost;
  }

  /** What is larger than this, in bytes, is not kept: no single entry may crowd out many. */
  get longest(): number {
    return this.#capacity / 32;
  }

  /** Bytes in use, about. */
  get used(): number {
    return this.#used;
  }
}

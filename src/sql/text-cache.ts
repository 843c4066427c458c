/**
 * A map of bounded memory from texts to what was found out about them. It has two generations: what is used moves to
 * the young one, and when that has filled its half, the old one is forgotten and the young one grows old. So a hit,
 * which is what nearly every look-up is, writes nothing (an exact order of use would cost a hit several times that).
 */

/** What an entry costs beside its text and its value, in bytes: the map's slot and an object. */
const overhead = 200;

interface Entry<V> {
  readonly value: V;
  readonly cost: number;
}

export class TextCache<V> {
  readonly #half: number;
  #young = new Map<string, Entry<V>>();
  #youngCost = 0;
  #old = new Map<string, Entry<V>>();
  #oldCost = 0;

  /** `capacity` in bytes, about. */
  constructor(capacity: number) {
    this.#half = capacity / 2;
  }

  get(text: string): V | undefined {
    const entry = this.#young.get(text);
    if (entry !== undefined) return entry.value;
    const old = this.#old.get(text);
    if (old === undefined) return undefined;
    this.#old.delete(text);
    this.#oldCost -= old.cost;
    this.#add(text, old);
    return old.value;
  }

  /** `weight`: the value's size in bytes. The text must be one of one byte a character (latin1). */
  set(text: string, value: V, weight: number): void {
    const cost = text.length + weight + overhead;
    if (cost > this.longest || this.get(text) !== undefined) return;
    this.#add(text, { value, cost });
  }

  #add(text: string, entry: Entry<V>): void {
    if (this.#youngCost + entry.cost > this.#half) {
      this.#old = this.#young;
      this.#oldCost = this.#youngCost;
      this.#young = new Map();
      this.#youngCost = 0;
    }
    this.#young.set(text, entry);
    this.#youngCost += entry.cost;
  }

  /** What is larger than this, in bytes, is not kept: no single entry may crowd out many. */
  get longest(): number {
    return this.#half / 16;
  }

  /** Bytes in use, about; never more than the capacity. */
  get used(): number {
    return this.#youngCost + this.#oldCost;
  }
}

/** What the clients of a run have a right to believe, and whether the APIs' records agree with it. */
import type { Told } from './told.js';

/** The value of a record that is not there. */
export const gone = Symbol('gone');
export type Value = string | typeof gone;

/** A record of an API, as far as the ledger goes. */
export interface Seen {
  readonly key: string;
  /** Deleted ones are seen as well. */
  readonly deleted: boolean;
  /** Which insert it was made by. */
  readonly marker: string;
  readonly note: string | null;
  readonly n: number | null;
}

/** The journal's last word on a write: what became of each row. */
export type FinalWord = readonly { readonly applied: boolean; readonly key: string | null }[];

interface Count {
  sure: number;
  maybe: number;
}

interface Counter {
  readonly from: number;
  sure: number;
  maybe: number;
}

export class Ledger {
  /** Rows by the marker that their insert gave them; several inserts may have the same. */
  readonly #inserted = new Map<string, Count>();
  /** What a record may be now, by key. */
  readonly #possible = new Map<string, Set<Value>>();
  readonly #counters = new Map<string, Counter>();
  /** What is to be believed once the journal has spoken its last word, by its entry. */
  readonly #doubts = new Map<string, (word: FinalWord) => void>();
  readonly told: Record<Told['kind'], number> = { success: 0, refused: 0, partial: 0, unknown: 0, lost: 0 };

  inserted(marker: string, rows: number, told: Told, note: string): void {
    this.told[told.kind]++;
    const count = this.#inserted.get(marker) ?? { sure: 0, maybe: 0 };
    this.#inserted.set(marker, count);
    if (told.kind === 'success' || told.kind === 'partial') {
      count.sure += told.kind === 'success' ? rows : told.keys.length;
      for (const key of told.keys) this.#possible.set(key, new Set<Value>([note]));
    } else if (told.kind !== 'refused') count.maybe += rows;
    this.#whenKnown(told, (word) => {
      count.maybe -= rows;
      count.sure += word.filter(({ applied }) => applied).length;
    });
  }

  /** Every one of these records was to get the value, or to go. Whether none of them is in doubt now. */
  changed(keys: readonly string[], to: Value, told: Told): boolean {
    this.told[told.kind]++;
    for (const key of keys) {
      const possible = this.#possible.get(key) ?? new Set<Value>();
      const before = new Set(possible);
      this.#possible.set(key, possible);
      this.#whenKnown(told, (word) => {
        const applied = word.some((row) => row.applied && row.key === key);
        this.#possible.set(key, applied ? new Set<Value>([to]) : before);
      });
      const sure = told.kind === 'success' || (told.kind === 'partial' && told.keys.includes(key));
      if (sure) possible.clear();
      if (sure || told.kind === 'unknown' || told.kind === 'lost') possible.add(to);
    }
    return told.kind !== 'unknown' && told.kind !== 'lost';
  }

  /** A record whose number is only ever raised by one, and by whom it is raised. */
  counter(key: string, from: number): void {
    this.#counters.set(key, { from, sure: 0, maybe: 0 });
  }

  raised(key: string, told: Told): void {
    this.told[told.kind]++;
    const counter = this.#counters.get(key);
    if (counter === undefined) throw new Error(`${key} is no counter`);
    if (told.kind === 'success') counter.sure++;
    else if (told.kind !== 'refused') counter.maybe++;
    this.#whenKnown(told, (word) => {
      counter.maybe--;
      if (word.some(({ applied }) => applied)) counter.sure++;
    });
  }

  /** Whoever was told that the outcome is unknown was told where to look. Records in doubt are left alone meanwhile. */
  #whenKnown(told: Told, believe: (word: FinalWord) => void): void {
    if (told.kind !== 'unknown') return;
    const others = this.#doubts.get(told.mutation) ?? (() => undefined);
    this.#doubts.set(told.mutation, (word) => {
      others(word);
      believe(word);
    });
  }

  /** The journal entries that clients were told to look at. */
  get doubts(): readonly string[] {
    return [...this.#doubts.keys()];
  }

  /** What the journal says of one of them. Call it once. */
  settled(mutation: string, word: FinalWord): void {
    this.#doubts.get(mutation)?.(word);
    this.#doubts.delete(mutation);
  }

  /** Everything that the records contradict, in words. */
  contradictions(records: readonly Seen[]): readonly string[] {
    const found: string[] = [];
    const counts = new Map<string, number>();
    for (const { marker } of records) counts.set(marker, (counts.get(marker) ?? 0) + 1);
    for (const [marker, { sure, maybe }] of this.#inserted) {
      const count = counts.get(marker) ?? 0;
      if (count < sure) found.push(`LOST ${marker}: ${sure} rows were told to be there, there are ${count}`);
      if (count > sure + maybe) found.push(`DOUBLED ${marker}: at most ${sure + maybe} rows, there are ${count}`);
    }
    const byKey = new Map(records.map((record) => [record.key, record]));
    for (const [key, possible] of this.#possible) {
      const record = byKey.get(key);
      const value: Value = record === undefined || record.deleted ? gone : (record.note ?? '');
      if (possible.size > 0 && !possible.has(value)) {
        found.push(`UNTRUE ${key}: is ${String(value)}, was told ${[...possible].map(String).join(' or ')}`);
      }
    }
    for (const [key, { from, sure, maybe }] of this.#counters) {
      const risen = (byKey.get(key)?.n ?? 0) - from;
      if (risen < sure || risen > sure + maybe) {
        found.push(`COUNT ${key}: rose by ${risen}, was told ${sure} to ${sure + maybe}`);
      }
    }
    return found;
  }
}

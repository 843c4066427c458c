/**
 * Texts that matter only beside others: one that begins a transaction, behind a write of the same pipeline, and one that
 * frees prepared statements. Comments in front of them are not seen.
 */

const begin = /^\s*(?:begin|start\s+transaction)\b/i;
const free = /^\s*(?:deallocate|discard)\b/i;

/** Bytes of a text that are looked at. */
const head = 100;

export type Aside = 'begins' | 'frees';

export function asideOf(text: Buffer): Aside | null {
  const start = text.toString('latin1', 0, head);
  if (begin.test(start)) return 'begins';
  return free.test(start) ? 'frees' : null;
}

const blanks = new Uint8Array(256);
for (const blank of [0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0xa0]) blanks[blank] = 1;

/** The first two letters of each, small. */
const starts = ['be', 'st', 'de', 'di'].map((two) => Buffer.from(two, 'latin1').readUInt16BE());

/** Whether the text that stands in `bytes` from `from` on could be one, by its first two letters. */
export function mayBeAside(bytes: Uint8Array, from: number): boolean {
  let at = from;
  while (blanks[bytes[at] ?? 0] === 1) at++;
  return starts.includes(((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0) | 0x2020);
}

/**
 * The screen's own screen: most texts hold nothing that it could stop at, which can be told by their bytes as they came,
 * before anything is cut out, decoded or kept. It is what a statement that only passes through costs.
 */

/** Makes a capital letter of ASCII a small one. Other bytes may become one by it, but no letter becomes another. */
const toSmall = 0x20;

/** Four bytes up to `at` as one number, capitals as small letters. */
function upTo(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at - 3], bytes[at - 2], bytes[at - 1], bytes[at]];
  return ((a | toSmall) << 24) | ((b | toSmall) << 16) | ((c | toSmall) << 8) | d | toSmall;
}

const ending = (letters: string): number => upTo(Buffer.from(letters, 'latin1'), 3);

const sert = ending('sert');
const date = ending('date');
const lete = ending('lete');
const erge = ending('erge');
const cate = ending('cate');
const copy = ending('copy');
const staleness = ending('x_st');

const isEnding = (four: number): boolean =>
  four === date ||
  four === lete ||
  four === erge ||
  four === cate ||
  four === sert ||
  four === staleness ||
  four === copy;

/** 1 for the bytes that one of these can end with. */
const lasts = new Uint8Array(256);
for (const letter of Buffer.from('etyETY', 'latin1')) lasts[letter] = 1;

/**
 * Whether there is anything in the bytes from `from` to `to` (exclusive) that `screen` could stop at in a session without
 * prepared mutations. It stops at more than that; it is never false where `screen` is true.
 */
export function glance(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from + 3; at < to; at++) {
    if (lasts[bytes[at] ?? 0] === 1 && isEnding(upTo(bytes, at))) return true;
  }
  return false;
}

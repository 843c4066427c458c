/** What Upwrite itself says, in a client's encoding: the way back of `encoding.ts`. */
import { type ClientEncoding, decodeByte, type SingleByte } from './encoding.js';

/** What stands in for a character that the encoding does not have. */
const missing = 0x3f;

const tables = new Map<SingleByte, ReadonlyMap<string, number>>();

function tableOf(encoding: SingleByte): ReadonlyMap<string, number> {
  const known = tables.get(encoding);
  if (known !== undefined) return known;
  const table = new Map<string, number>();
  for (let byte = 0x80; byte <= 0xff; byte++) table.set(decodeByte(byte, encoding), byte);
  tables.set(encoding, table);
  return table;
}

/**
 * The text's bytes. In an encoding that is not read (`other`) only ASCII can be said: a question mark for anything else,
 * which a client can show, where other bytes could make it fail.
 */
export function encodeFor(text: string, encoding: ClientEncoding): Buffer {
  if (encoding === 'utf8') return Buffer.from(text, 'utf8');
  const table = encoding === 'other' ? undefined : tableOf(encoding);
  return Buffer.from(
    Array.from(text, (char) => {
      const code = char.codePointAt(0) ?? missing;
      return code < 0x80 ? code : (table?.get(char) ?? missing);
    }),
  );
}

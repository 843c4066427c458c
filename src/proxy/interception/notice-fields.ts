/** Fields of ErrorResponse and NoticeResponse messages of the database. */
import { frame } from '../../wire/index.js';

/** One field's text, latin1-decoded, or null. */
export function field(message: Buffer, code: string): string | null {
  let at = 5;
  while (at < message.length && message[at] !== 0) {
    const end = message.indexOf(0, at);
    if (end < 0) return null;
    if (message.toString('latin1', at, at + 1) === code) return message.toString('latin1', at + 1, end);
    at = end + 1;
  }
  return null;
}

/** The same message with another value (latin1-decoded bytes) in one of its fields. */
export function withField(message: Buffer, code: string, value: string): Buffer {
  const parts: Buffer[] = [];
  let at = 5;
  while (at < message.length && message[at] !== 0) {
    const end = message.indexOf(0, at);
    const changes = message.toString('latin1', at, at + 1) === code;
    parts.push(changes ? Buffer.from(`${code}${value}\0`, 'latin1') : message.subarray(at, end + 1));
    at = end + 1;
  }
  parts.push(Buffer.from([0]));
  return frame(message[0] ?? 0, Buffer.concat(parts));
}

/** A message in UTF-8 as one whose texts are in another encoding. */
export function recoded(message: Buffer, encode: (text: string) => Buffer): Buffer {
  return frame(message[0] ?? 0, encode(message.toString('utf8', 5)));
}

/** The same message with its position (field P, in characters from 1) moved by `by`. */
export function shiftPosition(message: Buffer, by: number): Buffer {
  const position = field(message, 'P');
  return position === null || by === 0 ? message : withField(message, 'P', String(Number(position) + by));
}

/** How many characters stand before a byte of a client's text, as the database counts them. */
export function charactersBefore(text: Buffer, at: number, utf8: boolean): number {
  if (!utf8) return at;
  let count = 0;
  for (const byte of text.subarray(0, at)) if ((byte & 0xc0) !== 0x80) count++;
  return count;
}

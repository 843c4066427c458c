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

/** The same message with its position (field P, in characters from 1) moved by `by`. */
export function shiftPosition(message: Buffer, by: number): Buffer {
  const position = field(message, 'P');
  if (position === null || by === 0) return message;
  const moved = Number(position) + by;
  const parts: Buffer[] = [];
  let at = 5;
  while (at < message.length && message[at] !== 0) {
    const end = message.indexOf(0, at);
    const isPosition = message.toString('latin1', at, at + 1) === 'P';
    parts.push(isPosition ? Buffer.from(`P${moved}\0`, 'latin1') : message.subarray(at, end + 1));
    at = end + 1;
  }
  parts.push(Buffer.from([0]));
  return frame(message[0] ?? 0, Buffer.concat(parts));
}

/**
 * What a client's bytes mean, by its `client_encoding` (manual, "Character Set Support"). Every client encoding of
 * Postgres agrees with ASCII on ASCII texts; beyond that, UTF-8 is read as it is and the single-byte encodings are
 * transcoded for the parser, with a way back to the client's own offsets.
 */
import { isAscii, isUtf8 } from 'node:buffer';

/** The decoder's label for each single-byte encoding that Postgres takes from clients. */
const singleByte = {
  LATIN1: 'latin1',
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN5: 'windows-1254',
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  ISO_8859_5: 'iso-8859-5',
  ISO_8859_6: 'iso-8859-6',
  ISO_8859_7: 'iso-8859-7',
  ISO_8859_8: 'iso-8859-8',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  WIN866: 'ibm866',
  WIN874: 'windows-874',
  WIN1250: 'windows-1250',
  WIN1251: 'windows-1251',
  WIN1252: 'windows-1252',
  WIN1253: 'windows-1253',
  WIN1254: 'windows-1254',
  WIN1255: 'windows-1255',
  WIN1256: 'windows-1256',
  WIN1257: 'windows-1257',
  WIN1258: 'windows-1258',
} as const;

export type SingleByte = keyof typeof singleByte;

/** `other`: an encoding whose non-ASCII texts are not looked at (the multi-byte ones of East Asia, LATIN10). */
export type ClientEncoding = 'utf8' | 'other' | SingleByte;

function isSingleByte(name: string): name is SingleByte {
  return Object.hasOwn(singleByte, name);
}

/**
 * The encoding by the name that the server reports in ParameterStatus `client_encoding`. `SQL_ASCII` means that nobody
 * converts; its texts are looked at where they are UTF-8.
 */
export function clientEncoding(reported: string): ClientEncoding {
  const name = reported.toUpperCase();
  if (name === 'UTF8' || name === 'UNICODE' || name === 'SQL_ASCII') return 'utf8';
  return isSingleByte(name) ? name : 'other';
}

/** A text as the parser takes it, and the way from its offsets back to the client's. */
export interface ReadableText {
  readonly utf8: Uint8Array;
  /** The client's offset for one into `utf8`. Both in bytes. */
  readonly original: (offset: number) => number;
}

const same = (offset: number): number => offset;

/** Null where the bytes are not valid in the encoding, or it is not one that is read, or they hold a NUL. */
export function readable(bytes: Uint8Array, encoding: ClientEncoding): ReadableText | null {
  // A NUL would end the text for the parser, silently.
  if (bytes.includes(0)) return null;
  if (isAscii(bytes)) return { utf8: bytes, original: same };
  if (encoding === 'utf8') return isUtf8(bytes) ? { utf8: bytes, original: same } : null;
  return encoding === 'other' ? null : transcoded(bytes, encoding);
}

function transcoded(bytes: Uint8Array, encoding: SingleByte): ReadableText {
  const utf8 = Buffer.from(decode(bytes, encoding), 'utf8');
  // One character was one byte: the client's offset is the number of characters that begin before.
  const offsets = new Uint32Array(utf8.length + 1);
  let characters = 0;
  for (const [offset, byte] of utf8.entries()) {
    offsets[offset] = characters;
    if ((byte & 0xc0) !== 0x80) offsets[offset] = characters++;
  }
  offsets[utf8.length] = characters;
  return { utf8, original: (offset) => offsets[offset] ?? characters };
}

/** The character that a byte from 0x80 on stands for. */
export function decodeByte(byte: number, encoding: SingleByte): string {
  return decode(Uint8Array.of(byte), encoding);
}

function decode(bytes: Uint8Array, encoding: SingleByte): string {
  if (encoding === 'LATIN1') return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  // Node 20 decodes windows-1252 as latin1 unless in a stream, which for one byte a character makes no difference.
  return new TextDecoder(singleByte[encoding]).decode(bytes, { stream: true });
}

import { describe, expect, it } from 'vitest';
import { clientEncoding, readable } from './encoding.js';

describe('clientEncoding', () => {
  it.each([
    ['UTF8', 'utf8'],
    ['SQL_ASCII', 'utf8'],
    ['LATIN1', 'LATIN1'],
    ['win1252', 'WIN1252'],
    ['SJIS', 'other'],
    ['LATIN10', 'other'],
    ['EUC_JP', 'other'],
    ['toString', 'other'],
  ])('%s is read as %s', (reported, expected) => {
    expect(clientEncoding(reported)).toBe(expected);
  });
});

describe('readable', () => {
  it('takes ASCII in any encoding as it is', () => {
    const text = readable(Buffer.from('SELECT 1'), 'other');
    expect(text?.utf8.toString()).toBe('SELECT 1');
    expect(text?.original(3)).toBe(3);
  });

  it('refuses NUL, invalid UTF-8 and encodings that it cannot read', () => {
    expect(readable(Buffer.from('a\0b'), 'utf8')).toBeNull();
    expect(readable(Buffer.from([0x61, 0xff]), 'utf8')).toBeNull();
    // A surrogate half, an overlong slash, and a truncated character: Postgres refuses them as well.
    expect(readable(Buffer.from([0xed, 0xa0, 0x80]), 'utf8')).toBeNull();
    expect(readable(Buffer.from([0xc0, 0xaf]), 'utf8')).toBeNull();
    expect(readable(Buffer.from([0xe6, 0xbc]), 'utf8')).toBeNull();
    expect(readable(Buffer.from([0x83, 0x5c]), 'other')).toBeNull();
  });

  it('leads back from UTF-8 offsets to those of a single-byte encoding', () => {
    // "é€x" in WIN1252; € is three bytes in UTF-8.
    const text = readable(Buffer.from([0xe9, 0x80, 0x78]), 'WIN1252');
    expect(Buffer.from(text?.utf8 ?? []).toString()).toBe('é€x');
    expect([0, 2, 5, 6].map((offset) => text?.original(offset))).toEqual([0, 1, 2, 3]);
  });

  it.each([
    ['LATIN1', 0xe9, 'é'],
    ['LATIN2', 0xb1, 'ą'],
    ['LATIN9', 0xa4, '€'],
    ['LATIN5', 0xfd, 'ı'],
    ['WIN1252', 0x9a, 'š'],
    ['KOI8R', 0xc1, 'а'],
    ['WIN1251', 0xe0, 'а'],
    ['WIN866', 0xa0, 'а'],
    ['ISO_8859_7', 0xe1, 'α'],
  ] as const)('knows %s', (encoding, byte, character) => {
    expect(Buffer.from(readable(Buffer.from([byte]), encoding)?.utf8 ?? []).toString()).toBe(character);
  });

  it.each([
    'LATIN1',
    'LATIN2',
    'LATIN3',
    'LATIN4',
    'LATIN5',
    'LATIN6',
    'LATIN7',
    'LATIN8',
    'LATIN9',
    'ISO_8859_5',
    'ISO_8859_6',
    'ISO_8859_7',
    'ISO_8859_8',
    'KOI8R',
    'KOI8U',
    'WIN866',
    'WIN874',
    'WIN1250',
    'WIN1251',
    'WIN1252',
    'WIN1253',
    'WIN1254',
    'WIN1255',
    'WIN1256',
    'WIN1257',
    'WIN1258',
  ])('%s gives every byte one character', (name) => {
    const bytes = Uint8Array.from({ length: 255 }, (_, i) => i + 1);
    const text = readable(bytes, clientEncoding(name));
    expect(Array.from(Buffer.from(text?.utf8 ?? []).toString())).toHaveLength(255);
    expect(text?.original(text.utf8.length)).toBe(255);
  });
});

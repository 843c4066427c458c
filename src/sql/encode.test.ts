import { describe, expect, it } from 'vitest';
import { encodeFor } from './encode.js';

describe('a text in a client’s encoding', () => {
  it.each([
    ['utf8', 'Größe €', Buffer.from('Größe €')],
    ['LATIN1', 'Größe €', Buffer.from('Gr\xf6\xdfe ?', 'latin1')],
    ['LATIN9', 'Größe €', Buffer.from('Gr\xf6\xdfe \xa4', 'latin1')],
    ['WIN1252', 'Größe €', Buffer.from('Gr\xf6\xdfe \x80', 'latin1')],
    ['WIN1251', 'Привет', Buffer.from([0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2])],
    ['KOI8R', 'Привет', Buffer.from([0xf0, 0xd2, 0xc9, 0xd7, 0xc5, 0xd4])],
    ['WIN1251', 'a 東 🙂', Buffer.from('a ? ?')],
    ['other', 'a\0Größe', Buffer.from('a\0Gr??e')],
  ] as const)('%s: %s', (encoding, text, bytes) => {
    expect(encodeFor(text, encoding)).toEqual(bytes);
  });
});

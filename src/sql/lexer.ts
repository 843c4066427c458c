/**
 * Finds where tokens begin and end, so that clauses can be cut out of a client's own bytes: Postgres's parse tree says
 * where most nodes are, but not where a clause's keyword stands. It follows the rules of PostgreSQL's scanner with
 * `standard_conforming_strings = on` (manual, "Lexical Structure") for texts that Postgres's parser has accepted, and
 * allocates nothing per token. (The parser library's own scanner returns every token as JSON, at several times the
 * price of the parse; the tests hold this one against it.)
 */

/** `word`: a bare identifier or keyword. `open` and `close`: round and square brackets. `other`: everything else. */
export type TokenKind = 'word' | 'quoted' | 'string' | 'open' | 'close' | 'other';

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const DOUBLE_QUOTE = 0x22;
const DOLLAR = 0x24;
const AMPERSAND = 0x26;
const QUOTE = 0x27;
const STAR = 0x2a;
const MINUS = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;

/** Of strings in which a backslash is an ordinary character. */
const stringPrefixes: ReadonlySet<string> = new Set(['b', 'x']);

function isSpace(byte: number): boolean {
  return byte === SPACE || (byte >= TAB && byte <= CARRIAGE_RETURN);
}

function isNewline(byte: number): boolean {
  return byte === LINE_FEED || byte === CARRIAGE_RETURN;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isIdentifierStart(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a) || byte === 0x5f || byte >= 0x80;
}

function isIdentifierPart(byte: number): boolean {
  return isIdentifierStart(byte) || isDigit(byte) || byte === DOLLAR;
}

/** A cursor over the tokens of `bytes` (UTF-8) between two offsets; white space and comments are skipped. */
export class Lexer {
  /** The current token, valid after `next()` has returned true. */
  kind: TokenKind = 'other';
  start = 0;
  end = 0;
  /** How many brackets are open around the current token; a bracket itself counts as outside of its pair. */
  depth = 0;
  readonly #bytes: Uint8Array;
  readonly #limit: number;
  #position: number;
  #open = 0;

  constructor(bytes: Uint8Array, from: number, to: number) {
    this.#bytes = bytes;
    this.#position = from;
    this.#limit = Math.min(to, bytes.length);
  }

  /** Moves to the next token; false at the end. */
  next(): boolean {
    this.#skipBlanks();
    if (this.#position >= this.#limit) return false;
    const byte = this.#at(this.#position);
    this.start = this.#position;
    this.depth = this.#open;
    if (isIdentifierStart(byte)) this.#word(byte);
    else if (byte === QUOTE) this.#string(this.start, false);
    else if (byte === DOUBLE_QUOTE) this.#quotedIdentifier(this.start);
    else if (byte === DOLLAR) this.#dollar();
    else if (isDigit(byte)) this.#number();
    else this.#single(byte);
    this.end = Math.min(this.#position, this.#limit);
    return true;
  }

  /** Whether the current token is this keyword, given in lower case. */
  isWord(keyword: string): boolean {
    if (this.kind !== 'word' || this.end - this.start !== keyword.length) return false;
    for (let i = 0; i < keyword.length; i++) {
      // Setting bit 5 lower-cases an ASCII letter, and makes no other byte of an identifier into one.
      if ((this.#at(this.start + i) | 0x20) !== keyword.charCodeAt(i)) return false;
    }
    return true;
  }

  isDot(): boolean {
    return this.kind === 'other' && this.end - this.start === 1 && this.#at(this.start) === DOT;
  }

  /** The byte at an offset, or 0 past the end. */
  #at(offset: number): number {
    return this.#bytes[offset] ?? 0;
  }

  #skipBlanks(): void {
    while (this.#position < this.#limit) {
      const byte = this.#at(this.#position);
      if (isSpace(byte)) this.#position++;
      else if (byte === MINUS && this.#at(this.#position + 1) === MINUS) this.#skipLine();
      else if (byte === SLASH && this.#at(this.#position + 1) === STAR) this.#skipBlockComment();
      else return;
    }
  }

  #skipLine(): void {
    while (this.#position < this.#limit && !isNewline(this.#at(this.#position))) this.#position++;
  }

  #skipBlockComment(): void {
    let nested = 0;
    while (this.#position < this.#limit) {
      const byte = this.#at(this.#position);
      const following = this.#at(this.#position + 1);
      if (byte === SLASH && following === STAR) {
        nested++;
        this.#position += 2;
      } else if (byte === STAR && following === SLASH) {
        nested--;
        this.#position += 2;
        if (nested === 0) return;
      } else this.#position++;
    }
  }

  /** A bare word, or what follows the prefix of `E'…'`, `B'…'`, `X'…'`, `U&'…'` and `U&"…"`. */
  #word(first: number): void {
    const prefix = String.fromCharCode(first | 0x20);
    const unicode = prefix === 'u' && this.#at(this.start + 1) === AMPERSAND;
    const open = this.start + (unicode ? 2 : 1);
    const quote = this.#at(open);
    if (quote === QUOTE && prefix === 'e') this.#string(open, true);
    else if (quote === QUOTE && (unicode || stringPrefixes.has(prefix))) this.#string(open, false);
    else if (quote === DOUBLE_QUOTE && unicode) this.#quotedIdentifier(open);
    else {
      this.kind = 'word';
      while (this.#position < this.#limit && isIdentifierPart(this.#at(this.#position))) this.#position++;
    }
  }

  /** Moves past the closing quote; a doubled one is part of the content. */
  #quoted(open: number, quote: number, escapes: boolean): void {
    this.#position = open + 1;
    while (this.#position < this.#limit) {
      const byte = this.#at(this.#position++);
      if (byte === BACKSLASH && escapes) this.#position++;
      else if (byte === quote) {
        if (this.#at(this.#position) !== quote) return;
        this.#position++;
      }
    }
  }

  /** A string with its continuations on further lines, which keep its rules. */
  #string(open: number, escapes: boolean): void {
    this.kind = 'string';
    let next: number | null = open;
    while (next !== null) {
      this.#quoted(next, QUOTE, escapes);
      next = this.#continuation();
    }
  }

  /** Where a string goes on: a quote after white space that holds a line break. (The parser takes no comment there.) */
  #continuation(): number | null {
    let newline = false;
    let at = this.#position;
    while (at < this.#limit && isSpace(this.#at(at))) newline = isNewline(this.#at(at++)) || newline;
    return newline && this.#at(at) === QUOTE ? at : null;
  }

  #quotedIdentifier(open: number): void {
    this.kind = 'quoted';
    this.#quoted(open, DOUBLE_QUOTE, false);
  }

  /** A parameter `$1`, or a string `$tag$…$tag$`. */
  #dollar(): void {
    let tag = this.start + 1;
    if (isIdentifierStart(this.#at(tag))) {
      while (isIdentifierPart(this.#at(tag)) && this.#at(tag) !== DOLLAR) tag++;
    }
    if (this.#at(tag) === DOLLAR) this.#dollarString(tag);
    else this.#parameter();
  }

  #dollarString(tag: number): void {
    this.kind = 'string';
    const delimiter = this.#bytes.subarray(this.start, tag + 1);
    const close = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#limit).indexOf(delimiter, tag + 1);
    this.#position = close === -1 ? this.#limit : close + delimiter.length;
  }

  #parameter(): void {
    this.kind = 'other';
    this.#position++;
    while (isDigit(this.#at(this.#position))) this.#position++;
  }

  /** Digits with the letters of exponents, bases and separators; the parser has refused any other letter. */
  #number(): void {
    this.kind = 'other';
    while (this.#position < this.#limit && isIdentifierPart(this.#at(this.#position))) this.#position++;
  }

  #single(byte: number): void {
    this.#position++;
    if (byte === 0x28 || byte === 0x5b) {
      this.kind = 'open';
      this.#open++;
    } else if (byte === 0x29 || byte === 0x5d) {
      this.kind = 'close';
      this.#open = Math.max(0, this.#open - 1);
      this.depth = this.#open;
    } else this.kind = 'other';
  }
}

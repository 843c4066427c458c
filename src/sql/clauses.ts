/** Where the clauses of a statement begin and end: keywords at bracket depth 0, next to places known from the tree. */
import { Lexer } from './lexer.js';
import { UnexpectedTree } from './tree.js';

/** Offsets into the parser's UTF-8 text. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** From the first token to the end of the last one, white space and comments around them left out. */
export function trimmed(bytes: Uint8Array, from: number, to: number): Extent {
  const lexer = new Lexer(bytes, from, to);
  if (!lexer.next()) throw new UnexpectedTree('a statement without a token');
  const start = lexer.start;
  let end = lexer.end;
  while (lexer.next()) end = lexer.end;
  return { start, end };
}

export interface MutationAnchors {
  readonly verb: 'insert' | 'update' | 'delete';
  /** Where the target's name stands. */
  readonly target: number;
  /** Where the first item of the RETURNING list stands, or null. */
  readonly returningList: number | null;
}

export interface MutationClauses {
  /** The keyword INSERT, UPDATE or DELETE. */
  readonly verb: number;
  /** The end of the token before it, or null where it is the first. */
  readonly beforeVerb: number | null;
  readonly returning: {
    readonly keyword: number;
    /** The end of the token before the keyword. */
    readonly before: number;
    /** `WITH (…)` between the keyword and the list, or null. */
    readonly options: Extent | null;
  } | null;
}

/**
 * Finds the keywords of one mutation in its extent. The verb is the last such word before the target's name, and
 * RETURNING the last one before its list: a name or label that reads like the keyword stands before either.
 */
export function mutationClauses(bytes: Uint8Array, extent: Extent, anchors: MutationAnchors): MutationClauses {
  const lexer = new Lexer(bytes, extent.start, extent.end);
  const limit = anchors.returningList ?? anchors.target;
  let verb: number | null = null;
  let beforeVerb: number | null = null;
  let returning: { keyword: number; before: number; after: number } | null = null;
  let previousEnd: number | null = null;
  while (lexer.next() && lexer.start < limit) {
    if (lexer.depth === 0 && lexer.kind === 'word') {
      if (lexer.start < anchors.target && lexer.isWord(anchors.verb)) {
        verb = lexer.start;
        beforeVerb = previousEnd;
      } else if (lexer.start > anchors.target && previousEnd !== null && lexer.isWord('returning')) {
        returning = { keyword: lexer.start, before: previousEnd, after: lexer.end };
      }
    }
    previousEnd = lexer.end;
  }
  if (verb === null) throw new UnexpectedTree(`no ${anchors.verb} before its target`);
  if (anchors.returningList === null) return { verb, beforeVerb, returning: null };
  if (returning === null) throw new UnexpectedTree('no RETURNING before its list');
  return {
    verb,
    beforeVerb,
    returning: {
      keyword: returning.keyword,
      before: returning.before,
      options: tokensBetween(bytes, returning.after, anchors.returningList),
    },
  };
}

function tokensBetween(bytes: Uint8Array, from: number, to: number): Extent | null {
  return new Lexer(bytes, from, to).next() ? trimmed(bytes, from, to) : null;
}

/** The end of a dotted name's qualifier: where what follows its `dots`-th dot begins. */
export function afterDots(bytes: Uint8Array, name: number, dots: number): number {
  const lexer = new Lexer(bytes, name, bytes.length);
  let seen = 0;
  while (lexer.next()) {
    if (!lexer.isDot()) continue;
    seen++;
    if (seen === dots) return lexer.end;
  }
  throw new UnexpectedTree('a qualified name without its dots');
}

/** The first pair of brackets from an offset on. */
export function firstBrackets(bytes: Uint8Array, from: number): Extent {
  const lexer = new Lexer(bytes, from, bytes.length);
  let start: number | null = null;
  while (lexer.next()) {
    if (lexer.depth > 0) continue;
    if (lexer.kind === 'open') start ??= lexer.start;
    else if (lexer.kind === 'close' && start !== null) return { start, end: lexer.end };
  }
  throw new UnexpectedTree('a list without brackets');
}

/** The first bracket of an extent to its last token: the argument list of EXECUTE. */
export function fromFirstBracket(bytes: Uint8Array, extent: Extent): Extent {
  const lexer = new Lexer(bytes, extent.start, extent.end);
  while (lexer.next()) {
    if (lexer.kind === 'open') return { start: lexer.start, end: extent.end };
  }
  throw new UnexpectedTree('arguments without brackets');
}

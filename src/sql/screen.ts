/**
 * The cheap test in front of everything: could this text matter to Upwrite? Most texts cannot, and are never parsed.
 *
 * It looks for keywords anywhere, in strings and comments as well, because nothing that a client may write around a
 * keyword can hide it: keywords have no quoted or escaped form, and stand between characters that are part of no
 * identifier. It cannot see what a function, CALL or DO does; the guard in the database stands behind those.
 */

import { mentionsStaleness } from './reads.js';

/**
 * The ends of the keywords below, for a first pass: without word boundaries and of one length, the regular expression
 * engine skips through a text at about twice the speed.
 */
const endings = /sert|date|lete|erge|cate|copy|x_st/i;

/** What writes has one of these in it, wherever it stands (WITH, EXPLAIN, PREPARE … AS, after a semicolon). */
const writes = /\b(?:insert|update|delete|merge|truncate|copy)\b/gi;

const from = /\bfrom\b/gi;

/**
 * What stands before the last word of `FOR UPDATE` and `FOR NO KEY UPDATE`, which lock and do not write. Only blanks
 * are taken between the words: a line break could end a comment that has `for` in it.
 */
const locks = /[^\w$\x80-\xff]for[ \t]+(?:no[ \t]+key[ \t]+)?$/i;

/** How much of the text before UPDATE is looked at for that, in characters. */
const locksReach = 24;

const preparedStatements = /\b(?:execute|deallocate|discard)\b/i;

/**
 * Whether a text has to be parsed. Never false for one that holds INSERT, UPDATE, DELETE, MERGE, TRUNCATE or
 * COPY … FROM as a statement or part of one, or `max_staleness`, which a session may be setting.
 *
 * `text`: the message's bytes decoded as latin1, whatever the client's encoding. `sessionHasPrepared`: whether the
 * session has a prepared mutation, by PREPARE or by a named Parse (they share their names): then EXECUTE, DEALLOCATE
 * and DISCARD matter as well.
 */
export function screen(text: string, sessionHasPrepared = false): boolean {
  return (
    (endings.test(text) && (holdsWrite(text) || mentionsStaleness(text))) ||
    (sessionHasPrepared && preparedStatements.test(text))
  );
}

function holdsWrite(text: string): boolean {
  writes.lastIndex = 0;
  let copyMatters = true;
  while (writes.test(text)) {
    const end = writes.lastIndex;
    const last = text.charCodeAt(end - 1) | 0x20;
    if (last === 0x79) {
      // COPY: with no FROM after this one there is none after the next.
      copyMatters &&= hasFromAfter(text, end);
      if (copyMatters) return true;
    } else if (!isLock(text, end)) return true;
  }
  return false;
}

function hasFromAfter(text: string, position: number): boolean {
  from.lastIndex = position;
  return from.test(text);
}

function isLock(text: string, end: number): boolean {
  const start = end - 'update'.length;
  const first = text.charCodeAt(start) | 0x20;
  return first === 0x75 && locks.test(text.slice(Math.max(0, start - locksReach), start));
}

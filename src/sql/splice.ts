/** Cutting and joining clients' texts, byte for byte. Nothing here looks at what the bytes say. */
import { raise } from '../errors/index.js';
import type { Mutation, Span } from './statement.js';

/** The bytes of a span; a view, not a copy. */
export function slice(text: Buffer, span: Span): Buffer {
  return text.subarray(span.start, span.end);
}

function bytesOf(sql: string | Buffer): Buffer {
  return typeof sql === 'string' ? Buffer.from(sql, 'utf8') : sql;
}

/** Other bytes for a piece of a text. */
export interface Change {
  readonly span: Span;
  readonly bytes: Buffer;
}

/** The bytes of a span, with a piece of it that has other ones. */
export function changed(text: Buffer, span: Span, change: Change | null): Buffer {
  if (change === null) return slice(text, span);
  return join(text.subarray(span.start, change.span.start), change.bytes, text.subarray(change.span.end, span.end));
}

/** What follows is always on a line of its own: the client's piece before it may end in a `--` comment. */
const newline = '\n';

function join(...pieces: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(pieces.map(bytesOf));
}

/**
 * The client's statement as it is, returning `ours` in front of what it asked for itself, whose errors so arise as
 * well. `ours`: a RETURNING list; as a string it is sent as UTF-8, so for another client encoding it has to be ASCII
 * (see `asciiIdentifier`) or bytes. `change`: a piece in front of RETURNING that is to be another.
 */
export function evaluationText(
  text: Buffer,
  mutation: Mutation,
  ours: string | Buffer,
  change: Change | null = null,
): Buffer {
  const { span, returning } = mutation;
  const body = changed(text, { start: span.start, end: returning?.span.start ?? span.end }, change);
  if (returning === null) return join(body, newline, 'RETURNING ', ours);
  const options = returning.options === null ? [] : [slice(text, returning.options), newline];
  return join(body, newline, 'RETURNING ', ...options, ours, ',', newline, slice(text, returning.list));
}

/**
 * A SELECT of the client's RETURNING list over `from`, with the client's WITH clause in front. `from`: what follows
 * the keyword FROM; it has to bring in the names that the list may use: the target's, the FROM items', OLD's and NEW's.
 */
export function returningText(text: Buffer, mutation: Mutation, from: string | Buffer): Buffer {
  const { returning, withClause } = mutation;
  if (returning === null)
    return raise('internal', { params: { what: 'a statement without RETURNING returns nothing' } });
  const before = withClause === null ? [] : [slice(text, withClause), newline];
  const list = without(text, returning.list, returning.schemaQualifiers);
  return join(...before, 'SELECT ', list, newline, 'FROM ', from);
}

/** A span's bytes with pieces of it cut out. */
function without(text: Buffer, span: Span, cuts: readonly Span[]): Buffer {
  const pieces: Buffer[] = [];
  let position = span.start;
  for (const cut of cuts) {
    pieces.push(text.subarray(position, cut.start));
    position = cut.end;
  }
  pieces.push(text.subarray(position, span.end));
  return Buffer.concat(pieces);
}

/** Postgres's texts hold no NUL; one in a name or a value would end the statement there. */
function refuseNul(value: string): void {
  if (value.includes('\0')) raise('internal', { params: { what: 'a NUL byte cannot be part of an SQL text' } });
}

/** A name as a quoted identifier. */
export function quoteIdentifier(name: string): string {
  refuseNul(name);
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * A name as a quoted identifier in ASCII alone, right under any client encoding: `U&"gr\+0000f6…"` for what is not
 * ASCII (manual, "Identifiers and Key Words").
 */
export function asciiIdentifier(name: string): string {
  refuseNul(name);
  if (/^[ -~]*$/.test(name)) return quoteIdentifier(name);
  const escaped = Array.from(name, escapeCharacter).join('');
  return `U&"${escaped.replaceAll('"', '""')}"`;
}

function escapeCharacter(character: string): string {
  if (character === '\\') return '\\\\';
  if (/^[ -~]$/.test(character)) return character;
  return `\\+${(character.codePointAt(0) ?? 0).toString(16).padStart(6, '0')}`;
}

/**
 * A value as a string literal that means the same whether `standard_conforming_strings` is on or off. With a backslash
 * it begins with a blank, as libpq's does, so that its `E` joins no word before it.
 */
export function quoteLiteral(value: string): string {
  refuseNul(value);
  const quoted = value.replaceAll("'", "''");
  return quoted.includes('\\') ? ` E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`;
}

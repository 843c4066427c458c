/**
 * Reading the frontend messages that the interception needs, from a whole frame. Each returns null for a body that is
 * not well formed: such a message goes to the database, whose own error answers.
 * Source: PostgreSQL manual, "Message Formats".
 */
import { Front, maxStartupPacket } from './limits.js';

/** Index of the NUL that ends the string starting at `from`, or -1. */
function endOfString(message: Buffer, from: number): number {
  return message.indexOf(0, from);
}

function text(message: Buffer, from: number, to: number): string {
  return message.toString('latin1', from, to);
}

export interface QueryMessage {
  /** The statement text, a view into the frame without the NUL. */
  readonly text: Buffer;
}

/** Query: one NUL-terminated text that fills the body. */
export function readQuery(message: Buffer): QueryMessage | null {
  const end = endOfString(message, 5);
  return end === message.length - 1 ? { text: message.subarray(5, end) } : null;
}

export interface ParseMessage {
  /** latin1 of the bytes: names are compared, never shown. */
  readonly name: string;
  readonly text: Buffer;
  readonly parameterTypes: readonly number[];
}

export function readParse(message: Buffer): ParseMessage | null {
  const nameEnd = endOfString(message, 5);
  if (nameEnd < 0) return null;
  const textEnd = endOfString(message, nameEnd + 1);
  if (textEnd < 0 || textEnd + 3 > message.length) return null;
  const count = message.readUInt16BE(textEnd + 1);
  if (textEnd + 3 + count * 4 !== message.length) return null;
  const parameterTypes: number[] = [];
  for (let i = 0; i < count; i++) parameterTypes.push(message.readUInt32BE(textEnd + 3 + i * 4));
  return { name: text(message, 5, nameEnd), text: message.subarray(nameEnd + 1, textEnd), parameterTypes };
}

export interface BindMessage {
  readonly portal: string;
  readonly statement: string;
  /** Everything from the parameter formats up to the result formats, as the client sent it. */
  readonly parameters: Buffer;
  /** The result format codes: none (all text), one for all, or one a column. */
  readonly resultFormats: readonly number[];
}

export function readBind(message: Buffer): BindMessage | null {
  const portalEnd = endOfString(message, 5);
  if (portalEnd < 0) return null;
  const statementEnd = endOfString(message, portalEnd + 1);
  if (statementEnd < 0) return null;
  const start = statementEnd + 1;
  const afterParameters = skipParameters(message, start);
  if (afterParameters < 0 || afterParameters + 2 > message.length) return null;
  const count = message.readUInt16BE(afterParameters);
  if (afterParameters + 2 + count * 2 !== message.length) return null;
  const resultFormats: number[] = [];
  for (let i = 0; i < count; i++) resultFormats.push(message.readUInt16BE(afterParameters + 2 + i * 2));
  return {
    portal: text(message, 5, portalEnd),
    statement: text(message, portalEnd + 1, statementEnd),
    parameters: message.subarray(start, afterParameters),
    resultFormats,
  };
}

/** The offset behind the format codes and values that start at `from`, or -1. */
function skipParameters(message: Buffer, from: number): number {
  if (from + 2 > message.length) return -1;
  let at = from + 2 + message.readUInt16BE(from) * 2;
  if (at + 2 > message.length) return -1;
  const values = message.readUInt16BE(at);
  at += 2;
  for (let i = 0; i < values; i++) {
    if (at + 4 > message.length) return -1;
    const length = message.readInt32BE(at);
    at += 4;
    if (length > 0) at += length;
    if (length < -1 || at > message.length) return -1;
  }
  return at;
}

export interface ExecuteMessage {
  readonly portal: string;
  /** Rows to return before suspending; 0 for all. */
  readonly maxRows: number;
}

export function readExecute(message: Buffer): ExecuteMessage | null {
  const end = endOfString(message, 5);
  if (end < 0 || end + 5 !== message.length) return null;
  return { portal: text(message, 5, end), maxRows: Math.max(0, message.readInt32BE(end + 1)) };
}

/** The target of a Describe or Close: a prepared statement (S) or a portal (P). */
export interface TargetMessage {
  readonly kind: 'S' | 'P';
  readonly name: string;
}

export function readTarget(message: Buffer): TargetMessage | null {
  const kind = message[5];
  const end = endOfString(message, 6);
  if ((kind !== 0x53 && kind !== 0x50) || end !== message.length - 1) return null;
  return { kind: kind === 0x53 ? 'S' : 'P', name: text(message, 6, end) };
}

/** A Parse whose text is bytes in the client's encoding. */
export function parseMessage(name: string, body: Buffer, parameterTypes: readonly number[]): Buffer {
  const types = Buffer.alloc(2 + parameterTypes.length * 4);
  types.writeUInt16BE(parameterTypes.length, 0);
  for (const [i, oid] of parameterTypes.entries()) types.writeUInt32BE(oid, 2 + i * 4);
  return message(Front.parse, [cstring(name), body, nul, types]);
}

/** A Bind that carries parameters as a client's own Bind had them. */
export function bindMessage(
  portal: string,
  statement: string,
  parameters: Buffer,
  resultFormats: readonly number[],
): Buffer {
  const formats = Buffer.alloc(2 + resultFormats.length * 2);
  formats.writeUInt16BE(resultFormats.length, 0);
  for (const [i, code] of resultFormats.entries()) formats.writeUInt16BE(code, 2 + i * 2);
  return message(Front.bind, [cstring(portal), cstring(statement), parameters, formats]);
}

/** The parameter part of a Bind for text parameters. */
export function textParameters(values: readonly (string | null)[]): Buffer {
  const parts: Buffer[] = [];
  const head = Buffer.alloc(4);
  head.writeUInt16BE(values.length, 2);
  parts.push(head);
  for (const value of values) {
    const length = Buffer.alloc(4);
    const bytes = value === null ? Buffer.alloc(0) : Buffer.from(value, 'utf8');
    length.writeInt32BE(value === null ? -1 : bytes.length, 0);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

/** Parameters of a client's Bind with further text parameters behind them. */
export function appendTextParameters(parameters: Buffer, values: readonly (string | null)[]): Buffer {
  const formatCount = parameters.readUInt16BE(0);
  const valuesAt = 2 + formatCount * 2;
  const valueCount = parameters.readUInt16BE(valuesAt);
  const formats: number[] = [];
  for (let i = 0; i < valueCount; i++) {
    formats.push(formatCount === 0 ? 0 : parameters.readUInt16BE(2 + (formatCount === 1 ? 0 : i) * 2));
  }
  for (const _ of values) formats.push(0);
  const head = Buffer.alloc(2 + formats.length * 2 + 2);
  head.writeUInt16BE(formats.length, 0);
  for (const [i, code] of formats.entries()) head.writeUInt16BE(code, 2 + i * 2);
  head.writeUInt16BE(formats.length, 2 + formats.length * 2);
  return Buffer.concat([head, parameters.subarray(valuesAt + 2), textParameters(values).subarray(4)]);
}

const nul = Buffer.from([0]);

function cstring(name: string): Buffer {
  return Buffer.from(`${name}\0`, 'latin1');
}

function message(type: number, parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 4);
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, ...parts]);
}

/** The request codes that stand where a protocol version would (manual, "SSLRequest", "CancelRequest", "GSSENCRequest"). */
export const requestCode = { cancel: 80877102, ssl: 80877103, gssenc: 80877104 } as const;

/** The parameters of a start-up packet, or null where its layout is off (the database then says so). */
export function readStartupParameters(packet: Buffer): ReadonlyMap<string, string> | null {
  if (packet.length > maxStartupPacket || packet[packet.length - 1] !== 0) return null;
  const words = packet.toString('utf8', 8, packet.length - 1).split('\0');
  const parameters = new Map<string, string>();
  for (let i = 0; i + 1 < words.length; i += 2) {
    const name = words[i];
    const value = words[i + 1];
    if (name === undefined || name === '' || value === undefined) break;
    parameters.set(name, value);
  }
  return parameters;
}

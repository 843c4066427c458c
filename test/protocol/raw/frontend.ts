/**
 * Frontend messages as bytes (manual, "Message Formats"). pg-protocol builds what it can;
 * what it cannot (other versions, FunctionCall, exact formats, broken messages) is built here.
 */
import { serialize } from 'pg-protocol';

/** Protocol versions as the start-up packet carries them. */
export const version = { v2: 0x0002_0000, v30: 0x0003_0000, v31: 0x0003_0001, v32: 0x0003_0002, v4: 0x0004_0000 };

export const sslRequest = serialize.requestSsl();
export const gssRequest = packet(int32(80877104));
export const sync = Buffer.from(serialize.sync());
export const flush = Buffer.from(serialize.flush());
export const terminate = Buffer.from(serialize.end());
export const copyDone = Buffer.from(serialize.copyDone());

export const query = (text: string): Buffer => serialize.query(text);
export const parse = (text: string, name = '', types: number[] = []): Buffer => serialize.parse({ text, name, types });
export const describe = (type: 'S' | 'P', name = ''): Buffer => serialize.describe({ type, name });
export const close = (type: 'S' | 'P', name = ''): Buffer => serialize.close({ type, name });
export const execute = (rows = 0, portal = ''): Buffer => serialize.execute({ portal, rows });
export const copyData = (chunk: Buffer | string): Buffer => serialize.copyData(Buffer.from(chunk));
export const copyFail = (message: string): Buffer => serialize.copyFail(message);
export const password = (text: string): Buffer => serialize.password(text);
export const saslInitial = (mechanism: string, data: string): Buffer =>
  serialize.sendSASLInitialResponseMessage(mechanism, data);
export const saslResponse = (data: string): Buffer => serialize.sendSCRAMClientFinalMessage(data);

export function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}

export function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value | 0);
  return buffer;
}

export const cstring = (text: string): Buffer => Buffer.from(`${text}\0`);

/** A message with a true length. */
export function message(type: string, ...parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return lying(type, body.length + 4, body);
}

/** A message that claims `length`, whatever its body is. */
export function lying(type: string, length: number, body: Buffer | string = ''): Buffer {
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(length), Buffer.from(body)]);
}

/** A packet without a type byte, as they are before the login. */
export function packet(...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(body.length + 4), body]);
}

/** A start-up packet; `params` in order, so that a key may come twice. */
export function startup(params: readonly (readonly [string, string])[], protocol = version.v30, end = '\0'): Buffer {
  const pairs = params.flatMap(([key, value]) => [cstring(key), cstring(value)]);
  return packet(int32(protocol), ...pairs, Buffer.from(end));
}

export const cancel = (pid: number, key: Buffer): Buffer => packet(int32(80877102), int32(pid), key);

export interface BindShape {
  readonly portal?: string;
  readonly statement?: string;
  /** Format codes: none, one for all, or one each. */
  readonly formats?: readonly number[];
  readonly values?: readonly (string | Buffer | null)[];
  readonly resultFormats?: readonly number[];
}

/** Bind with every format code as given, which pg-protocol derives from the values instead. */
export function bind(shape: BindShape = {}): Buffer {
  const formats = shape.formats ?? [];
  const values = shape.values ?? [];
  const results = shape.resultFormats ?? [];
  return message(
    'B',
    cstring(shape.portal ?? ''),
    cstring(shape.statement ?? ''),
    int16(formats.length),
    ...formats.map(int16),
    int16(values.length),
    ...values.flatMap(nullable),
    int16(results.length),
    ...results.map(int16),
  );
}

/** FunctionCall of `oid`; one format for all arguments. */
export function functionCall(
  oid: number,
  args: readonly (Buffer | string | null)[],
  argFormat = 1,
  resultFormat = 1,
): Buffer {
  const values = args.flatMap(nullable);
  return message('F', int32(oid), int16(1), int16(argFormat), int16(args.length), ...values, int16(resultFormat));
}

function nullable(value: Buffer | string | null): Buffer[] {
  if (value === null) return [int32(-1)];
  const bytes = Buffer.from(value);
  return [int32(bytes.length), bytes];
}

/** Parse, Bind, Describe, Execute of one statement, without Sync. */
export function extended(text: string, values: readonly (string | null)[] = []): Buffer {
  return Buffer.concat([parse(text), bind({ values }), describe('P'), execute()]);
}

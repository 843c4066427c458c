/**
 * The server's side of the protocol: messages that Upwrite itself sends to a client. (pg-protocol has the client's side.)
 * Source: PostgreSQL manual, "Message Formats".
 */
/** The backend message types that Upwrite looks for, by the byte that starts them. */
export const Back = {
  parseComplete: 0x31, // 1
  bindComplete: 0x32, // 2
  closeComplete: 0x33, // 3
  notification: 0x41, // A
  commandComplete: 0x43, // C
  dataRow: 0x44, // D
  error: 0x45, // E
  copyInResponse: 0x47, // G
  copyOutResponse: 0x48, // H
  emptyQuery: 0x49, // I
  keyData: 0x4b, // K
  notice: 0x4e, // N
  authentication: 0x52, // R
  parameterStatus: 0x53, // S
  rowDescription: 0x54, // T
  copyBothResponse: 0x57, // W
  readyForQuery: 0x5a, // Z
  noData: 0x6e, // n
  portalSuspended: 0x73, // s
  parameterDescription: 0x74, // t
  negotiateVersion: 0x76, // v
} as const;

/** Transaction status as ReadyForQuery tells it: idle, in a transaction block, in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E';

/** A message of a type, a length word and a body. */
export function frame(type: number, body: Buffer): Buffer {
  const out = Buffer.allocUnsafe(5 + body.length);
  out[0] = type;
  out.writeUInt32BE(4 + body.length, 1);
  body.copy(out, 5);
  return out;
}

/** A text's bytes in the client's encoding. */
export type Encode = (text: string) => Buffer;

const utf8: Encode = (text) => Buffer.from(text, 'utf8');

function cstring(text: string, encode: Encode = utf8): Buffer {
  return encode(`${text.replaceAll('\0', '')}\0`);
}

export type Severity = 'ERROR' | 'FATAL' | 'WARNING' | 'NOTICE';

function fields(severity: Severity, fault: NoticeFields, encode: Encode): Buffer {
  const parts: Buffer[] = [];
  const add = (code: string, value: string | undefined) => {
    if (value !== undefined && value !== '') parts.push(Buffer.from(code, 'latin1'), cstring(value, encode));
  };
  add('S', severity);
  add('V', severity);
  add('C', fault.sqlstate);
  add('M', fault.message);
  add('D', fault.detail);
  add('H', fault.hint);
  add('W', fault.context);
  add('s', fault.schema);
  add('t', fault.table);
  add('c', fault.column);
  add('n', fault.constraint);
  if (fault.code !== undefined) add('R', `upwrite.${fault.code}`);
  parts.push(Buffer.from([0]));
  return Buffer.concat(parts);
}

/** What an ErrorResponse or NoticeResponse says (manual, "Error and Notice Message Fields"). */
export interface NoticeFields {
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly context?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
  /** Upwrite's own name of the error, shown as the routine that reported it. */
  readonly code?: string;
}

/** An ErrorResponse, in UTF-8 unless told otherwise. FATAL ends the session. */
export function errorResponse(
  fault: NoticeFields,
  severity: 'ERROR' | 'FATAL' = 'ERROR',
  encode: Encode = utf8,
): Buffer {
  return frame(Back.error, fields(severity, fault, encode));
}

/** A NoticeResponse, in UTF-8 unless told otherwise. */
export function noticeResponse(
  notice: NoticeFields,
  severity: 'WARNING' | 'NOTICE' = 'WARNING',
  encode: Encode = utf8,
): Buffer {
  return frame(Back.notice, fields(severity, notice, encode));
}

export function commandComplete(tag: string): Buffer {
  return frame(Back.commandComplete, cstring(tag));
}

export function readyForQuery(status: TransactionStatus): Buffer {
  return frame(Back.readyForQuery, Buffer.from(status, 'latin1'));
}

export function portalSuspended(): Buffer {
  return frame(Back.portalSuspended, Buffer.alloc(0));
}

/** An AuthenticationSASL message offering exactly these mechanisms. */
export function authenticationSasl(mechanisms: readonly string[]): Buffer {
  const code = Buffer.from([0, 0, 0, 10]);
  return frame(
    Back.authentication,
    Buffer.concat([code, ...mechanisms.map((name) => cstring(name)), Buffer.from([0])]),
  );
}

/** The mechanisms of an AuthenticationSASL message (whole frame), or null for another authentication message. */
export function saslMechanisms(message: Buffer): string[] | null {
  if (message.length < 9 || message.readUInt32BE(5) !== 10) return null;
  return message
    .toString('latin1', 9)
    .split('\0')
    .filter((name) => name !== '');
}

/**
 * What one connection received, as lines that can be compared. Only what must differ between two connections is
 * replaced: the backend's pid and key, the login's nonces and salts, OIDs of tables made by the case.
 */
import { createHash } from 'node:crypto';

/** A backend message without its length. */
export interface Message {
  readonly type: string;
  readonly body: Buffer;
}

/** Rewrites a message before it is rendered; null leaves it out. */
export type Mask = (message: Message) => Message | null;

const longest = 2000;
const firstUserOid = 16384;

/** One line for a message: its type and its body, printable bytes as they are. */
export function render(message: Message): string {
  const special = renderers[message.type];
  return `${message.type} ${special === undefined ? bytes(message.body) : special(message.body)}`.trimEnd();
}

/** Printable form of bytes; long ones as their length and digest. */
export function bytes(body: Buffer): string {
  if (body.length > longest) return `${body.length} bytes ${createHash('sha256').update(body).digest('hex')}`;
  return body.toString('latin1').replace(/[^ -[\]-~]/g, (char) => {
    return `\\${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

const renderers: Readonly<Record<string, (body: Buffer) => string>> = {
  K: (body) => `pid key(${body.length - 4})`,
  R: authentication,
  T: rowDescription,
  A: (body) => `pid ${bytes(body.subarray(4))}`,
  E: (body) => withoutTempSchema(bytes(body)),
  N: (body) => withoutTempSchema(bytes(body)),
};

/** Each session's temporary schema has a number of its own. */
const withoutTempSchema = (text: string): string => text.replace(/pg_temp_\d+/g, 'pg_temp');

function authentication(body: Buffer): string {
  const code = body.readInt32BE(0);
  const rest = body.subarray(4);
  if (code === 5) return `5 salt(${rest.length})`;
  if (code === 11) {
    const fields = rest.toString('latin1').split(',');
    return `11 ${fields.map((field) => (/^[rs]=/.test(field) ? `${field.slice(0, 2)}…` : field)).join(',')}`;
  }
  if (code === 12) return '12 v=…';
  return `${code} ${bytes(rest)}`.trimEnd();
}

/** RowDescription with the OIDs of user tables replaced: each run makes its own. */
function rowDescription(body: Buffer): string {
  const copy = Buffer.from(body);
  let at = 2;
  for (let field = copy.readInt16BE(0); field > 0; field--) {
    at = copy.indexOf(0, at) + 1;
    if (copy.readUInt32BE(at) >= firstUserOid) copy.writeUInt32BE(firstUserOid, at);
    if (copy.readUInt32BE(at + 6) >= firstUserOid) copy.writeUInt32BE(firstUserOid, at + 6);
    at += 18;
  }
  return bytes(copy);
}

/** Fields of an ErrorResponse or NoticeResponse by their code. */
export function errorFields(body: Buffer): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const field of body.toString('utf8').split('\0')) {
    if (field !== '') fields[field.slice(0, 1)] = field.slice(1);
  }
  return fields;
}

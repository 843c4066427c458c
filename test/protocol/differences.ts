/**
 * Where the proxy may answer otherwise than the database, by name and with the reason; the proxy's answer is checked
 * exactly all the same. Lines are those of transcript.ts, with the connection's name in front.
 */

export interface Allowed {
  readonly because: DifferenceName;
  /** The message of the proxy's own FATAL 08P01. */
  readonly says?: string;
  /** The connection that gets it; A unless given. */
  readonly to?: string;
  /** Lines of the database's own farewell whose place it takes. */
  readonly insteadOf?: number;
}

interface Difference {
  readonly reason: string;
  /** What the proxy must read as, given what the database read as and the message that the proxy has to send. */
  proxy(direct: readonly string[], violation: Violation): readonly string[];
}

interface Violation {
  /** Prefix of the lines of the connection that gets it. */
  readonly to: string;
  readonly insteadOf: number;
  /** ErrorResponse without its type: severity, severity not translated, SQLSTATE, message, Upwrite's code. */
  readonly body: string;
}

/** The field in which the proxy's own errors carry their name in the catalogue. */
const ownCode = 'Rupwrite.protocol_violation';

const list = {
  'answers a broken message': {
    reason:
      'PostgreSQL closes without a word when a length is impossible; the proxy says FATAL 08P01 first, so that a client sees why',
    proxy: beforeClosed,
  },
  'refuses an unknown type itself': {
    reason: 'A type that no client may send ends the session at the proxy; its FATAL lacks the place in the source',
    proxy: (direct) => direct.map((line) => line.replace(/(C08P01.*?)\\00F.*$/, `$1\\00${ownCode}\\00\\00`)),
  },
  'refuses a second request itself': {
    reason:
      'PostgreSQL reads a second request as a protocol version that it does not know; the proxy calls it by its name',
    proxy: (direct, { to, body }) => direct.map((line) => (line.startsWith(`${to}E `) ? `${to}E ${body}` : line)),
  },
  'refuses stuffed plain text unread': {
    reason: 'The database agrees to encrypt and then drops the connection; the proxy refuses before it agrees',
    proxy: (_direct, { to, body }) => {
      const length = 4 + body.replace(/\\00/g, '0').length;
      const printable = length >= 32 && length < 127 ? String.fromCharCode(length) : `\\${length.toString(16)}`;
      return [`${to}byte E`, `${to}bytes \\00\\00\\00${printable}${body}`, `${to}closed`];
    },
  },
  'offers no channel binding': {
    reason: 'TLS ends at the proxy, so SCRAM-SHA-256-PLUS could never succeed and is taken from the offer',
    proxy: (direct) => direct.map((line) => line.replace('SCRAM-SHA-256-PLUS\\00', '')),
  },
  'lets a client pass that could bind channels': {
    reason:
      'As no channel binding is offered, a client that says it could have bound is right that the server cannot, and goes on',
    proxy: (direct) => [
      ...direct
        .filter((line) => !line.includes(': E '))
        .slice(0, -1)
        .map((line) => line.replace('SCRAM-SHA-256-PLUS\\00', '')),
      'A: R 11 r=…,s=…,i=4096',
      'A: closed',
    ],
  },
} satisfies Record<string, Difference>;

export type DifferenceName = keyof typeof list;

export const differences: Readonly<Record<DifferenceName, Difference>> = list;

/** What the proxy has to read as where the database reads as `direct`. */
export function allowed(direct: readonly string[], { because, says, to, insteadOf }: Allowed): readonly string[] {
  const body = `SFATAL\\00VFATAL\\00C08P01\\00M${says ?? ''}\\00${ownCode}\\00\\00`;
  return differences[because].proxy(direct, { to: `${to ?? 'A'}: `, insteadOf: insteadOf ?? 0, body });
}

function beforeClosed(lines: readonly string[], { to, insteadOf, body }: Violation): readonly string[] {
  const at = lines.indexOf(`${to}closed`);
  return [...lines.slice(0, at - insteadOf), `${to}E ${body}`, ...lines.slice(at)];
}

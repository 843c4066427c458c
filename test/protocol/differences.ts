/**
 * Where the proxy may answer otherwise than the database, by name and with the reason; the proxy's answer is checked
 * exactly all the same. Lines are those of transcript.ts, with the connection's name in front.
 */

export interface Difference {
  readonly reason: string;
  /** What the proxy must read as, given what the database read as. */
  proxy(direct: readonly string[]): readonly string[];
}

/** A FATAL protocol violation of the proxy: severity, SQLSTATE and message, and then the end. */
const violation = (text: string): string => `E SFATAL\\00VFATAL\\00C08P01\\00M${text}\\00\\00`;

export const differences: Readonly<Record<string, Difference>> = {
  'answers a broken message': {
    reason:
      'PostgreSQL closes without a word when a length is impossible; the proxy says FATAL 08P01 first, so that a client sees why',
    proxy: (direct) => beforeClosed(direct, violation('invalid message length')),
  },
  'answers a broken start-up packet': {
    reason: 'As above, for a packet before the login',
    proxy: (direct) => beforeClosed(direct, violation('invalid length of startup packet')),
  },
  'offers no channel binding': {
    reason: 'TLS ends at the proxy, so SCRAM-SHA-256-PLUS could never succeed and is taken from the offer',
    proxy: (direct) => direct.map((line) => line.replace('SCRAM-SHA-256-PLUS\\00', '')),
  },
};

function beforeClosed(lines: readonly string[], answer: string): string[] {
  const at = lines.findIndex((line) => line.endsWith(': closed'));
  const name = lines[at]?.slice(0, -'closed'.length) ?? 'A: ';
  return [...lines.slice(0, at), `${name}${answer}`, ...lines.slice(at)];
}

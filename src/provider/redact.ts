/** Turning errors into words that may be logged and shown: no header, no body, no secret, bounded in length. */

const longest = 500;
const mask = '[redacted]';

/** Shapes of secrets that no text may show, whatever its source. */
const shapes: readonly RegExp[] = [
  /\b(bearer|basic|token)\s+[\w\-.~+/!=]{8,}/gi,
  /\b(access_token|refresh_token|client_secret|assertion|password|api_key|apikey|authorization)(["']?\s*[=:]\s*["']?)[^\s"'&,;}]+/gi,
  /\beyJ[\w-]+\.[\w-]+\.[\w-]+/g,
  /\b00D\w{12,15}![\w.]+/g,
  /\b(sk|rk|pat|ghp|gho|ghs|ghu|github_pat|whsec)[-_][\w-]{8,}/g,
  /-----BEGIN [A-Z ]+-----[\s\S]*?(-----END [A-Z ]+-----|$)/g,
  /(\/\/)[^/\s:@]+:[^/\s@]+@/g,
];

/** Remembers the secrets of a connection and takes them, and whatever looks like one, out of texts. */
export class Redactor {
  private readonly secrets = new Set<string>();

  /** Registers a secret. Values under six characters are left alone: masking them would mangle ordinary words. */
  add(secret: string | undefined): void {
    if (secret === undefined || secret.length < 6) return;
    this.secrets.add(secret);
    this.secrets.add(encodeURIComponent(secret));
  }

  /** The text without secrets and control characters, at most 500 characters. */
  clean(text: string): string {
    let out = text.slice(0, longest * 8);
    for (const secret of this.secrets) out = out.replaceAll(secret, mask);
    for (const shape of shapes) out = out.replace(shape, mask);
    // Control characters would break log lines and the client's terminal.
    out = out.replace(/\p{Cc}+/gu, ' ').trim();
    return out.length > longest ? `${out.slice(0, longest - 1)}…` : out;
  }
}

function textField(value: unknown, field: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const found: unknown = Reflect.get(value, field);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

/**
 * What an error is, in words: its code and message and those of its causes. Nothing else of it is read, because SDKs
 * hang requests, headers and bodies on their errors.
 */
export function describeError(error: unknown, redactor: Redactor = new Redactor()): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < 4 && current !== undefined && current !== null; depth += 1) {
    const code = textField(current, 'code');
    const message = typeof current === 'string' ? current : textField(current, 'message');
    const words = [code, message].filter((part): part is string => part !== undefined);
    const text = words.length === 2 && words[1]?.includes(words[0] ?? '') ? (words[1] ?? '') : words.join(': ');
    if (text !== '' && !parts.includes(text)) parts.push(text);
    current = typeof current === 'object' ? Reflect.get(current, 'cause') : undefined;
  }
  return redactor.clean(parts.length === 0 ? 'unknown error' : parts.join('; caused by '));
}

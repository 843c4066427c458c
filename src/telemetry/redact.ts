/**
 * Takes secrets out of what is about to be logged: by the name of a key, and by the look of a text. It is the last
 * line of defence; no caller may pass a secret in the first place.
 */

const replacement = '[redacted]';

/** Whole names, compared without case, hyphens and underscores. */
const secretNames = new Set([
  'auth',
  'authorization',
  'cookie',
  'setcookie',
  'credentials',
  'key',
  'passwd',
  'pwd',
  'pin',
  'sessionid',
]);

/** Parts of names. */
const secretParts = [
  'password',
  'passphrase',
  'secret',
  'token',
  'apikey',
  'accesskey',
  'privatekey',
  'signingkey',
  'clientkey',
];

/** Bounds on what one log line may cost. */
const deepest = 8;
const mostItems = 100;
const longestText = 16_384;

function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replace(/[-_ ]/g, '');
  return secretNames.has(plain) || secretParts.some((part) => plain.includes(part));
}

const patterns: readonly (readonly [RegExp, string])[] = [
  // The password of a URL: scheme://user:password@host. The last @ before a slash or space ends it.
  [/\b([a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s/]*@/gi, `$1:${replacement}@`],
  [/\b(bearer|basic|oauth)\s+[\w.~+/!=-]{6,}/gi, `$1 ${replacement}`],
  // Key-value text: libpq's connection strings, queries of URLs, form bodies.
  [
    /\b(password|passwd|pwd|secret|client_secret|access_token|refresh_token|id_token|token|api_?key|assertion)(\s*=\s*)('[^']*'|"[^"]*"|[^\s&;,]+)/gi,
    `$1$2${replacement}`,
  ],
  // The same inside JSON text.
  [
    /("(?:[\w-]*(?:password|secret|token|apikey|api_key|authorization|private_?key))"\s*:\s*)"(?:[^"\\]|\\.)*"/gi,
    `$1"${replacement}"`,
  ],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, replacement],
];

/** A text without the secrets that can be recognised by their surroundings; cut when it is very long. */
export function redactText(text: string): string {
  const bounded = text.length > longestText ? `${text.slice(0, longestText)}… (${text.length} characters)` : text;
  return patterns.reduce((current, [pattern, by]) => current.replace(pattern, by), bounded);
}

/** A copy of any value that is safe to log and to write as JSON. */
export function redact(value: unknown): unknown {
  return copy(value, 0, new Set());
}

/** As `redact`, for the fields of a log line. */
export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return copyEntries(Object.entries(fields), 0, new Set([fields]));
}

function copy(value: unknown, depth: number, above: ReadonlySet<object>): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  if (above.has(value)) return '[circular]';
  if (depth >= deepest) return '[too deep]';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  const within = new Set(above).add(value);
  if (Array.isArray(value)) {
    const items = value.slice(0, mostItems).map((item) => copy(item, depth + 1, within));
    return value.length > mostItems ? [...items, `… (${value.length} items)`] : items;
  }
  if (value instanceof Map) return copy([...value.entries()].slice(0, mostItems + 1), depth, above);
  if (value instanceof Set) return copy([...value].slice(0, mostItems + 1), depth, above);
  if (value instanceof Error) return copyError(value, depth, within);
  return copyEntries(Object.entries(value), depth, within);
}

function copyEntries(
  entries: readonly [string, unknown][],
  depth: number,
  within: ReadonlySet<object>,
): Record<string, unknown> {
  return Object.fromEntries(
    entries
      .slice(0, mostItems)
      .map(([name, item]) => [name, isSecretName(name) ? hidden(item) : copy(item, depth + 1, within)]),
  );
}

/** That there is nothing is worth knowing, and no secret. */
function hidden(value: unknown): unknown {
  return value === undefined || value === null ? value : replacement;
}

function copyError(error: Error, depth: number, within: ReadonlySet<object>): Record<string, unknown> {
  return {
    type: error.name,
    message: redactText(error.message),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...copyEntries(Object.entries(error), depth, within),
    ...(error.cause === undefined ? {} : { cause: copy(error.cause, depth + 1, within) }),
  };
}

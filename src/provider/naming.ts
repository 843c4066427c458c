/**
 * From an API's names to SQL names. A name is lower-case snake_case, at most 63 bytes (PostgreSQL manual, section
 * 4.1.1), unique among its siblings, and never the name of a system column (section 5.6). Reserved words are allowed:
 * whoever writes them into SQL quotes them.
 */
import { createHash } from 'node:crypto';
import pluralize from 'pluralize';

/** PostgreSQL's NAMEDATALEN is 64, with a terminating zero. */
const maxBytes = 63;

/** A table cannot have user columns of these names; `oid` could, and was one before PostgreSQL 12. */
const systemColumns = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid', 'oid']);

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/** The longest beginning of `text` that has at most `bytes` bytes of UTF-8, without splitting a character. */
function clip(text: string, bytes: number): string {
  let out = '';
  let length = 0;
  for (const character of text) {
    length += Buffer.byteLength(character);
    if (length > bytes) break;
    out += character;
  }
  return out;
}

/** `stem` with `suffix`, the stem shortened so that both have at most 63 bytes. */
function join(stem: string, suffix: string): string {
  return `${clip(stem, maxBytes - Buffer.byteLength(suffix)).replace(/_+$/, '')}${suffix}`;
}

/** A name that fits: too long a one is cut and gets a hash of the whole, so that it stays the same for ever. */
export function fitName(name: string): string {
  return Buffer.byteLength(name) <= maxBytes ? name : join(name, `_${digest(name)}`);
}

/**
 * A name in lower-case snake_case: `FirstName` → `first_name`, `SLASerialNumber` → `sla_serial_number`,
 * `Größe (cm)` → `größe_cm`. What is neither a letter nor a digit separates words. The result may be empty.
 */
export function snakeCase(name: string): string {
  return name
    .normalize('NFC')
    .replace(/(\p{Ll}|\p{Nd})(\p{Lu})/gu, '$1_$2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1_$2')
    .toLowerCase()
    .normalize('NFC')
    .replace(/[^\p{L}\p{M}\p{Nd}]+/gu, '_')
    .replace(/^_+|_+$/g, '');
}

/** The SQL form of one API name: snake_case, not empty, not beginning with a digit, within 63 bytes. */
export function sqlName(name: string): string {
  const snake = snakeCase(name);
  if (snake === '') return `column_${digest(name)}`;
  return fitName(/^[\p{L}_]/u.test(snake) ? snake : `_${snake}`);
}

/** The SQL form of an object's name, its last word in the plural: `Invoice_Item` → `invoice_items`. */
export function pluralName(name: string): string {
  const words = snakeCase(name).split('_');
  const last = words.pop() ?? '';
  return last === '' ? `table_${digest(name)}` : sqlName([...words, pluralize.plural(last)].join('_'));
}

export interface Nameable {
  /** The API's own name, unique among its siblings. */
  readonly id: string;
  /** SQL names in order of preference; at least one. */
  readonly candidates: readonly string[];
}

export interface NamingOptions {
  /** Names given before, by API name: they are kept, so that a new field never renames an old column. */
  readonly known?: ReadonlyMap<string, string>;
  /** Whether system column names are avoided; default true. */
  readonly columns?: boolean;
}

/**
 * One unique name each. The items are served in the given order, so that whoever has the better claim comes first: an
 * item takes the first of its candidates that is free, or its last candidate with a hash of its API name.
 */
export function assignNames(items: readonly Nameable[], options: NamingOptions = {}): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const item of items) {
    const known = options.known?.get(item.id);
    if (known === undefined || taken.has(known)) continue;
    names.set(item.id, known);
    taken.add(known);
  }
  const isFree = (name: string): boolean => !taken.has(name) && !((options.columns ?? true) && systemColumns.has(name));
  for (const item of items) {
    if (names.has(item.id)) continue;
    const candidates = item.candidates.map(sqlName);
    const last = candidates.at(-1) ?? sqlName(item.id);
    let name = [...candidates, join(last, '_')].find((candidate, index) =>
      index < candidates.length ? isFree(candidate) : systemColumns.has(last) && isFree(candidate),
    );
    for (let salt = 0; name === undefined; salt += 1) {
      const hashed = join(last, `_${digest(salt === 0 ? item.id : `${item.id} ${salt}`)}`);
      if (isFree(hashed)) name = hashed;
    }
    names.set(item.id, name);
    taken.add(name);
  }
  return names;
}

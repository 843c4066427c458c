/**
 * Secrets for a place that must not know them: AES-256-GCM under keys that only the environment has. What is sealed is
 * bound to a purpose, so that it cannot be moved to another one, and says which key opens it.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const algorithm = 'aes-256-gcm';
const keyBytes = 32;
/** NIST SP 800-38D, section 8.2: 96 bits, random; good for 2^32 messages of one key. */
const nonceBytes = 12;
const tagBytes = 16;

interface Key {
  readonly id: string;
  readonly bytes: Buffer;
}

/** Sealed under a key that this process does not have. */
export class UnknownKey extends Error {
  readonly keyId: string;

  constructor(keyId: string) {
    super(`sealed under the key ${keyId}, which is not known here`);
    this.name = 'UnknownKey';
    this.keyId = keyId;
  }
}

/** Changed since it was sealed, sealed for another purpose, or no sealed text at all. */
export class Damaged extends Error {
  constructor() {
    super('the sealed text was changed, or was sealed for something else');
    this.name = 'Damaged';
  }
}

/** Says nothing about the key: two processes that have the same one have the same id. */
function idOf(bytes: Buffer): string {
  return createHash('sha256').update('upwrite key id\0').update(bytes).digest('hex').slice(0, 12);
}

function decoded(text: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.byteLength === keyBytes ? bytes : undefined;
}

/** The keys of a process: the first seals, all of them open. */
export class KeyRing {
  private readonly keys: readonly Key[];
  private readonly first: Key;

  private constructor(first: Key, further: readonly Key[]) {
    this.first = first;
    this.keys = [first, ...further];
  }

  /**
   * Reads keys of 32 bytes, in base64 or hex, with commas between them. Throws an Error that says what is wrong with the
   * text, without it.
   */
  static parse(text: string): KeyRing {
    const keys = text.split(',').map((part, index): Key => {
      const bytes = decoded(part.trim());
      if (bytes === undefined) {
        const which = text.includes(',') ? `key ${index + 1} of it ` : '';
        throw new Error(`${which}must be 32 bytes in base64 or hex, as "openssl rand -base64 32" prints them`);
      }
      return { id: idOf(bytes), bytes };
    });
    const [first, ...further] = keys;
    if (first === undefined) throw new Error('must hold a key');
    return new KeyRing(first, further);
  }

  /** The id of the key that seals. */
  get keyId(): string {
    return this.first.id;
  }

  /** Seals a text for a purpose. */
  seal(plain: string, purpose: string): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, this.first.bytes, nonce, { authTagLength: tagBytes });
    cipher.setAAD(Buffer.from(purpose));
    const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `1.${this.first.id}.${nonce.toString('base64url')}.${body.toString('base64url')}`;
  }

  /** Opens what was sealed for the same purpose. Throws UnknownKey or Damaged. */
  open(sealed: string, purpose: string): string {
    const [version, keyId, nonce, body, ...more] = sealed.split('.');
    if (version !== '1' || keyId === undefined || nonce === undefined || body === undefined || more.length > 0) {
      throw new Damaged();
    }
    const key = this.keys.find(({ id }) => id === keyId);
    if (key === undefined) throw new UnknownKey(keyId);
    const bytes = Buffer.from(body, 'base64url');
    if (bytes.byteLength < tagBytes) throw new Damaged();
    try {
      const decipher = createDecipheriv(algorithm, key.bytes, Buffer.from(nonce, 'base64url'), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(Buffer.from(purpose));
      decipher.setAuthTag(bytes.subarray(-tagBytes));
      return decipher.update(bytes.subarray(0, -tagBytes)).toString('utf8') + decipher.final('utf8');
    } catch {
      throw new Damaged();
    }
  }
}

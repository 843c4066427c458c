/**
 * The ids of the records table: name-based UUIDs, so that the same record has the same id however often it is listed,
 * and whichever process or database it comes through. Source: RFC 9562, section 5.5.
 */
import { createHash } from 'node:crypto';

/** Upwrite's own name space, drawn once. */
const namespace = '6e0b1c43-7f0d-4d53-9c1e-52b7a6b0a9f4';

/** A version 5 UUID. */
export function uuidV5(space: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(space.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const hex = hash.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** `sync_id`: one for each connection, by its name in the configuration. */
export function syncId(connection: string): string {
  return uuidV5(namespace, connection);
}

/** `sequin_id`: one for each record. `sync` is its `sync_id`, `object` the API's name of its collection. */
export function sequinId(sync: string, object: string, key: string): string {
  return uuidV5(sync, `${object}\0${key}`);
}

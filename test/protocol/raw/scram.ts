/** The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding, checking the server's proof too. */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

export const mechanism = 'SCRAM-SHA-256';

export interface ScramClient {
  /** client-first-message. */
  readonly first: string;
  /** client-final-message for the server's first message. */
  final(serverFirst: string): string;
  /** Whether the server's final message proves that it knows the password. */
  verifies(serverFinal: string): boolean;
}

/** One login; `header` is the GS2 header, "n,," for a client that cannot bind channels. */
export function scramClient(password: string, header = 'n,,'): ScramClient {
  const bare = `n=*,r=${randomBytes(18).toString('base64')}`;
  let serverSignature = Buffer.alloc(32);
  return {
    first: header + bare,
    final: (serverFirst) => {
      const salt = Buffer.from(attribute(serverFirst, 's'), 'base64');
      const prepared = password.normalize('NFKC');
      const salted = pbkdf2Sync(prepared, salt, Number(attribute(serverFirst, 'i')), 32, 'sha256');
      const clientKey = hmac(salted, 'Client Key');
      const withoutProof = `c=${Buffer.from(header).toString('base64')},r=${attribute(serverFirst, 'r')}`;
      const signed = `${bare},${serverFirst},${withoutProof}`;
      const clientSignature = hmac(createHash('sha256').update(clientKey).digest(), signed);
      serverSignature = hmac(hmac(salted, 'Server Key'), signed);
      const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (clientSignature[at] ?? 0)));
      return `${withoutProof},p=${proof.toString('base64')}`;
    },
    verifies: (serverFinal) => {
      const got = Buffer.from(attribute(serverFinal, 'v'), 'base64');
      return got.length === serverSignature.length && timingSafeEqual(got, serverSignature);
    },
  };
}

function attribute(message: string, name: string): string {
  const field = message.split(',').find((part) => part.startsWith(`${name}=`));
  if (field === undefined) throw new Error(`the server's SCRAM message has no ${name}=`);
  return field.slice(2);
}

function hmac(key: Buffer, text: string): Buffer<ArrayBuffer> {
  return createHmac('sha256', key).update(text).digest();
}

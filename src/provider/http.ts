/**
 * One HTTP request over node:http, with what SDKs leave out: a deadline, an abort signal, a bound on the answer, no
 * retries, and certainty about whether the request had left. Provider SDKs are given this as their transport.
 */
import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { CallFailure, type FailureKind, type Fate } from './failure.js';

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Epoch milliseconds. */
  readonly deadline: number;
  readonly signal: AbortSignal;
  /** Bound on the decoded answer in bytes; default 64 MiB. */
  readonly maxBytes?: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Lower-case names; repeated headers are joined by a comma and a space. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** From sending to the answer's end. */
  readonly millis: number;
}

const defaultMaxBytes = 64 * 1024 * 1024;
const longestTimer = 2_147_483_647;

/**
 * Free connections are closed after four seconds: a request on a connection that the server is just closing is lost
 * without a trace, and a write must then be reported as unknown.
 */
const agents = {
  'http:': new http.Agent({ keepAlive: true, timeout: 4000 }),
  'https:': new https.Agent({ keepAlive: true, timeout: 4000 }),
};

/** The answer's body as it was before Content-Encoding. */
function decoded(response: http.IncomingMessage): Readable {
  const encoding = response.headers['content-encoding']?.toLowerCase();
  const decoder =
    encoding === 'gzip' || encoding === 'x-gzip'
      ? createGunzip()
      : encoding === 'deflate'
        ? createInflate()
        : encoding === 'br'
          ? createBrotliDecompress()
          : undefined;
  if (decoder === undefined) return response;
  response.on('error', (error) => decoder.destroy(error));
  return response.pipe(decoder);
}

async function readBody(response: http.IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of decoded(response)) {
    const part = Buffer.from(chunk);
    bytes += part.byteLength;
    if (bytes > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(part);
  }
  if (!response.complete) throw new Error('the answer ended early');
  return Buffer.concat(chunks).toString('utf8');
}

function plainHeaders(raw: http.IncomingHttpHeaders): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw)) {
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return headers;
}

function fail(kind: FailureKind, fate: Fate, words: string, cause?: unknown): CallFailure {
  return new CallFailure({ kind, fate, words, cause });
}

function codeOf(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  if (typeof code === 'string') return code;
  return error instanceof Error ? error.message : 'connection failed';
}

/**
 * Sends one request and reads the whole answer, whatever its status. Throws a CallFailure: `unsent` as long as the
 * connection was not made, `unknown` from the moment that bytes of the request may have been written.
 */
export async function httpRequest(request: HttpRequest): Promise<HttpAnswer> {
  const url = new URL(request.url);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw fail('request', 'unsent', 'not an HTTP address');
  if (request.signal.aborted) throw fail('cancelled', 'unsent', 'cancelled', request.signal.reason);
  const started = Date.now();
  const left = request.deadline - started;
  if (left <= 0) throw fail('network', 'unsent', 'no time left to send');

  const body = request.body === undefined ? undefined : Buffer.from(request.body);
  const outgoing = (url.protocol === 'https:' ? https : http).request(url, {
    method: request.method,
    agent: agents[url.protocol],
    headers: {
      'accept-encoding': 'gzip, deflate, br',
      ...request.headers,
      ...(body === undefined ? {} : { 'content-length': String(body.byteLength) }),
    },
  });

  let connected = false;
  let ended: CallFailure | undefined;
  const end = (kind: FailureKind, words: string, cause?: unknown): void => {
    ended ??= fail(kind, connected ? 'unknown' : 'unsent', words, cause);
    outgoing.destroy(ended);
  };
  const timer = setTimeout(() => end('network', 'no answer in time'), Math.min(left, longestTimer));
  const abort = (): void => end('cancelled', 'cancelled', request.signal.reason);
  request.signal.addEventListener('abort', abort, { once: true });
  outgoing.on('socket', (socket) => {
    const ready = url.protocol === 'https:' ? 'secureConnect' : 'connect';
    // A pooled connection is ready at once; node writes to it in the same tick.
    if (outgoing.reusedSocket || !socket.connecting) connected = true;
    else
      socket.once(ready, () => {
        connected = true;
      });
  });

  try {
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      outgoing.on('response', resolve);
      outgoing.on('error', reject);
      outgoing.end(body);
    });
    const text = await readBody(response, request.maxBytes ?? defaultMaxBytes);
    return {
      status: response.statusCode ?? 0,
      headers: plainHeaders(response.headers),
      body: text,
      millis: Date.now() - started,
    };
  } catch (error) {
    outgoing.destroy();
    if (ended !== undefined) throw ended;
    const code = codeOf(error);
    if (!connected) throw fail('network', 'unsent', `no connection could be made (${code})`, error);
    throw fail('network', 'unknown', `the connection broke before the answer had come (${code})`, error);
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener('abort', abort);
  }
}

/** Closes this process's connections to APIs, so that it can end; requests under way fail. */
export async function closeConnections(): Promise<void> {
  for (const agent of Object.values(agents)) agent.destroy();
}

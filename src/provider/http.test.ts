import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CallFailure, parseRetryAfter } from './failure.js';
import { httpRequest } from './http.js';

let server: http.Server;
let base = '';
const seen: { url: string; body: string }[] = [];

beforeAll(async () => {
  server = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    seen.push({ url: request.url ?? '', body });
    if (request.url === '/gzip') {
      response.writeHead(200, { 'content-encoding': 'gzip', 'x-two': ['a', 'b'] }).end(gzipSync('zipped ü'));
    } else if (request.url === '/cut') {
      request.socket.destroy();
    } else if (request.url === '/half') {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => request.socket.destroy());
    } else if (request.url === '/large') {
      response.end('x'.repeat(2000));
    } else if (request.url !== '/silent') {
      response.writeHead(418).end(`${request.method} ${body}`);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function send(url: string, over: Partial<Parameters<typeof httpRequest>[0]> = {}) {
  return httpRequest({
    method: 'POST',
    url,
    body: 'hello',
    deadline: Date.now() + 30_000,
    signal: new AbortController().signal,
    ...over,
  });
}

async function failure(work: Promise<unknown>): Promise<CallFailure> {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  if (!(error instanceof CallFailure)) throw new Error(`not a CallFailure: ${String(error)}`);
  return error;
}

describe('httpRequest', () => {
  it('gives the answer whatever its status', async () => {
    expect(await send(`${base}/x`)).toMatchObject({ status: 418, body: 'POST hello' });
  });

  it('decompresses, joins repeated headers', async () => {
    expect(await send(`${base}/gzip`)).toMatchObject({ body: 'zipped ü', headers: { 'x-two': 'a, b' } });
  });

  it('knows that nothing was sent when there is no connection', async () => {
    const closed = net.createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    expect(await failure(send(`http://127.0.0.1:${port}/`))).toMatchObject({
      fate: 'unsent',
      words: 'no connection could be made (ECONNREFUSED)',
    });
    expect(await failure(send('http://host.invalid/'))).toMatchObject({ fate: 'unsent', kind: 'network' });
    // A server that does not speak TLS: the handshake fails, the request stays here.
    expect(await failure(send(base.replace('http:', 'https:')))).toMatchObject({ fate: 'unsent' });
  });

  it('does not know once it was sent', async () => {
    expect(await failure(send(`${base}/cut`))).toMatchObject({ fate: 'unknown', kind: 'network' });
    expect(await failure(send(`${base}/half`))).toMatchObject({ fate: 'unknown', kind: 'network' });
    expect(await failure(send(`${base}/large`, { maxBytes: 1000 }))).toMatchObject({ fate: 'unknown' });
  });

  it('ends at the deadline', async () => {
    // Late enough that it is sent before, on a machine that stalls too.
    expect(await failure(send(`${base}/silent`, { deadline: Date.now() + 3000 }))).toMatchObject({
      fate: 'unknown',
      words: 'no answer in time',
    });
    expect(await failure(send(`${base}/x`, { deadline: Date.now() - 1 }))).toMatchObject({ fate: 'unsent' });
  });

  it('ends when it is cancelled', async () => {
    const abort = new AbortController();
    const before = seen.length;
    const sent = failure(send(`${base}/silent`, { signal: abort.signal }));
    await expect.poll(() => seen.length, { timeout: 20_000 }).toBeGreaterThan(before);
    abort.abort();
    expect(await sent).toMatchObject({ kind: 'cancelled', fate: 'unknown' });
    expect(await failure(send(`${base}/x`, { signal: abort.signal }))).toMatchObject({
      kind: 'cancelled',
      fate: 'unsent',
    });
  });
});

describe('parseRetryAfter', () => {
  const now = Date.parse('2024-05-01T00:00:00Z');
  it.each<[string | undefined, number | undefined]>([
    ['30', 30_000],
    ['0', 0],
    ['1.5', 1500],
    ['Wed, 01 May 2024 00:00:10 GMT', 10_000],
    ['Tue, 30 Apr 2024 00:00:00 GMT', 0],
    ['soon', undefined],
    ['999999', undefined],
    [undefined, undefined],
  ])('%s → %s', (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected);
  });
});

import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { adoptSocket } from './adopt.js';

let server: net.Server;
let client: net.Socket;
let accepted: net.Socket;

beforeEach(async () => {
  server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const connection = once(server, 'connection');
  client = net.connect({ port: address.port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => undefined);
  [accepted] = (await connection) as [net.Socket];
});

afterEach(() => {
  client.destroy();
  accepted.destroy();
  server.close();
});

/** What comes, as one text, until `length` characters are there. */
function received(link: ReturnType<typeof adoptSocket>, length: number, chunks: Buffer[] = []): Promise<string> {
  return new Promise((resolve) => {
    link.receive((chunk) => {
      chunks.push(Buffer.from(chunk));
      const text = Buffer.concat(chunks).toString();
      if (text.length >= length) resolve(text);
      return true;
    });
    link.resume();
  });
}

test('an idle socket is read into one buffer, which grows under a stream', async () => {
  const link = adoptSocket(accepted);
  // Were it not so, this Node hides a socket's handle, and every read would cost an allocation again.
  expect(link.socket).not.toBe(accepted);
  const buffers = new Set<ArrayBufferLike>();
  const sizes: number[] = [];
  const text = 'x'.repeat(1_000_000);
  const all = new Promise<string>((resolve) => {
    const chunks: Buffer[] = [];
    link.receive((chunk) => {
      buffers.add(chunk.buffer);
      sizes.push(chunk.length);
      chunks.push(Buffer.from(chunk));
      if (Buffer.concat(chunks).length >= text.length + 1) resolve(Buffer.concat(chunks).toString());
      return true;
    });
  });
  link.resume();
  client.write('a');
  client.write(text);
  expect(await all).toBe(`a${text}`);
  expect(buffers.size).toBeLessThan(sizes.length);
  expect(Math.max(...sizes)).toBeGreaterThan(8192);
});

test('what is kept stays as it was when more comes', async () => {
  const link = adoptSocket(accepted);
  const kept: Buffer[] = [];
  const two = new Promise<void>((resolve) => {
    link.receive((chunk) => {
      kept.push(chunk);
      link.keep();
      if (kept.length === 1) client.write('second');
      else resolve();
      return true;
    });
  });
  link.resume();
  client.write('first');
  await two;
  expect(kept.map(String)).toEqual(['first', 'second']);
});

test('the server knows when the connection has ended, and both ends see each other half', async () => {
  const link = adoptSocket(accepted);
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  link.receive(() => true);
  link.resume();
  client.end();
  await once(link.socket, 'end');
  client.resume();
  link.socket.end('bye');
  const [last] = await Promise.all([once(client, 'end'), once(link.socket, 'close')]);
  expect(last).toEqual([]);
  await closed;
});

test('nothing comes while it is paused', async () => {
  const link = adoptSocket(accepted);
  let bytes = 0;
  const first = new Promise<void>((resolve) => {
    link.receive((chunk) => {
      bytes += chunk.length;
      resolve();
      return false;
    });
  });
  link.resume();
  client.write('a');
  await first;
  const drained = client.write(Buffer.alloc(32 * 1024 * 1024));
  expect(drained).toBe(false);
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(bytes).toBe(1);
  expect(client.writableLength).toBeGreaterThan(0);
});

test('a socket on which something is under way is read by events, and loses nothing', async () => {
  const early = once(accepted, 'data');
  accepted.resume();
  client.write('early');
  await early;
  accepted.pause();
  accepted.unshift(Buffer.from('early'));
  const link = adoptSocket(accepted);
  expect(link.socket).toBe(accepted);
  const text = received(link, 9);
  client.write('late');
  expect(await text).toBe('earlylate');
});

test('an error of the connection reaches who listened before', async () => {
  const error = new Promise<Error>((resolve) => accepted.once('error', resolve));
  const link = adoptSocket(accepted);
  link.receive(() => true);
  link.resume();
  link.socket.destroy(new Error('lost'));
  expect((await error).message).toBe('lost');
});

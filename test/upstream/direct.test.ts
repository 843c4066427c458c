/** Connections that are read and written past Node: what Node's loop owes to others, and ends, stalls and closings. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { type SocketLink, useDirectIo } from '../../src/upstream/index.js';
import { waitFor } from '../support/wait.js';
import { connectPeer, type Peer, pattern } from './peer.js';

const isDirect = await useDirectIo();
const megabyte = 1024 * 1024;
const peers: Peer[] = [];

afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.close()));
});

async function connect(): Promise<Peer> {
  const peer = await connectPeer();
  peers.push(peer);
  peer.link.allowDirect('always');
  return peer;
}

/** Answers each chunk with itself. */
function echo(link: SocketLink, meanwhile: () => void = () => undefined): void {
  link.receive((chunk) => {
    meanwhile();
    const flowing = link.write(chunk);
    if (link.socket.writableLength > 0) link.keep();
    return flowing;
  });
  link.resume();
}

test('it is there on Linux, and the tests below show it', () => {
  const isThere = process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch);
  expect(isDirect).toBe(isThere && process.report.getReport() instanceof Object && isGlibc());
});

function isGlibc(): boolean {
  const report: unknown = process.report.getReport();
  const header: unknown = Reflect.get(Object(report), 'header');
  return Reflect.get(Object(header), 'glibcVersionRuntime') !== undefined;
}

test.skipIf(!isDirect)('a busy connection is read and written past Node, and nothing is lost', async () => {
  const { link, tell } = await connect();
  let bytes = 0;
  echo(link, () => {
    bytes += 1;
  });
  await tell({ kind: 'play', rounds: 2000 });
  expect(bytes).toBe(2000);
  expect(link.socket.bytesRead).toBeLessThan(1000);
  expect(link.socket.bytesWritten).toBe(0);
});

test('what a receiver leaves for later is done before the next chunk', async () => {
  const { link, tell } = await connect();
  let left = 0;
  const late: number[] = [];
  echo(link, () => {
    if (left > 0) late.push(left);
    left += 1;
    void Promise.resolve().then(() =>
      process.nextTick(() => {
        left -= 1;
      }),
    );
    link.yield();
  });
  await tell({ kind: 'play', rounds: 1000 });
  expect(late).toEqual([]);
});

test('timers and other connections have their turn while there is always something to read', async () => {
  const busy = await Promise.all([connect(), connect(), connect(), connect()]);
  for (const { link, tell } of busy) {
    echo(link);
    void tell({ kind: 'play', rounds: 0 });
  }
  const server = http.createServer((_request, response) => response.end('here'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  for (let i = 0; i < 20; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('here');
  }
  server.close();
  server.closeAllConnections();
});

test.each(['end', 'reset'] as const)('%s of a busy connection is seen as Node would see it', async (kind) => {
  const { link, tell } = await connect();
  const seen: string[] = [];
  link.socket.on('error', (error: NodeJS.ErrnoException) => seen.push(error.code ?? error.message));
  link.socket.on('end', () => seen.push('end'));
  echo(link);
  await tell({ kind: 'play', rounds: 500 });
  await tell({ kind });
  await waitFor('it to be seen', () => seen.length > 0);
  expect(seen).toEqual([kind === 'end' ? 'end' : 'ECONNRESET']);
  await waitFor('the other way to be open or closed', () => link.socket.destroyed === (kind === 'reset'));
});

test('a connection that is paused in between is not read, and loses nothing', async () => {
  const { link, tell } = await connect();
  const hash = createHash('sha256');
  let bytes = 0;
  let isPaused = false;
  let whilePaused = 0;
  const done = new Promise<void>((resolve) => {
    link.receive((chunk) => {
      if (isPaused) whilePaused += 1;
      hash.update(chunk);
      bytes += chunk.length;
      if (bytes === 20 * megabyte) resolve();
      if (Math.floor(bytes / 10_000) % 3 > 0) return true;
      isPaused = true;
      setTimeout(() => {
        isPaused = false;
        link.resume();
      }, 1);
      link.yield();
      return false;
    });
    link.resume();
  });
  await tell({ kind: 'stream', bytes: 20 * megabyte });
  await done;
  expect(whilePaused).toBe(0);
  expect(hash.digest('hex')).toBe(
    createHash('sha256')
      .update(pattern(20 * megabyte))
      .digest('hex'),
  );
});

test('a stream to a reader that is slow comes as it was sent', async () => {
  const [from, to] = await Promise.all([connect(), connect()]);
  from.link.receive((chunk) => {
    const flowing = to.link.write(chunk);
    if (to.link.socket.writableLength > 0) from.link.keep();
    return flowing;
  });
  to.link.socket.on('drain', () => from.link.resume());
  from.link.socket.on('end', () => to.link.socket.end());
  from.link.resume();
  to.link.resume();
  const digest = to.tell({ kind: 'digest', afterMs: 200 });
  for (let i = 0; i < 5; i += 1) await from.tell({ kind: 'stream', bytes: 10 * megabyte });
  await from.tell({ kind: 'end' });
  const sent = createHash('sha256');
  for (let i = 0; i < 5; i += 1) sent.update(pattern(10 * megabyte));
  expect(await digest).toBe(sent.digest('hex'));
});

test('one that is closed by its own receiver leaves nothing to who has its descriptor next', async () => {
  const seen = new Set<number>();
  for (let i = 0; i < 30; i += 1) {
    const { link, tell } = await connect();
    seen.add(link.fd);
    let chunks = 0;
    link.receive((chunk) => {
      chunks += 1;
      if (chunks < 20) return link.write(chunk);
      link.socket.destroy();
      link.yield();
      return true;
    });
    link.resume();
    void tell({ kind: 'play', rounds: 0 });
    await once(link.socket, 'close');
    expect(chunks).toBe(20);
    await peers.pop()?.close();
  }
  expect(seen.size).toBeLessThan(30);
  const { link, tell } = await connect();
  echo(link);
  await tell({ kind: 'play', rounds: 500 });
});

test.skipIf(!isDirect)('what is written to one that is closed does not reach who has its descriptor next', async () => {
  const server = net.createServer();
  onTestFinished(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { link: closed } = await connect();
  // The lowest that is free is given first: whatever is free below it goes to nobody.
  for (let filler = -1; filler < closed.fd; ) {
    filler = openSync('/dev/null', 'r');
    const taken = filler;
    onTestFinished(() => closeSync(taken));
  }
  closed.socket.destroy();
  const { port } = server.address() as net.AddressInfo;
  const next = net.connect({ port, host: '127.0.0.1' });
  onTestFinished(() => void next.destroy());
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(next, 'connect')])) as [
    [net.Socket],
    unknown,
  ];
  expect(Reflect.get(Object(Reflect.get(next, '_handle')), 'fd')).toBe(closed.fd);
  closed.write(Buffer.from('meant for somebody else'));
  next.end('meant for it');
  expect(Buffer.concat(await accepted.toArray()).toString()).toBe('meant for it');
});

test.skipIf(!isDirect)('one that is quiet is read by Node again', async () => {
  const { link, tell } = await connect();
  echo(link);
  await tell({ kind: 'play', rounds: 500 });
  const before = link.socket.bytesRead;
  await waitFor('Node to read', async () => {
    // It has to be quiet for a while: whoever asks at once keeps it busy.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await tell({ kind: 'play', rounds: 1 });
    return link.socket.bytesRead > before;
  });
});

/** The other end of a connection, in a thread with a loop of its own: what the poll of this one does cannot help it. */
import { once } from 'node:events';
import net from 'node:net';
import { Worker } from 'node:worker_threads';
import { adoptSocket, type SocketLink } from '../../src/upstream/index.js';

/** What a peer is told, one after the other. */
export type Order =
  /** To write a byte and wait for as many as it wrote, so many times; for ever where `rounds` is 0. */
  | { readonly kind: 'play'; readonly rounds: number }
  /** To write so many bytes, the same for the same number. */
  | { readonly kind: 'stream'; readonly bytes: number }
  /** To read to the end, beginning after that many milliseconds, and to say the SHA-256 of it. */
  | { readonly kind: 'digest'; readonly afterMs: number }
  | { readonly kind: 'write'; readonly bytes: number }
  | { readonly kind: 'end' }
  | { readonly kind: 'reset' };

const program = `
const { parentPort, workerData } = require('node:worker_threads');
const net = require('node:net');
const { createHash } = require('node:crypto');
const { setTimeout: sleep } = require('node:timers/promises');
const socket = net.connect({ port: workerData, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
socket.on('error', () => undefined);
const pattern = (bytes) => { const all = Buffer.alloc(bytes); for (let i = 0; i + 4 <= bytes; i += 4) all.writeUInt32LE(i * 2654435761 >>> 0, i); return all; };
const orders = {
  play: async ({ rounds }) => {
    let answered = () => undefined;
    socket.on('data', () => answered());
    for (let i = 0; i !== rounds || rounds === 0; i++) {
      const answer = new Promise((resolve) => { answered = resolve; });
      if (!socket.writable) break;
      socket.write('x');
      await answer;
    }
    socket.removeAllListeners('data');
  },
  stream: async ({ bytes }) => { await new Promise((resolve) => socket.write(pattern(bytes), resolve)); },
  digest: async ({ afterMs }) => {
    await sleep(afterMs);
    const hash = createHash('sha256');
    for await (const chunk of socket) hash.update(chunk);
    return hash.digest('hex');
  },
  write: async ({ bytes }) => { socket.write(Buffer.alloc(bytes)); },
  end: async () => { socket.end(); },
  reset: async () => { socket.resetAndDestroy(); },
};
parentPort.on('message', async ({ id, order }) => parentPort.postMessage({ id, answer: await orders[order.kind](order) }));
`;

/** The bytes of a `stream` order. */
export function pattern(bytes: number): Buffer {
  const all = Buffer.alloc(bytes);
  for (let i = 0; i + 4 <= bytes; i += 4) all.writeUInt32LE((i * 2_654_435_761) >>> 0, i);
  return all;
}

export interface Peer {
  /** This end of the connection, paused. */
  readonly link: SocketLink;
  /** Resolves with the answer when it is done. */
  tell(order: Order): Promise<unknown>;
  close(): Promise<void>;
}

export async function connectPeer(): Promise<Peer> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const accepted = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
  const worker = new Worker(program, { eval: true, workerData: address.port });
  const socket = await accepted;
  socket.on('error', () => undefined);
  const link = adoptSocket(socket);
  const waiting = new Map<number, (answer: unknown) => void>();
  worker.on('message', ({ id, answer }: { readonly id: number; readonly answer: unknown }) =>
    waiting.get(id)?.(answer),
  );
  let orders = 0;
  return {
    link,
    tell: (order) => {
      const id = orders++;
      const answer = new Promise<unknown>((resolve) => waiting.set(id, resolve));
      worker.postMessage({ id, order });
      return answer;
    },
    close: async () => {
      link.socket.destroy();
      server.close();
      await worker.terminate();
    },
  };
}

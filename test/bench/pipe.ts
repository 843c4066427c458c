/**
 * A bare TCP pipe in Node, the simplest thing that could stand where the proxy stands:
 * `node pipe.js LISTEN_PORT HOST PORT` (or a socket's path for HOST, with PORT 0). Prints `listening` when it is.
 */
import { connect, createServer, type NetConnectOpts, type Socket } from 'node:net';
import process from 'node:process';

const [listenPort, host, port] = process.argv.slice(2);
if (listenPort === undefined || host === undefined || port === undefined) {
  throw new Error('usage: pipe LISTEN_PORT HOST PORT');
}
const target: NetConnectOpts = host.startsWith('/')
  ? { path: host, allowHalfOpen: true }
  : { host, port: Number(port), allowHalfOpen: true };

/** Forwards bytes, end of stream and loss from one socket to the other. */
function forward(from: Socket, to: Socket): void {
  from.setNoDelay(true);
  from.on('data', (chunk) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.on('error', () => to.resetAndDestroy());
  from.on('close', () => to.destroySoon());
}

const server = createServer({ allowHalfOpen: true }, (client) => {
  const backend = connect(target);
  forward(client, backend);
  forward(backend, client);
});
server.listen({ port: Number(listenPort), host: '127.0.0.1', backlog: 1024 }, () => console.log('listening'));

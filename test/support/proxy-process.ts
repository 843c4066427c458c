/**
 * The proxy room as a process of its own, with nothing behind it that intercepts:
 * `node proxy-process.js LISTEN_PORT DATABASE_HOST DATABASE_PORT CERTIFICATE KEY`.
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createSecureContext } from 'node:tls';
import { type ProxyLog, startProxy } from '../../src/proxy/index.js';

const [listenPort, host, port, cert, key] = process.argv.slice(2);
if (listenPort === undefined || host === undefined || port === undefined || cert === undefined || key === undefined) {
  throw new Error('usage: proxy-process LISTEN_PORT DATABASE_HOST DATABASE_PORT CERTIFICATE KEY');
}
const context = createSecureContext({ cert: readFileSync(cert), key: readFileSync(key) });
const silent = (): void => undefined;
const log: ProxyLog = {
  debug: silent,
  info: silent,
  warn: silent,
  error: (fields, message) => console.error(message, fields),
};

const proxy = await startProxy({
  host: '127.0.0.1',
  port: Number(listenPort),
  database: {
    host,
    port: Number(port),
    database: 'battery',
    user: 'postgres',
    tls: { mode: 'disable' },
    connectTimeout: 10_000,
  },
  tls: { mode: 'allow', context: () => context },
  maxConnections: 2000,
  startupTimeout: 30_000,
  grace: 1000,
  maxInspected: 1024 * 1024,
  mutations: null,
  log,
});
process.once('SIGTERM', () => {
  proxy.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});

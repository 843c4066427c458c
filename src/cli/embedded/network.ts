/** Free ports, and a directory for Unix sockets whose path is short enough. */
import { mkdtempSync, realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Account, giveTo } from './account.js';

const loopback = '127.0.0.1';

/** What a socket's path may take in bytes (sun_path has 108 on Linux and 104 on macOS, with a NUL at the end). */
const longestSocketPath = 103;

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host: loopback, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : undefined));
    });
  });
}

/** A TCP port of 127.0.0.1 that is free at this moment: `preferred` if it is, otherwise one that the system chooses. */
export async function freePort(preferred?: number): Promise<number> {
  const port = (preferred === undefined ? undefined : await tryPort(preferred)) ?? (await tryPort(0));
  if (port === undefined) throw new Error(`no free port on ${loopback}`);
  return port;
}

/** A new private directory for the server's sockets, in `preferred` if its path is short enough. */
export function makeSocketDir(account: Account | undefined, preferred = tmpdir()): string {
  const name = 'upwrite-XXXXXX/.s.PGSQL.65535.lock';
  const parent = [preferred, tmpdir(), '/tmp'].find(
    (place) => Buffer.byteLength(join(place, name)) <= longestSocketPath,
  );
  if (parent === undefined)
    throw new Error(`the path of the temporary directory ${tmpdir()} is too long for a Unix socket`);
  const directory = mkdtempSync(join(realpathSync(parent), 'upwrite-'));
  giveTo(account, directory);
  return directory;
}

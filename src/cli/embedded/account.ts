/** The account that an embedded server runs under. */
import { chownSync, closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';

export interface Account {
  readonly name: string;
  readonly ids: { readonly uid: number; readonly gid: number };
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * PostgreSQL refuses to run as root, and its initdb wants an account with a name: `postgres` where the machine has
 * one, else `nobody`, which every machine has. Undefined means: as whoever runs Upwrite.
 */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const entries = passwdEntries();
  const chosen =
    entries.find(({ name }) => name === 'postgres') ??
    entries.find(({ name }) => name === 'nobody') ??
    entries.find(({ uid }) => uid > 0);
  if (chosen === undefined) {
    throw new Error(
      'Postgres cannot run as root and this machine has no other account: run Upwrite as an ordinary user, or give the URL of a Postgres server as "database" in upwrite.yaml',
    );
  }
  return { name: chosen.name, ids: { uid: chosen.uid, gid: chosen.gid } };
}

function passwdEntries(): readonly PasswdEntry[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(
      ({ name, uid, gid }) => name !== '' && Number.isInteger(uid) && uid > 0 && Number.isInteger(gid) && gid >= 0,
    );
}

export function giveTo(account: Account | undefined, path: string): void {
  if (account !== undefined) chownSync(path, account.ids.uid, account.ids.gid);
}

/**
 * Replaces a file that the server's account owns. The old one is removed and the new one created exclusively, so that
 * a symbolic link in its place is never followed with root's rights.
 */
export function writeOwned(account: Account | undefined, path: string, text: string): void {
  rmSync(path, { force: true });
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
  giveTo(account, path);
}

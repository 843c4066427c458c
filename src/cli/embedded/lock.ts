/** One Upwrite a folder: a lock file that names its holder, and that a killed holder does not keep. */
import { spawnSync } from 'node:child_process';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Somebody else holds the lock. */
export class FolderInUse extends Error {
  readonly pid: number;

  constructor(pid: number, directory: string) {
    super(`Upwrite is already running in ${directory} (process ${pid}): stop it first, or start in another folder`);
    this.name = 'FolderInUse';
    this.pid = pid;
  }
}

export interface FolderLock {
  /** May be called more than once. */
  release(): void;
}

/** Tells a process from a later one of the same pid: its start time, in whatever form the system gives it. */
function incarnation(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      // The second field is the command in parentheses and may hold anything; the start time is the 20th after it.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  const started = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim();
  return started === '' ? undefined : started;
}

function holderOf(file: string): { readonly text: string; readonly pid: number; readonly alive: boolean } | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  const [first = '', started] = text.trim().split('\n');
  const pid = Number(first);
  const alive = Number.isInteger(pid) && pid > 0 && started !== undefined && incarnation(pid) === started;
  return { text, pid, alive };
}

/** Takes the lock of `directory`, which exists. Throws FolderInUse when another process holds it. */
export function lockFolder(directory: string): FolderLock {
  const file = join(directory, 'lock');
  const own = `${file}.${process.pid}`;
  const text = `${process.pid}\n${incarnation(process.pid) ?? ''}\n`;
  rmSync(own, { force: true });
  writeFileSync(own, text, { flag: 'wx', mode: 0o600 });
  try {
    while (!tryLink(own, file)) {
      const holder = holderOf(file);
      if (holder?.alive === true) throw new FolderInUse(holder.pid, directory);
      if (holder !== undefined) removeStale(file, holder.text);
    }
  } finally {
    rmSync(own, { force: true });
  }
  return {
    release: () => {
      if (holderOf(file)?.text === text) rmSync(file, { force: true });
    },
  };
}

/** A hard link is made by one process only, and never without its content. */
function tryLink(own: string, file: string): boolean {
  try {
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves a dead holder's lock away; when what was moved turns out to be a newer one, it is put back. */
function removeStale(file: string, text: string): void {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  if (readFileSync(aside, 'utf8') !== text) tryLink(aside, file);
  rmSync(aside, { force: true });
}

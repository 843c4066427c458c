/** Child processes of tests and benchmarks: started until ready, watched by /proc, ended for certain. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import process from 'node:process';
import { waitFor, within } from './wait.js';

export interface Child {
  readonly pid: number;
  /** What it wrote last, both streams, for error messages. */
  output(): string;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface ChildOptions {
  /** TCP port of 127.0.0.1 that accepts connections once the child is ready. */
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Another user and group to run as. */
  readonly uid?: number;
  readonly gid?: number;
}

/** Starts a server process and resolves when its port answers. */
export async function startChild(file: string, args: readonly string[], options: ChildOptions): Promise<Child> {
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-8000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  let failure: Error | undefined;
  child.once('error', (error) => {
    failure = error;
  });
  const guard = (): void => void child.kill('SIGKILL');
  process.on('exit', guard);
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    process.off('exit', guard);
    await ended(child, signal);
  };
  try {
    await waitFor(
      `${file} to listen on ${options.port}`,
      async () => {
        if (failure !== undefined) throw failure;
        if (child.exitCode !== null) throw new Error(`${file} ended with ${child.exitCode}`);
        return answers(options.port);
      },
      120_000,
    );
  } catch (cause) {
    await stop('SIGKILL');
    throw new Error(`${file} did not start: ${output}`, { cause });
  }
  return { pid: child.pid ?? 0, output: () => output, stop };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  try {
    await within(60_000, () => 'the child process to end', exit);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Whether this system shows what a process holds: Linux does. */
export const hasProcFs = process.platform === 'linux';

/** Number of sockets that a process has open (Linux). */
export function openSockets(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((name) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}

/** Resident memory of a process in bytes (Linux). */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  if (line?.[1] === undefined) throw new Error(`process ${pid} shows no VmRSS`);
  return Number(line[1]) * 1024;
}

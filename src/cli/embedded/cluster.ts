/** One PostgreSQL data directory: made by initdb, run as a child process, stopped. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Account, giveTo, writeOwned } from './account.js';
import { binary, type Installation, majorVersion } from './binaries.js';

/** Server parameters by name; written into a file that postgresql.conf includes. */
export type Settings = Readonly<Record<string, string | number | boolean>>;

/** `smart` waits for clients, `fast` ends their sessions, `immediate` leaves the rest to crash recovery. */
export type StopMode = 'smart' | 'fast' | 'immediate';

const stopSignals = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/** How often a state of the server is looked at while it starts or stops, in milliseconds. */
const pollMillis = 15;

export interface ClusterOptions {
  readonly installation: Installation;
  readonly account: Account | undefined;
  readonly dataDir: string;
}

export interface StartOptions extends ClusterOptions {
  readonly port: number;
  readonly socketDir: string;
  readonly settings: Settings;
  /** Lines of pg_hba.conf. */
  readonly hba: readonly string[];
  readonly logFile: string;
  /** How long crash recovery may take, in milliseconds. */
  readonly startTimeout: number;
}

export interface Cluster {
  readonly pid: number;
  /** Resolves when the server's process has ended, however it ended. */
  readonly exited: Promise<void>;
  /** Ends the server and waits for it; harder means follow when it takes longer than `timeout` milliseconds. */
  stop(mode?: StopMode, timeout?: number): Promise<void>;
}

/** What a server said on its way down. */
export class ServerFailure extends Error {
  readonly log: string;

  constructor(message: string, log: string) {
    super(message);
    this.name = 'ServerFailure';
    this.log = log;
  }
}

/**
 * The data directory as the server is to call it. Another account than root may not be able to walk the path to a
 * directory that it owns (a clone below root's home); its own working directory is always within reach, and Linux
 * has a name for that. PostgreSQL's processes keep the data directory as their working directory for life.
 */
function nameOfDataDir({ account, dataDir }: ClusterOptions): string {
  return account !== undefined && process.platform === 'linux' ? '/proc/self/cwd' : dataDir;
}

function serverEnvironment(): NodeJS.ProcessEnv {
  const { PATH, TZ } = process.env;
  return { LC_ALL: 'C', ...(PATH === undefined ? {} : { PATH }), ...(TZ === undefined ? {} : { TZ }) };
}

/** Makes a new data directory with the superuser `postgres`. `passwordFile` is readable by the server's account. */
export async function initCluster(
  options: ClusterOptions,
  passwordFile: string,
  flags: readonly string[] = [],
): Promise<void> {
  const { installation, account, dataDir } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  giveTo(account, dataDir);
  const args = [
    `--pgdata=${nameOfDataDir(options)}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    // Upper and lower case of every script, and an order that no upgrade of the system's libraries changes.
    ...(majorVersion(installation) >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []),
    ...flags,
  ];
  const child = spawn(binary(installation, 'initdb'), args, {
    cwd: dataDir,
    env: serverEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    ...account?.ids,
  });
  const output: string[] = [];
  child.stdout.on('data', (chunk) => output.push(String(chunk)));
  child.stderr.on('data', (chunk) => output.push(String(chunk)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new ServerFailure('initdb failed', output.join(''));
  const main = join(dataDir, 'postgresql.conf');
  writeOwned(account, main, `${readFileSync(main, 'utf8')}\ninclude_if_exists = 'upwrite.conf'\n`);
}

function settingLine([name, value]: [string, string | number | boolean]): string {
  return `${name} = '${String(value).replaceAll("'", "''")}'`;
}

function writeSettings(options: StartOptions): void {
  const { account, dataDir } = options;
  const settings: Settings = {
    listen_addresses: '127.0.0.1',
    port: options.port,
    unix_socket_directories: options.socketDir,
    ...options.settings,
  };
  writeOwned(account, join(dataDir, 'upwrite.conf'), `${Object.entries(settings).map(settingLine).join('\n')}\n`);
  writeOwned(account, join(dataDir, 'pg_hba.conf'), `${options.hba.join('\n')}\n`);
}

/**
 * Starts the server and waits until it takes connections. It is in a session of its own: Ctrl-C in a terminal reaches
 * Upwrite alone, which ends the server last.
 * The processes of a server that was killed end by themselves, but not in the same instant; until the last of them has,
 * the next server refuses to start, and is tried again.
 * Throws ServerFailure with the log's last lines when it does not come up.
 */
export async function startCluster(options: StartOptions): Promise<Cluster> {
  writeSettings(options);
  const deadline = Date.now() + options.startTimeout;
  for (;;) {
    try {
      return await launch(options, deadline);
    } catch (error) {
      if (!isOfThePredecessor(error) || Date.now() > deadline) throw error;
      await delay(pollMillis * 10);
    }
  }
}

/** The server's messages are English: see `serverEnvironment`. */
function isOfThePredecessor(error: unknown): boolean {
  return error instanceof ServerFailure && error.log.includes('pre-existing shared memory block');
}

async function launch(options: StartOptions, deadline: number): Promise<Cluster> {
  const logStart = sizeOf(options.logFile);
  const log = openSync(options.logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(binary(options.installation, 'postgres'), ['-D', nameOfDataDir(options)], {
      cwd: options.dataDir,
      env: serverEnvironment(),
      stdio: ['ignore', log, log],
      detached: true,
      ...options.account?.ids,
    });
  } finally {
    closeSync(log);
  }
  let ended = false;
  let failure = '';
  const exited = new Promise<void>((resolve) => {
    const end = () => {
      ended = true;
      resolve();
    };
    child.on('error', (error) => {
      failure = error.message;
      end();
    });
    child.on('exit', end);
  });
  const pid = child.pid;
  if (pid === undefined) {
    await exited;
    throw new ServerFailure('the server could not be started', failure);
  }
  const cluster: Cluster = { pid, exited, stop: (mode, timeout) => stopProcess(pid, () => !ended, mode, timeout) };
  while (!isReady(options.dataDir, pid)) {
    if (ended) throw new ServerFailure('the server ended while starting', tail(options.logFile, logStart));
    if (Date.now() > deadline) {
      await cluster.stop('immediate');
      throw new ServerFailure(
        `the server was not ready after ${options.startTimeout} ms`,
        tail(options.logFile, logStart),
      );
    }
    await delay(pollMillis);
  }
  return cluster;
}

/** The status that a server keeps in the eighth line of its pid file; pg_ctl waits by the same. */
function isReady(dataDir: string, pid: number): boolean {
  const lines = pidFile(dataDir);
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready';
}

function pidFile(dataDir: string): readonly string[] {
  try {
    return readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return [];
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function tail(logFile: string, from: number): string {
  return readFileSync(logFile).subarray(from).toString('utf8').split('\n').slice(-15).join('\n').trim();
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}

async function stopProcess(
  pid: number,
  isAlive: () => boolean,
  mode: StopMode = 'fast',
  timeout = 20_000,
): Promise<void> {
  for (const name of [stopSignals[mode], 'SIGQUIT', 'SIGKILL'] as const) {
    if (!isAlive()) return;
    signal(pid, name);
    const deadline = Date.now() + timeout;
    while (isAlive() && Date.now() < deadline) await delay(pollMillis);
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Whether the process works in that directory, as a server does in its data directory; pids are used again. */
function worksIn(pid: number, dataDir: string): boolean {
  if (process.platform !== 'linux') return true;
  try {
    const there = statSync(`/proc/${pid}/cwd`);
    const here = statSync(dataDir);
    return there.dev === here.dev && there.ino === here.ino;
  } catch {
    return false;
  }
}

/**
 * Ends a server that an earlier, killed run has left behind in this data directory, and clears its pid file when the
 * pid is now another process's. True if there was a server.
 */
export async function stopLeftover(dataDir: string): Promise<boolean> {
  const pid = Number(pidFile(dataDir)[0]);
  if (!Number.isInteger(pid) || pid <= 1 || !exists(pid)) return false;
  if (!worksIn(pid, dataDir)) {
    rmSync(join(dataDir, 'postmaster.pid'), { force: true });
    return false;
  }
  await stopProcess(pid, () => exists(pid) && worksIn(pid, dataDir));
  return true;
}
